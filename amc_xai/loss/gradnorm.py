"""Weights that even out how hard each task pulls at the shared layers."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.loss.snr_terms import SnrCrossEntropy
from amc_xai.loss.terms import LossTerms, SnrTerm, Target, TaskTerms
from amc_xai.model.network import Prediction


class GradNorm(nn.Module):
    """GradNorm (Chen, Badrinarayanan, Lee and Rabinovich, ICML 2018, equations 1 and 2, algorithm 1).

    ``G_t = || d(w_t L_t) / dW ||`` at the last shared layer W should be ``mean(G) * r_t ** alpha``, where r_t is
    the relative inverse training rate: L_t over its first value, over the mean of that ratio. The weights follow
    the gradient of ``sum_t | G_t - target_t |``, the targets held constant, and are then normalised to sum to 2.
    G_t is linear in w_t, so that this gradient is ``sign(G_t - target_t) * || dL_t / dW ||`` and no second
    derivative is taken. The training loop calls :meth:`balance` before each backward pass; the state holds
    weights and first losses.

    Args:
        alpha: how strongly a task that learns slowly is pushed; 0 makes the gradients equal.
        lr: step of the weights.
        least: no weight falls below this.

    Raises:
        UserError: for a step or a least weight out of range.
    """

    def __init__(
        self,
        snrs: Sequence[float],
        snr_term: SnrTerm = SnrCrossEntropy,
        alpha: float = 1.5,
        lr: float = 0.025,
        least: float = 0.05,
        label_smoothing: float = 0.0,
        target: str = "label",
    ):
        super().__init__()
        if lr <= 0:
            raise UserError(f"loss.lr must be above 0, not {lr}; the paper has 0.025")
        if not 0 < least < 1:
            raise UserError(f"loss.least must lie between 0 and 1, not {least}")
        self.terms = TaskTerms(snrs, snr_term, label_smoothing, target)
        self.alpha, self.lr, self.least = alpha, lr, least
        self.register_buffer("weight", torch.ones(2))
        # The losses of the first batch, zeros before it.
        self.register_buffer("first", torch.zeros(2))

    def forward(self, prediction: Prediction, target: Target) -> LossTerms:
        losses = torch.stack(self.terms(prediction, target))
        # A copy, because balance changes the weights between this pass and the backward one.
        weight = self.weight.clone()
        return LossTerms((weight * losses).sum(), losses[0], losses[1], weight / weight.sum())

    def balance(
        self,
        terms: LossTerms,
        shared: nn.Module,
        mean: Callable[[torch.Tensor], torch.Tensor] = lambda values: values,
        scale: torch.Tensor | float = 1.0,
    ) -> None:
        """Move the weights of the next step by one batch's ``terms``, whose graph is kept.

        ``shared``, ``mean`` and ``scale`` are those of :class:`amc_xai.loss.LossHooks`. A batch without a label of
        either task, or with a gradient that isn't finite, moves nothing.
        """
        layer, losses = last_layer(shared), (terms.modulation, terms.snr)
        pull = [torch.autograd.grad(scale * loss, layer, retain_graph=True)[0].float() / scale for loss in losses]
        # The norm of the whole batch's gradient, which isn't the mean of the norms of its parts.
        whole = mean(torch.cat([*(gradient.flatten() for gradient in pull), torch.stack(losses).detach().float()]))
        with torch.no_grad():
            norm, losses = torch.linalg.vector_norm(whole[:-2].view(2, -1), dim=1), whole[-2:]
            values = torch.cat([norm, losses])
            usable = torch.isfinite(values).all() & (values > 0).all()
            first = torch.where(self.first > 0, self.first, losses)
            ratio = losses / first
            pulled = self.weight * norm
            target = pulled.mean() * (ratio / ratio.mean()) ** self.alpha
            moved = (self.weight - self.lr * torch.sign(pulled - target) * norm).clamp(min=self.least)
            moved = (2 * moved / moved.sum()).clamp(self.least, 2 - self.least)
            self.weight.copy_(torch.where(usable, moved, self.weight))
            self.first.copy_(torch.where(usable, first, self.first))


def last_layer(shared: nn.Module) -> nn.Parameter:
    """The last trained weight (not a bias or a scale) of the part that both tasks share.

    Raises:
        UserError: if it has none.
    """
    weights = [p for p in shared.parameters() if p.requires_grad and p.ndim > 1]
    if not weights:
        raise UserError(
            "loss: gradnorm balances at the backbone's last layer, and this backbone has no weights to train; "
            "choose another loss, or init.freeze=null where the backbone is frozen"
        )
    return weights[-1]
