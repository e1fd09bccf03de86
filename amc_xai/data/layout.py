"""How people lay frames out in one array, and the frames (n, L, 2) float32 that they stand for."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from amc_xai.errors import UserError

SHAPES = "(frames, samples, 2), (frames, 2, samples) or, of complex numbers, (frames, samples)"


class Layout(NamedTuple):
    """Which axis of a stored array holds I and Q, and how many frames of how many samples it has.

    ``kind`` is ``"last"`` (N, L, 2), ``"first"`` (N, 2, L), ``"complex"`` (N, L), or ``"pair"`` (N, L) of records
    of two numbers. Where both axes are 2, the channels are taken to come last, as in RadioML 2018.01A.
    """

    kind: str
    frames: int
    length: int


def layout_of(shape: Sequence[int], dtype: np.dtype, what: str) -> Layout:
    """The layout of a stored array; ``what`` names it in the sentence.

    Raises:
        UserError: if its shape or type is none that frames have.
    """
    shape = tuple(int(size) for size in shape)
    found = None
    if dtype.kind == "c" and len(shape) == 2:
        found = Layout("complex", *shape)
    elif is_pair(dtype) and len(shape) == 2:
        found = Layout("pair", *shape)
    elif dtype.kind in "fiu" and len(shape) == 3 and shape[2] == 2:
        found = Layout("last", shape[0], shape[1])
    elif dtype.kind in "fiu" and len(shape) == 3 and shape[1] == 2:
        found = Layout("first", shape[0], shape[2])
    if found is None:
        raise UserError(
            f"dataset.path: {what} must have shape {SHAPES}; it has shape {shape} of {str(dtype)[:40]}"
        )
    if found.frames < 0:
        raise UserError(f"dataset.path: {what} claims the shape {shape}, which is none")
    if found.length < 1:
        raise UserError(f"dataset.path: {what} has shape {shape}: its frames have no samples")
    return found


def is_pair(dtype: np.dtype) -> bool:
    """Whether these are records of two numbers of one kind side by side, as MATLAB writes complex ones."""
    if dtype.names is None or len(dtype.names) != 2:
        return False
    one, other = (dtype.fields[name][0] for name in dtype.names)
    first = dtype.fields[dtype.names[0]][1]
    return one == other and one.kind in "fiu" and first == 0 and dtype.itemsize == 2 * one.itemsize


def select(rows: Any, index: Any, layout: Layout, length: int | None) -> np.ndarray:
    """The first ``length`` samples of these rows of an array or HDF5 dataset, as they are stored."""
    if length in (None, layout.length):
        return rows[index]
    return rows[index, :, :length] if layout.kind == "first" else rows[index, :length]


def as_frames(block: np.ndarray, layout: Layout) -> np.ndarray:
    """Stored rows as frames (n, L, 2) float32, a view where the numbers are float32 already.

    Integers become -1..1 by their type's full scale, unsigned ones about its middle; those of 64 bits, which no
    receiver gives, stay as they are. What float32 can't hold becomes infinite.
    """
    if layout.kind == "complex":
        with np.errstate(over="ignore"):
            block = np.ascontiguousarray(block, np.complex64)
        return block.view(np.float32).reshape(*block.shape, 2)
    if layout.kind == "pair":
        one = block.dtype.fields[block.dtype.names[0]][0]
        block = np.ascontiguousarray(block).view(one).reshape(*block.shape, 2)
    if block.dtype != np.float32:
        block = as_floats(block)
    return block.transpose(0, 2, 1) if layout.kind == "first" else block


def as_floats(block: np.ndarray) -> np.ndarray:
    """Real numbers as float32."""
    bits = 8 * block.dtype.itemsize
    with np.errstate(over="ignore"):
        if block.dtype.kind == "f" or bits == 64:
            return block.astype(np.float32)
        middle = (2**bits - 1) / 2 if block.dtype.kind == "u" else 0.0
        return ((block.astype(np.float64) - middle) / 2 ** (bits - 1)).astype(np.float32)
