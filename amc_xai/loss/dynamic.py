"""Weights from how fast each task's loss falls."""

from collections.abc import Sequence

import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.loss.snr_terms import SnrCrossEntropy
from amc_xai.loss.terms import LossTerms, SnrTerm, Target, TaskTerms
from amc_xai.model.network import Prediction


class DynamicWeightAverage(nn.Module):
    """Dynamic weight average (Liu, Johns and Davison, CVPR 2019, equation 7).

    w_t = 2 exp(r_t / T) / sum_i exp(r_i / T), where r_t = L_t(e - 1) / L_t(e - 2) is the ratio of the mean
    training losses of the last two epochs: a task whose loss falls more slowly gets more weight. The first two
    epochs have weights 1 and 1. The training loop calls :meth:`after_epoch`; weights and losses are in the
    state, so that a resumed run goes on as if it had never stopped.

    Raises:
        UserError: unless the temperature is above 0.
    """

    def __init__(
        self,
        snrs: Sequence[float],
        snr_term: SnrTerm = SnrCrossEntropy,
        temperature: float = 2.0,
        label_smoothing: float = 0.0,
        target: str = "label",
    ):
        super().__init__()
        if temperature <= 0:
            raise UserError(f"loss.temperature must be above 0, not {temperature}; the paper has 2")
        self.terms = TaskTerms(snrs, snr_term, label_smoothing, target)
        self.temperature = temperature
        self.register_buffer("weight", torch.ones(2))
        # Mean losses of the epoch before, zeros while there is none.
        self.register_buffer("before", torch.zeros(2))

    def forward(self, prediction: Prediction, target: Target) -> LossTerms:
        losses = torch.stack(self.terms(prediction, target))
        return LossTerms((self.weight * losses).sum(), losses[0], losses[1], self.weight / self.weight.sum())

    @torch.no_grad()
    def after_epoch(self, mean_modulation: float, mean_snr: float) -> None:
        """Set the weights of the next epoch from the mean training losses of the one that ended."""
        now = torch.tensor([mean_modulation, mean_snr]).to(self.before)
        if (self.before > 0).all():
            self.weight.copy_(2 * (now / self.before / self.temperature).softmax(0))
        self.before.copy_(now)
