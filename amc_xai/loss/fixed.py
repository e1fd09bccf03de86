"""Constant weights: the plain sum, any other mixture, or one task alone."""

from collections.abc import Sequence

import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.loss.snr_terms import SnrCrossEntropy
from amc_xai.loss.terms import LossTerms, SnrTerm, Target, TaskTerms
from amc_xai.model.network import Prediction


class FixedWeights(nn.Module):
    """w_m L_m + w_s L_s with constant weights; (1, 1) is the plain sum.

    Raises:
        UserError: if a weight is negative or both are zero, or a posterior is given no weight.
    """

    def __init__(
        self,
        snrs: Sequence[float],
        snr_term: SnrTerm = SnrCrossEntropy,
        modulation: float = 1.0,
        snr: float = 1.0,
        label_smoothing: float = 0.0,
        target: str = "label",
    ):
        super().__init__()
        if min(modulation, snr) < 0 or modulation + snr == 0:
            raise UserError(
                f"loss.modulation and loss.snr must be 0 or more and not both 0, not {modulation} and {snr}"
            )
        if modulation == 0 and target != "label":
            raise UserError(
                f"loss.target={target} is about the modulation, which loss.modulation=0 leaves untrained; use "
                "loss.target=label"
            )
        self.terms = TaskTerms(snrs, snr_term, label_smoothing, target)
        self.register_buffer("weight", torch.tensor([modulation, snr]), persistent=False)

    def forward(self, prediction: Prediction, target: Target) -> LossTerms:
        modulation, snr = self.terms(prediction, target)
        total = self.weight[0] * modulation + self.weight[1] * snr
        return LossTerms(total, modulation, snr, self.weight / self.weight.sum())
