"""The RadioML 2018.01A file: right classes and values, and every way in which a file can be wrong."""

import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from amc_xai.data.radioml2018 import RadioML2018
from amc_xai.errors import UserError

# The label columns as the published file has them, written down again here.
# fmt: off
CLASSES = [
    "OOK", "4ASK", "8ASK", "BPSK", "QPSK", "8PSK", "16PSK", "32PSK", "16APSK", "32APSK", "64APSK", "128APSK",
    "16QAM", "32QAM", "64QAM", "128QAM", "256QAM", "AM-SSB-WC", "AM-SSB-SC", "AM-DSB-WC", "AM-DSB-SC", "FM",
    "GMSK", "OQPSK",
]
# fmt: on
SNRS = list(range(-20, 31, 2))
LENGTH = 16


def labels(per_cell: int) -> tuple[np.ndarray, np.ndarray]:
    """Y and Z by three plain loops."""
    y, z = [], []
    for m in range(24):
        for snr in SNRS:
            for _ in range(per_cell):
                y.append(np.eye(24, dtype=np.int64)[m])
                z.append([snr])
    return np.array(y), np.array(z, dtype=np.int64)


def write(path: Path, per_cell: int = 2, **storage) -> np.ndarray:
    """A file in the published layout; sample t of row r is (r + t / 100, -r - t / 100)."""
    y, z = labels(per_cell)
    ramp = np.arange(len(y))[:, None] + np.arange(LENGTH) / 100
    x = np.stack([ramp, -ramp], -1).astype(np.float32)
    with h5py.File(path, "w") as file:
        file.create_dataset("X", data=x, **storage)
        file["Y"], file["Z"] = y, z
    return x


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write(tmp_path / "gold.hdf5")
    return tmp_path / "gold.hdf5"


@pytest.mark.parametrize("storage", [{}, {"chunks": (100, LENGTH, 2), "compression": "gzip"}])
def test_every_row_comes_back_with_its_labels(tmp_path, storage):
    x = write(tmp_path / "gold.hdf5", **storage)
    source = RadioML2018(str(tmp_path / "gold.hdf5"), modulations="all")
    assert source.modulations == CLASSES and source.snrs == SNRS
    order = np.random.default_rng(0).permutation(len(x))
    assert np.array_equal(source.read(order).numpy(), x[order].transpose(0, 2, 1))
    y, z = labels(2)
    assert np.array_equal(source.modulation_index, y.argmax(1))
    assert np.array_equal(np.array(source.snrs)[source.snr_index], z[:, 0])


def test_a_subset_reads_the_rows_of_the_formula(file):
    source = RadioML2018(str(file), ["OQPSK", "BPSK"], [30, -20], frames_per_cell=1, frame_length=4)
    rows = [(23 * 26 + 25) * 2, 23 * 26 * 2, (3 * 26 + 25) * 2, 3 * 26 * 2]
    assert source.read(np.arange(4))[:, 0, 0].tolist() == rows
    assert source.modulation_index.tolist() == [0, 0, 1, 1] and source.snr_index.tolist() == [0, 1, 0, 1]
    assert source.read(np.arange(4)).shape == (4, 2, 4)


def test_digital_is_the_17_class_grid(file):
    source = RadioML2018(str(file))
    assert source.modulations == [c for c in CLASSES if c[:2] not in ("OO", "AM", "FM", "GM")]
    assert len(source.modulations) == 17 and len(source.modulation_index) == 17 * 26 * 2


def test_a_pickled_source_reads_on(file):
    source = RadioML2018(str(file))
    before = source.read(np.array([5]))
    assert len(pickle.dumps(source)) < 100_000
    assert pickle.loads(pickle.dumps(source)).read(np.array([5])).equal(before)


def edit(path: Path, change) -> None:
    with h5py.File(path, "r+") as file:
        change(file)


