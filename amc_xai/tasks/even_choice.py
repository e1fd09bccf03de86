"""Which of many frames are looked at: equally many of each class at each SNR."""

import numpy as np

from amc_xai.data.contracts import FrameSource


def evenly(source: FrameSource, indices: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many of the frames at ``indices`` (N,), ascending; a seeded draw decides within each cell.

    Counts of two cells (a modulation at an SNR, each known or not) differ by one at most, but where one holds no
    more. Fewer frames than cells are those of cells drawn at random.
    """
    if most >= len(indices):
        return indices
    drawn = np.random.default_rng(seed).permutation(indices)
    cell = (source.modulation_index[drawn] + 1) * (len(source.snrs) + 1) + source.snr_index[drawn] + 1
    by_cell = np.argsort(cell, kind="stable")
    turn = np.empty(len(drawn), np.int64)  # how many of its cell were drawn before it
    turn[by_cell] = np.arange(len(drawn)) - np.searchsorted(cell[by_cell], cell[by_cell])
    return np.sort(drawn[np.argsort(turn, kind="stable")[:most]])
