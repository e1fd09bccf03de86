"""Stratified split by (modulation, SNR), from labels alone."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from amc_xai.data.blocks import LEFT_OUT, sharing, split_stretches
from amc_xai.data.choice import check_seed
from amc_xai.data.contracts import Origin
from amc_xai.data.counts import least_frames, nearest_counts, random_keys
from amc_xai.errors import UserError, guess

log = logging.getLogger(__name__)

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """Frame indices (n,) int64 of each part, ascending; the parts share no frame.

    ``gap`` holds those of no part: they share samples with frames of two.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    gap: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def part(self, name: str) -> np.ndarray:
        """The indices of ``train``, ``validation``, ``test``, or of ``all`` frames, gaps included.

        Raises:
            UserError: for any other name.
        """
        if name == "all":
            return np.sort(np.concatenate([self.train, self.validation, self.test, self.gap]))
        if name not in PARTS:
            raise UserError(
                f"task.part must be one of {', '.join(PARTS)}, all, not {name!r}{guess(name, (*PARTS, 'all'))}"
            )
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
    origin: Origin | None = None,
) -> Split:
    """Split every (modulation, SNR) cell in the same ratios, to the nearest frame.

    The place of a frame is drawn from ``seed`` and its position within its cell alone, so that choosing
    fewer classes or SNRs never moves a frame from one part to another. Frames that share samples by ``origin``
    stay together, as :func:`~amc_xai.data.blocks.split_stretches` has it; the log says how many that leaves out.

    Args:
        modulation_index, snr_index: labels, (N,) int64 each, -1 = unknown.
        ratios: shares of train, validation and test; 0 leaves a part empty.
        origin: which samples each frame holds, where frames may share any.

    Raises:
        UserError: for bad ratios, or for a cell too small to give each part a frame.
    """
    ratios = check_ratios(ratios)
    check_seed("split.seed", seed)
    frames = len(modulation_index)
    if frames == 0:
        raise UserError("dataset: there is not one frame to split")
    cell = cell_index(modulation_index, snr_index)
    if origin is not None and origin.overlaps():
        known = (modulation_index >= 0) & (snr_index >= 0)
        return split_overlapping(cell, known, origin, ratios, seed)
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


def split_overlapping(cell: np.ndarray, known: np.ndarray, origin: Origin, ratios: np.ndarray, seed: int) -> Split:
    """The split of frames of which some share samples.

    Raises:
        UserError: for a cell too small to give each part a frame.
    """
    part = split_stretches(cell, known, origin, ratios, seed)
    split = Split(*(np.flatnonzero(part == k) for k in (0, 1, 2)), np.flatnonzero(part == LEFT_OUT))
    for c in np.unique(cell):
        got = np.bincount(part[cell == c] + 1, minlength=4)
        short = np.flatnonzero((got[1:] == 0) & (ratios > 0))
        if len(short):
            raise UserError(
                f"split.ratios: a (modulation, SNR) cell of {got.sum()} frames, of which {got[0]} are left out "
                f"because they share samples with others, is too small to give the {PARTS[short[0]]} part its "
                f"share of {ratios[short[0]]:g}; use longer or more recordings, frames without overlap "
                "(dataset.hop=null), or other ratios"
            )
    if len(split.gap):
        log.warning(
            "split: %d of %d frames are in no part, because they share samples with frames of two (overlapping "
            "or copied frames)", len(split.gap), len(part),
        )  # fmt: skip
    return split


def check_ratios(ratios: Sequence[float]) -> np.ndarray:
    """Three shares, none negative, with a sum of 1, as an array (3,)."""
    numbers = isinstance(ratios, Sequence | np.ndarray) and all(isinstance(r, int | float) for r in ratios)
    array = np.asarray(ratios if numbers else [], dtype=float)
    if array.shape != (3,) or (array < 0).any() or not abs(array.sum() - 1) <= 1e-6 or array[0] + array[2] == 0:
        raise UserError(
            "split.ratios must be three shares (train, validation, test), each 0 or more, with a sum of 1, "
            f"such as [0.8,0.1,0.1], not {ratios}"
        )
    return array / array.sum()


def verify(
    split: Split,
    modulation_index: np.ndarray,
    snr_index: np.ndarray,
    modulations: Sequence[str],
    snrs: Sequence[float],
    ratios: Sequence[float],
    origin: Origin | None = None,
) -> None:
    """Check that every part holds every cell in its ratio and that no frame, or sample, stands in two parts.

    Raises:
        UserError: naming the first absent or unbalanced cell, or an overlap.
    """
    seen = np.zeros(len(modulation_index), dtype=np.int8)
    for name in (*PARTS, "gap"):
        seen[getattr(split, name)] += 1
    if seen.max(initial=0) > 1:
        raise UserError(f"split: {int((seen > 1).sum())} frames stand in more than one part")
    if origin is not None and origin.overlaps():
        key = origin.key()
        for one, other in combinations(PARTS, 2):
            both = sharing(key[split.part(one)], np.sort(key[split.part(other)]), origin.length)
            if both.any():
                raise UserError(
                    f"split: {both.sum()} frames of the {one} part share samples with the {other} part"
                )
    labelled = (modulation_index >= 0) & (snr_index >= 0)
    cell = np.where(labelled, modulation_index * len(snrs) + snr_index, len(modulations) * len(snrs))
    size = np.bincount(cell, minlength=len(modulations) * len(snrs) + 1)[:-1]
    spare = np.bincount(cell[split.gap], minlength=len(size) + 1)[:-1]

    def name_of(index: int) -> str:
        return f"{modulations[index // len(snrs)]} at {snrs[index % len(snrs)]:g} dB"

    for name, ratio in zip(PARTS, ratios, strict=True):
        count = np.bincount(cell[split.part(name)], minlength=len(size) + 1)[:-1]
        absent = np.flatnonzero((count == 0) & (size > 0) & (ratio > 0))
        if len(absent):
            raise UserError(f"split: the {name} part holds no frame of {name_of(absent[0])}")
        off = np.flatnonzero(np.abs(count - ratio * size) > 1 + spare)
        if len(off):
            raise UserError(
                f"split: the {name} part holds {count[off[0]]} of the {size[off[0]]} frames of "
                f"{name_of(off[0])}, where its share of {ratio:g} asks for {ratio * size[off[0]]:.0f}"
            )
