"""The networks that take seconds learn 256 frames by heart; the benchmark does the same with all of them."""

import runpy
from pathlib import Path

import pytest

BENCHMARK = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "bench_overfit.py"))


@pytest.mark.parametrize("name", ["cumulants", "moe_amc", "oshea_resnet", "point_set", "timm"])
def test_256_frames_are_learnt(name, tmp_path):
    accuracy, _ = BENCHMARK["overfit"](name, tmp_path)
    assert accuracy >= 0.99
