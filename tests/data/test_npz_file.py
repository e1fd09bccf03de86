"""The .npz of task=convert holds every frame, label and fact, and appears whole."""

import numpy as np
import pytest

from amc_xai.data import Arrays, Synthetic
from amc_xai.data.npz_file import write_npz
from amc_xai.errors import UserError

CHUNKS = [np.arange(0, 5), np.arange(5, 12)]


def test_frames_labels_and_facts_are_there_and_come_back(tmp_path):
    source = Synthetic(["QPSK", "8PSK"], [-2.5, 10], 3, frame_length=64)
    source.modulation_index[0] = source.snr_index[1] = -1
    chunks = [np.arange(1, 5), np.arange(5, 12)]
    write_npz(source, tmp_path / "frames.npz", chunks)
    with np.load(tmp_path / "frames.npz", allow_pickle=False) as file:
        arrays = dict(file)
    expected = np.concatenate([source.read(chunk).numpy() for chunk in chunks])
    assert arrays["X"].dtype == np.float32 and np.array_equal(arrays["X"], expected)
    assert arrays["y"].tolist() == [*["QPSK"] * 5, *["8PSK"] * 6]
    assert np.array_equal(arrays["snr"], [np.nan, -2.5, *[10] * 3, *[-2.5] * 3, *[10] * 3], equal_nan=True)
    assert (arrays["samples_per_symbol"], arrays["snr_definition"]) == (8, "es_n0") and "sample_rate" not in arrays
    back = Arrays(tmp_path / "frames.npz", modulations=["QPSK", "8PSK"])
    assert np.array_equal(back.read(np.arange(11)).numpy(), expected) and back.snrs == source.snrs
    assert np.array_equal(back.modulation_index, source.modulation_index[1:])
    assert np.array_equal(back.snr_index, source.snr_index[1:])


def test_a_source_without_labels_is_written_without_them(cli, brought, tmp_path):
    done = cli(
        "task=convert", "task.format=npz", f"task.to={tmp_path}/out", "dataset=recordings",
        "dataset.frame_length=128", f"dataset.path={brought}/recordings",
    )  # fmt: skip
    assert done.code == 0 and "dataset=arrays dataset.y=null dataset.snr=null" in done.out
    back = Arrays(tmp_path / "out" / "frames.npz", y=None, snr=None)
    assert len(back.modulation_index) == 40 and (back.modulation_index == -1).all()


def test_samples_a_symbol_of_each_frame_go_along(tmp_path):
    source = Synthetic(["QPSK"], [0], 12, frame_length=64, samples_per_symbol=[4, 9])
    write_npz(source, tmp_path / "frames.npz", CHUNKS)
    with np.load(tmp_path / "frames.npz") as file:
        assert np.array_equal(file["samples_per_symbol"], source.samples_per_symbol_of(np.arange(12)).numpy())


def test_an_interrupted_one_leaves_nothing(tmp_path):
    def stopped():
        yield CHUNKS[0]
        raise KeyboardInterrupt

    source = Synthetic(["QPSK"], [0], 12, frame_length=64)
    with pytest.raises(KeyboardInterrupt):
        write_npz(source, tmp_path / "frames.npz", stopped())
    assert not list(tmp_path.iterdir())


def test_frames_of_several_lengths_are_refused(tmp_path):
    with pytest.raises(UserError, match="frames of one length"):
        write_npz(Synthetic(["QPSK"], [0], 12, frame_length=[64, 128]), tmp_path / "frames.npz", CHUNKS)
