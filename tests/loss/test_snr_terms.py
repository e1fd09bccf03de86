"""SNR terms against brute force, on grids in any order, with frames whose SNR is unknown."""

import math

import numpy as np
import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.loss import (
    DistancePenalisedSnr,
    MeanVarianceSnr,
    OrdinalSnr,
    SnrCrossEntropy,
    TaskTerms,
    cross_entropy,
)

SNRS = [10.0, -4.0, 0.0, 2.0]  # unsorted, uneven: the smallest step is 2
TARGET = torch.tensor([0, 1, 3, -1, 2])


@pytest.fixture
def logits():
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(1))


def softmax(logits):
    return torch.softmax(logits.double(), -1).numpy()


def test_ordinal_asks_every_threshold(logits):
    total = 0.0
    for p, y in zip(softmax(logits)[[0, 1, 2, 4]], TARGET[[0, 1, 2, 4]].tolist(), strict=True):
        for threshold in sorted(SNRS)[:-1]:
            above = sum(p[j] for j in range(4) if SNRS[j] > threshold)
            total -= math.log(above if SNRS[y] > threshold else 1 - above)
    assert float(OrdinalSnr(SNRS)(logits, TARGET)) == pytest.approx(total / 4, rel=1e-5)


def test_ordinal_on_two_snrs_is_cross_entropy(logits):
    target = torch.tensor([0, 1, 1, 0, 0])
    ordinal = OrdinalSnr([5.0, -5.0])(logits[:, :2], target)
    assert float(ordinal) == pytest.approx(float(cross_entropy(logits[:, :2], target)), rel=1e-6)


def test_ordinal_charges_far_misses_more():
    term = OrdinalSnr([0.0, 2.0, 4.0, 6.0])
    sure = 60 * torch.eye(4)
    losses = [float(term(sure[j : j + 1], torch.tensor([0]))) for j in range(4)]
    assert losses == sorted(losses)
    # Certain of the neighbour, one threshold is wrong; certain of the far end, three are.
    assert losses[3] / losses[1] == pytest.approx(3, rel=0.02)


def test_ordinal_stays_finite_for_hopeless_logits():
    logits = torch.tensor([[200.0, -200.0, -200.0]], requires_grad=True)
    value = OrdinalSnr([0.0, 1.0, 2.0])(logits, torch.tensor([2]))
    value.backward()
    assert value.item() == pytest.approx(800 - math.log(2), rel=1e-6)  # thresholds: 2 e^-400 and e^-400
    assert torch.isfinite(logits.grad).all()


def test_mean_variance_by_hand(logits):
    place = (np.array(SNRS) + 4) / 2
    expected = 0.0
    for i in (0, 1, 2, 4):
        p, y = softmax(logits)[i], int(TARGET[i])
        mean = p @ place
        variance = p @ (place - mean) ** 2
        expected += -0.7 * math.log(p[y]) + 0.2 * (mean - place[y]) ** 2 / 2 + 0.05 * variance
    assert float(MeanVarianceSnr(SNRS, alpha=0.7)(logits, TARGET)) == pytest.approx(expected / 4, rel=1e-5)


def test_distance_by_hand_with_smoothing(logits):
    expected = 0.0
    for i in (0, 1, 2, 4):
        p, y = softmax(logits)[i], int(TARGET[i])
        smoothed = 0.8 * -math.log(p[y]) + 0.2 * -np.log(p).mean()
        expected += smoothed + 0.5 * sum(p[j] * abs(SNRS[j] - SNRS[y]) / 2 for j in range(4))
    term = DistancePenalisedSnr(SNRS, label_smoothing=0.2)
    assert float(term(logits, TARGET)) == pytest.approx(expected / 4, rel=1e-5)


@pytest.mark.parametrize("term", [SnrCrossEntropy, DistancePenalisedSnr, OrdinalSnr, MeanVarianceSnr])
def test_unknown_labels_and_a_single_snr_cost_nothing(term, logits):
    assert float(term(SNRS)(logits, torch.full((5,), -1))) == 0
    logits = logits[:, :1].clone().requires_grad_()
    value = term([7.0])(logits, torch.zeros(5, dtype=torch.int64))
    value.backward()
    assert value.item() == 0
    assert (logits.grad == 0).all()


def test_smoothing_outside_its_range_is_refused():
    with pytest.raises(UserError, match=r"loss\.snr_term\.label_smoothing must lie in"):
        SnrCrossEntropy(SNRS, label_smoothing=1.0)
    with pytest.raises(UserError, match=r"loss\.label_smoothing must lie in"):
        TaskTerms(SNRS, SnrCrossEntropy, -0.1)
