"""95 % intervals: Wilson's for a share of frames, the bootstrap's for what confusion counts give."""

from collections.abc import Callable

import numpy as np

Z95 = 1.959963984540054  # the 97.5 % point of the standard normal distribution
RESAMPLES = 1000


def wilson(right: np.ndarray | int, frames: np.ndarray | int, z: float = Z95) -> tuple[np.ndarray, np.ndarray]:
    """Score interval of a binomial share at 95 %: ``right`` of ``frames`` -> (low, high), NaN for no frames.

    At another level with another point ``z`` of the standard normal distribution.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927);
    in the form of Brown, Cai and DasGupta, Statistical Science 16 (2001), eq. 4. Unlike the normal
    approximation it stays inside [0, 1] and keeps a width at 0 and 1.
    """
    right, frames = np.broadcast_arrays(np.asarray(right, np.float64), np.asarray(frames, np.float64))
    known = frames > 0
    n = np.where(known, frames, 1.0)
    share = right / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # At the ends the bound is 0 or 1 exactly; rounding would leave a hair.
    low = np.where(right == 0, 0.0, centre - half)
    high = np.where(right == frames, 1.0, centre + half)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def bootstrap(
    counts: np.ndarray,
    *statistics: Callable[[np.ndarray], np.ndarray],
    seed: int | np.random.SeedSequence,
    resamples: int = RESAMPLES,
) -> list[tuple[float, float]]:
    """Percentile bootstrap over frames (2.5 % and 97.5 %) of statistics of confusion counts (K, K).

    Drawing N frames with replacement and counting them anew is one multinomial draw of N over the cells, so
    the time depends on the cells, not on N. Each statistic takes (R, K, K) counts and gives (R,) numbers; all
    see the same resamples. Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.
    Gives (nan, nan) where there is no frame. Frames are taken as independent.
    """
    frames = int(counts.sum())
    if frames == 0:
        return [(float("nan"), float("nan"))] * len(statistics)
    lit = np.flatnonzero(counts)
    shares = counts.ravel()[lit] / frames
    drawn = np.zeros((resamples, counts.size), dtype=np.int64)
    drawn[:, lit] = np.random.default_rng(seed).multinomial(frames, shares, size=resamples)
    drawn = drawn.reshape(resamples, *counts.shape)
    intervals = []
    for statistic in statistics:
        low, high = np.percentile(statistic(drawn), [2.5, 97.5])
        intervals.append((float(low), float(high)))
    return intervals
