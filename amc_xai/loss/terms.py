"""What every loss has in common: its target, what it gives, and the two task losses before they are weighed."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import nn
from torch.nn import functional

from amc_xai.errors import UserError, guess
from amc_xai.model.network import Prediction

TARGETS = ("label", "posterior", "mixed")


class Target(NamedTuple):
    """Class indices of both tasks, (B,) int64 each; -1 is unknown and does not count.

    ``posterior`` (B, M) float32: how likely each modulation is to who knows how the frame was made; None where
    nobody does.
    """

    modulation: torch.Tensor
    snr: torch.Tensor
    posterior: torch.Tensor | None = None


class LossTerms(NamedTuple):
    """Scalars ``total``, ``modulation``, ``snr`` and the normalised task ``weights`` (2,), which sum to 1."""

    total: torch.Tensor
    modulation: torch.Tensor
    snr: torch.Tensor
    weights: torch.Tensor


class LossHooks(Protocol):
    """What the training loop calls on a loss beside ``forward``; a loss defines those that it needs."""

    def balance(
        self,
        terms: LossTerms,
        shared: nn.Module,
        mean: Callable[[torch.Tensor], torch.Tensor],
        scale: torch.Tensor | float,
    ) -> None:
        """After a batch's forward pass and before its backward one, whose graph must be kept.

        ``shared`` is the part of the network that both tasks use; ``mean`` averages a tensor over the whole batch,
        whatever share of it this process has; gradients are to be taken of a loss times ``scale`` (half precision
        would lose the small ones) and divided by it.
        """

    def project(self) -> None:
        """After each step of the optimizer: bring parameters back to where they may be."""

    def after_epoch(self, mean_modulation: float, mean_snr: float) -> None:
        """After each epoch, with the mean training losses of both tasks in it."""


def loss_terms(loss: nn.Module, prediction: Prediction, target: Target) -> LossTerms:
    """What ``loss`` makes of a batch.

    Raises:
        UserError: if that is anything but :class:`LossTerms`.
    """
    terms = loss(prediction, target)
    if not isinstance(terms, LossTerms):
        raise UserError(
            f"loss: {type(loss).__name__} must return LossTerms(total, modulation, snr, weights) from "
            f"amc_xai.loss, and returned {type(terms).__name__}"
        )
    return terms


def plain_sum(modulation: float, snr: float, weights: Sequence[float]) -> float:
    """The yardstick of a training: both tasks' mean losses added up, whatever they weigh in the loss.

    Weights that are learned can't move it. A task of weight 0 isn't trained, and doesn't count.
    """
    return sum(value for value, weight in zip((modulation, snr), weights, strict=True) if weight > 0)


def cross_entropy(logits: torch.Tensor, target: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
    """Mean cross-entropy over the labelled frames, 0 if there are none. logits (B, K), target (B,).

    ``label_smoothing`` mixes the one-hot target with a uniform one (Szegedy et al., CVPR 2016, section 7).
    """
    total = functional.cross_entropy(
        logits.float(), target, ignore_index=-1, reduction="sum", label_smoothing=label_smoothing
    )
    return total / (target >= 0).sum().clamp(min=1)


def cross_entropy_with(logits: torch.Tensor, target: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
    """Mean cross-entropy of logits (B, K) with probabilities ``target`` (B, K)."""
    return functional.cross_entropy(logits.float(), target, label_smoothing=label_smoothing)


SnrTerm = Callable[[Sequence[float]], nn.Module]


class TaskTerms(nn.Module):
    """The two task losses before they are weighed.

    ``label_smoothing`` is that of the modulation; the SNR term has its own where it is a cross-entropy.

    ``target`` is what the modulation is learned from: its ``label``; the ``posterior`` where frames come with one
    (fresh ones for training; validation has labels); or the mean of the two (``mixed``). The expected loss of any
    network is the same with all three, since the posterior's mean given the frame is the label's; with it the
    loss varies less (Rao and Blackwell).

    Raises:
        UserError: for another target.
    """

    def __init__(
        self, snrs: Sequence[float], snr_term: SnrTerm, label_smoothing: float = 0.0, target: str = "label"
    ):
        super().__init__()
        check_smoothing("loss.label_smoothing", label_smoothing)
        if target not in TARGETS:
            raise UserError(
                f"loss.target must be one of {', '.join(TARGETS)}, not {target!r}{guess(target, TARGETS)}"
            )
        self.target = target
        self.snr_term = snr_term(snrs)
        self.label_smoothing = label_smoothing

    def forward(self, prediction: Prediction, target: Target) -> tuple[torch.Tensor, torch.Tensor]:
        return self._modulation(prediction.modulation, target), self.snr_term(prediction.snr, target.snr)

    def _modulation(self, logits: torch.Tensor, target: Target) -> torch.Tensor:
        if self.target == "label" or target.posterior is None:
            return cross_entropy(logits, target.modulation, self.label_smoothing)
        wanted = target.posterior
        if self.target == "mixed":
            wanted = (wanted + functional.one_hot(target.modulation, wanted.shape[1])) / 2
        return cross_entropy_with(logits, wanted, self.label_smoothing)


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
