"""Random frames from a contiguous file of the RadioML 2018.01A layout, against a plain memory map.

Run with ``python -m pytest tests/benchmarks/bench_reading.py``.
"""

import h5py
import numpy as np
import pytest

from amc_xai.data import RadioML2018

PER_CELL, BATCH = 40, 1024


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """24,960 frames, 204 MB: they stay in the system's cache, so that the disk isn't what is measured."""
    path = tmp_path_factory.mktemp("gold") / "gold.hdf5"
    rows = 624 * PER_CELL
    cell = np.repeat(np.arange(624), PER_CELL)
    with h5py.File(path, "w") as out:
        out["X"] = np.random.default_rng(0).standard_normal((rows, 1024, 2), np.float32)
        out["Y"] = np.eye(24, dtype=np.int64)[cell // 26]
        out["Z"] = (-20 + 2 * (cell % 26))[:, None]
        offset = out["X"].id.get_offset()
    return path, offset, rows


def report(benchmark, name: str) -> None:
    print(f"\n{name}: {BATCH / benchmark.stats['median']:,.0f} frames/s")


def test_plain_memory_map(benchmark, file):
    path, offset, rows = file
    frames = np.memmap(path, np.float32, "r", offset, (rows, 1024, 2))
    rng = np.random.default_rng(1)
    benchmark(lambda: frames[rng.integers(0, rows, BATCH)])
    report(benchmark, "np.memmap, as stored")


def test_plain_memory_map_to_channels_first(benchmark, file):
    path, offset, rows = file
    frames = np.memmap(path, np.float32, "r", offset, (rows, 1024, 2))
    rng = np.random.default_rng(1)
    benchmark(lambda: np.ascontiguousarray(frames[rng.integers(0, rows, BATCH)].transpose(0, 2, 1)))
    report(benchmark, "np.memmap, channels first")


def test_source(benchmark, file):
    path, _, rows = file
    source = RadioML2018(str(path), "all")
    rng = np.random.default_rng(1)
    benchmark(lambda: source.read(rng.integers(0, rows, BATCH)))
    report(benchmark, "the source: checked and channels first")
