"""Copies of frames and of recordings are found, and stay together in a split."""

import numpy as np
import pytest

from amc_xai.data import Recordings, SplitHdf5, stratified_split
from amc_xai.data.split_files import write_cell

RNG = np.random.default_rng(5)


def parts_of(source) -> np.ndarray:
    """0, 1, 2 or (left out) -1 for each frame."""
    split = stratified_split(source.modulation_index, source.snr_index, (0.5, 0.2, 0.3), origin=source.origin)
    part = np.full(len(source.modulation_index), -1)
    for number, name in enumerate(("train", "validation", "test")):
        part[getattr(split, name)] = number
    return part


def test_copies_of_frames_in_a_store_stay_in_one_part(tmp_path, caplog):
    frames = RNG.standard_normal((40, 2, 32)).astype(np.float32)
    # Frames that begin alike but are none: no copies.
    frames[1, :, :16] = frames[0, :, :16]
    twice = np.concatenate([frames, frames[::2]])
    write_cell(tmp_path, "BPSK", 0, twice, {})
    write_cell(tmp_path, "QPSK", 0, np.concatenate([frames[1:9:2], RNG.standard_normal((30, 2, 32))]), {})
    source = SplitHdf5(tmp_path)
    assert "24 of 94 frames hold the same samples as another" in caplog.text
    part, iq = parts_of(source), source.read(np.arange(94)).numpy()
    for k in range(94):
        same = part[(iq == iq[k]).all((1, 2))]
        assert len(set(same[same >= 0])) <= 1
    assert np.mean(part == -1) < 0.1
    assert source.origin.recording[0] != source.origin.recording[1]


def test_a_store_without_copies_or_too_large_to_look_through_says_nothing(tmp_path, monkeypatch):
    write_cell(tmp_path, "BPSK", 0, RNG.standard_normal((9, 2, 32)), {})
    assert SplitHdf5(tmp_path).origin is None
    write_cell(tmp_path, "BPSK", 0, np.ones((9, 2, 32)), {})
    assert SplitHdf5(tmp_path).origin is not None
    monkeypatch.setattr("amc_xai.data.split_hdf5.MOST_BYTES", 9 * 2 * 32 * 4 - 1)
    assert SplitHdf5(tmp_path).origin is None


def test_broken_frames_are_no_obstacle_to_opening(tmp_path):
    frames = RNG.standard_normal((9, 2, 32))
    frames[3] = np.nan
    write_cell(tmp_path, "BPSK", 0, frames, {})
    assert len(SplitHdf5(tmp_path).modulation_index) == 9


@pytest.mark.parametrize("silent", [False, True])
def test_a_recording_that_is_there_twice_counts_as_one(tmp_path, caplog, silent):
    noise = RNG.standard_normal(6000, np.float32)
    noise[:] *= not silent
    noise.tofile(tmp_path / "a.cf32")
    noise.tofile(tmp_path / "b.cf32")
    RNG.standard_normal(6000, np.float32).tofile(tmp_path / "c.cf32")
    source = Recordings(str(tmp_path), frame_length=50, sample_rate=1)
    told = [int(source.origin.recording[source.file_index == k][0]) for k in range(3)]
    assert told == ([0, 1, 2] if silent else [0, 0, 2])
    assert ("b.cf32 holds the same samples as" in caplog.text) == (not silent)
    part = parts_of(source)
    for k in range(60):
        both = part[(source.start == 50 * k) & (source.file_index < 2)]
        assert silent or len(set(both[both >= 0])) <= 1
