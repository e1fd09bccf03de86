"""Files of arrays for the fuzz: HDF5, .npz, .npy, .mat, and trees of HDF5 files and pictures."""

import io
from collections.abc import Callable

import h5py
import numpy as np
import scipy.io
from hypothesis import strategies as st
from PIL import Image

from tests.data.test_array_pickle import Program
from tests.fuzz.case import MARK, Case
from tests.fuzz.draws import FEW, SMALL, Draw, a_layout, an_array, choice, labels, names, one_of


def hdf5(write: Callable[[h5py.File], None]) -> bytes:
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        write(file)
    return memory.getvalue()


def into_hdf5(draw: Draw, file: h5py.File, name: str, array: np.ndarray) -> None:
    """A dataset, in place or in pieces; or nothing, or something else by its name."""
    kind = one_of(draw, *["plain"] * 8, "chunked", "gzip", "absent", "group", "scalar", "empty", "link")
    array = (
        array.astype("S") if array.dtype.kind == "U" else array.astype("i8") if array.dtype.kind == "M" else array
    )
    if kind == "group":
        file.create_group(name)
    elif kind == "scalar":
        file[name] = 1.0
    elif kind == "empty":
        file[name] = h5py.Empty("f4")
    elif kind == "link":
        file[name] = one_of(
            draw, h5py.SoftLink("/nowhere"), h5py.ExternalLink("/etc/passwd", "/X"), h5py.SoftLink(name)
        )
    elif kind != "absent":
        packed = {"chunked": {"chunks": True}, "gzip": {"compression": "gzip", "shuffle": True}}.get(kind, {})
        file.create_dataset(name, data=array, **(packed if array.size else {}))


def radioml2018(draw: Draw) -> Case:
    """The published layout, and parts of it with labels of all kinds."""
    full = draw(SMALL) == 0
    frames, classes = (624, 24) if full else (draw(FEW), one_of(draw, 1, 3, 11, 17, 24))
    x = a_layout(draw, frames, one_of(draw, 1, 16, 128))
    number = np.arange(frames) // 26 if full else np.random.default_rng(draw(SMALL)).integers(0, classes, frames)
    columns = full or draw(st.booleans())
    y = np.eye(classes, dtype=np.int64)[number] if columns else labels(draw, frames, classes)
    z = -20 + 2 * (np.arange(frames) % 26)
    z = one_of(draw, z, z[:, None], z[:, None], z.astype(float)) if draw(SMALL) else an_array(draw, (frames,))
    if draw(SMALL) == 0:
        order = np.random.default_rng(draw(SMALL)).permutation(frames)
        x, y, z = x[order], y[order] if len(y) == frames else y, z[order]

    def write(file: h5py.File) -> None:
        for name, array in (("X", x), ("Y", y), ("Z", z)):
            into_hdf5(draw, file, name, array)

    keys = {"path": "gold.h5", "classes": names(draw, classes) if draw(st.booleans()) else None, **choice(draw)}
    return Case({"gold.h5": hdf5(write)}, "radioml2018", keys | ({"modulations": "all"} if draw(SMALL) else {}))


def arrays(draw: Draw) -> Case:
    """.npz, .npy, .mat and HDF5 with frames, classes and SNRs."""
    frames, classes = draw(FEW), one_of(draw, 1, 2, 5)
    held = {
        "X": a_layout(draw, frames, one_of(draw, 1, 8, 32)),
        "y": labels(draw, frames if draw(SMALL) else frames + 1, classes),
        "snr": np.arange(frames) % 3 * 10 if draw(SMALL) else an_array(draw, (frames,)),
    }
    keys = {"classes": names(draw, classes), **choice(draw)}
    memory, form = io.BytesIO(), one_of(draw, "npz", "npz", "npy", "mat", "hdf5")
    if draw(SMALL) == 0:
        keys |= one_of(
            draw, {"x": "Y"}, {"y": None}, {"snr": None}, {"snr": 3}, {"x": "../X"}, {"y": "X"}, {"snr": "\x1b"}
        )
    if form == "npy":
        files = {}
        for name, array in held.items():
            np.save(memory := io.BytesIO(), array)
            files[f"{name}.npy"] = memory.getvalue()
        return Case(files, "arrays", keys | {"path": "X.npy"})
    if draw(SMALL) == 0:
        held["y"] = np.array([Program(MARK)] * frames, dtype=object) if form == "npz" else held["y"]
    if form == "npz":
        (np.savez if draw(SMALL) else np.savez_compressed)(memory, **held)
    elif form == "mat":
        writable = {k: v.astype(float) if v.dtype.kind in "Mb" else v for k, v in held.items()}
        writable = {k: v.astype(np.float32) if v.dtype == np.float16 else v for k, v in writable.items()}
        old = one_of(draw, "5", "5", "4") if all(array.ndim < 3 for array in writable.values()) else "5"
        scipy.io.savemat(memory, writable, do_compression=draw(st.booleans()), format=old)
    else:
        return Case(
            {"a.h5": hdf5(lambda file: [into_hdf5(draw, file, *item) for item in held.items()])},
            "arrays",
            keys | {"path": "a.h5"},
        )
    return Case({f"a.{form}": memory.getvalue()}, "arrays", keys | {"path": f"a.{form}"})


def split_hdf5(draw: Draw) -> Case:
    """A tree of one file for each class and SNR."""
    files = {}
    for name in draw(st.lists(st.sampled_from(["BPSK", "QPSK", "..."]), min_size=1, max_size=2)):
        for snr in draw(st.lists(st.sampled_from(["0", "10", "-2.5", "x"]), max_size=2)):
            array = a_layout(draw, one_of(draw, 3, 1, 0), one_of(draw, 16, 16, 8))

            def write(file: h5py.File, array: np.ndarray = array) -> None:
                into_hdf5(draw, file, "X", array)
                if draw(SMALL) == 0:
                    file.attrs[one_of(draw, "samples_per_symbol", "snr_definition")] = one_of(
                        draw, 8.0, "es_n0", b"x", [1, 2]
                    )
                if draw(SMALL) == 0:
                    file["recording"] = an_array(draw, array.shape[:1], "i8")
                    file["start"] = an_array(draw, array.shape[:1], one_of(draw, "i8", "f4"))

            files[f"{name}/SNR_{snr}/{name}_SNR_{snr}.h5"] = hdf5(write)
    return Case(files, "split_hdf5", choice(draw))


def images(draw: Draw) -> Case:
    """A tree of pictures."""
    files, side = {}, one_of(draw, 8, 8, 16)
    for name in draw(st.lists(st.sampled_from(["BPSK", "QPSK"]), min_size=1, max_size=2)):
        for k in range(draw(SMALL)):
            kind = one_of(draw, "L", "L", "L", "RGB", "1", "I;16")
            picture = Image.new(kind, (side, side if draw(SMALL) else 9))
            picture.save(memory := io.BytesIO(), "png")
            files[f"{name}/SNR_0/t_{name}_SNR_0_sample_{k}.png"] = memory.getvalue()
    keys = {k: v for k, v in choice(draw).items() if k != "frame_length"}
    return Case(files, "images", {"channels": [one_of(draw, "t", "t", "u")], **keys})


STORED = [radioml2018, arrays, arrays, split_hdf5, images]
