"""Weighings against their papers' formulas, worked out apart from the code."""

import math

import pytest
import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.loss import DynamicWeightAverage, FixedWeights, GradNorm, LossTerms, SoftmaxWeights, Target
from amc_xai.model.network import Prediction

SNRS = [0.0, 10.0, 20.0]


@pytest.fixture
def example():
    generator = torch.Generator().manual_seed(3)
    prediction = Prediction(torch.randn(6, 4, generator=generator), torch.randn(6, 3, generator=generator))
    return prediction, Target(torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([2, 1, 0, 0, 1, 2]))


@pytest.mark.parametrize(("weights", "trained"), [((1.0, 0.0), 0), ((0.0, 1.0), 1)])
def test_a_single_task_sends_no_gradient_to_the_other(example, weights, trained):
    logits = [x.clone().requires_grad_() for x in example[0]]
    terms = FixedWeights(SNRS, modulation=weights[0], snr=weights[1])(Prediction(*logits), example[1])
    terms.total.backward()
    assert terms.total.item() == terms[1 + trained].item()
    assert logits[trained].grad.abs().sum() > 0
    assert (logits[1 - trained].grad == 0).all()
    assert terms[2 - trained].item() > 0  # still reported


class GivenLosses(nn.Module):
    def forward(self, prediction, target):
        return torch.tensor(0.4), torch.tensor(2.2)


def test_softmax_weights_settle_where_the_constrained_optimum_is():
    loss = SoftmaxWeights(SNRS)
    loss.terms = GivenLosses()
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.2)
    for _ in range(300):
        optimizer.zero_grad()
        terms = loss(None, None)
        terms.total.backward()
        optimizer.step()
    weight = 2 * terms.weights
    assert float(weight.sum()) == pytest.approx(2)
    assert 0.4 - 1 / float(weight[0]) == pytest.approx(2.2 - 1 / float(weight[1]), abs=1e-4)


def test_dynamic_weight_average_follows_equation_7(example):
    loss = DynamicWeightAverage(SNRS, temperature=2.0)
    for means in ((2.0, 3.0), (1.0, 2.7)):
        assert loss.weight.tolist() == [1, 1]  # the first two epochs
        loss.after_epoch(*means)
    slow, fast = math.exp(2.7 / 3.0 / 2), math.exp(1.0 / 2.0 / 2)
    expected = [2 * fast / (slow + fast), 2 * slow / (slow + fast)]
    assert loss.weight.tolist() == pytest.approx(expected, rel=1e-6)
    terms = loss(*example)
    mixed = expected[0] * float(terms.modulation) + expected[1] * float(terms.snr)
    assert float(terms.total) == pytest.approx(mixed, rel=1e-6)
    assert terms.weights.tolist() == pytest.approx([e / 2 for e in expected], rel=1e-6)


def test_dynamic_weights_go_on_from_their_state():
    first, second = DynamicWeightAverage(SNRS), DynamicWeightAverage(SNRS)
    first.after_epoch(2.0, 3.0)
    second.load_state_dict(first.state_dict())
    first.after_epoch(1.0, 2.0)
    second.after_epoch(1.0, 2.0)
    assert first.weight.tolist() == second.weight.tolist() != [1, 1]


class Shared(nn.Module):
    """Two scalar losses at one shared weight W (1, 2): L_m = 3 |W_0| and L_s = |W_1|, pulling with 3 and 1."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([[1.0, 1.0]]))

    def terms(self, scale=(1.0, 1.0)):
        weight = self.layer.weight[0]
        modulation, snr = 3 * scale[0] * weight[0], scale[1] * weight[1]
        return LossTerms(modulation + snr, modulation, snr, torch.ones(2) / 2)


def test_gradnorm_takes_the_step_of_its_gradient():
    """The gradient of |G_m - target_m| + |G_s - target_s| by autograd, with second derivatives as in the paper."""
    shared, loss = Shared(), GradNorm(SNRS, alpha=0.5, lr=0.01)
    loss.balance(shared.terms(), shared)
    loss.weight.copy_(torch.tensor([1.2, 0.8]))
    # Modulation has come down to half its first loss, SNR to nine tenths.
    weight = torch.tensor([1.2, 0.8], requires_grad=True)
    terms = shared.terms((0.5, 0.9))
    norms = []
    for w, value in zip(weight, (terms.modulation, terms.snr), strict=True):
        norms.append(torch.autograd.grad(w * value, shared.layer.weight, create_graph=True)[0].norm())
    norms = torch.stack(norms)
    rate = torch.tensor([0.5, 0.9])
    target = (norms.mean() * (rate / rate.mean()) ** 0.5).detach()
    (gradient,) = torch.autograd.grad((norms - target).abs().sum(), weight)
    expected = weight.detach() - 0.01 * gradient
    expected = 2 * expected / expected.sum()
    loss.balance(shared.terms((0.5, 0.9)), shared)
    assert loss.weight.tolist() == pytest.approx(expected.tolist(), rel=1e-5)


def test_gradnorm_evens_out_the_pull():
    shared, loss = Shared(), GradNorm(SNRS, alpha=0.0, lr=0.002)
    for _ in range(400):
        loss.balance(shared.terms(), shared)
    # Weights w and 2 - w with 3 w = 2 - w.
    assert loss.weight.tolist() == pytest.approx([0.5, 1.5], abs=0.01)
    assert shared.layer.weight.grad is None


def test_gradnorm_ignores_a_batch_without_labels_and_keeps_its_state(example):
    shared, loss = Shared(), GradNorm(SNRS)
    loss.balance(shared.terms((0.0, 1.0)), shared)
    assert loss.weight.tolist() == [1, 1]
    assert loss.first.tolist() == [0, 0]
    loss.balance(shared.terms(), shared)
    twin = GradNorm(SNRS)
    twin.load_state_dict(loss.state_dict())
    assert twin.first.tolist() == [3, 1]
    assert twin.weight.tolist() == loss.weight.tolist() != [1, 1]


def test_bad_settings_are_refused():
    with pytest.raises(UserError, match=r"loss\.temperature must be above 0"):
        DynamicWeightAverage(SNRS, temperature=0)
    with pytest.raises(UserError, match=r"loss\.lr must be above 0"):
        GradNorm(SNRS, lr=0)
    with pytest.raises(UserError, match=r"loss\.least"):
        GradNorm(SNRS, least=1.0)
    with pytest.raises(UserError, match="no weights"):
        GradNorm(SNRS).balance(Shared().terms(), nn.BatchNorm1d(3))
