"""Intervals against published values and against resampling frame by frame."""

import numpy as np
import pytest

from amc_xai.evaluation.confusion import confusion_counts, f1_macro, mean_absolute_error
from amc_xai.evaluation.intervals import bootstrap, wilson


@pytest.mark.parametrize(
    ("right", "frames", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3 (score).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_published(right, frames, low, high):
    assert wilson(right, frames) == pytest.approx((low, high), abs=6e-5)


def test_wilson_at_the_ends_and_without_frames():
    low, high = wilson(np.array([0, 7, 0]), np.array([7, 7, 0]))
    assert low[0] == 0.0 and high[1] == 1.0
    assert high[0] == pytest.approx(1 - low[1])  # right and wrong are each other's mirror
    assert np.isnan([low[2], high[2]]).all()


def test_wilson_covers_as_often_as_it_says():
    # Exact coverage by summing binomial probabilities; at this size it stays within 2 points of 95 %.
    from scipy.stats import binom

    k = np.arange(101)
    low, high = wilson(k, 100)
    for share in (0.1, 0.3, 0.5, 0.77):
        covered = binom.pmf(k, 100, share)[(low <= share) & (share <= high)].sum()
        assert 0.93 < covered < 0.97


def test_bootstrap_against_resampling_frames():
    rng = np.random.default_rng(0)
    snrs = np.array([0.0, 2.0, 5.0, 9.0])
    labels = rng.integers(0, 4, 300)
    said = np.where(rng.random(300) < 0.6, labels, rng.integers(0, 4, 300))
    counts = confusion_counts(labels, said, 4)

    def error(c):
        return mean_absolute_error(c, snrs)

    f1_interval, error_interval = bootstrap(counts, f1_macro, error, seed=1, resamples=4000)
    f1s, errors = [], []
    for _ in range(4000):
        drawn = rng.integers(0, 300, 300)
        f1s.append(f1_macro(confusion_counts(labels[drawn], said[drawn], 4)))
        errors.append(np.abs(snrs[labels[drawn]] - snrs[said[drawn]]).mean())
    for interval, direct in ((f1_interval, f1s), (error_interval, errors)):
        expected = np.percentile(direct, [2.5, 97.5])
        width = expected[1] - expected[0]
        # The Monte Carlo error of a 2.5 % point from 4000 resamples is about 1 % of the width.
        assert interval == pytest.approx(expected, abs=0.06 * width)


def test_bootstrap_width_of_a_mean():
    # With distances 0 and d the error is d times a share, so its spread is known: d sqrt(p (1 - p) / n).
    counts = np.array([[700, 300], [0, 0]])
    interval = bootstrap(counts, lambda c: mean_absolute_error(c, np.array([0.0, 2.0])), seed=0, resamples=20000)[
        0
    ]
    half = 1.96 * 2 * np.sqrt(0.3 * 0.7 / 1000)
    assert interval == pytest.approx((0.6 - half, 0.6 + half), abs=0.06 * half)


def test_bootstrap_without_frames():
    assert np.isnan(bootstrap(np.zeros((3, 3), dtype=np.int64), f1_macro, seed=0)[0]).all()
