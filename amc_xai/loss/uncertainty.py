"""Weights learned as the uncertainty of each task."""

from collections.abc import Sequence

import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.loss.snr_terms import SnrCrossEntropy
from amc_xai.loss.terms import LossTerms, SnrTerm, Target, TaskTerms
from amc_xai.model.network import Prediction
from amc_xai.ranges import check_range


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
        target: str = "label",
    ):
        super().__init__()
        if form not in ("regression", "classification"):
            raise UserError(f"loss.form must be regression or classification, not {form!r}")
        if not 0 <= floor < 0.5:
            raise UserError(f"loss.floor must lie in [0, 0.5), not {floor}")
        check_range("(0, inf)", loss__bound=bound)
        self.terms = TaskTerms(snrs, snr_term, label_smoothing, target)
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
