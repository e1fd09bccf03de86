"""The network that answers both questions, and the classifier that takes raw I/Q."""

import inspect
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import nn


class Prediction(NamedTuple):
    """Logits of both tasks: ``modulation`` (B, M) and ``snr`` (B, S)."""

    modulation: torch.Tensor
    snr: torch.Tensor


class BackboneHooks(Protocol):
    """What the training loop asks of a backbone beside ``forward``. One defines it that has something to say."""

    def report(self) -> dict[str, float]:
        """What the history of the training is to say of this epoch, asked for after its validation."""
        return {}


class MultiTaskNetwork(nn.Module):
    """Backbone -> extractor -> one head a task.

    ``backbone`` maps the represented frames to shared features (B, F) and tells ``num_features``;
    ``extractor(F)`` splits them in a pair of features for (modulation, SNR), each (B, T), and tells
    ``num_features``; ``heads(T, classes)`` makes the last layers.
    """

    def __init__(
        self,
        backbone: nn.Module,
        extractor: Callable[[int], nn.Module],
        modulation_head: Callable[[int, int], nn.Module],
        snr_head: Callable[[int, int], nn.Module],
        num_modulations: int,
        num_snrs: int,
    ):
        super().__init__()
        self.backbone = backbone
        self.extractor = extractor(backbone.num_features)
        self.modulation_head = modulation_head(self.extractor.num_features, num_modulations)
        self.snr_head = snr_head(self.extractor.num_features, num_snrs)
        self.backbone_frozen = False

    def freeze_backbone(self) -> None:
        """Keep the backbone as it is from now on, its weights and the statistics of its batch norm."""
        self.backbone_frozen = True
        self.backbone.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "MultiTaskNetwork":
        super().train(mode)
        if self.backbone_frozen:
            self.backbone.eval()
        return self

    def forward(self, x: torch.Tensor) -> Prediction:
        modulation, snr = self.extractor(self.backbone(x))
        return Prediction(self.modulation_head(modulation), self.snr_head(snr))


class Classifier(nn.Module):
    """Raw I/Q (B, 2, L) in, :class:`Prediction` over ``modulations`` and ``snrs`` out.

    ``samples_per_symbol`` (B,) of the frames, where each has its own, goes to a representation whose ``forward``
    takes it by that name.
    """

    def __init__(self, representation: nn.Module, network: nn.Module, modulations: list[str], snrs: list[float]):
        super().__init__()
        self.representation = representation
        self.network = network
        self.modulations = list(modulations)
        self.snrs = [float(s) for s in snrs]

    def forward(self, iq: torch.Tensor, samples_per_symbol: torch.Tensor | None = None) -> Prediction:
        return self.network(self.represent(iq, samples_per_symbol))

    @torch.no_grad()
    def represent(self, iq: torch.Tensor, samples_per_symbol: torch.Tensor | None = None) -> torch.Tensor:
        """What the network sees, in full precision: autocast would round bin edges and counts."""
        with torch.autocast(iq.device.type, enabled=False):
            if samples_per_symbol is not None and synchronises(self.representation):
                return self.representation(iq, samples_per_symbol=samples_per_symbol)
            return self.representation(iq)


def synchronises(representation: nn.Module) -> bool:
    """Whether a representation takes the samples a symbol of each frame."""
    return "samples_per_symbol" in inspect.signature(representation.forward).parameters
