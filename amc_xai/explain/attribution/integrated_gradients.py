"""Integrated Gradients, with as many steps as completeness needs."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from amc_xai.explain.attribution.method import TaskOutput
from amc_xai.ranges import check_range


@dataclass(frozen=True)
class IntegratedGradients:
    """Gradients along the straight line from the empty input, times the input.

    Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks" (ICML 2017), equation 1: the map adds
    up to F(x) - F(empty), F the logit. Frames whose sum misses it by more than ``tolerance`` of it get twice the
    steps, up to ``max_steps``.

    Attributes:
        steps: points of the Gauss-Legendre quadrature to begin with.
        batch_size: inputs in one pass through the network.
    """

    steps: int = 32
    max_steps: int = 256
    tolerance: float = 0.01
    batch_size: int = 256
    unit: ClassVar[str] = "logit"

    def __post_init__(self) -> None:
        check_range("[1, inf)", attribution__available__integrated_gradients__steps=self.steps)
        check_range("(0, inf)", attribution__available__integrated_gradients__tolerance=self.tolerance)

    def __call__(self, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
        import captum.attr

        method = captum.attr.IntegratedGradients(TaskOutput(network, task))
        result = torch.zeros_like(x)
        left = torch.arange(len(x), device=x.device)
        steps = self.steps
        while len(left):
            found = method.attribute(
                x[left],
                target=target[left],
                n_steps=steps,
                method="gausslegendre",
                internal_batch_size=max(self.batch_size, len(left)),
            ).detach()
            result[left] = found.to(x.dtype)
            steps *= 2
            if steps > self.max_steps:
                break
            missed = completeness(network, x[left], found, target[left], task)
            left = left[(missed > self.tolerance).to(x.device)]
        return result


@torch.no_grad()
def completeness(
    network: nn.Module, x: torch.Tensor, attribution: torch.Tensor, target: torch.Tensor, task: str
) -> torch.Tensor:
    """How far a map's sum is from F(x) - F(empty), as a share of that difference: float64 (B,), on the CPU.

    Where the difference is 0 the share is 0 if the sum is 0 as well, else infinite.
    """
    output = TaskOutput(network, task)
    logits = output(torch.cat([x, torch.zeros_like(x)])).gather(1, target.repeat(2)[:, None]).squeeze(1)
    difference = (logits[: len(x)] - logits[len(x) :]).cpu().double()
    missed = (attribution.cpu().double().flatten(1).sum(1) - difference).abs()
    return torch.where(missed == 0, 0.0, missed / difference.abs())
