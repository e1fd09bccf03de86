import math

import numpy as np
import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.loss import (
    DistancePenalisedSnr,
    FixedWeights,
    SnrCrossEntropy,
    Target,
    UncertaintyWeights,
    chance_loss,
    cross_entropy,
)
from amc_xai.model import Prediction

SNRS = [0.0, 10.0, 20.0, 30.0]


def answers(frames=7, seed=0, modulations=5, snrs=4):
    generator = torch.Generator().manual_seed(seed)
    prediction = Prediction(
        torch.randn(frames, modulations, generator=generator), torch.randn(frames, snrs, generator=generator)
    )
    target = Target(
        torch.randint(modulations, (frames,), generator=generator),
        torch.randint(snrs, (frames,), generator=generator),
    )
    return prediction, target


def entropy_by_hand(logits, target, smoothing=0.0):
    """Mean over the labelled frames of -sum_k q_k log p_k, q = (1 - smoothing) onehot + smoothing / K."""
    values = []
    for row, wanted in zip(logits.double().numpy(), target.tolist(), strict=True):
        if wanted >= 0:
            logp = row - np.log(np.exp(row).sum())
            values.append(-(1 - smoothing) * logp[wanted] - smoothing * logp.mean())
    return float(np.mean(values)) if values else 0.0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_its_formula_over_the_labelled_frames(smoothing):
    prediction, target = answers()
    logits = prediction.modulation
    wanted = target.modulation.clone()
    assert cross_entropy(logits, wanted, smoothing).item() == pytest.approx(
        entropy_by_hand(logits, wanted, smoothing), rel=1e-6
    )
    wanted[[1, 4]] = -1
    assert cross_entropy(logits, wanted, smoothing).item() == pytest.approx(
        entropy_by_hand(logits, wanted, smoothing), rel=1e-6
    )


@pytest.mark.parametrize("make", [UncertaintyWeights, FixedWeights])
@pytest.mark.parametrize("term", [SnrCrossEntropy, DistancePenalisedSnr])
def test_frames_without_labels_count_neither_in_the_loss_nor_in_the_gradient(make, term):
    prediction, target = answers(9)
    target = Target(target.modulation.clone(), target.snr.clone())
    target.modulation[[0, 3]] = -1
    target.snr[[3, 5, 8]] = -1
    for logits in prediction:
        logits.requires_grad_()
    loss = make(SNRS, term)
    terms = loss(prediction, target)
    known = target.modulation >= 0
    alone = loss(
        Prediction(prediction.modulation[known], prediction.snr[known]),
        Target(target.modulation[known], target.snr[known]),
    )
    assert terms.modulation.item() == pytest.approx(alone.modulation.item(), rel=1e-6)
    known = target.snr >= 0
    alone = loss(
        Prediction(prediction.modulation[known], prediction.snr[known]),
        Target(target.modulation[known], target.snr[known]),
    )
    assert terms.snr.item() == pytest.approx(alone.snr.item(), rel=1e-6)
    terms.total.backward()
    assert not prediction.modulation.grad[target.modulation < 0].any()
    assert not prediction.snr.grad[target.snr < 0].any()
    assert prediction.snr.grad[target.snr >= 0].any(1).all()


@pytest.mark.parametrize("make", [UncertaintyWeights, FixedWeights])
@pytest.mark.parametrize("term", [SnrCrossEntropy, DistancePenalisedSnr])
def test_a_task_without_any_label_adds_nothing(make, term):
    prediction, target = answers()
    none = torch.full((7,), -1)
    for logits in prediction:
        logits.requires_grad_()
    terms = make(SNRS, term)(prediction, Target(target.modulation, none))
    assert terms.snr.item() == 0
    terms.total.backward()
    assert not prediction.snr.grad.any() and prediction.modulation.grad.any()
    assert make(SNRS, term)(prediction, Target(none, none)).total.item() == 0


@pytest.mark.parametrize(("form", "factor"), [("regression", 0.5), ("classification", 1.0)])
@pytest.mark.parametrize("s", [(0.0, 0.0), (0.7, -0.4), (-1.5, 1.1)])
def test_uncertainty_weighting_is_kendalls_formula_with_its_gradient(form, factor, s):
    # L = sum_t c exp(-s_t) L_t + s_t / 2, so dL/ds_t = 1/2 - c exp(-s_t) L_t and dL/dL_t = c exp(-s_t).
    prediction, target = answers()
    for logits in prediction:
        logits.requires_grad_()
    loss = UncertaintyWeights(SNRS, form=form, floor=0.0)
    with torch.no_grad():
        loss.log_variance.copy_(torch.tensor(s))
    terms = loss(prediction, target)
    task = [entropy_by_hand(prediction.modulation.detach(), target.modulation)]
    task.append(entropy_by_hand(prediction.snr.detach(), target.snr))
    assert [terms.modulation.item(), terms.snr.item()] == pytest.approx(task, rel=1e-6)
    precision = [factor * math.exp(-v) for v in s]
    expected = sum(p * t + v / 2 for p, t, v in zip(precision, task, s, strict=True))
    assert terms.total.item() == pytest.approx(expected, rel=1e-5)
    assert terms.weights.tolist() == pytest.approx([p / sum(precision) for p in precision], rel=1e-5)
    terms.total.backward()
    gradient = [0.5 - p * t for p, t in zip(precision, task, strict=True)]
    assert loss.log_variance.grad.tolist() == pytest.approx(gradient, rel=1e-5, abs=1e-6)
    # d CE / d logit = (softmax - onehot) / frames, times the task's weight.
    for logits, wanted, weight in zip(prediction, target[:2], precision, strict=True):
        onehot = torch.nn.functional.one_hot(wanted, logits.shape[1])
        by_hand = weight * (logits.detach().softmax(-1) - onehot) / 7
        torch.testing.assert_close(logits.grad, by_hand, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("form", "factor"), [("regression", 0.5), ("classification", 1.0)])
