"""Paired bootstrap intervals over frames, from counts of outcomes. Needs no torch."""

import numpy as np

RESAMPLES = 2000
# Below these an interval's coverage is not vouched for: fewer frames, or a drop of fewer frames, make the
# bootstrap's distribution coarse and lopsided.
FIRM_FRAMES = 1000
FIRM_DROP = 0.03


def intervals(
    counts: np.ndarray, values: np.ndarray, seed: int, resamples: int = RESAMPLES
) -> tuple[np.ndarray, np.ndarray]:
    """Return the 95 % percentile interval of mean values over frames, for several groups of frames at once.

    Every frame has one of K outcomes (for a pair: right or wrong before, right or wrong after), so drawing the
    frames of a group with replacement is one multinomial draw over the K counts: exact, and as quick for a
    million frames as for ten. All values of a group see the same resamples, which keeps their differences
    paired (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3).

    Args:
        counts: int (G, K), frames of each group by outcome.
        values: (V, K), what each of V statistics makes of an outcome; the statistic is its mean over frames.
        seed: of the resamples.
        resamples: how many.

    Returns:
        low and high, float64 (G, V) each; NaN for a group without frames.
    """
    groups = counts.shape[0]
    frames = counts.sum(1)
    shares = counts / np.maximum(frames, 1)[:, None]
    drawn = np.random.default_rng(seed).multinomial(frames, shares, size=(resamples, groups))
    means = (drawn @ np.asarray(values, np.float64).T) / np.maximum(frames, 1)[:, None]
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    nothing = (frames == 0)[:, None]
    return np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)


def outcome_counts(
    clean: np.ndarray, right: np.ndarray, control: np.ndarray, repeats: int, group: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Count the paired outcomes of frames, and say what each outcome means.

    Args:
        clean: bool (n,), right without a perturbation.
        right, control: int (n,) 0..R, right in so many of R draws of the mask, and of its control.
        repeats: R.
        group: int (n,) 0..G-1, the group of each frame.
        groups: G.

    Returns:
        counts int (G, K) with K = 2 (R + 1)^2, and float (3, K): the drop, the control's drop and the excess
        (drop less that of the control) that a frame of each outcome contributes.
    """
    width = repeats + 1
    outcome = (clean * width + right) * width + control
    cells = 2 * width * width
    counts = np.bincount(group * cells + outcome, minlength=groups * cells).reshape(groups, cells)
    before, after, beside = np.unravel_index(np.arange(cells), (2, width, width))
    drop, control_drop = before - after / repeats, before - beside / repeats
    return counts, np.stack([drop, control_drop, (beside - after) / repeats])


def note(frames: int, drop: float) -> str:
    """Return ``"weak"`` for fewer than 1,000 frames or a drop below .03, where coverage isn't vouched for."""
    return "" if frames >= FIRM_FRAMES and abs(drop) >= FIRM_DROP else "weak"
