"""HDF5 files: opened with words for whatever is wrong with them, and their arrays found."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from amc_xai.data.packed import refuse_packed
from amc_xai.data.stored import StoredArray, refuse_too_large
from amc_xai.errors import UserError, one_line, printable

# Beside X in stores that we write: which recording a frame is from, its first sample there, its samples a symbol.
BY_FRAME = {"recording": np.int64, "start": np.int64, "samples_per_symbol": np.float32}
MOST_NUMBER = 2**62
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
        UserError: if the file can't be read, the dataset lies in another file, or its type isn't one of numpy's.
    """
    with open_hdf5(path) as file:
        try:
            data = own_dataset(file, path, name)
            if data is None:
                return None
            shape, dtype, offset = data.shape, data.dtype, data.id.get_offset()
            as_in_numpy = data.id.get_type().equal(h5py.h5t.py_create(dtype, logical=True))
        except DAMAGE as error:
            raise UserError(f"dataset.path: {name} of {path} can't be read ({one_line(error)})") from error
    if shape is None:
        raise UserError(f"dataset.path: {name} of {path} is empty: it has no shape")
    # A type that numpy has no equal of is converted when it is read, and can't be mapped.
    if not as_in_numpy or dtype.hasobject:
        offset = None
    return StoredArray(path, name, shape, dtype, offset, partial(open_dataset, path, name))


def own_dataset(file: h5py.File, path: Path, name: str, links: int = 16) -> h5py.Dataset | None:
    """The dataset of this name, if it and all on the way to it lie in the file itself; None if there is none.

    HDF5 would follow a file's links to any other file on the disk, and take a dataset's bytes from there.

    Raises:
        UserError: if it lies elsewhere.
    """
    parts = [part for part in name.split("/") if part not in ("", ".")]
    group: Any = file["/"]
    for k, part in enumerate(parts):
        link = group.get(part, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            return None
        if isinstance(link, h5py.ExternalLink):
            raise UserError(
                f"dataset.path: {name} of {path} is a link to {one_line(link.path)} of another file, "
                f"{one_line(link.filename)}, and no other file is opened: name that one"
            )
        if isinstance(link, h5py.SoftLink):
            begin = "" if link.path.startswith("/") else group.name
            target = "/".join([begin, link.path, *parts[k + 1 :]])
            return own_dataset(file, path, target, links - 1) if links else None
        group = group[part]
    if not isinstance(group, h5py.Dataset):
        return None
    if group.is_virtual or group.external:
        raise UserError(
            f"dataset.path: {name} of {path} is put together from other files, and no other file is opened: copy "
            "it into one (h5repack, or data = file[...][:] and file.create_dataset)"
        )
    return group


def open_dataset(path: Path, name: str) -> h5py.Dataset:
    """A dataset of a file that stays open with it.

    Raises:
        UserError: if it isn't there any more.
    """
    data = own_dataset(open_hdf5(path), path, name)
    if data is None:
        raise UserError(f"dataset.path: {name} of {path} is gone")
    return data


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


class Told(NamedTuple):
    """What a file of a split store tells beside its frames: ``of_all`` of them, and ``by_frame`` (n,) each."""

    of_all: dict[str, Any]
    by_frame: dict[str, np.ndarray]


def told_beside(path: Path, frames: int) -> Told:
    """What a file of ``frames`` frames tells of them.

    Raises:
        UserError: if the file can't be read.
    """
    told = {}
    with open_hdf5(path) as file:
        try:
            for name, dtype in BY_FRAME.items():
                data = own_dataset(file, path, name)
                if data is not None and data.shape == (frames,) and data.dtype.kind in "fi":
                    refuse_too_large(path, 8 * frames)
                    told[name] = as_told(data[:], dtype, f"{name} of {path}")
            return Told(dict(file.attrs), told)
        except DAMAGE as error:
            raise UserError(f"dataset.path: {path} is damaged ({one_line(error)})") from error


def as_told(values: np.ndarray, dtype: type, what: str) -> np.ndarray:
    """Numbers (n,) as the type that they are kept in.

    Raises:
        UserError: naming ``what`` they are, if whole ones are needed and one is none of 0 or more.
    """
    if np.issubdtype(dtype, np.integer):
        # NaN fails each comparison.
        wrong = ~((values >= 0) & (values < MOST_NUMBER) & (values == np.floor(values)))
        if wrong.any():
            raise UserError(
                f"dataset.path: {what} must be whole numbers of 0 or more, and frame {int(np.argmax(wrong))} has "
                f"{values[wrong][0]:g}"
            )
    with np.errstate(over="ignore"):
        return values.astype(dtype)
