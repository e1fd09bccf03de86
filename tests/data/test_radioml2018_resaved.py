"""RadioML 2018.01A as people save it again: other rows, labels and layouts, and classes that must be named."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from amc_xai.data.radioml2018 import RadioML2018
from amc_xai.errors import UserError
from amc_xai.signal.classes import DIGITAL_17, MODULATIONS, SNRS_RADIOML

LENGTH = 16


def published(per_cell: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X (N, L, 2), class numbers (N,) and SNRs (N,) in the published order; X[r, 0] is (r, -r)."""
    cell = np.repeat(np.arange(624), per_cell)
    ramp = np.arange(len(cell))[:, None] + np.arange(LENGTH) / 100
    return np.stack([ramp, -ramp], -1).astype(np.float32), cell // 26, -20 + 2 * (cell % 26)


def save(path: Path, x: np.ndarray, y: np.ndarray, z: np.ndarray, **storage) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("X", data=x, **storage)
        file["Y"], file["Z"] = y, z
    return path


def one_hot(classes: np.ndarray, columns: int = 24) -> np.ndarray:
    return np.eye(columns, dtype=np.int64)[classes]


X_AS = {
    "(N, L, 2)": lambda x: x,
    "(N, 2, L)": lambda x: x.transpose(0, 2, 1),
    "complex": lambda x: x[..., 0] + 1j * x[..., 1],
    "complex128": lambda x: x[..., 0].astype(float) + 1j * x[..., 1],
    "float64": lambda x: x.astype(float),
}
LABELS_AS = {
    "published": (one_hot, lambda z: z[:, None]),
    "float": (lambda c: one_hot(c).astype(np.float32), lambda z: z[:, None].astype(float)),
    "small": (lambda c: one_hot(c).astype(bool), lambda z: z.astype(np.int8)),
}


@pytest.mark.parametrize("x_as", X_AS)
@pytest.mark.parametrize("labels_as", LABELS_AS)
@pytest.mark.parametrize("storage", [{}, {"chunks": True, "compression": "gzip"}], ids=["contiguous", "chunked"])
def test_shuffled_rows_are_read_by_their_labels(tmp_path, x_as, labels_as, storage):
    x, classes, snrs = published()
    # A part of the classes, SNRs and rows, in an order of its own.
    rows = np.random.default_rng(0).permutation(len(x))[:900]
    rows = rows[(classes[rows] != 5) & (snrs[rows] >= 0)]
    as_y, as_z = LABELS_AS[labels_as]
    path = save(tmp_path / "a.h5", X_AS[x_as](x[rows]), as_y(classes[rows]), as_z(snrs[rows]), **storage)
    source = RadioML2018(str(path), "all")
    assert source.modulations == [m for m in MODULATIONS if m != "8PSK"]
    assert source.snrs == list(range(0, 31, 2)) and len(source.snr_index) == len(rows)
    order = np.random.default_rng(1).permutation(len(rows))
    frames = source.read(order).numpy()
    row = frames[:, 0, 0].astype(int)
    assert sorted(row) == sorted(rows) and np.array_equal(frames, x[row].transpose(0, 2, 1))
    named = np.array(source.modulations)[source.modulation_index[order]]
    assert np.array_equal(named, np.array(MODULATIONS)[classes[row]])
    assert np.array_equal(np.array(source.snrs)[source.snr_index[order]], snrs[row])


def test_uneven_cells_give_the_first_frames_of_each(tmp_path):
    x, classes, snrs = published(4)
    rows = np.flatnonzero((np.arange(len(x)) % 4 < 3) | (classes == 3))[::-1]
    path = save(tmp_path / "a.h5", x[rows], one_hot(classes[rows]), snrs[rows])
    source = RadioML2018(str(path), ["QPSK", "BPSK"], [10], frames_per_cell=4)
    cell = {m: (MODULATIONS.index(m) * 26 + 15) * 4 for m in ("QPSK", "BPSK")}
    assert source.read(np.arange(7))[:, 0, 0].tolist() == [
        *(cell["QPSK"] + k for k in (2, 1, 0)), *(cell["BPSK"] + k for k in (3, 2, 1, 0)),
    ]  # fmt: skip
    with pytest.raises(UserError, match="holds 4, so 5 can't be had"):
        RadioML2018(str(path), frames_per_cell=5)