def test_the_optimum_of_s_is_the_log_of_the_loss(form, factor):
    # Setting the gradient to zero: exp(s_t) = 2 c L_t.
    prediction, target = answers()
    loss = UncertaintyWeights(SNRS, form=form, floor=0.0, bound=10.0)
    task = [entropy_by_hand(prediction.modulation, target.modulation), entropy_by_hand(prediction.snr, target.snr)]
    optimiser = torch.optim.SGD(loss.parameters(), 0.5)
    for _ in range(300):
        optimiser.zero_grad()
        loss(prediction, target).total.backward()
        optimiser.step()
    assert loss.log_variance.tolist() == pytest.approx([math.log(2 * factor * t) for t in task], abs=1e-4)


@pytest.mark.parametrize("s", [(2.0, -2.0), (-2.0, 2.0)])
def test_the_floor_holds_the_share_of_the_weaker_task(s):
    # exp(-2) / (exp(-2) + exp(2)) = 0.018 lies below a floor of 0.1; the other share is then held at 0.9.
    prediction, target = answers()
    loss = UncertaintyWeights(SNRS, floor=0.1)
    with torch.no_grad():
        loss.log_variance.copy_(torch.tensor(s))
    terms = loss(prediction, target)
    weak = 0 if s[0] > 0 else 1
    assert terms.weights[weak].item() == pytest.approx(0.1)
    assert terms.weights[1 - weak].item() == pytest.approx(0.9)
    precision = [0.5 * math.exp(-v) for v in s]
    task = [terms.modulation.item(), terms.snr.item()]
    total = sum(float(w) * sum(precision) * t for w, t in zip(terms.weights, task, strict=True))
    assert terms.total.item() == pytest.approx(total, rel=1e-5)
    terms.total.backward()
    # A constant factor on the weight: s still sees its own weight and the 1/2.
    factor = [float(w) * sum(precision) / p for w, p in zip(terms.weights, precision, strict=True)]
    expected = [0.5 - f * p * t for f, p, t in zip(factor, precision, task, strict=True)]
    assert loss.log_variance.grad.tolist() == pytest.approx(expected, rel=1e-5)


def test_a_floor_that_is_not_reached_changes_nothing():
    prediction, target = answers()
    for s in ((0.0, 0.0), (0.9, -0.5)):
        with_floor, without = UncertaintyWeights(SNRS, floor=0.1), UncertaintyWeights(SNRS, floor=0.0)
        for loss in (with_floor, without):
            with torch.no_grad():
                loss.log_variance.copy_(torch.tensor(s))
        one, other = with_floor(prediction, target), without(prediction, target)
        torch.testing.assert_close(one, other)


def test_project_brings_s_back_into_its_bound_and_leaves_the_gradient_alone():
    prediction, target = answers()
    loss = UncertaintyWeights(SNRS, bound=1.5)
    with torch.no_grad():
        loss.log_variance.copy_(torch.tensor([-9.0, 1.2]))
    loss.project()
    torch.testing.assert_close(loss.log_variance.detach(), torch.tensor([-1.5, 1.2]))
    # At the bound the gradient still leads back inside: a clamp in the forward pass would have none.
    loss(prediction, target).total.backward()
    assert loss.log_variance.grad[0].item() < 0
    assert loss.log_variance.requires_grad


def test_fixed_weights_are_a_weighted_sum():
    prediction, target = answers()
    terms = FixedWeights(SNRS, modulation=2.0, snr=0.5)(prediction, target)
    modulation = entropy_by_hand(prediction.modulation, target.modulation)
    snr = entropy_by_hand(prediction.snr, target.snr)
    assert terms.total.item() == pytest.approx(2 * modulation + 0.5 * snr, rel=1e-6)
    assert terms.weights.tolist() == pytest.approx([0.8, 0.2])
    assert not list(FixedWeights(SNRS).parameters())
    plain = FixedWeights(SNRS, label_smoothing=0.2)(prediction, target)
    smoothed = entropy_by_hand(prediction.modulation, target.modulation, 0.2)
    assert plain.total.item() == pytest.approx(smoothed + snr, rel=1e-6)


