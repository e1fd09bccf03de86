"""Samples as people have them -> frames as networks take them."""

from typing import Any, NamedTuple

import numpy as np
import torch

from amc_xai.data.contracts import Origin
from amc_xai.data.recordings.cutting import starts_within
from amc_xai.data.recordings.values import MOST
from amc_xai.errors import UserError

SHAPES = "give complex samples (L,) or (n, L), or I and Q as floats, (2, L) or (n, 2, L)"


class Cut(NamedTuple):
    """N frames, and where they are from."""

    frames: torch.Tensor | None
    """float32 (N, 2, L), I and Q; None where they are read part by part."""
    row: np.ndarray
    """int64 (N,): of which recording, 0 where there is one."""
    start: np.ndarray
    """int64 (N,): its first sample there."""


class Held:
    """Rows of frames as a source of recordings (:class:`amc_xai.data.FrameSource`), one a row."""

    snr_definition = None

    def __init__(self, frames: Cut, samples_per_symbol: float | None, sample_rate: float | None):
        self._frames = frames.frames
        self.frame_length = frames.frames.shape[-1]
        self.samples_per_symbol, self.sample_rate = samples_per_symbol, sample_rate
        self.modulations: list[str] = []
        self.snrs: list[float] = []
        self.modulation_index = self.snr_index = np.full(len(frames.row), -1)
        self.file_index = frames.row
        self.names = [f"row {row}" for row in range(int(frames.row[-1]) + 1)]
        self.origin = Origin(frames.row, frames.start, self.frame_length)

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames (n, 2, L) float32."""
        return self._frames[torch.from_numpy(np.asarray(indices))]


def cut(iq: Any, shortest: int | None, longest: int | None) -> Cut:
    """Frames of samples of any form that :func:`as_pairs` takes.

    Rows of ``shortest`` to ``longest`` samples are a frame each. Longer ones are cut into frames of ``longest``,
    and what is left at their end is no frame. None = not known, so that all rows are taken whole.

    Raises:
        UserError: for rows of less than ``shortest`` samples, and what :func:`as_pairs` raises.

    >>> found = cut(np.ones(250, np.complex64), 64, 100)
    >>> found.frames.shape, found.start.tolist()
    (torch.Size([2, 2, 100]), [0, 100])
    """
    pairs = as_pairs(iq)
    rows, _, samples = pairs.shape
    if shortest is not None and samples < shortest:
        raise UserError(
            f"iq: {samples} samples are less than a frame, and the network was trained on frames of {shortest}; "
            "give it as many or more"
        )
    length = samples if longest is None else min(samples, longest)
    starts = starts_within(0, samples, length, length)
    frames = pairs[:, :, : len(starts) * length].reshape(rows, 2, len(starts), length)
    frames = np.ascontiguousarray(frames.transpose(0, 2, 1, 3)).reshape(-1, 2, length)
    return Cut(torch.from_numpy(frames), np.repeat(np.arange(rows), len(starts)), np.tile(starts, rows))


def as_pairs(iq: Any) -> np.ndarray:
    """Samples as float32 (n, 2, L), I and Q.

    Args:
        iq: NumPy or torch, complex (L,) or (n, L), or floats (2, L) or (n, 2, L).

    Raises:
        UserError: for another shape or type, no samples, or values that aren't finite or absurdly large.

    >>> as_pairs(np.array([1 + 2j, 3 + 4j])).tolist()
    [[[1.0, 3.0], [2.0, 4.0]]]
    """
    values = as_array(iq)
    check_type(values.dtype)
    is_complex = values.dtype.kind == "c"
    if values.ndim not in ((1, 2) if is_complex else (2, 3)) or not (is_complex or values.shape[-2] == 2):
        kind = "complex" if is_complex else "real"
        raise UserError(f"iq: {kind} numbers of shape {values.shape} are no samples; {SHAPES}")
    if not values.size:
        raise UserError(f"iq: there are no samples, its shape is {values.shape}; {SHAPES}")
    pairs = np.stack([values.real, values.imag], -2) if is_complex else values
    pairs = pairs.reshape(-1, *pairs.shape[-2:])
    # Written so that NaN fails too.
    strange = np.argwhere(~(np.abs(pairs) <= MOST))
    if len(strange):
        row, _, sample = strange[0]
        value = pairs[tuple(strange[0])]
        raise UserError(
            f"iq: sample {sample} of row {row} is {value:g}; samples must be finite, and {MOST:g} or less"
        )
    return pairs.astype(np.float32)


def as_array(iq: Any) -> np.ndarray:
    """The same numbers as a NumPy array, in memory."""
    if isinstance(iq, torch.Tensor):
        iq = iq.detach().resolve_conj().resolve_neg().cpu()
        # NumPy has no bfloat16.
        return (iq.float() if iq.dtype == torch.bfloat16 else iq).numpy()
    try:
        return np.asarray(iq)
    except ValueError as error:
        raise UserError(f"iq: its rows are of different lengths; {SHAPES}") from error


def check_type(dtype: np.dtype) -> None:
    """Raise UserError unless numbers of this type are samples."""
    if dtype.kind in "iu":
        raise UserError(
            f"iq holds integers ({dtype}); give floats, I and Q apart, such as raw.reshape(-1, 2).T / "
            f"{np.iinfo(dtype).max + 1 if dtype.kind == 'i' else np.iinfo(dtype).max}"
        )
    if dtype.kind not in "cf":
        raise UserError(f"iq must hold complex or floating-point numbers, not {dtype}; {SHAPES}")
