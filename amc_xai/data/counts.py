"""How many frames of a cell each part gets, and random numbers that depend on a frame's place alone."""

import numpy as np


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
