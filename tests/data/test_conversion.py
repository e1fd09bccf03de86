"""Conversion: what was read comes back, and an interruption leaves no trace in the result."""

import hashlib
import os
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from amc_xai.data import SplitHdf5, Synthetic
from amc_xai.data.batches import FrameSet
from amc_xai.data.conversion import SplitStoreWriter, labelled_cells, write_cells
from amc_xai.errors import UserError

OPTIONS = {"modulations": ["QPSK", "8PSK"], "snrs": [0, 10, 20], "frames_per_cell": 3, "frame_length": 64}


def digests(root: Path) -> dict[str, str]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def convert(source, root: Path, stamp=None, workers=1) -> list[bool]:
    return list(write_cells(source, SplitStoreWriter(), root, stamp or {"of": "test"}, workers))


def test_a_store_gives_back_what_was_written(tmp_path):
    source = Synthetic(**OPTIONS)
    assert convert(source, tmp_path) == [True] * 6
    store = SplitHdf5(str(tmp_path), modulations=["QPSK", "8PSK"])
    every = np.arange(18)
    # In other chunks the last bit may fall differently, so compare cell by cell, as written.
    for cell in labelled_cells(source).values():
        assert store.read(cell).equal(source.read(cell))
    assert store.read(every[::-1].copy()).equal(store.read(every).flip(0))
    assert np.array_equal(store.modulation_index, source.modulation_index)
    assert np.array_equal(store.snr_index, source.snr_index)
    assert (store.samples_per_symbol, store.snr_definition) == (8.0, "es_n0")


def test_finished_cells_are_left_alone_and_lost_ones_come_back_with_the_same_bytes(tmp_path):
    source = Synthetic(**OPTIONS)
    convert(source, tmp_path / "one")
    path = next((tmp_path / "one").rglob("*.h5"))
    kept = path.stat().st_mtime_ns
    others = [p for p in (tmp_path / "one").rglob("*.h5") if p != path]
    for other in others:
        other.unlink()
    (path.parent / ".half.123.partial.h5").write_bytes(b"half")
    assert sorted(convert(source, tmp_path / "one")) == [False] + [True] * 5
    assert path.stat().st_mtime_ns == kept
    convert(source, tmp_path / "two")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


class Ramp:
    """A source without torch's threads, so that a test may fork: sample t of frame k is k + t."""

    modulations, snrs = [f"M{m}" for m in range(20)], [float(s) for s in range(10)]
    samples_per_symbol, sample_rate, snr_definition, origin = None, 2.0, "sample", None
    modulation_index, snr_index = np.divmod(np.arange(400) // 2, 10)

    def read(self, indices):
        frames = torch.from_numpy(np.asarray(indices)[:, None, None] + np.zeros((2, 512)) + np.arange(512))
        return frames.float()


def test_killed_at_a_random_moment_and_started_again_gives_the_same_bytes(tmp_path):
    convert(Ramp(), tmp_path / "alone")
    enough = int(np.random.default_rng().integers(1, 150))
    with warnings.catch_warnings():
        # Python warns of forks beside threads; the child touches none of them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        convert(Ramp(), tmp_path / "killed")
        os._exit(0)
    while len(list((tmp_path / "killed").rglob("*.h5"))) < enough:
        time.sleep(0.0005)
    os.kill(child, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    again = convert(Ramp(), tmp_path / "killed")
    assert again.count(False) >= 1 and again.count(True) >= 1
    assert digests(tmp_path / "killed") == digests(tmp_path / "alone")


def test_unknown_labels_belong_to_no_cell():
    source = Synthetic(**OPTIONS)
    source.modulation_index[:4] = -1
    cells = labelled_cells(source)
    assert cells[0, 1].tolist() == [4, 5] and (0, 0) not in cells
    assert sum(map(len, cells.values())) == 14


def test_a_folder_of_other_work_is_refused(tmp_path):
    source = Synthetic(**OPTIONS)
    convert(source, tmp_path / "store")
    with pytest.raises(UserError, match="written from another source or with other settings"):
        convert(source, tmp_path / "store", {"of": "something else"})
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="is not empty and holds no"):
        convert(source, tmp_path / "home")


def test_samples_a_symbol_of_each_frame_are_written_beside_it(tmp_path):
    source = Synthetic(["BPSK", "QPSK"], [0, 10], 4, frame_length=64, samples_per_symbol=[4, 9])
    convert(source, tmp_path / "store")
    store = SplitHdf5(tmp_path / "store")
    every = np.arange(len(source.snr_index))
    assert torch.equal(store.samples_per_symbol_of(every), source.samples_per_symbol_of(every))
    assert len(store.samples_per_symbol_of(every).unique()) > 4 and store.samples_per_symbol is None
    one = SplitHdf5(tmp_path / "store", modulations=["QPSK"], snrs=[10], frames_per_cell=2)
    assert torch.equal(one.samples_per_symbol_of(np.array([1])), source.samples_per_symbol_of(np.array([13])))
    batch = FrameSet(store, every).__getitems__([3, 5])
    assert torch.equal(batch.samples_per_symbol, store.samples_per_symbol_of(np.array([3, 5])))
