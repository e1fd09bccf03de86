"""What every loss has in common: its target, what it gives, and the two task losses before they are weighed."""

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
    """Mean cross-entropy over the labelled frames, 0 if there are none. logits (B, K), target (B,).

    ``label_smoothing`` mixes the one-hot target with a uniform one (Szegedy et al., CVPR 2016, section 7).
    """
    total = functional.cross_entropy(
        logits.float(), target, ignore_index=-1, reduction="sum", label_smoothing=label_smoothing
    )
    return total / (target >= 0).sum().clamp(min=1)


SnrTerm = Callable[[Sequence[float]], nn.Module]


class TaskTerms(nn.Module):
    """The two task losses before they are weighed.

    ``label_smoothing`` is that of the modulation; the SNR term has its own where it is a cross-entropy.
    """

    def __init__(self, snrs: Sequence[float], snr_term: SnrTerm, label_smoothing: float = 0.0):
        super().__init__()
        check_smoothing("loss.label_smoothing", label_smoothing)
        self.snr_term = snr_term(snrs)
        self.label_smoothing = label_smoothing

    def forward(self, prediction: Prediction, target: Target) -> tuple[torch.Tensor, torch.Tensor]:
        modulation = cross_entropy(prediction.modulation, target.modulation, self.label_smoothing)
        return modulation, self.snr_term(prediction.snr, target.snr)


def chance_loss(num_modulations: int, num_snrs: int) -> float:
    """The plain sum of both cross-entropies of a network that knows nothing: ln M + ln S."""
    return math.log(num_modulations) + math.log(num_snrs)


def check_smoothing(key: str, label_smoothing: float) -> None:
    """Raises ``UserError`` naming ``key`` unless the share lies in [0, 1)."""
    if not 0 <= label_smoothing < 1:
        raise UserError(f"{key} must lie in [0, 1), not {label_smoothing}; 0 is off")


def labelled_mean(value: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean of ``value`` (B,) over the frames whose label in ``target`` (B,) is known, 0 if there are none."""
    known = target >= 0
    return (value * known).sum() / known.sum().clamp(min=1)
