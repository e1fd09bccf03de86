"""Effects over several trainings tested on the same frames, and how alike they rank regions. Needs no torch."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata
from scipy.stats import t as student

from amc_xai.explain.paired import RESAMPLES, mean_difference

# So many resamples are weighed at once: what they hold stays within some megabytes.
_AT_ONCE = 200


def over_runs(values: np.ndarray, seed: int = 0) -> tuple[float, float, float]:
    """The mean of ``values`` (runs, frames), within -1..1, and its 95 % interval: (mean, low, high).

    Both the trainings and the frames are a sample: the half widths of the two are added in squares, as G. Y. Zou
    and A. Donner, "Construction of confidence limits about effect measures: a general approach", Statistics in
    Medicine 27 (2008), equation 3, do with independent parts. Frames: `paired.mean_difference` of the mean over
    runs; runs: Student's t of their means. What a training makes of single frames is in both, so the interval is
    rather too wide. Of one run it is that of the frames alone.
    """
    runs, frames = values.shape
    one = np.zeros(frames, np.int64)
    low, high, _ = (float(found[0]) for found in mean_difference(values.mean(0), one, 1, seed))
    mean = float(values.mean())
    if runs < 2:
        return mean, low, high
    half = student.ppf(0.975, runs - 1) * float(values.mean(1).std(ddof=1)) / math.sqrt(runs)
    return mean, mean - math.hypot(mean - low, half), mean + math.hypot(high - mean, half)


def rank_agreement(
    lost: np.ndarray,
    share: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float, float]:
    """How alike pairs of scorings rank regions: the mean of Spearman's coefficients, and its 95 % interval.

    The interval is a bootstrap over frames (2.5 and 97.5 %), the same frames for every scoring, and says nothing
    of other trainings. Noise of the scores makes ranks less alike: with fewer frames the coefficient is too low.
    NaN where no pair has ranks.

    Args:
        lost: (scorings, regions, frames), what each region's mask takes of the answer to each frame.
        share: (scorings, regions), of the lit pixels that it takes: a score is the mean of ``lost`` over it.
        pairs: of scorings.
    """
    frames = lost.shape[2]
    flat = lost.reshape(-1, frames).T.astype(np.float64)
    first, second = (np.array([pair[end] for pair in pairs], np.int64) for end in (0, 1))

    def agreement(means: np.ndarray) -> np.ndarray:
        """Of means (D, scorings x regions), the mean coefficient (D,)."""
        ranks = rankdata((means.reshape(-1, *share.shape) / share).round(12), axis=-1)
        ranks = ranks - ranks.mean(-1, keepdims=True)
        norm = np.sqrt((ranks**2).sum(-1))
        product = (ranks[:, first] * ranks[:, second]).sum(-1)
        scale = norm[:, first] * norm[:, second]
        rho = np.divide(product, scale, out=np.full(product.shape, np.nan), where=scale > 0)
        known = np.isfinite(rho).sum(-1)
        return np.divide(np.nansum(rho, -1), known, out=np.full(len(rho), np.nan), where=known > 0)

    value = float(agreement(flat.mean(0, keepdims=True))[0])
    rng, found = np.random.default_rng(seed), []
    for begin in range(0, resamples, _AT_ONCE):
        drawn = min(_AT_ONCE, resamples - begin)
        weight = rng.multinomial(frames, np.full(frames, 1 / frames), size=drawn)
        found.append(agreement(weight @ flat / frames))
    known = np.concatenate(found)
    known = known[np.isfinite(known)]
    if not math.isfinite(value) or not len(known):
        return math.nan, math.nan, math.nan
    low, high = np.percentile(known, [2.5, 97.5])
    return value, min(float(low), value), max(float(high), value)
