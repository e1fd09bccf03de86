"""Intervals of what a mask costs of F1: each frame's influence, how often they cover, that none has zero width."""

import numpy as np
import pytest
from scipy.stats import norm

from amc_xai.evaluation.confusion import confusion_counts, f1_macro
from amc_xai.explain.paired import tango
from amc_xai.explain.perturbed import PerturbedPredictions, Setting
from amc_xai.explain.perturbed_confusions import f1_influence, f1_losses, stretched_interval

CLASSES = 6


def answers(rng, frames, lost, gained):
    """Labels, and answers before and after of which a share ``lost`` and ``gained`` are right no more, or now."""
    label = rng.integers(0, CLASSES, frames)
    wrong = (label + rng.integers(1, 3, frames)) % CLASSES
    right, u = rng.random(frames) < 0.8, rng.random(frames)
    before = np.where(right, label, wrong)
    after = np.where(right & (u < lost / 0.8), wrong, np.where(~right & (u < gained / 0.2), label, before))
    return label, before, after


def test_influence_is_the_derivative_with_respect_to_a_frames_weight():
    label, *draws = answers(np.random.default_rng(0), 60, 0.3, 0.1)
    named = np.stack(draws)
    found = f1_influence(label, named, CLASSES + 1)  # of one class there is no frame

    def score(weights):
        counts = np.zeros((CLASSES + 1, CLASSES + 1))
        for draw in named:
            np.add.at(counts, (label, draw), weights / 2)
        return float(f1_macro(counts))

    flat, step = np.ones(60), 1e-5
    assert found.mean() == pytest.approx(score(flat))
    for k in (0, 17, 59):
        slope = (score(flat + step * np.eye(60)[k]) - score(flat - step * np.eye(60)[k])) / (2 * step)
        assert found[k] == pytest.approx(score(flat) + 60 * slope, abs=1e-6)


@pytest.mark.parametrize(("lost", "gained"), [(0.01, 0.01), (0.01, 0.0), (0.03, 0.0), (0.12, 0.02)])
def test_the_interval_covers_the_true_loss_and_has_a_width(lost, gained):
    rng, tables, frames = np.random.default_rng(1), 500, 300
    label, before, after = answers(rng, 10**6, lost, gained)
    true = float(
        f1_macro(confusion_counts(label, before, CLASSES)) - f1_macro(confusion_counts(label, after, CLASSES))
    )
    losses = ([], [])
    for _ in range(tables):
        label, before, after = answers(rng, frames, lost, gained)
        of = [f1_influence(label, one[None], CLASSES) for one in (before, after)]
        losses[0].append(of[0] - of[1])
        losses[1].append(1.0 * (before == label) - (after == label))
    low, high, _ = stretched_interval(np.stack(losses[0]), np.stack(losses[1]), 0, 400)
    # Of 500 tables the share covered strays by .01.
    assert 0.93 <= ((low <= true) & (true <= high)).mean() <= 0.985
    assert (high - low).min() > 5 / frames


def test_where_no_answer_changes_the_loss_is_none_and_its_interval_is_not():
    label, before, _ = answers(np.random.default_rng(2), 300, 0.1, 0.0)
    label[:10] = -1
    same = {"modulation": before, "snr": before}
    unknown = np.full(300, -1)
    setting = Setting("top", "zero", "a", 0.5)
    answered = {setting: {task: one[None] for task, one in same.items()}}
    predictions = PerturbedPredictions({"modulation": label, "snr": unknown}, same, answered, {setting: {}})
    found = f1_losses(predictions, "modulation", CLASSES)
    low, high = tango(0, 0, 290)
    assert [float(column[0]) for column in found.values()] == pytest.approx([0.0, float(low), float(high), 1.0])
    assert np.isnan([column[0] for column in f1_losses(predictions, "snr", CLASSES).values()]).all()


def test_what_counts_as_in_the_accuracy_has_tangos_interval_and_mcnemars_p():
    values = np.zeros((1, 400))
    values[0, :9] = 1.0
    low, high, p = stretched_interval(values, values, 0, 400)
    assert (low[0], high[0]) == pytest.approx([float(end) for end in tango(9, 0, 400)])
    assert p[0] == pytest.approx(2 * norm.sf(3.0))
