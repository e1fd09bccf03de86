"""Losses over both tasks: how the SNR error is measured, and how the two terms are weighed."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from amc_xai.errors import UserError
from amc_xai.model.network import Prediction


class Target(NamedTuple):
    """Class indices of both tasks, (B,) int64 each; -1 is unknown and does not count."""

    modulation: torch.Tensor
    snr: torch.Tensor


class LossTerms(NamedTuple):
    """Scalars ``total``, ``modulation``, ``snr`` and the normalised task ``weights`` (2,), which sum to 1."""

    total: torch.Tensor
    modulation: torch.Tensor
    snr: torch.Tensor
    weights: torch.Tensor


def cross_entropy(logits: torch.Tensor, target: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
    """Mean cross-entropy over the labelled frames, 0 if there are none. logits (B, K), target (B,)."""
    total = functional.cross_entropy(
        logits.float(), target, ignore_index=-1, reduction="sum", label_smoothing=label_smoothing
    )
    return total / (target >= 0).sum().clamp(min=1)


class SnrCrossEntropy(nn.Module):
    """The SNR term as plain cross-entropy over the grid."""

    def __init__(self, snrs: Sequence[float], label_smoothing: float = 0.0):
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return cross_entropy(logits, target, self.label_smoothing)


class DistancePenalisedSnr(nn.Module):
    """alpha * CE + beta * sum_j p_j |snr_j - snr| / step: far misses cost more than near ones.

    ``step`` is the smallest distance of the grid; on a grid of one value the penalty is zero.
    """

    def __init__(self, snrs: Sequence[float], alpha: float = 1.0, beta: float = 0.5):
        super().__init__()
        self.alpha, self.beta = alpha, beta
        grid = torch.tensor([float(s) for s in snrs], dtype=torch.float64)
        distance = (grid[:, None] - grid[None, :]).abs()
        step = distance[distance > 0].min() if len(grid) > 1 else torch.tensor(1.0)
        self.register_buffer("distance", (distance / step).float(), persistent=False)

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        known = target >= 0
        expected = (functional.softmax(logits.float(), -1) * self.distance[target.clamp(min=0)]).sum(-1)
        penalty = (expected * known).sum() / known.sum().clamp(min=1)
        return self.alpha * cross_entropy(logits, target) + self.beta * penalty


SnrTerm = Callable[[Sequence[float]], nn.Module]


class TaskTerms(nn.Module):
    """The two task losses before they are weighed."""

    def __init__(self, snrs: Sequence[float], snr_term: SnrTerm, label_smoothing: float = 0.0):
        super().__init__()
        self.snr_term = snr_term(snrs)
        self.label_smoothing = label_smoothing

    def forward(self, prediction: Prediction, target: Target) -> tuple[torch.Tensor, torch.Tensor]:
        modulation = cross_entropy(prediction.modulation, target.modulation, self.label_smoothing)
        return modulation, self.snr_term(prediction.snr, target.snr)


class FixedWeights(nn.Module):
    """w_m L_m + w_s L_s with constant weights; (1, 1) is the plain sum.

    Raises:
        UserError: if a weight is negative or both are zero.
    """

    def __init__(
        self,
        snrs: Sequence[float],
        snr_term: SnrTerm = SnrCrossEntropy,
        modulation: float = 1.0,
        snr: float = 1.0,
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        if min(modulation, snr) < 0 or modulation + snr == 0:
            raise UserError(
                f"loss.modulation and loss.snr must be 0 or more and not both 0, not {modulation} and {snr}"
            )
        self.terms = TaskTerms(snrs, snr_term, label_smoothing)
        self.register_buffer("weight", torch.tensor([modulation, snr]), persistent=False)

    def forward(self, prediction: Prediction, target: Target) -> LossTerms:
        modulation, snr = self.terms(prediction, target)
        total = self.weight[0] * modulation + self.weight[1] * snr
        return LossTerms(total, modulation, snr, self.weight / self.weight.sum())


class UncertaintyWeights(nn.Module):
    """Homoscedastic uncertainty weighting (Kendall, Gal, Cipolla, CVPR 2018), s_t = log sigma_t^2 learned.

    ``form="regression"`` is what the original study uses for both tasks (the paper's equation 7),
    L = sum_t exp(-s_t) L_t / 2 + s_t / 2; ``form="classification"`` is the paper's cross-entropy form
    (equation 10), L = sum_t exp(-s_t) L_t + s_t / 2.

    ``bound`` keeps s_t within [-bound, bound]: call :meth:`project` after each optimizer step, since a clamp
    in the forward pass would leave no gradient outside. ``floor`` is the least share that the normalised
    weight of a task may take in the sum; below it the share is held there (a constant factor, so that s
    keeps its own gradient).

    Raises:
        UserError: for an unknown form, or a floor outside [0, 0.5).
    """

    def __init__(
        self,
        snrs: Sequence[float],
        snr_term: SnrTerm = SnrCrossEntropy,
        form: str = "regression",
        bound: float = 2.0,
        floor: float = 0.05,
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        if form not in ("regression", "classification"):
            raise UserError(f"loss.form must be regression or classification, not {form!r}")
        if not 0 <= floor < 0.5:
            raise UserError(f"loss.floor must lie in [0, 0.5), not {floor}")
        self.terms = TaskTerms(snrs, snr_term, label_smoothing)
        self.log_variance = nn.Parameter(torch.zeros(2))
        self.factor = 0.5 if form == "regression" else 1.0
        self.bound, self.floor = bound, floor

    def forward(self, prediction: Prediction, target: Target) -> LossTerms:
        losses = torch.stack(self.terms(prediction, target))
        precision = self.factor * torch.exp(-self.log_variance)
        share = (precision / precision.sum()).detach()
        floored = share.clamp(self.floor, 1 - self.floor)
        total = (precision * (floored / share) * losses + self.log_variance / 2).sum()
        return LossTerms(total, losses[0], losses[1], floored)

    @torch.no_grad()
    def project(self) -> None:
        """Bring s back into its bound; the training loop calls it after every step."""
        self.log_variance.clamp_(-self.bound, self.bound)


def chance_loss(num_modulations: int, num_snrs: int) -> float:
    """The plain sum of both cross-entropies of a network that knows nothing: ln M + ln S."""
    return math.log(num_modulations) + math.log(num_snrs)
