"""What the formats draw: arrays, labels, names and keys, right ones and odd ones."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from amc_xai.signal.classes import MODULATIONS

Draw = Callable
DTYPES = ["<f4", "<f4", "<f4", ">f4", "f8", "f2", "i2", "i1", "u1", "i8", "c8", "c16", "b1", "S3", "U2", "M8[s]"]
SMALL = st.integers(0, 5)
FEW = st.sampled_from([1, 1, 2, 3, 7, 40])


def one_of(draw: Draw, *options: object) -> object:
    return draw(st.sampled_from(options))


def an_array(draw: Draw, shape: tuple[int, ...], dtype: str | None = None) -> np.ndarray:
    """Noise, at times with values that no receiver gives."""
    dtype = np.dtype(dtype or one_of(draw, *DTYPES))
    rng = np.random.default_rng(draw(SMALL))
    array = rng.standard_normal(shape) * one_of(draw, 1, 1, 100, 1e-30, 1e30)
    if array.size and draw(SMALL) == 0:
        array.reshape(-1)[draw(st.integers(0, array.size - 1))] = one_of(draw, np.nan, np.inf, 1e300)
    with np.errstate(all="ignore"):
        return (array.astype(np.int64) if dtype.kind in "iuM" else array).astype(dtype)


def a_layout(draw: Draw, frames: int, length: int) -> np.ndarray:
    """Frames in a shape that people have, or in one that nobody should."""
    shape = one_of(
        draw, (frames, 2, length), (frames, length, 2), (frames, length), (frames, 3, length), (frames,)
    )
    dtype = "c8" if len(shape) == 2 and draw(SMALL) else one_of(draw, *DTYPES) if draw(SMALL) == 0 else "<f4"
    array = an_array(draw, shape, dtype)
    return np.asfortranarray(array) if draw(SMALL) == 0 else array


def labels(draw: Draw, frames: int, classes: int) -> np.ndarray:
    """Classes as names, numbers, columns, or something else."""
    number = np.random.default_rng(draw(SMALL)).integers(0, max(classes, 1), frames)
    kind = one_of(draw, "names", "numbers", "numbers", "columns", "column", "row", "wrong", "random")
    if kind == "names":
        return np.asarray(MODULATIONS)[number % 24]
    if kind == "columns":
        return np.eye(max(classes, 1), dtype=one_of(draw, "i8", "f4", "b1"))[number]
    if kind in ("column", "row"):
        return number[:, None] if kind == "column" else number[None]
    return (
        an_array(draw, (frames,))
        if kind == "random"
        else number + (one_of(draw, -1, 0.5, 1, 900) if kind == "wrong" else 0)
    )


def names(draw: Draw, classes: int) -> list[str] | None:
    """A list of classes for them, or one that doesn't fit."""
    if draw(SMALL) == 0:
        return None
    return list(MODULATIONS[: max(1, classes + one_of(draw, 0, 0, 0, 1, -1))])


def choice(draw: Draw) -> dict:
    """Keys that all sources have."""
    keys = {"frames_per_cell": one_of(draw, None, 1, 5), "frame_length": one_of(draw, None, 1, 8)}
    return {key: value for key, value in keys.items() if value is not None and draw(SMALL) == 0}