@pytest.mark.parametrize("labels", [lambda c: c, lambda c: c[:, None], lambda c: c + 1.0, lambda c: one_hot(c, 3)])
def test_fewer_columns_and_numbers_need_names(tmp_path, labels):
    x, classes, snrs = published()
    rows = np.flatnonzero(np.isin(classes, (2, 4, 21)))
    numbers = np.searchsorted((2, 4, 21), classes[rows])
    path = save(tmp_path / "a.h5", x[rows], labels(numbers), snrs[rows])
    with pytest.raises(UserError, match=r"^dataset.classes must name the (3 columns|classes of the numbers)"):
        RadioML2018(str(path))
    for wrong in (["8ASK", "QPSK"], ["8ASK", "QPSK", "QPSK"], ["8ASK", "QPSK", "QAM16"], "FM", [1, 2, 3]):
        with pytest.raises(UserError, match=r"^dataset.classes ") as error:
            RadioML2018(str(path), classes=wrong)
        assert "\n" not in str(error.value)
    source = RadioML2018(str(path), "all", classes=["8ASK", "QPSK", "FM"])
    assert source.modulations == ["8ASK", "QPSK", "FM"]
    assert source.read(np.arange(len(rows)))[:, 0, 0].tolist() == rows.tolist()
    assert RadioML2018(str(path), "digital", classes=["8ASK", "QPSK", "FM"]).modulations == ["8ASK", "QPSK"]


def test_numbers_that_leave_some_out_take_the_longer_list(tmp_path):
    x, classes, snrs = published()
    rows = np.flatnonzero(np.isin(classes, (2, 4, 21)))
    path = save(tmp_path / "a.h5", x[rows], classes[rows], snrs[rows])
    assert RadioML2018(str(path), "all", classes=list(MODULATIONS)).modulations == ["8ASK", "QPSK", "FM"]
    with pytest.raises(UserError, match="names 3 classes, and must name the classes of the numbers 2 to 21"):
        RadioML2018(str(path), "all", classes=["8ASK", "QPSK", "FM"])


@pytest.mark.parametrize("first", [0, 1])
def test_a_likely_list_is_proposed_and_never_taken(tmp_path, first):
    x, classes, snrs = published()
    rows = np.flatnonzero(np.isin(classes, [MODULATIONS.index(m) for m in DIGITAL_17]))
    numbers = np.unique(classes[rows], return_inverse=True)[1] + first
    path = save(tmp_path / "a.h5", x[rows], numbers, snrs[rows])
    with pytest.raises(UserError, match=rf"if they are the 17 .*, dataset.classes=\[{','.join(DIGITAL_17)}\]$"):
        RadioML2018(str(path))


def signals(modulation: str, frames: int) -> np.ndarray:
    """Frames (n, 128, 2) of 8 samples a symbol, rectangular pulses, 40 dB over the noise."""
    rng = np.random.default_rng(sum(map(ord, modulation)))
    draws = rng.integers(0, 1000, (2, frames, 16))
    symbols = {
        "BPSK": 1.0 - 2 * (draws[0] % 2),
        "4ASK": 2.0 * (draws[0] % 4) - 3,
        "QPSK": np.exp(0.5j * np.pi * draws[0]),
        "16QAM": (2 * (draws[0] % 4) - 3) + 1j * (2 * (draws[1] % 4) - 3),
        "FM": np.exp(0.3j * np.cumsum(draws[0] % 7, 1)),
    }[modulation]
    z = np.repeat(symbols * np.exp(2j * np.pi * rng.random((frames, 1))), 8, 1)
    z = z + 0.01 * (rng.standard_normal(z.shape) + 1j * rng.standard_normal(z.shape))
    return np.stack([z.real, z.imag], -1).astype(np.float32)


NAMES = ["4ASK", "BPSK", "QPSK", "16QAM", "FM"]


@pytest.fixture
def lesson(tmp_path) -> Path:
    """Five classes at three SNRs with labels in numbers, as a course hands them out."""
    x = np.concatenate([signals(name, 30) for name in NAMES])
    return save(tmp_path / "lesson.h5", x, np.repeat(np.arange(5), 30), np.tile([0, 20, 30], 50))


