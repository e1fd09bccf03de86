"""Plain arrays: each format, layout and way to label gives the same frames, and what doesn't fit is named."""

import pickle
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from amc_xai.data import Arrays
from amc_xai.errors import UserError

FRAMES, LENGTH = 12, 16
X = np.random.default_rng(0).standard_normal((FRAMES, 2, LENGTH)).astype(np.float32)
Y = np.array(["QPSK", "BPSK", "8PSK"])[np.arange(FRAMES) % 3]
NAMES = ["8PSK", "BPSK", "QPSK"]
NUMBERS = np.searchsorted(NAMES, Y)
SNR = np.arange(FRAMES) // 6 * 10 - 10


def npz(folder: Path, compress: bool = False, **arrays) -> Path:
    (np.savez_compressed if compress else np.savez)(folder / "a.npz", **arrays)
    return folder / "a.npz"


def npy(folder: Path, **arrays) -> Path:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder / "X.npy"


def mat(folder: Path, **arrays) -> Path:
    scipy.io.savemat(folder / "a.mat", arrays)
    return folder / "a.mat"


def hdf5(folder: Path, chunks: bool | None = None, **arrays) -> Path:
    with h5py.File(folder / "a.h5", "w") as file:
        for name, array in arrays.items():
            array = array.astype("S8") if array.dtype.kind == "U" else array
            file.create_dataset(name, data=array, chunks=chunks)
    return folder / "a.h5"


def matlab73(folder: Path, **arrays) -> Path:
    """As MATLAB 7.3 writes: HDF5 behind a page of text, axes turned round, complex numbers as records."""
    path = folder / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            if array.dtype.kind == "c":
                part = array.real.dtype
                array = array.view([("real", part), ("imag", part)])
            file.create_dataset(name, data=array.T, chunks=True, compression="gzip")
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    return path


FORMATS = {
    "npz": npz,
    "npz compressed": lambda folder, **a: npz(folder, True, **a),
    "npy": npy,
    "mat": mat,
    "hdf5": hdf5,
    "hdf5 chunked": lambda folder, **a: hdf5(folder, True, **a),
}
LAYOUTS = {
    "(N, 2, L)": lambda x: x,
    "(N, L, 2)": lambda x: np.ascontiguousarray(x.transpose(0, 2, 1)),
    "complex": lambda x: x[:, 0] + 1j * x[:, 1],
    "float64": lambda x: x.astype(float),
    "Fortran": np.asfortranarray,
}


def check(source: Arrays) -> None:
    """Every frame with its labels, read in any order."""
    order = np.random.default_rng(1).permutation(FRAMES)
    assert np.array_equal(source.read(order).numpy(), X[order])
    assert source.frame_length == LENGTH and source.read(order).numpy().dtype == np.float32
    assert np.array(source.modulations)[source.modulation_index].tolist() == Y.tolist()
    assert np.array(source.snrs)[source.snr_index].tolist() == SNR.tolist()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_each_format_and_layout(tmp_path, write, layout):
    path = write(tmp_path, X=LAYOUTS[layout](X), y=Y, snr=SNR)
    source = Arrays(str(path))
    check(source)
    check(pickle.loads(pickle.dumps(source)))


@pytest.mark.parametrize("layout", ["(N, 2, L)", "(N, L, 2)", "complex"])
def test_matlab_73(tmp_path, layout):
    path = matlab73(tmp_path, X=LAYOUTS[layout](X), y=NUMBERS[:, None] + 1.0, snr=SNR[:, None].astype(float))
    check(Arrays(str(path), classes=NAMES))
    with h5py.File(path, "r+") as file:
        file["y"].attrs["MATLAB_class"] = np.bytes_("char")
    with pytest.raises(UserError, match=r"holds words, .* save numbers .* or save\(\.\.\., '-v7'\)"):
        Arrays(str(path))


LABELS = {
    "numbers": NUMBERS,
    "numbers from 1": NUMBERS + 1,
    "floats": NUMBERS.astype(float),
    "a column": NUMBERS[:, None],
    "a row": NUMBERS[None],
    "one-hot": np.eye(3)[NUMBERS],
}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("write", [npz, mat, hdf5, npy])
def test_numbers_and_columns_need_names(tmp_path, write, labels):
    path = write(tmp_path, X=X, y=LABELS[labels], snr=SNR)
    with pytest.raises(UserError, match=r"^dataset.classes must name the classes of the (numbers|3 columns)"):
        Arrays(str(path))
    with pytest.raises(UserError, match=r"^dataset.classes must name"):
        Arrays(str(path), classes=["BPSK", "QPSK"])
    check(Arrays(str(path), classes=NAMES))


