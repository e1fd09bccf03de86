"""Stratified split by (modulation, SNR), from labels alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from amc_xai.errors import UserError

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Frame indices (n,) int64 of each part, ascending; the parts share no frame."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def part(self, name: str) -> np.ndarray:
        """The indices of ``train``, ``validation``, ``test``, or of ``all`` three together.

        Raises:
            UserError: for any other name.
        """
        if name == "all":
            return np.sort(np.concatenate([self.train, self.validation, self.test]))
        if name not in PARTS:
            raise UserError(f"task.part must be one of {', '.join(PARTS)}, all, not {name!r}")
        return getattr(self, name)


def cell_index(modulation_index: np.ndarray, snr_index: np.ndarray) -> np.ndarray:
    """One number for each (modulation, SNR) pair; frames with an unknown label form cells of their own."""
    width = int(snr_index.max(initial=0)) + 2
    return (modulation_index + 1) * width + snr_index + 1


def stratified_split(
    modulation_index: np.ndarray,
    snr_index: np.ndarray,
    ratios: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = 0,
) -> Split:
    """Split every (modulation, SNR) cell in the same ratios, to the nearest frame.

    The place of a frame is drawn from ``seed`` and its position within its cell alone, so that choosing
    fewer classes or SNRs never moves a frame from one part to another.

    Args:
        modulation_index, snr_index: labels, (N,) int64 each, -1 = unknown.
        ratios: shares of train, validation and test; 0 leaves a part empty.

    Raises:
        UserError: for bad ratios, or for a cell too small to give each part a frame.
    """
    ratios = check_ratios(ratios)
    frames = len(modulation_index)
    if frames == 0:
        raise UserError("dataset: there is not one frame to split")
    cell = cell_index(modulation_index, snr_index)
    by_cell = np.argsort(cell, kind="stable")
    _, first, size = np.unique(cell[by_cell], return_index=True, return_counts=True)
    position = np.arange(frames) - np.repeat(first, size)
    order = np.lexsort((random_keys(position, seed), cell[by_cell]))
    # Within a cell, `position` now counts frames in random order; cut it where one part's frames end.
    got = nearest_counts(ratios, size)
    cuts = got.cumsum(0)
    frame = by_cell[order]
    train_end, validation_end = np.repeat(cuts[0], size), np.repeat(cuts[1], size)
    split = Split(
        train=np.sort(frame[position < train_end]),
        validation=np.sort(frame[(position >= train_end) & (position < validation_end)]),
        test=np.sort(frame[position >= validation_end]),
    )
    short = (got == 0) & (ratios[:, None] > 0)
    if short.any():
        part, which = np.argwhere(short)[0]
        raise UserError(
            f"split.ratios: a (modulation, SNR) cell of {size[which]} frames is too small to give the "
            f"{PARTS[part]} part its share of {ratios[part]:g}; use at least {least_frames(ratios)} frames a cell "
            f"(dataset.frames_per_cell) or other ratios"
        )
    return split


def check_ratios(ratios: Sequence[float]) -> np.ndarray:
    """Three shares, none negative, with a sum of 1, as an array (3,)."""
    array = np.asarray(ratios, dtype=float)
    if array.shape != (3,) or (array < 0).any() or not abs(array.sum() - 1) <= 1e-6 or array[0] + array[2] == 0:
        raise UserError(
            "split.ratios must be three shares (train, validation, test), each 0 or more, with a sum of 1, "
            f"such as [0.8,0.1,0.1], not {list(ratios)}"
        )
    return array / array.sum()


def nearest_counts(ratios: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Frames of each part (3, K) in cells of ``size`` (K,): the whole numbers nearest to the exact shares.

    Shares are rounded down, and what is left goes to the largest remainders, train before validation before
    test where they tie (Hamilton's method). Rounding the cumulative shares instead would give a cell of 7
    frames at 80/10/10 no validation frame.
    """
    share = ratios[:, None] * size
    counts = np.floor(share + 1e-9).astype(np.int64)
    rank = np.argsort(np.argsort(counts - share, axis=0, kind="stable"), axis=0)
    return counts + (rank < size - counts.sum(0))


def least_frames(ratios: np.ndarray) -> int:
    """The smallest cell from which on every wanted part gets a frame."""
    sizes = np.arange(1, 100_000)
    short = (nearest_counts(ratios, sizes)[ratios > 0] == 0).any(0)
    return int(sizes[short].max(initial=0)) + 1


def random_keys(position: np.ndarray, seed: int) -> np.ndarray:
    """A 64-bit hash of (position, seed), vectorised (SplitMix64: Steele, Lea and Flood, OOPSLA 2014)."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        z = (position.astype(np.uint64) + np.uint64(1)) * golden + np.uint64(seed % 2**64) * np.uint64(
            0xD1342543DE82EF95
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def verify(
    split: Split,
    modulation_index: np.ndarray,
    snr_index: np.ndarray,
    modulations: Sequence[str],
    snrs: Sequence[float],
    ratios: Sequence[float],
) -> None:
    """Check that every part holds every cell in its ratio and that no frame stands in two parts.

    Raises:
        UserError: naming the first absent or unbalanced cell, or an overlap.
    """
    seen = np.zeros(len(modulation_index), dtype=np.int8)
    for name in PARTS:
        seen[split.part(name)] += 1
    if seen.max(initial=0) > 1:
        raise UserError(f"split: {int((seen > 1).sum())} frames stand in more than one part")
    labelled = (modulation_index >= 0) & (snr_index >= 0)
    cell = np.where(labelled, modulation_index * len(snrs) + snr_index, len(modulations) * len(snrs))
    size = np.bincount(cell, minlength=len(modulations) * len(snrs) + 1)[:-1]

    def name_of(index: int) -> str:
        return f"{modulations[index // len(snrs)]} at {snrs[index % len(snrs)]:g} dB"

    for name, ratio in zip(PARTS, ratios, strict=True):
        count = np.bincount(cell[split.part(name)], minlength=len(size) + 1)[:-1]
        absent = np.flatnonzero((count == 0) & (size > 0) & (ratio > 0))
        if len(absent):
            raise UserError(f"split: the {name} part holds no frame of {name_of(absent[0])}")
        off = np.flatnonzero(np.abs(count - ratio * size) > 1)
        if len(off):
            raise UserError(
                f"split: the {name} part holds {count[off[0]]} of the {size[off[0]]} frames of "
                f"{name_of(off[0])}, where its share of {ratio:g} asks for {ratio * size[off[0]]:.0f}"
            )
