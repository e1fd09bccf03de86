"""Random frames from large files of each format, against a plain memory map of the same bytes.

Each should reach 60 % of the map: `pytest tests/benchmarks/bench_reading.py -s`. Opening a file of 4 GB, most of
which was never written, should take under a second.
"""

import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from amc_xai.data import Arrays, RadioML2016, RadioML2018
from tests.data.large_file import write_large
from tests.data.pickles import ELEVEN, python2

PER_CELL = 40
ROWS = 624 * PER_CELL


def write_2018(folder: Path, layout: str, order: np.ndarray) -> tuple[RadioML2018, np.memmap]:
    """24,960 frames, 204 MB: they stay in the system's cache, so that the disk isn't what is measured."""
    path = folder / f"{layout}.hdf5"
    cell = np.repeat(np.arange(624), PER_CELL)[order]
    x = np.random.default_rng(0).standard_normal((ROWS, 1024, 2), np.float32)
    x = {"(N, L, 2)": x, "(N, 2, L)": x.transpose(0, 2, 1), "complex": x.view(np.complex64)[..., 0]}[layout]
    with h5py.File(path, "w") as out:
        out["X"] = x
        out["Y"] = np.eye(24, dtype=np.int64)[cell // 26]
        # Noise passes for any class up to label 8; rows in the published order are not looked at.
        out["Z"] = np.minimum(-20 + 2 * (cell % 26), 30 if (np.diff(cell) >= 0).all() else 8)[:, None]
        offset = out["X"].id.get_offset()
    return RadioML2018(str(path), "all"), np.memmap(path, x.dtype, "r", offset, x.shape)


def write_arrays(folder: Path, name: str) -> tuple[Arrays, np.memmap]:
    x = np.random.default_rng(0).standard_normal((ROWS, 2, 1024), np.float32)
    arrays = {"X": x, "y": np.array(["BPSK", "QPSK"])[np.arange(ROWS) % 2], "snr": np.arange(ROWS) % 26}
    if name == "npy":
        for key, array in arrays.items():
            np.save(folder / f"{key}.npy", array)
        source = Arrays(str(folder / "X.npy"))
    else:
        np.savez(folder / "a.npz", **arrays)
        source = Arrays(str(folder / "a.npz"))
    stored = source._frames.array
    return source, np.memmap(stored.path, np.float32, "r", stored.offset, stored.shape)


def write_2016(folder: Path) -> tuple[RadioML2016, np.memmap]:
    """As Python 2 pickled it: the frames of each cell lie in the file, at offsets of no alignment."""
    rng = np.random.default_rng(0)
    snrs = range(-20, 19, 2)
    path = folder / "RML2016.10a_dict.pkl"
    path.write_bytes(
        python2({(m, s): rng.standard_normal((1000, 2, 128), np.float32) for m in ELEVEN for s in snrs})
    )
    (folder / "plain").write_bytes(bytes(4 * 220_000 * 256))
    return RadioML2016(str(path)), np.memmap(folder / "plain", np.float32, "r", 0, (220_000, 2, 128))


FILES = {
    "radioml2018 as published": lambda f: write_2018(f, "(N, L, 2)", np.arange(ROWS)),
    "radioml2018 shuffled": lambda f: write_2018(f, "(N, L, 2)", np.random.default_rng(1).permutation(ROWS)),
    "radioml2018 (N, 2, L)": lambda f: write_2018(f, "(N, 2, L)", np.random.default_rng(1).permutation(ROWS)),
    "radioml2018 complex": lambda f: write_2018(f, "complex", np.random.default_rng(1).permutation(ROWS)),
    "arrays .npz": lambda f: write_arrays(f, "npz"),
    "arrays .npy": lambda f: write_arrays(f, "npy"),
    "radioml2016a": write_2016,
}


@pytest.mark.parametrize("name", FILES)
def test_source_beside_a_plain_memory_map(benchmark, tmp_path, name):
    source, frames = FILES[name](tmp_path)
    rng, plain, batch = np.random.default_rng(1), [], 256

    def read_plainly():
        """Before each round, so that a busy machine slows both down."""
        index = rng.integers(0, len(frames), batch)
        begin = time.perf_counter()
        frames[index]
        plain.append(time.perf_counter() - begin)
        return (rng.integers(0, len(source.snr_index), batch),), {}

    benchmark.pedantic(source.read, setup=read_plainly, rounds=300, warmup_rounds=5)
    if benchmark.stats:
        seconds = benchmark.stats["median"], float(np.median(plain))
        print(
            f"\n{name}: {batch} frames at random, checked, as (n, 2, L): {batch / seconds[0]:,.0f} frames/s; "
            f"np.memmap as stored: {batch / seconds[1]:,.0f} frames/s; {100 * seconds[1] / seconds[0]:.0f} % of it"
        )


def large_arrays(folder: Path) -> Path:
    header = {"descr": "<f4", "fortran_order": False, "shape": (500_000, 2, 1024)}
    with (folder / "X.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 4 * 500_000 * 2048)
    np.save(folder / "y.npy", np.array(["BPSK", "QPSK"])[np.arange(500_000) % 2])
    np.save(folder / "snr.npy", np.arange(500_000) % 26)
    return folder / "X.npy"


def large_2018(folder: Path) -> Path:
    write_large(folder / "gold.hdf5")
    return folder / "gold.hdf5"


@pytest.mark.parametrize(
    ("make", "opened"),
    [(large_2018, lambda p: RadioML2018(str(p), "all")), (large_arrays, lambda p: Arrays(str(p)))],
    ids=["radioml2018", "arrays"],
)
def test_opening_4_gb(benchmark, tmp_path, make, opened):
    path = make(tmp_path)
    assert path.stat().st_size > 4e9
    benchmark.pedantic(opened, args=(path,), rounds=3)
    path.unlink()
    if benchmark.stats:
        print(f"\n{path.name} of 4 GB opens in {benchmark.stats['median']:.2f} s")
