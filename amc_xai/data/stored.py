"""Frames in one array of a file: mapped in place where the file allows it, through a library where not."""

import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from amc_xai.data.layout import as_frames, layout_of, select
from amc_xai.errors import UserError, one_line

log = logging.getLogger(__name__)
BYTES_A_FRAME = 64  # of labels, places and what is made of them


@dataclass
class StoredArray:
    """An array in a file, of which nothing is read before it is asked for.

    ``offset`` is where its bytes lie in a row, ``order`` in which order ("C", or "F": first axis fastest); None =
    compressed, chunked or converted, and ``opened`` gives the array instead. ``name`` is its name in sentences.

    A map stands between no library call, no lock and the page cache, and a worker process may inherit it.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int | None
    opened: Callable[[], Any]
    order: str = "C"
    _rows: Any = None

    def __post_init__(self) -> None:
        if self.offset is not None and self.offset + self.bytes > self.path.stat().st_size:
            raise UserError(
                f"dataset.path: {self.path} is cut short: it ends within {self.name}; copy or download it again"
            )

    @property
    def mapped(self) -> bool:
        """Whether it is read in place. An array without entries can't be, and needn't."""
        return self.offset is not None and self.bytes > 0

    @property
    def slow(self) -> str | None:
        """Why frames at random are read slowly from it, and how slowly; None where they aren't."""
        if not self.mapped:
            here = isinstance(self.rows(), np.ndarray)
            return None if here else "is chunked or compressed: random reads are 4 to 500 times slower"
        if self.order == "C" or self.shape[0] < 2 or len(self.shape) < 2:
            return None
        return (
            "stands column by column, so that each frame lies scattered over all of it: random reads are up to "
            "some thousand times slower"
        )

    @property
    def bytes(self) -> int:
        """What it takes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def rows(self) -> Any:
        """The map, or what the library opens; on first use, and anew in each process."""
        if self._rows is None:
            if self.mapped:
                self._rows = np.memmap(self.path, self.dtype, "r", self.offset, self.shape, self.order)
            else:
                self._rows = self.opened()
        return self._rows

    def take(self, index: Any) -> np.ndarray:
        """These rows (a slice, or positions), in the order asked for.

        Raises:
            UserError: if the file turns out to be damaged there.
        """
        return self._reading(lambda rows: rows[index])

    def _reading(self, read: Callable[[Any], np.ndarray]) -> np.ndarray:
        try:
            return np.asarray(read(self.rows()))
        except UserError:
            raise
        # HDF5 fails in any of these ways on a damaged chunk, or one that was packed by a filter it lacks.
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError) as error:
            said = one_line(error)
            raise UserError(f"dataset.path: {self.name} of {self.path} can't be read ({said})") from error

    def __getstate__(self) -> dict:
        # Handles and maps don't travel to a worker process: it opens its own.
        return {**self.__dict__, "_rows": None}


class StoredFrames:
    """The frames of an array in one of the layouts that people have (`layout.SHAPES`).

    Raises:
        UserError: if it has another shape, or isn't real or complex numbers.
    """

    def __init__(self, array: StoredArray):
        self.array = array
        self.layout = layout_of(array.shape, array.dtype, f"{array.name} of {array.path}")
        self.length = self.layout.length
        # A file without a byte of data may claim any number of frames.
        if self.layout.frames * BYTES_A_FRAME > most_bytes():
            raise UserError(
                f"dataset.path: {array.name} of {array.path} claims {self.layout.frames} frames, whose labels "
                "alone would fill the memory"
            )

    def __len__(self) -> int:
        return self.layout.frames

    @property
    def mapped(self) -> bool:
        """Whether they are read in place."""
        return self.array.mapped

    def look(self, index: np.ndarray, length: int | None = None) -> np.ndarray:
        """The first ``length`` samples of these frames, (n, length, 2) float32, in the order asked for."""
        index = np.asarray(index)
        if length is not None:
            length = min(length, self.length)
        if self.array.mapped or isinstance(self.array.rows(), np.ndarray):
            block = self.array._reading(lambda rows: select(rows, index, self.layout, length))
        elif not len(index):
            return np.empty((0, length or self.length, 2), np.float32)
        else:
            # HDF5 takes ascending rows without repetition.
            ascending, place = np.unique(index, return_inverse=True)
            block = self.array._reading(lambda rows: select(rows, ascending, self.layout, length))[place]
        return as_frames(block, self.layout)

    def read(self, index: np.ndarray, length: int | None = None) -> np.ndarray:
        """As :meth:`look`.

        Raises:
            UserError: naming the row of a frame that isn't finite.
        """
        block = self.look(index, length)
        check_finite(block, index, str(self.array.path))
        return block


def broken_frames(block: np.ndarray) -> np.ndarray:
    """Which of these frames (n, ...) hold NaN or infinity: their positions."""
    flat = block.ravel(order="K")
    # One pass at memory speed: any NaN or infinity makes the sum of squares one. Huge values may too.
    with np.errstate(all="ignore"):
        if np.isfinite(np.dot(flat, flat)):
            return np.empty(0, np.int64)
    return np.flatnonzero(~np.isfinite(block).all(axis=tuple(range(1, block.ndim))))


def check_finite(block: np.ndarray, index: np.ndarray, where: str) -> None:
    """Raise UserError naming the first of these frames (n, ...) that holds NaN or infinity."""
    broken = broken_frames(block)
    if len(broken):
        raise UserError(
            f"dataset.path: frame {index[broken[0]]} of {where} holds NaN or infinite samples "
            f"({len(broken)} such frames in this batch); task=inspect lists them all"
        )


def say_slow(arrays: Sequence[StoredArray], dataset: str, path: Path | str) -> None:
    """Say in the log which arrays give frames at random slowly, and how ``dataset=...`` at ``path`` is mended."""
    slow = [(array, why) for array in arrays if (why := array.slow)]
    if slow:
        array, why = slow[0]
        more = f" (and {len(slow) - 1} more arrays likewise)" if len(slow) > 1 else ""
        log.warning(
            "%s of %s %s than from a contiguous file%s; write one once with: python -m amc_xai "
            "task=convert dataset=%s dataset.path=%s task.to=FOLDER",
            array.name, array.path, why, more, dataset, path,
        )  # fmt: skip


def frames_tensor(block: np.ndarray) -> torch.Tensor:
    """Stored frames (n, L, 2) as a view (n, 2, L): turning them in memory takes as long as reading them."""
    return torch.from_numpy(block).transpose(1, 2)


def most_bytes() -> float:
    """Half of this machine's memory, whatever is in use now; no bound where the system doesn't say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2
    except (AttributeError, ValueError, OSError):
        return math.inf


def refuse_too_large(path: Path, size: int) -> None:
    """Raise UserError if an array that has to be loaded whole leaves too little memory."""
    if size > most_bytes():
        raise UserError(
            f"dataset.path: an array of {path} takes {size / 1e9:.1f} GB and can't be read in place; write it "
            "once uncompressed (np.savez, np.save, or HDF5 without chunks)"
        )
