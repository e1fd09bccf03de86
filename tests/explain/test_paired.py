"""Intervals of paired differences: how often they cover, that none has zero width; false discoveries."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binom, false_discovery_control

from amc_xai.explain.paired import difference, false_discovery, mean_difference, mean_interval, note, tango

# Drops of 0, 1, 3 and 10 %, as shares of frames (lost, gained).
DROPS = [(0.01, 0.01), (0.01, 0.0), (0.02, 0.01), (0.03, 0.0), (0.04, 0.01), (0.1, 0.0), (0.12, 0.02)]


@pytest.mark.parametrize("frames", [300, 1000])
@pytest.mark.parametrize(("lost", "gained"), DROPS)
def test_tangos_interval_covers_the_true_drop_as_often_as_it_says(frames, lost, gained):
    # The exact probability, summed over all outcomes: no simulation's noise.
    covered = 0.0
    for b in range(frames + 1):
        if (of_b := binom.pmf(b, frames, lost)) < 1e-8:
            continue
        c = np.arange(min(frames - b, 120) + 1)
        low, high = tango(b, c, frames)
        hit = (low <= lost - gained) & (lost - gained <= high)
        covered += of_b * (binom.pmf(c, frames - b, gained / (1 - lost)) * hit).sum()
    assert 0.93 <= covered <= 0.975


@pytest.mark.parametrize("frames", [300, 1000])
@pytest.mark.parametrize(("lost", "gained"), [(0.01, 0.01), (0.01, 0.0), (0.03, 0.0), (0.12, 0.02)])
def test_the_bootstrap_of_averaged_draws_covers_too_and_has_a_width(frames, lost, gained):
    # Two thirds of the draws, of half as many frames again: 1,000 tables, four draws each.
    rng, tables, draws = np.random.default_rng(frames), 1000, 4
    u = rng.random(tables * frames)
    losing, gaining = u < 1.5 * lost, (u >= 1.5 * lost) & (u < 1.5 * (lost + gained))
    before = np.where(gaining, 0, 1)
    after = rng.binomial(draws, np.where(losing, 1 / 3, np.where(gaining, 2 / 3, 1.0)))
    group = np.repeat(np.arange(tables), frames)
    low, high, _ = difference(before, after, (1, draws), group, tables, 0, resamples=500)
    covered = ((low <= lost - gained) & (lost - gained <= high)).mean()
    # Of 1,000 tables the share covered strays by .007.
    assert 0.93 <= covered <= 0.975
    assert (high - low).min() > 1 / frames


def test_tangos_interval_is_where_the_score_test_of_the_constrained_fit_rejects():
    lost, gained, frames = 32, 13, 200

    def score(d):
        # The likelihood's own maximum under the hypothesis, by search instead of by formula.
        def misfit(share):
            rest = 1 - d - 2 * share
            return -(lost * np.log(share + d) + gained * np.log(share) + (frames - lost - gained) * np.log(rest))

        share = minimize_scalar(
            misfit, bounds=(max(0, -d) + 1e-9, (1 - d) / 2 - 1e-9), method="bounded", options={"xatol": 1e-12}
        ).x
        return (lost - gained - frames * d) / np.sqrt(frames * (2 * share + d * (1 - d)))

    low, high = tango(lost, gained, frames)
    z = 1.959963984540054
    assert low == pytest.approx(brentq(lambda d: score(d) - z, -0.2, 0.09), abs=1e-6)
    assert high == pytest.approx(brentq(lambda d: score(d) + z, 0.1, 0.4), abs=1e-6)


def test_no_frame_of_three_hundred_bounds_the_drop_at_one_point_and_a_bit():
    low, high, p = difference(np.ones(300, int), np.ones(300, int), (1, 1), np.zeros(300, int), 2, 0)
    # The score test of d with nothing seen: n d / sqrt(n d (1 - d)) = z, so d = z^2 / (n + z^2).
    assert (low[0], high[0], p[0]) == pytest.approx((-3.8415 / 303.8415, 3.8415 / 303.8415, 1.0), abs=1e-6)
    assert np.isnan([low[1], high[1], p[1]]).all()
    averaged = difference(np.ones(300, int), np.full(300, 4), (1, 4), np.zeros(300, int), 1, 0)
    assert averaged[0][0] == pytest.approx(low[0]) and averaged[1][0] == pytest.approx(high[0])


def test_whole_losses_have_tangos_interval_however_often_they_are_drawn():
    lost = np.arange(400) < 30
    once = difference(np.ones(400, int), 1 - lost, (1, 1), np.zeros(400, int), 1, 0)
    four = difference(np.ones(400, int), 4 * (1 - lost), (1, 4), np.zeros(400, int), 1, 5)
    assert np.array_equal(once, four)
    assert once[2][0] == pytest.approx(2 * 2.16e-8, rel=0.01)  # the normal tail beyond sqrt(30)


def test_groups_are_apart_and_partial_losses_agree_with_drawing_frames():
    rng = np.random.default_rng(2)
    values, group = rng.choice([0.0, 0.25, 0.5, -0.25], 3000, p=[0.6, 0.2, 0.15, 0.05]), np.arange(3000) % 2
    low, high, p = mean_difference(values, group, 2, 1, 4000)
    for g in range(2):
        drawn = rng.choice(values[group == g], (4000, 1500)).mean(1)
        assert [low[g], high[g]] == pytest.approx(np.percentile(drawn, [2.5, 97.5]), abs=0.0015)
        assert p[g] < 1e-30


def test_false_discoveries_are_those_of_benjamini_and_hochberg_and_unknown_ones_count_for_nothing():
    p = np.random.default_rng(0).random((5, 8)) ** 3
    assert np.allclose(false_discovery(p), false_discovery_control(p, axis=None).reshape(5, 8))
    with_gap = np.insert(p.ravel(), 7, np.nan)
    found = false_discovery(with_gap)
    assert np.isnan(found[7]) and np.allclose(np.delete(found, 7), false_discovery(p).ravel())


def test_an_interval_wider_than_ten_points_is_called_wide():
    assert note(-0.05, 0.049) == note(0.7, 0.79) == ""
    assert note(0.0, 0.11) == note(float("nan"), float("nan")) == "wide"


def test_a_mean_of_equal_values_has_a_width_too():
    mean, low, high = mean_interval(np.full(64, 0.25), 0)
    assert (mean, high - low) == pytest.approx((0.25, 2 * 3.84146 / 67.84146), abs=1e-6)


def test_many_frames_are_drawn_in_parts_with_the_same_result(monkeypatch):
    values = np.random.default_rng(0).normal(size=500)
    drawn = np.random.default_rng(4).integers(0, 500, (2000, 500))
    low, high = np.percentile(values[drawn].mean(1), [2.5, 97.5])
    monkeypatch.setattr("amc_xai.explain.paired._DRAWN", 1300)
    assert mean_interval(values, 4) == pytest.approx((values.mean(), low, high), abs=1e-12)


def test_a_whole_number_missed_by_a_rounding_error_counts_as_one():
    values, group = np.array([0.0, 0.0, 1.0, 0.0]), np.array([0, 0, 1, 1])
    off = values + np.array([1e-17, -5e-17, -2e-16, 1e-16])
    np.testing.assert_array_equal(mean_difference(off, group, 2, 0), mean_difference(values, group, 2, 0))