def test_names_in_the_ways_of_each_format(tmp_path):
    with h5py.File(tmp_path / "words.h5", "w") as file:
        file["X"], file["snr"], file["y"] = X, SNR, Y.tolist()  # of any length, in HDF5
    check(Arrays(str(tmp_path / "words.h5")))
    assert Arrays(str(npz(tmp_path, X=X, y=Y, snr=SNR)), classes=NAMES[::-1]).modulations == NAMES[::-1]
    with pytest.raises(UserError, match=r"dataset.classes: y .* also holds BPSK"):
        Arrays(str(tmp_path / "a.npz"), classes=["QPSK", "8PSK"])


def test_names_of_arrays(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["train/iq"], file["train/labels"], file["Z"] = X, NUMBERS, SNR
    check(Arrays(str(tmp_path / "a.h5"), "train/iq", "train/labels", "Z", NAMES))
    with pytest.raises(UserError, match=r"^dataset.x: .* holds no X; it holds Z, train/iq, train/labels; name"):
        Arrays(str(tmp_path / "a.h5"))
    path = npy(tmp_path, X=X, labels=Y, levels=SNR)
    check(Arrays(str(path), y="labels", snr="levels.npy"))
    with pytest.raises(UserError, match=r"^dataset.y: there is no file .*y.npy; name the .npy of the classes"):
        Arrays(str(path))


def test_frames_without_labels(tmp_path, caplog):
    source = Arrays(str(npz(tmp_path, X=X, y=Y)))
    assert source.snrs == [] and set(source.snr_index) == {-1} and "no SNR label" in caplog.text
    with pytest.raises(UserError, match=r"^dataset.snr: .* holds no snr; it holds X, y, Z; .* or null"):
        Arrays(str(npz(tmp_path, X=X, y=Y, Z=SNR)))
    source = Arrays(str(tmp_path / "a.npz"), y=None, snr=10)
    assert source.modulations == [] and source.snrs == [10] and set(source.snr_index) == {0}
    source = Arrays(str(npz(tmp_path, X=X, y=Y, snr=np.where(SNR < 0, np.nan, SNR))))
    assert source.snrs == [0] and source.snr_index.tolist() == [-1] * 6 + [0] * 6


def test_a_choice_of_classes_snrs_and_frames(tmp_path):
    path = str(npz(tmp_path, X=X, y=Y, snr=SNR))
    source = Arrays(path, modulations=["QPSK", "8PSK"], snrs=[0], frames_per_cell=1, frame_length=5)
    rows = [6, 8]
    assert source.modulations == ["QPSK", "8PSK"] and source.modulation_index.tolist() == [0, 1]
    assert np.array_equal(source.read(np.arange(2)).numpy(), X[rows][:, :, :5])
    facts = Arrays(path, samples_per_symbol=8, sample_rate=1e6, snr_definition="sample")
    assert (facts.samples_per_symbol, facts.sample_rate, facts.snr_definition) == (8, 1e6, "sample")


def test_whole_numbers_are_scaled_by_their_type(tmp_path):
    for dtype, full, middle in ((np.int16, 32768, 0), (np.int8, 128, 0), (np.uint8, 128, 127.5)):
        values = np.random.default_rng(2).integers(
            *np.array([np.iinfo(dtype).min, np.iinfo(dtype).max]), X.shape, dtype
        )
        read = Arrays(str(npz(tmp_path, X=values, y=Y, snr=SNR))).read(np.arange(FRAMES)).numpy()
        assert np.array_equal(read, ((values.astype(float) - middle) / full).astype(np.float32))


@pytest.mark.parametrize("write", [npz, npy, hdf5])
def test_frames_are_read_in_place(tmp_path, write):
    array = Arrays(str(write(tmp_path, X=X, y=Y, snr=SNR)))._frames.array
    assert array.mapped and isinstance(array.rows(), np.memmap)


def test_copies_of_frames_are_known(tmp_path):
    origin = Arrays(str(npz(tmp_path, X=X[[0, 1, 2, 0, 4, 5, 6, 7, 8, 9, 10, 1]], y=Y, snr=SNR))).origin
    assert np.flatnonzero(origin.recording != np.arange(12)).tolist() == [3, 11]


def element(kind: int, data: bytes) -> bytes:
    """A piece of a MATLAB 5 file."""
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(number: int, *pieces: bytes) -> bytes:
    """A matrix of a MATLAB 5 file: its class with flags, and what follows."""
    return element(14, element(6, struct.pack("<II", number, 0)) + b"".join(pieces))


def test_strings_of_matlab_hide_nothing_beside_them(tmp_path):
    path = mat(tmp_path, X=X, snr=SNR)
    opaque = matrix(17, element(1, b"y"), element(1, b"MCOS"), element(1, b"string"))
    path.write_bytes(path.read_bytes() + opaque)
    assert np.array_equal(Arrays(str(path), y=None).read(np.arange(2)).numpy(), X[:2])
    with pytest.raises(UserError, match=r"^dataset.path: y of .* is a MATLAB string, table .* words as char\(y\)"):
        Arrays(str(path))


def test_complex_whole_numbers_of_matlab_are_scaled_as_real_ones_are(tmp_path):
    whole = (X * 1000).astype(np.int16)
    sizes = element(5, struct.pack("<II", FRAMES, LENGTH))
    parts = [element(3, whole[:, k].tobytes(order="F")) for k in (0, 1)]
    path = mat(tmp_path, snr=SNR)
    path.write_bytes(path.read_bytes() + matrix(10 | 0x0800, sizes, element(1, b"X"), *parts))
    read = Arrays(str(path), y=None).read(np.arange(FRAMES)).numpy()
    assert np.array_equal(read, whole.astype(np.float32) / 32768)


def test_numbers_that_may_count_from_0_or_1_are_said(tmp_path, caplog):
    source = Arrays(str(npz(tmp_path, X=X, y=NUMBERS % 2 + 1, snr=SNR)), classes=NAMES)
    assert {source.modulations[m] for m in source.modulation_index} == {"BPSK", "QPSK"}
    assert "holds the numbers 1 to 2 of 3 classes, taken as counted from 0" in caplog.text


def test_a_header_of_a_negative_shape_is_refused(tmp_path):
    with (tmp_path / "X.npy").open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (-3, 2, LENGTH)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(UserError, match=r"claims the shape \(-3, 2, 16\), which is none"):
        Arrays(str(tmp_path / "X.npy"), y=None, snr=None)


def nested_cells(depth: int) -> bytes:
    """A MATLAB 5 file whose ``y`` is a cell in a cell in a cell, so deep."""

    def head(kind: int) -> bytes:
        return element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack("<ii", 1, 1)) + element(1, b"y")

    pieces = [element(14, head(6) + element(9, struct.pack("<d", 1)))]
    size = len(pieces[0])
    for _ in range(depth):
        size += len(head(1))
        pieces.append(struct.pack("<II", 14, size) + head(1))
        size += 8
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + b"".join(reversed(pieces))


