"""HDF5 files: opened with words for whatever is wrong with them, and their arrays found."""

from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from amc_xai.data.packed import refuse_packed
from amc_xai.data.stored import StoredArray, one_line, printable, refuse_too_large
from amc_xai.errors import UserError

# Beside X in stores that we write: which recording a frame is from, its first sample there, its samples a symbol.
BY_FRAME = {"recording": np.int64, "start": np.int64, "samples_per_symbol": np.float32}
ENDINGS = (".hdf5", ".h5")
# HDF5 and h5py fail in any of these ways on a damaged file.
DAMAGE = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, OverflowError, MemoryError)


def open_hdf5(path: Path) -> h5py.File:
    """Open for reading.

    Raises:
        UserError: if the file is absent, packed, cut short, held by a writer, or no HDF5 file.
    """
    if not path.is_file():
        twin = next((p for ending in ENDINGS if (p := path.with_suffix(ending)).is_file()), None)
        beside = f"; {twin.name} lies there: dataset.path={twin}" if twin else ""
        raise UserError(f"dataset.path: there is no file {path}{beside}")
    try:
        return h5py.File(path, "r")
    except DAMAGE as error:
        said = str(error)
        if isinstance(error, BlockingIOError) or "unable to lock" in said or "already open" in said:
            raise UserError(
                f"dataset.path: {path} is open for writing in another process, or was left so by one that died; "
                "wait until it is closed, or if nothing writes to it, set HDF5_USE_FILE_LOCKING=FALSE or run "
                "h5clear -s on it"
            ) from error
        if "truncated" in said:
            raise UserError(
                f"dataset.path: {path} is cut short: its {path.stat().st_size} bytes are fewer than its header "
                "promises; copy or download it again"
            ) from error
        refuse_packed(path)
        raise UserError(f"dataset.path: {path} is not a readable HDF5 file ({one_line(error)})") from error


def hdf5_array(path: Path, name: str) -> StoredArray | None:
    """The dataset of this name (or path of groups) in a file; None if it has none.

    Raises:
        UserError: if the file can't be read, or the dataset's type isn't one of numpy's.
    """
    with open_hdf5(path) as file:
        try:
            data = file.get(name)
            if not isinstance(data, h5py.Dataset):
                return None
            shape, dtype, offset = data.shape, data.dtype, data.id.get_offset()
            attributes, by_frame = dict(file.attrs), told_by_frame(file, shape)
            as_in_numpy = data.id.get_type().equal(h5py.h5t.py_create(dtype, logical=True))
            # A link may lead to another file, where the offset counts.
            offset = offset if data.file.filename == file.filename else None
        except DAMAGE as error:
            raise UserError(f"dataset.path: {name} of {path} can't be read ({one_line(error)})") from error
    if shape is None:
        raise UserError(f"dataset.path: {name} of {path} is empty: it has no shape")
    # A type that numpy has no equal of is converted when it is read, and can't be mapped.
    if not as_in_numpy or dtype.hasobject:
        offset = None
    opened = partial(open_dataset, path, name)
    return StoredArray(path, name, shape, dtype, offset, opened, attributes=attributes, by_frame=by_frame)


def open_dataset(path: Path, name: str) -> h5py.Dataset:
    """A dataset of a file that stays open with it."""
    return open_hdf5(path)[name]


def names_in(path: Path) -> list[str]:
    """The names of all datasets in a file, at most a hundred."""
    found: list[str] = []

    def visit(name: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Dataset):
            found.append(name)
        return True if len(found) >= 100 else None

    with open_hdf5(path) as file:
        try:
            file.visititems(visit)
        except DAMAGE as error:
            raise UserError(f"dataset.path: {path} is damaged ({one_line(error)})") from error
    return found


def frames_array(path: Path) -> StoredArray:
    """The dataset ``X`` of a file.

    Raises:
        UserError: if there is none.
    """
    array = hdf5_array(path, "X")
    if array is None:
        held = printable(", ".join(names_in(path)[:20]), 300) or "an empty file"
        raise UserError(f"dataset.path: {path} must hold a dataset X of shape (frames, samples, 2), not {held}")
    return array


def told_by_frame(file: h5py.File, shape: tuple[int, ...] | None) -> dict[str, np.ndarray]:
    """What a file that we wrote tells of each frame of X, (n,) each: see ``BY_FRAME``."""
    told = {}
    for name, dtype in BY_FRAME.items():
        data = file.get(name)
        if isinstance(data, h5py.Dataset) and data.shape == (shape or (0,))[:1] and data.dtype.kind in "fi":
            refuse_too_large(Path(file.filename), 8 * data.shape[0])
            told[name] = data[:].astype(dtype)
    return told
