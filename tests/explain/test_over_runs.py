"""Intervals over trainings and frames cover what they say; ranks agree as they were planted."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from amc_xai.explain.over_runs import over_runs, rank_agreement
from amc_xai.explain.paired import mean_difference


def test_one_run_has_the_interval_of_its_frames():
    values = np.random.default_rng(0).choice([-1.0, 0, 1], 500, p=[0.05, 0.8, 0.15])
    low, high, _ = mean_difference(values, np.zeros(500, int), 1, 0)
    assert over_runs(values[None]) == (pytest.approx(values.mean()), low[0], high[0])


@pytest.mark.parametrize(("between", "gained", "lost"), [(0.03, 0.2, 0.1), (0.0, 0.2, 0.1), (0.01, 0.02, 0.02)])
def test_over_three_trainings_the_interval_covers_the_mean_of_all(between, gained, lost):
    rng, frames, tables = np.random.default_rng(1), 400, 400
    inside = 0
    for _ in range(tables):
        # A frame is gained more or less easily, a training gains more or fewer.
        easy = rng.uniform(0.5, 1.5, frames)
        up = np.clip(gained + rng.normal(0, between, (3, 1)), 0, 0.6) * easy
        draw = rng.random((3, frames))
        values = 1.0 * (draw < up) - (draw > 1 - lost)
        mean, low, high = over_runs(values)
        assert low < mean < high
        inside += low <= gained - lost <= high
    assert inside >= 0.95 * tables


def test_no_change_at_all_is_no_certainty():
    mean, low, high = over_runs(np.zeros((3, 300)))
    assert mean == 0 and low < 0 < high and high - low > 0.005


def planted(order, frames, noise, rng):
    """What is lost of each frame (regions, frames) where region k costs 10 points for its place in ``order``."""
    return 1.0 * (rng.random((len(order), frames)) < 0.05 + 0.1 * np.asarray(order)[:, None]) + noise


def test_scorings_of_one_order_agree_and_of_the_reverse_disagree():
    rng = np.random.default_rng(2)
    up = [planted(range(6), 2000, 0, rng) for _ in range(2)]
    down = planted(range(5, -1, -1), 2000, 0, rng)
    lost, share = np.stack([*up, down]), np.full((3, 6), 0.2)
    value, low, high = rank_agreement(lost, share, [(0, 1)])
    assert value > 0.9 and low > 0.7 and high <= 1
    value, low, high = rank_agreement(lost, share, [(0, 2), (1, 2)])
    assert value < -0.9 and low >= -1 and high < -0.7
    scores = lost.mean(2) / share
    mixed = np.mean([spearmanr(scores[a], scores[b]).statistic for a, b in ((0, 1), (0, 2), (1, 2))])
    assert rank_agreement(lost, share, [(0, 1), (0, 2), (1, 2)])[0] == pytest.approx(mixed)


def test_a_score_is_what_is_lost_for_what_is_taken():
    rng = np.random.default_rng(3)
    lost = np.stack([planted(range(4), 4000, 0, rng)] * 2)
    share = np.array([[0.2] * 4, [0.02, 0.2, 0.9, 0.99]])  # the first costs most for what it takes
    assert rank_agreement(lost, share, [(0, 1)])[0] < 0.5


def test_where_nothing_is_lost_there_are_no_ranks():
    assert np.isnan(rank_agreement(np.zeros((2, 4, 50)), np.ones((2, 4)), [(0, 1)])).all()
