"""Intervals and tests of a difference between two answers to the same frames. Needs no torch.

Where an answer is one draw, a frame is lost, gained or neither: Tango's score interval. Where it is averaged over
draws or donors: a bootstrap over frames. Neither ever has zero width: that no frame of 300 changed doesn't mean
that none would.
"""

import numpy as np
from scipy.special import ndtr

from amc_xai.evaluation.intervals import Z95

RESAMPLES = 2000
# An interval wider than this (in accuracy, 0..1) says little, whatever its middle.
WIDE = 0.1
_HALVINGS = 50
# So many frames of resamples are held at once.
_DRAWN = 2**20


def tango(lost: np.ndarray, gained: np.ndarray, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % score interval of (lost - gained) / frames, for counts of any one shape.

    T. Tango, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17 (1998), equations 8 to 11: all differences d that the score test of "the
    true difference is d" doesn't reject. NaN where there is no frame.

    Args:
        lost: frames right before and wrong after.
        gained: frames wrong before and right after.
        frames: all of them, the unchanged included.
    """
    lost, gained, frames = np.broadcast_arrays(*(np.asarray(a, np.float64) for a in (lost, gained, frames)))
    n = np.where(frames > 0, frames, 1)
    bounds = []
    for end in (-1.0, 1.0):
        # The score falls as d grows, so each bound lies between the estimate and the end of the scale.
        inside, outside = (lost - gained) / n, np.full(n.shape, end)
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            accepted = np.abs(_score(middle, lost, gained, n)) <= Z95
            inside, outside = np.where(accepted, middle, inside), np.where(accepted, outside, middle)
        bounds.append(np.where(frames > 0, inside, np.nan))
    return bounds[0], bounds[1]


def _score(d: np.ndarray, lost: np.ndarray, gained: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Tango's statistic at d: the share gained is fitted under the hypothesis (his equation 10)."""
    b = -lost - gained + (2 * n - lost + gained) * d
    c = -gained * d * (1 - d)
    fitted = (np.sqrt(np.maximum(b * b - 8 * n * c, 0)) - b) / (4 * n)
    variance = n * (2 * fitted + d * (1 - d))
    excess = lost - gained - n * d
    beyond = np.where(excess == 0, 0.0, np.copysign(np.inf, excess))
    return np.where(variance > 0, excess / np.sqrt(np.where(variance > 0, variance, 1)), beyond)


def difference(
    before: np.ndarray,
    after: np.ndarray,
    draws: tuple[int, int],
    group: np.ndarray,
    groups: int,
    seed: int,
    resamples: int = RESAMPLES,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return low, high and p-value, float64 (G,) each, of the accuracy before less that after, by group.

    Args:
        before, after: int (n,), in how many of its draws each frame was answered rightly.
        draws: how many draws there were before and after.
        group, groups, seed, resamples: as `mean_difference` has them.
    """
    return mean_difference(before / draws[0] - after / draws[1], group, groups, seed, resamples)


def mean_difference(
    values: np.ndarray, group: np.ndarray, groups: int, seed: int, resamples: int = RESAMPLES
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return low, high and p-value, float64 (G,) each, of the mean of ``values`` over the frames of each group.

    Where every frame changed wholly or not at all: `tango`, and the p-value of the same score test at 0
    (McNemar's). Else a bootstrap over frames, 95 % by percentiles, with two frames added, one that lost as much as
    a changed frame typically does (sum of squares over sum of magnitudes) and one that gained it, as D. G. Bonett
    and R. M. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
    data", J. Educ. Behav. Stat. 37 (2012), add whole ones; the p-value is that of their normal test.

    Args:
        values: (n,) within -1..1, such as right before less the share of draws that are right after.
        group: int (n,) 0..G-1.
        groups: G; one without frames gets NaN.
        seed: of the resamples, whose number is ``resamples``.
    """
    # An average over draws that should be a whole number may miss it by a rounding error.
    values = np.round(values, 9)
    frames = np.bincount(group, minlength=groups)
    lost, gained = (np.bincount(group, weights=values == whole, minlength=groups) for whole in (1, -1))
    low, high = tango(lost, gained, frames)
    p = np.where(frames > 0, _two_sided((lost - gained) / np.sqrt(np.maximum(lost + gained, 1))), np.nan)
    rng = np.random.default_rng(seed)
    for g in np.unique(group[values != np.round(values)]):
        level, counts = np.unique(values[group == g], return_counts=True)
        low[g], high[g], p[g] = _bootstrap(level, counts, rng, resamples)
    return low, high, p


def mean_interval(values: np.ndarray, seed: int, resamples: int = RESAMPLES) -> tuple[float, float, float]:
    """Mean over frames and its 95 % percentile bootstrap interval; NaN bounds for fewer than two frames.

    Where all N values are equal the interval is that of a share of which none of N was seen (`tango`).
    """
    values = np.asarray(values, np.float64)
    frames = len(values)
    if frames >= 2 and np.ptp(values) <= 1e-12:
        low, high = tango(0, 0, frames)
        return float(values[0]), float(values[0] + low), float(values[0] + high)
    if frames < 2:
        return float(values.mean()) if frames else float("nan"), float("nan"), float("nan")
    rng, means, at_once = np.random.default_rng(seed), np.empty(resamples), max(1, _DRAWN // frames)
    for begin in range(0, resamples, at_once):
        some = means[begin : begin + at_once]
        some[:] = values[rng.integers(0, frames, (len(some), frames))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def _bootstrap(
    level: np.ndarray, counts: np.ndarray, rng: np.random.Generator, resamples: int
) -> tuple[float, float, float]:
    change = counts @ level**2 / (counts @ np.abs(level))
    level, counts = np.append(level, [change, -change]), np.append(counts, [1, 1])
    frames = counts.sum()
    # Drawing frames with replacement is one multinomial draw over the values that they have.
    means = rng.multinomial(frames, counts / frames, size=resamples) @ level / frames
    # The sums fall on few values: spread each over its step, or a bound would jump by a whole one.
    means += rng.uniform(-0.5, 0.5, resamples) * change / frames
    mean = counts @ level / frames
    spread = np.sqrt((counts @ level**2 / frames - mean**2) / frames)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high), float(_two_sided(mean / spread))


def _two_sided(z: np.ndarray) -> np.ndarray:
    """The p-value of a standard normal statistic."""
    return 2 * ndtr(-np.abs(z))


def false_discovery(p: np.ndarray) -> np.ndarray:
    """Return q, the least false-discovery rate at which each of these tests (any shape) is a discovery.

    Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", J. R. Stat. Soc. B 57 (1995). NaN stays
    NaN and counts as no test.
    """
    p = np.asarray(p, np.float64)
    q = np.full(p.shape, np.nan)
    known = np.isfinite(p)
    order = np.argsort(p[known], kind="stable")
    tests = len(order)
    scaled = p[known][order] * tests / np.arange(1, tests + 1)
    sorted_q = np.minimum.accumulate(scaled[::-1])[::-1].clip(max=1)
    found = np.empty(tests)
    found[order] = sorted_q
    q[known] = found
    return q


def note(low: float, high: float) -> str:
    """Return ``"wide"`` for an interval of more than ten points, or one that isn't known; else nothing."""
    return "" if high - low <= WIDE else "wide"
