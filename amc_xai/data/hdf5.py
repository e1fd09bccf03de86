"""Frames in one HDF5 dataset: mapped in place where the file allows it, through h5py where not."""

from pathlib import Path

import h5py
import numpy as np
import torch

from amc_xai.errors import UserError

# Beside X in stores that we write: which recording a frame is from, its first sample there, its samples a symbol.
BY_FRAME = {"recording": np.int64, "start": np.int64, "samples_per_symbol": np.float32}


def open_hdf5(path: Path) -> h5py.File:
    """Open for reading.

    Raises:
        UserError: if the file is absent, cut short, or no HDF5 file.
    """
    if not path.is_file():
        raise UserError(f"dataset.path: there is no file {path}")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if "truncated" in str(error):
            raise UserError(
                f"dataset.path: {path} is cut short: its {path.stat().st_size} bytes are fewer than its header "
                "promises; copy or download it again"
            ) from error
        raise UserError(f"dataset.path: {path} is not a readable HDF5 file ({error})") from error


class Hdf5Frames:
    """The dataset ``X`` (n, L, 2) of one file, channel 0 = I and 1 = Q, read by rows.

    A contiguous dataset is mapped at its own offset: no library call and no lock stand between a batch and the
    page cache, and a worker process may inherit the map. ``mapped`` tells; where it is false (chunked or
    compressed), rows come through h5py, which is up to several hundred times slower at random.

    Raises:
        UserError: if the dataset is absent, has another shape or isn't real numbers.
    """

    def __init__(self, path: Path):
        self.path = path
        with open_hdf5(path) as file:
            if "X" not in file or not isinstance(file["X"], h5py.Dataset):
                held = ", ".join(file) or "an empty file"
                raise UserError(
                    f"dataset.path: {path} must hold a dataset X of shape (frames, samples, 2), not {held}"
                )
            data = file["X"]
            if data.ndim != 3 or data.shape[2] != 2 or data.dtype.kind not in "fiu":
                raise UserError(
                    f"dataset.path: {path} must hold a dataset X of shape (frames, samples, 2) of real numbers; "
                    f"it has shape {data.shape} of {data.dtype}"
                )
            self.shape: tuple[int, int, int] = data.shape
            self.dtype: np.dtype = data.dtype
            self.offset: int | None = data.id.get_offset()
            self.attributes = dict(file.attrs)
            self.by_frame = told_by_frame(file)
        self.mapped = self.offset is not None
        self._rows: np.ndarray | h5py.Dataset | None = None
        if self.mapped and self.offset + self.bytes > path.stat().st_size:
            raise UserError(f"dataset.path: {path} is cut short: it ends within X; copy or download it again")

    def rows(self) -> np.ndarray | h5py.Dataset:
        """The map, or the open h5py dataset; opened on first use and anew in each process."""
        if self._rows is None:
            if self.mapped:
                self._rows = np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
            else:
                self._rows = open_hdf5(self.path)["X"]
        return self._rows

    @property
    def bytes(self) -> int:
        """What ``X`` takes."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def read(self, index: np.ndarray, length: int | None = None) -> np.ndarray:
        """The first ``length`` samples of these rows, (n, length, 2) float32, in the order asked for.

        Raises:
            UserError: naming the row of a frame that isn't finite.
        """
        rows = self.rows()
        if self.mapped:
            block = rows[index] if length in (None, self.shape[1]) else rows[index, :length]
        else:
            # h5py takes ascending rows without repetition.
            ascending, place = np.unique(index, return_inverse=True)
            block = rows[ascending, :length][place] if len(index) else np.empty((0, length or self.shape[1], 2))
        block = np.ascontiguousarray(block, dtype=np.float32)
        check_finite(block, index, str(self.path))
        return block

    def __getstate__(self) -> dict:
        # Handles and maps don't travel to a worker process: it opens its own.
        return {**self.__dict__, "_rows": None}


def told_by_frame(file: h5py.File) -> dict[str, np.ndarray]:
    """What a file that we wrote tells of each frame, (n,) each: see ``BY_FRAME``."""
    told = {name: file.get(name) for name in BY_FRAME}
    frames = file["X"].shape[:1]
    return {
        name: data[:].astype(BY_FRAME[name])
        for name, data in told.items()
        if isinstance(data, h5py.Dataset) and data.shape == frames and data.dtype.kind in "fi"
    }


def check_finite(block: np.ndarray, index: np.ndarray, where: str) -> None:
    """Raise UserError naming the first of these frames (n, ...) that holds NaN or infinity."""
    flat = block.reshape(-1)
    # One pass at memory speed: any NaN or infinity makes the sum of squares one. Huge values may too.
    if np.isfinite(np.dot(flat, flat)):
        return
    bad = ~np.isfinite(block).all(axis=tuple(range(1, block.ndim)))
    if bad.any():
        raise UserError(
            f"dataset.path: frame {index[np.argmax(bad)]} of {where} holds NaN or infinite samples "
            f"({int(bad.sum())} such frames in this batch); task=inspect lists them all"
        )


def frames_tensor(block: np.ndarray) -> torch.Tensor:
    """Stored frames (n, L, 2) as a view (n, 2, L): turning them in memory takes as long as reading them."""
    return torch.from_numpy(block).transpose(1, 2)
