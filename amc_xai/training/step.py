"""One step of a training: from what the network sees to changed weights."""

from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from amc_xai.loss import LossTerms, Target, loss_terms
from amc_xai.model import Prediction


class Answer(nn.Module):
    """Network and loss in one module: what several processes train alike, the parameters of both.

    The network runs in the accelerator's precision, the loss in full precision on float32 logits. Neither object
    is changed by that: what is left after training is the network as it was built.
    """

    def __init__(self, network: nn.Module, loss: nn.Module, accelerator: Accelerator):
        super().__init__()
        self.network, self.loss, self.autocast = network, loss, accelerator.autocast

    def forward(self, x: Any, target: Target) -> tuple[Prediction, LossTerms]:
        with self.autocast():
            logits = self.network(x)
        prediction = Prediction(*(values.float() for values in logits))
        return prediction, loss_terms(self.loss, prediction, target)


def loss_scale(scaler: GradScaler | None, device: torch.device) -> torch.Tensor | float:
    """What half precision multiplies losses with before it takes gradients; 1 in other precisions."""
    return 1.0 if scaler is None else scaler.scale(torch.ones((), device=device))


def descend(total: torch.Tensor, optimizer: Optimizer, clip: float, scaler: GradScaler | None) -> bool:
    """Backward pass, gradients clipped to the norm ``clip`` over all parameters (0 = as they are), and a step.

    False where the scaled gradients of half precision overflowed: the scaler then leaves the step out and tries a
    smaller scale next time.
    """
    (total if scaler is None else scaler.scale(total)).backward()
    if scaler is not None:
        scaler.unscale_(optimizer)
    if clip:
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], clip)
    taken = True
    if scaler is None:
        optimizer.step()
    else:
        scale = scaler.get_scale()
        scaler.step(optimizer)
        scaler.update()
        taken = scaler.get_scale() >= scale
    optimizer.zero_grad(set_to_none=True)
    return taken