def test_a_permuted_list_is_refused_where_signals_contradict_it(lesson):
    assert RadioML2018(str(lesson), "all", classes=NAMES).modulations == NAMES
    for one, other in ((0, 2), (1, 2), (1, 3), (3, 4)):
        permuted = list(NAMES)
        permuted[one], permuted[other] = NAMES[other], NAMES[one]
        with pytest.raises(UserError, match=rf"^dataset.classes: the signals .* contradict.* {NAMES[one]} looks"):
            RadioML2018(str(lesson), "all", classes=permuted)


def test_at_low_labels_signals_contradict_nothing(lesson):
    with h5py.File(lesson, "r+") as file:
        file["Z"][:] = 8
    assert RadioML2018(str(lesson), "all", classes=NAMES[::-1]).modulations == NAMES[::-1]


def test_rows_and_labels_that_were_permuted_apart_are_found(tmp_path, caplog):
    x = np.concatenate([signals(name, 30) for name in NAMES])
    classes = np.repeat([MODULATIONS.index(name) for name in NAMES], 30)
    order = np.random.default_rng(0).permutation(150)
    RadioML2018(str(save(tmp_path / "a.h5", x[order], one_hot(classes[order]), np.full(150, 30))))
    with pytest.raises(UserError, match=r"^dataset.path: the signals .* contradict its labels: .* permuted apart"):
        RadioML2018(str(save(tmp_path / "b.h5", x, one_hot(classes[order]), np.full(150, 30))))


def test_a_few_rows_out_of_place_are_said(tmp_path, caplog):
    x, classes, snrs = published()
    y = one_hot(classes)
    y[[0, 60]] = y[[60, 0]]
    source = RadioML2018(str(save(tmp_path / "a.h5", x, y, snrs)), "all")
    assert "2 of the 1248 rows" in caplog.text and "wrong if nobody moved" in caplog.text
    assert source.modulations[source.modulation_index[source.read(np.arange(1248))[:, 0, 0] == 60].item()] == "OOK"


def test_names_in_place_of_the_published_ones(tmp_path):
    path = save(tmp_path / "a.h5", *published()[:1], one_hot(published()[1]), published()[2])
    order = [*MODULATIONS[1:], MODULATIONS[0]]
    assert RadioML2018(str(path), "all", classes=order).modulations == order  # 16 samples contradict nothing


def test_a_file_beside_and_a_folder(tmp_path):
    x, classes, snrs = published()
    path = save(tmp_path / "GOLD.h5", x, one_hot(classes), snrs)
    with pytest.raises(UserError, match=r"no file .*GOLD.hdf5; GOLD.h5 lies there: dataset.path=.*GOLD.h5"):
        RadioML2018(str(path.with_suffix(".hdf5")))
    with pytest.raises(UserError, match=r"is a folder; name the file itself: .*GOLD.h5"):
        RadioML2018(str(tmp_path))


def test_a_packed_download(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "GOLD_XYZ_OSC.0001_1024.hdf5.zip", "w") as file:
        file.writestr("GOLD_XYZ_OSC.0001_1024.hdf5", b"frames")
    with pytest.raises(UserError, match=r"is a zip archive, .* unpack it \(unzip GOLD_XYZ"):
        RadioML2018(str(tmp_path / "GOLD_XYZ_OSC.0001_1024.hdf5.zip"))


WRITER = """
import sys, h5py
file = h5py.File(sys.argv[1], "r+")
print("open", flush=True)
sys.stdin.read()
"""


def test_a_file_that_another_process_writes(tmp_path):
    x, classes, snrs = published()
    path = save(tmp_path / "a.h5", x, one_hot(classes), snrs)
    command = [sys.executable, "-c", WRITER, str(path)]
    environment = {**os.environ, "HDF5_USE_FILE_LOCKING": "TRUE"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout.readline().strip() == b"open"
        try:
            with pytest.raises(UserError, match="is open for writing in another process"):
                RadioML2018(str(path))
        finally:
            writer.stdin.close()
    RadioML2018(str(path))


def test_snrs_of_another_set_are_refused(tmp_path):
    x, classes, _ = published()
    path = save(tmp_path / "a.h5", x, one_hot(classes), np.full(len(x), 3))
    with pytest.raises(UserError, match=r"labelled 3 dB, and RadioML 2018.01A has -20..30 .* dataset=arrays"):
        RadioML2018(str(path))
    assert SNRS_RADIOML[0] == -20
