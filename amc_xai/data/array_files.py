"""Arrays by name in the files that hold plain ones: .npz, .npy, .mat, HDF5. Pickled objects are never loaded."""

import math
import struct
import warnings
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from amc_xai.data.hdf5 import hdf5_array, names_in, open_dataset, open_hdf5, own_dataset
from amc_xai.data.matlab import MatFile
from amc_xai.data.packed import HDF5, NPY, ZIP, refuse_packed
from amc_xai.data.stored import StoredArray, refuse_too_large
from amc_xai.errors import UserError, one_line


class ArrayFile:
    """A file of arrays: their ``names``, and :meth:`find` to get one.

    Raises:
        UserError: if the file is absent, packed, or of none of these formats.
    """

    def __init__(self, path: Path):
        if not path.is_file():
            raise UserError(f"dataset.path: there is no file {path}")
        self.path = path
        try:
            with path.open("rb") as file:
                head = file.read(520)
        except OSError as error:
            raise UserError(f"dataset.path: {path} can't be read ({error.strerror or error})") from error
        # MATLAB 7.3 writes HDF5 behind a page of its own.
        self.turned = head.startswith(b"MATLAB 7.3") and head[512:] == HDF5
        if head.startswith(NPY):
            self.kind = "npy"
        elif head.startswith(HDF5) or self.turned:
            self.kind = "hdf5"
        elif head.startswith(b"MATLAB 5.0") or path.suffix.lower() == ".mat":
            self.kind = "mat"
        elif head.startswith(ZIP) and any(name.endswith(".npy") for name in self._entries()):
            self.kind = "npz"
        else:
            refuse_packed(path)
            raise UserError(f"dataset.path: {path} is no .npz, .npy, .mat or HDF5 file, by its first bytes")

    @property
    def names(self) -> list[str]:
        """What the file calls its arrays; none in a .npy, which holds a single one."""
        if self.kind == "hdf5":
            return [name for name in names_in(self.path) if not name.startswith("#")]
        if self.kind == "npz":
            return [name.removesuffix(".npy") for name in self._entries() if name.endswith(".npy")]
        return list(read_or_refuse(self.path, lambda: MatFile(self.path).held)) if self.kind == "mat" else []

    def find(self, name: str) -> StoredArray | None:
        """The array of this name; None if there is none. A .npy has one, whatever the name."""
        if self.kind == "hdf5":
            array = hdf5_array(self.path, name)
            return turned(array) if array is not None and self.turned else array
        if self.kind == "npz":
            entry = next((e for e in (f"{name}.npy", name) if e in self._entries()), None)
            return None if entry is None else npz_array(self.path, entry, name)
        if self.kind == "mat":
            return read_or_refuse(self.path, lambda: MatFile(self.path).find(name))
        return npy_array(self.path, name)

    def _entries(self) -> list[str]:
        return read_or_refuse(self.path, lambda: zipfile.ZipFile(self.path).namelist())


def read_or_refuse(path: Path, read: Callable[[], Any]) -> Any:
    """What ``read`` gives. The readers of these formats fail on damaged files in ways that they don't list.

    Raises:
        UserError: for whatever went wrong.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"dataset.path: {path} is damaged or cut short ({type(error).__name__}: {one_line(error)}); copy or "
            "write it again"
        ) from error


def npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the first axis is the fastest, and type of the array that begins here."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def npy_array(path: Path, name: str) -> StoredArray:
    """The array of a .npy file."""

    def read() -> tuple:
        with path.open("rb") as file:
            return *npy_header(file), file.tell()

    shape, fortran, dtype, offset = read_or_refuse(path, read)
    refuse_objects(path, name, dtype)
    return StoredArray(path, name, shape, dtype, offset, partial(np.empty, shape, dtype), "F" if fortran else "C")


def npz_array(path: Path, entry: str, name: str) -> StoredArray:
    """An array of a .npz file, in place where it isn't compressed."""

    def read() -> tuple:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            info = archive.getinfo(entry)
            with archive.open(info) as array:
                header = *npy_header(array), array.tell()
            # The entry's own header tells how long it is; the archive's directory may differ.
            file.seek(info.header_offset)
            *_, name_length, extra_length = struct.unpack("<4s5H3I2H", file.read(30))
            return *header, info, info.header_offset + 30 + name_length + extra_length

    shape, fortran, dtype, header, info, begin = read_or_refuse(path, read)
    refuse_objects(path, name, dtype)
    if math.prod(shape) * dtype.itemsize + header > info.file_size:
        raise UserError(f"dataset.path: {name} of {path} is cut short; write the file again")
    order = "F" if fortran else "C"
    if info.compress_type == zipfile.ZIP_STORED:
        opened = partial(np.empty, shape, dtype)
        return StoredArray(path, name, shape, dtype, begin + header, opened, order)
    refuse_too_large(path, info.file_size)
    return StoredArray(path, name, shape, dtype, None, partial(unpacked, path, entry), order)


def unpacked(path: Path, entry: str) -> np.ndarray:
    """A compressed array of a .npz file."""

    def read() -> np.ndarray:
        with zipfile.ZipFile(path) as archive, archive.open(entry) as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    return read_or_refuse(path, read)


def refuse_objects(path: Path, name: str, dtype: np.dtype) -> None:
    """Raise UserError for an array of pickled Python objects, which may run code."""
    if dtype.hasobject:
        raise UserError(
            f"dataset.path: {name} of {path} holds pickled Python objects, which are not loaded; save names of "
            "classes as y.astype(str), and numbers as numbers"
        )


def turned(array: StoredArray) -> StoredArray:
    """An array of MATLAB 7.3, whose axes stand in HDF5 the other way round."""
    path, name = array.path, array.name
    with open_hdf5(path) as file:
        kind = read_or_refuse(path, lambda: own_dataset(file, path, name).attrs.get("MATLAB_class"))
    if array.dtype.hasobject or kind in (b"cell", b"char", "cell", "char"):
        raise UserError(
            f"dataset.path: {name} of {path} holds words, as MATLAB 7.3 keeps them; save numbers and name the "
            "classes with dataset.classes, or save(..., '-v7')"
        )
    order = array.shape[::-1]
    if array.mapped:
        return StoredArray(path, name, order, array.dtype, array.offset, array.opened, "F")
    refuse_too_large(path, array.bytes)
    return StoredArray(path, name, order, array.dtype, None, partial(loaded_turned, path, name))


def loaded_turned(path: Path, name: str) -> np.ndarray:
    """The whole of a chunked array, its axes the right way round."""
    data = open_dataset(path, name)
    with data.file:
        return read_or_refuse(path, lambda: np.ascontiguousarray(data[()].T))
