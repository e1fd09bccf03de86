"""A RadioML 2018.01A file of 4 GB: what it costs in memory to open it and to train on it."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from amc_xai.data import RadioML2018
from tests.data.large_file import JOB, STEPS, anonymous_bytes, write_large

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RssAnon is Linux's")


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("large") / "gold.hdf5"
    write_large(path)
    assert path.stat().st_size > 4e9 and path.stat().st_blocks * 512 < 3e8
    yield path
    path.unlink()


class Peak(threading.Thread):
    """Watches the private memory of this process within ``with``; ``growth`` is the most it rose to, in bytes."""

    def __init__(self):
        super().__init__(daemon=True)
        self.before, self.growth, self.over = anonymous_bytes(), 0, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        while not self.over.wait(0.01):
            self.growth = max(self.growth, anonymous_bytes() - self.before)


def test_opening_it_and_reading_at_random_costs_no_memory(large):
    with Peak() as peak:
        source = RadioML2018(str(large), "all")
        rng = np.random.default_rng(0)
        for _ in range(2):
            source.read(rng.integers(0, len(source.snr_index), 16))
            time.sleep(0.02)
    assert peak.growth < 200e6


def test_two_steps_of_training_on_it_take_far_less_than_2_gb(cli, large):
    """`tests/benchmarks/bench_large_file.py` measures the whole process from its launch."""
    with Peak() as peak:
        result = cli(*JOB, f"dataset.path={large}")
    assert result.code == 0, result.err
    state = torch.load(result.folder / "checkpoints" / "last.pt", weights_only=True)
    assert {int(s["step"]) for s in state["optimizer"]["state"].values()} == {STEPS}
    assert np.isfinite(state["state"]["history"][0]["train_loss"])
    assert 50e6 < peak.growth < 1.2e9
