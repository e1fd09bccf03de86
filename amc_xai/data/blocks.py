"""A split of frames that share samples: no sample stands in two parts, and what would is left out as a gap."""

import numpy as np

from amc_xai.data.contracts import Origin
from amc_xai.data.counts import nearest_counts, random_keys

LEFT_OUT = -1
# A stretch that goes to one part as a whole is so many times longer than the gap beside it: more stretches would
# spread a part better over a recording, and cost more frames.
BLOCK_GAPS = 10


def split_stretches(
    cell: np.ndarray, known: np.ndarray, origin: Origin, ratios: np.ndarray, seed: int
) -> np.ndarray:
    """The part of each frame (N,): 0, 1, 2 in the order of ``ratios``, or -1 where it is left out.

    In every cell, frames that follow each other with common samples are cut into stretches, these are put in
    random order, and the order is cut where one part's frames end. A frame that shares samples with one of another
    part is left out: of the larger part's, and rather an unlabelled than a labelled one.

    Args:
        cell: number of each frame's (modulation, SNR) cell, (N,).
        known: whether both labels of a frame are known, (N,) bool.
        origin: which samples of which recording each frame holds.
        ratios: shares (3,), with a sum of 1.
        seed: of the order of the stretches; a cell's depends on it and on the cell's own frames alone.
    """
    key = origin.key()
    smallest, middle, largest = by_size = np.argsort(ratios, kind="stable")
    part = np.full(len(cell), LEFT_OUT)

    def clear(of: int, among: np.ndarray, others: list[int], beside: np.ndarray) -> None:
        """Leave out the frames ``among`` of one part that share samples with frames ``beside`` of others."""
        frames = np.flatnonzero(among & (part == of))
        fixed = np.sort(key[beside & np.isin(part, others)])
        part[frames[sharing(key[frames], fixed, origin.length)]] = LEFT_OUT

    by_cell = np.lexsort((key, cell))
    _, first = np.unique(cell[by_cell], return_index=True)
    for frames in np.split(by_cell, first[1:]):
        part[frames] = split_cell(key[frames], origin.length, ratios, by_size, seed)
    for group in (known, ~known):
        clear(middle, group, [smallest], group)
        clear(largest, group, [smallest, middle], group)
    for of in range(3):
        clear(of, ~known, [other for other in range(3) if other != of], known)
    return part


def split_cell(key: np.ndarray, length: int, ratios: np.ndarray, by_size: np.ndarray, seed: int) -> np.ndarray:
    """The part of each frame of one cell, ``key`` (n,) ascending; gaps inside a stretch are left out already."""
    frames = len(key)
    new = np.diff(key, prepend=key[0] - length) >= length
    chain = np.cumsum(new) - 1
    place = np.arange(frames) - np.flatnonzero(new)[chain]
    after = np.searchsorted(key, key + length) - np.arange(frames) - 1
    stretch = np.cumsum(new | (place % (BLOCK_GAPS * max(1, after.max())) == 0)) - 1
    order = np.lexsort((np.arange(frames), random_keys(np.arange(stretch[-1] + 1), seed)[stretch]))
    ordered, following = stretch[order], after[order]

    def cut(expected: int) -> tuple[np.ndarray, int]:
        """The parts where the gaps are expected to take so many frames, and how many they do."""
        counts = nearest_counts(ratios, np.asarray([frames - expected]))[:, 0]
        part, gaps, at = np.full(frames, by_size[2]), 0, 0
        for which in by_size[:2]:
            part[order[at : at + counts[which]]] = which
            at += counts[which]
            if counts[which] > 0 and at < frames:
                gap = min(following[at - 1], np.count_nonzero(ordered[at:] == ordered[at - 1]))
                part[order[at : at + gap]] = LEFT_OUT
                at, gaps = at + gap, gaps + gap
        return part, gaps

    part, gaps = cut(0)
    # The frames that are left over are shared out, unless the cuts then fall where fewer are lost.
    shared, lost = cut(gaps)
    return shared if lost >= gaps else part


def sharing(key: np.ndarray, others: np.ndarray, length: int) -> np.ndarray:
    """Whether each stretch of ``length`` samples from ``key`` (n,) on meets one from ``others``, ascending."""
    return np.searchsorted(others, key - length, "right") < np.searchsorted(others, key + length, "left")