def replace(name, data):
    def change(file):
        del file[name]
        if data is not None:
            file[name] = data

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f["Z"].__setitem__(3, 7), "row 3 of .* is labelled 7 dB, and RadioML 2018.01A has -20..30"),
        (lambda f: f["Y"].__setitem__(7, 0), "row 7 .* not exactly one class"),
        (replace("Y", None), "lacks Y, the one-hot labels"),
        (replace("Z", None), "lacks Z, the SNRs"),
        (replace("X", None), "must hold a dataset X .* not Y, Z"),
        (replace("X", np.zeros((1248, 3, 16), np.float32)), r"shape (1248, 3, 16)"),
        (replace("X", np.zeros((1250, 16, 2), np.float32)), r"has shape (1248, 24); beside X of 1250 rows"),
        (replace("X", np.zeros((0, 16, 2), np.float32)), "X of .* has no rows"),
        (replace("X", h5py.Empty("f4")), "X of .* is empty"),
        (replace("Y", np.zeros((1248, 2, 2), np.int64)), r"Y of .* has shape (1248, 2, 2); .* (1248, 24)"),
        (replace("Y", np.full(1248, b"BPSK")), "Y of .* must hold numbers; dataset=arrays"),
        (replace("Y", np.full(1248, 1.5)), "row 0 of .* is labelled 1.5, which is no number of a class"),
        (replace("Z", np.full(1248, np.nan)), "row 0 of .* is labelled nan dB"),
    ],
)
def test_a_damaged_file_is_named_in_one_sentence(file, change, sentence):
    edit(file, change)
    pattern = sentence.replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(UserError, match=pattern):
        RadioML2018(str(file), "all")


def test_a_truncated_end_is_found_at_once(file):
    os.truncate(file, file.stat().st_size - 1000)
    with pytest.raises(UserError, match="is cut short"):
        RadioML2018(str(file))


def test_a_frame_that_is_not_finite_names_its_row(file):
    edit(file, lambda f: f["X"].__setitem__((1000, 3, 1), np.nan))
    source = RadioML2018(str(file), "all")
    assert source.read(np.array([999, 1001])).isfinite().all()
    with pytest.raises(UserError, match=r"frame 1000 of .*gold.hdf5 holds NaN"):
        source.read(np.array([999, 1000]))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"path": None}, "dataset.path must name the RadioML 2018.01A file"),
        ({"modulations": ["QAM16"]}, r"holds no QAM16 \(did you mean 16QAM\?\); it holds OOK, 4ASK"),
        ({"modulations": "analog"}, "must be a list of classes, digital or all"),
        ({"snrs": [1]}, "dataset.snrs: .* holds no 1; it holds -20, -18"),
        ({"frames_per_cell": 3}, "dataset.frames_per_cell: .* holds 2, so 3 can't be had"),
        ({"frame_length": 0}, "dataset.frame_length must be 1 or more"),
    ],
)
def test_a_wrong_key_is_named(file, options, sentence):
    with pytest.raises(UserError, match=sentence):
        RadioML2018(**{"path": str(file)} | options)


def test_absent_file_and_folder(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        RadioML2018(str(tmp_path / "absent.hdf5"))
    with pytest.raises(UserError, match="is a folder; name the file itself"):
        RadioML2018(str(tmp_path))
    (tmp_path / "text.hdf5").write_text("no")
    with pytest.raises(UserError, match="not a readable HDF5 file"):
        RadioML2018(str(tmp_path / "text.hdf5"))


def test_copies_of_frames_are_known(file):
    assert RadioML2018(str(file)).origin is None
    with h5py.File(file, "r+") as written:
        written["X"][1::2] = written["X"][::2]
    origin = RadioML2018(str(file), snrs=[0, 30]).origin
    assert np.array_equal(origin.recording[1::2], origin.recording[::2]) and origin.overlaps()
    assert len(set(origin.recording.tolist())) == len(origin.recording) // 2
