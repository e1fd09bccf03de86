"""Random frames from a contiguous file of the RadioML 2018.01A layout, against a plain memory map.

The source should reach 60 % of the map: `pytest tests/benchmarks/bench_reading.py -s`.
"""

import time

import h5py
import numpy as np
import pytest

from amc_xai.data import RadioML2018

PER_CELL = 40


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


@pytest.mark.parametrize("batch", [128, 1024])
def test_source_beside_a_plain_memory_map(benchmark, file, batch):
    path, offset, rows = file
    frames = np.memmap(path, np.float32, "r", offset, (rows, 1024, 2))
    source = RadioML2018(str(path), "all")
    rng = np.random.default_rng(1)
    plain = []

    def read_plainly():
        """Before each round, so that a busy machine slows both down."""
        index = rng.integers(0, rows, batch)
        begin = time.perf_counter()
        frames[index]
        plain.append(time.perf_counter() - begin)
        return (rng.integers(0, rows, batch),), {}

    benchmark.pedantic(source.read, setup=read_plainly, rounds=300, warmup_rounds=5)
    if benchmark.stats:
        seconds = benchmark.stats["median"], float(np.median(plain))
        print(
            f"\n{batch} frames at random, checked, as (n, 2, L): {batch / seconds[0]:,.0f} frames/s; np.memmap as "
            f"stored: {batch / seconds[1]:,.0f} frames/s; {100 * seconds[1] / seconds[0]:.0f} % of it"
        )
