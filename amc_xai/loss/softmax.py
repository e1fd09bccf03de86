"""Learned weights on the simplex."""

from collections.abc import Sequence

import torch
from torch import nn

from amc_xai.loss.snr_terms import SnrCrossEntropy
from amc_xai.loss.terms import LossTerms, SnrTerm, Target, TaskTerms
from amc_xai.model.network import Prediction


class SoftmaxWeights(nn.Module):
    """w = 2 softmax(a) with a learned, L = sum_t w_t L_t - log w_t.

    The uncertainty loss exp(-s) L + s (Kendall, Gal, Cipolla, CVPR 2018) with w = exp(-s), confined to weights
    that sum to 2: the balance moves, the step size doesn't. Without the logarithm all weight would run to the
    smaller loss; with it the weights settle where L_1 - 1 / w_1 = L_2 - 1 / w_2.
    """

    def __init__(
        self,
        snrs: Sequence[float],
        snr_term: SnrTerm = SnrCrossEntropy,
        label_smoothing: float = 0.0,
        target: str = "label",
    ):
        super().__init__()
        self.terms = TaskTerms(snrs, snr_term, label_smoothing, target)
        self.logits = nn.Parameter(torch.zeros(2))

    def forward(self, prediction: Prediction, target: Target) -> LossTerms:
        losses = torch.stack(self.terms(prediction, target))
        share = self.logits.softmax(0)
        weight = 2 * share
        total = (weight * losses - weight.log()).sum()
        return LossTerms(total, losses[0], losses[1], share.detach())