@pytest.mark.parametrize("grid", [[0.0, 2.0, 4.0], [-20.0, 0.0, 3.0, 30.0], [10.0, -4.0, 0.5], [12.0]])
def test_the_distance_penalty_is_the_expected_distance_in_steps(grid):
    prediction, target = answers(snrs=len(grid))
    wanted = target.snr.clone()
    wanted[2] = -1
    distances = [abs(a - b) for a in grid for b in grid if a != b]
    step = min(distances, default=1.0)
    penalties = []
    for row, label in zip(prediction.snr.double(), wanted.tolist(), strict=True):
        if label >= 0:
            probability = row.softmax(-1)
            penalties.append(
                sum(float(probability[j]) * abs(value - grid[label]) / step for j, value in enumerate(grid))
            )
    expected = 0.8 * entropy_by_hand(prediction.snr, wanted) + 0.3 * np.mean(penalties)
    found = DistancePenalisedSnr(grid, alpha=0.8, beta=0.3)(prediction.snr, wanted)
    assert found.item() == pytest.approx(float(expected), rel=1e-5, abs=1e-7)
    if len(grid) == 1:
        assert found.item() == 0


def test_a_far_miss_costs_more_than_a_near_one():
    loss = DistancePenalisedSnr([0.0, 10.0, 20.0], alpha=0.0, beta=1.0)
    near = loss(torch.tensor([[0.0, 50.0, 0.0]]), torch.tensor([0]))
    far = loss(torch.tensor([[0.0, 0.0, 50.0]]), torch.tensor([0]))
    assert (near.item(), far.item()) == pytest.approx((1.0, 2.0))


def test_half_precision_logits_are_summed_in_full_precision():
    prediction, target = answers()
    half = Prediction(*(logits.bfloat16() for logits in prediction))
    full = Prediction(*(logits.float() for logits in half))
    for term in (SnrCrossEntropy, DistancePenalisedSnr):
        loss = UncertaintyWeights(SNRS, term)
        assert loss(half, target).total.item() == loss(full, target).total.item()


@pytest.mark.parametrize(
    ("make", "options", "sentence"),
    [
        (UncertaintyWeights, {"form": "kendall"}, "loss.form must be regression or classification, not 'kendall'"),
        (UncertaintyWeights, {"floor": 0.5}, "loss.floor must lie in [0, 0.5), not 0.5"),
        (UncertaintyWeights, {"floor": -0.1}, "loss.floor must lie in [0, 0.5), not -0.1"),
        (
            FixedWeights,
            {"snr": -1.0},
            "loss.modulation and loss.snr must be 0 or more and not both 0, not 1.0 and -1",
        ),
        (FixedWeights, {"modulation": 0.0, "snr": 0.0}, "loss.modulation and loss.snr must be 0 or more"),
    ],
)
def test_bad_settings_are_refused(make, options, sentence):
    with pytest.raises(UserError) as error:
        make(SNRS, **options)
    assert str(error.value).startswith(sentence)


def test_chance_is_the_loss_of_equal_logits():
    target = answers()[1]
    equal = Prediction(torch.zeros(7, 5), torch.zeros(7, 4))
    assert FixedWeights(SNRS)(equal, target).total.item() == pytest.approx(chance_loss(5, 4), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_posterior_is_learned_as_the_mean_of_the_labels_that_it_stands_for(smoothing):
    prediction, target = answers()
    posterior = torch.rand(7, 5).softmax(1)
    taught = target._replace(posterior=posterior)
    labels = [Target(torch.full((7,), c), target.snr) for c in range(5)]

    def modulation(kind, wanted, row=slice(None)):
        loss = FixedWeights(SNRS, target=kind, label_smoothing=smoothing)
        part = Target(*(None if value is None else value[row] for value in wanted))
        return loss(Prediction(*(logits[row] for logits in prediction)), part).modulation

    each = torch.stack([torch.stack([modulation("label", own, [k]) for k in range(7)]) for own in labels], 1)
    expected = (each * posterior).sum(1).mean()
    torch.testing.assert_close(modulation("posterior", taught), expected)
    torch.testing.assert_close(modulation("mixed", taught), (expected + modulation("label", target)) / 2)
    # Labels are what counts where none is given, and where none is asked for.
    assert torch.equal(modulation("posterior", target), modulation("label", target))
    assert torch.equal(modulation("label", taught), modulation("label", target))


def test_a_target_that_can_do_nothing_is_refused():
    with pytest.raises(UserError, match=r"loss.target must be one of label, posterior, mixed, not 'soft'"):
        FixedWeights(SNRS, target="soft")
    with pytest.raises(UserError, match=r"loss.modulation=0 leaves untrained"):
        FixedWeights(SNRS, modulation=0.0, target="posterior")
