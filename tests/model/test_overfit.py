"""The network that takes seconds learns 256 frames by heart; the benchmark does the same with all of them."""

import runpy
from pathlib import Path

import pytest

BENCHMARK = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "bench_overfit.py"))


@pytest.mark.parametrize("name", ["moe_amc"])
def test_256_frames_are_learnt(name):
    accuracy, _ = BENCHMARK["overfit"](*BENCHMARK["NETWORKS"][name])
    assert accuracy >= 0.99
