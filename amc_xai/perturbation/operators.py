"""How to mask: what the chosen pixels become."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from amc_xai.perturbation.view import View


class Operator(Protocol):
    """Turns a view and a mask into the image that the network gets to see."""

    def __call__(
        self,
        view: View,
        mask: torch.Tensor,
        representation: nn.Module | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Return the perturbed image (B, C, H, W); raise UserError where it doesn't apply to a channel.

        ``mask`` is bool (B, C, H, W). An operator that goes back to the samples draws them anew with
        ``representation``; one that is random draws from ``generator`` (on the CPU) alone.
        """
        ...


@dataclass(frozen=True)
class Zero:
    """Masked pixels become zero, as if no point had fallen there. Applies to every channel."""

    def __call__(
        self,
        view: View,
        mask: torch.Tensor,
        representation: nn.Module | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Return a copy of the image (B, C, H, W) with zeros where ``mask`` (bool, same shape) is true."""
        return view.image.masked_fill(mask, 0.0)