def test_cells_of_matlab_are_refused(tmp_path):
    path = mat(tmp_path, X=X, y=Y.astype(object)[:, None], snr=SNR)
    with pytest.raises(UserError, match=r"y of .* is a MATLAB cell array, which is not loaded; .* as char\(y\)"):
        Arrays(str(path))
    path.write_bytes(path.read_bytes() + nested_cells(100_000)[128:])  # which would end this process
    with pytest.raises(UserError, match=r"y of .* is a MATLAB cell array"):
        Arrays(str(path))


class Program:
    def __reduce__(self):
        return Path.mkdir, (Path("it ran"),)


def test_pickled_objects_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = np.array([Program()] * FRAMES, dtype=object)
    for write in (npz, npy, lambda *a, **k: npz(*a, True, **k)):
        with pytest.raises(UserError, match="holds pickled Python objects, which are not loaded"):
            Arrays(str(write(tmp_path, X=X, y=objects, snr=SNR)))
    assert not (tmp_path / "it ran").exists()


WRONG = {
    "shape": (
        {"X": X[:, 0]},
        r"X of .* must have shape \(frames, samples, 2\).*; it has shape \(12, 16\) of float32",
    ),
    "three channels": ({"X": np.zeros((12, 3, 16))}, r"it has shape \(12, 3, 16\)"),
    "no frames": ({"X": X[:0]}, "X of .* has no frames"),
    "no samples": ({"X": X[:, :, :0]}, "its frames have no samples"),
    "words": ({"X": Y}, "must have shape"),
    "too few labels": ({"y": Y[:5]}, r"y of .* has shape \(5,\), and must label each of 12 frames"),
    "half a class": ({"y": NUMBERS + 0.5}, "row 0 of y in .* is labelled 2.5, which is no number of a class"),
    "below 0": ({"y": NUMBERS - 5}, "is labelled -3, which is no number of a class"),
    "two classes": ({"y": np.ones((12, 3))}, "row 0 of y in .* is labelled not exactly one class"),
    "complex labels": ({"y": NUMBERS * 1j}, "must hold names or numbers"),
    "empty names": ({"y": np.array([" "] * 12)}, "is no name of a class"),
    "SNRs as words": ({"snr": Y}, "must hold SNRs in dB"),
    "infinite SNRs": ({"snr": np.full(12, np.inf)}, "SNRs that are infinite"),
    "two SNRs a frame": ({"snr": np.zeros((12, 2))}, r"snr of .* has shape \(12, 2\), and must label"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_fit_is_named(tmp_path, wrong):
    arrays, sentence = WRONG[wrong]
    with pytest.raises(UserError, match=sentence) as error:
        Arrays(
            str(npz(tmp_path, **{"X": X, "y": Y, "snr": SNR} | arrays)),
            classes=None if wrong[0] in "swni" else NAMES,
        )
    assert "\n" not in str(error.value)


def test_an_snr_for_each_frame(tmp_path):
    frames = np.zeros((300, 2, 4), np.float32)
    with pytest.raises(UserError, match=r"300 different SNRs, and at most 200 .* round them"):
        Arrays(str(npz(tmp_path, X=frames, y=np.full(300, "BPSK"), snr=np.linspace(0, 20, 300))))


def test_a_frame_that_is_not_finite_names_its_row(tmp_path):
    broken = X.copy()
    broken[7, 1, 3] = np.inf
    for write in (npz, lambda *a, **k: npz(*a, True, **k), mat):
        source = Arrays(str(write(tmp_path, X=broken, y=Y, snr=SNR)))
        source.read(np.array([0, 6, 8]))
        with pytest.raises(UserError, match=r"frame 7 of .* holds NaN or infinite"):
            source.read(np.array([8, 7]))


@pytest.mark.parametrize("write", [npz, npy, mat, hdf5, lambda *a, **k: npz(*a, True, **k)])
def test_a_file_cut_short_is_said(tmp_path, write):
    path = write(tmp_path, snr=SNR, y=Y, X=X)
    data = path.read_bytes()
    for share in (0.02, 0.3, 0.6, 0.9):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(UserError, match=r"cut short|damaged|by its first bytes|not a readable") as error:
            Arrays(str(path)).read(np.arange(FRAMES))
        assert "\n" not in str(error.value)


def test_other_files(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"text")
    with pytest.raises(UserError, match=r"is no .npz, .npy, .mat or HDF5 file"):
        Arrays(str(tmp_path / "a.npz"))
    (tmp_path / "a.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(UserError, match="an empty zip archive"):
        Arrays(str(tmp_path / "a.zip"))
    with pytest.raises(UserError, match="there is no file"):
        Arrays(str(tmp_path / "absent.npz"))


@pytest.mark.parametrize("name", ["a.npz", "a.mat", "X.npy"])
def test_frames_that_stand_column_by_column_are_said_to_read_slowly(tmp_path, caplog, name):
    if name == "X.npy":
        np.save(tmp_path / name, np.asfortranarray(X))
    elif name == "a.npz":
        np.savez(tmp_path / name, X=np.asfortranarray(X))
    else:
        scipy.io.savemat(tmp_path / name, {"X": X})
    source = Arrays(str(tmp_path / name), y=None, snr=None)
    assert f"X of {tmp_path / name} stands column by column" in caplog.text and "task=convert" in caplog.text
    assert np.array_equal(source.read(np.arange(12)).numpy(), X)
    caplog.clear()
    np.savez(tmp_path / "row.npz", X=X)
    Arrays(str(tmp_path / "row.npz"), y=None, snr=None)
    assert "slower" not in caplog.text
