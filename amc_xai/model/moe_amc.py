"""A mixture of two experts: a transformer for low SNR and a ResNet for high SNR."""

import math

import torch
from torch import nn
from torch.nn import functional

from amc_xai.model.sequence import sequence_shape
from amc_xai.ranges import check_range

EXPERTS = ("low_snr", "high_snr")


class Gate(nn.Module):
    """Which expert to listen to: (B, C, L) -> shares (B, 2), each row a probability."""

    def __init__(self, channels: int):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(channels, 16, 7, stride=2, padding=3), nn.ReLU(), nn.Conv1d(16, 32, 5, padding=2), nn.ReLU()
        )
        self.last = nn.Linear(64, len(EXPERTS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.convolutions(x)
        # The spread over time tells noise from signal; a mean alone would not.
        pooled = torch.cat([x.mean(-1), x.var(-1, correction=0)], 1)
        return self.last(pooled).float().softmax(-1)


class LowSnrTransformer(nn.Module):
    """Tokens of 16 samples every 8, two encoder layers, mean over time: (B, C, L) -> (B, ``features``)."""

    def __init__(self, channels: int, length: int, features: int, width: int = 64):
        super().__init__()
        self.tokens = nn.Conv1d(channels, width, 16, stride=8)
        layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.last = nn.Linear(width, features)
        self.register_buffer("position", positions((length - 16) // 8 + 1, width), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.tokens(x).transpose(1, 2) + self.position
        return functional.relu(self.last(self.encoder(tokens).mean(1)))


def positions(count: int, width: int) -> torch.Tensor:
    """Sines and cosines of the position, (``count``, ``width``) (Vaswani et al., NeurIPS 2017, section 3.5)."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angle = torch.arange(count)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


class ResidualBlock(nn.Module):
    """Two convolutions of 3 with batch normalisation, halving the length, around a 1x1 shortcut."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv1d(channels, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm1d(width),
        )
        self.shortcut = nn.Sequential(nn.Conv1d(channels, width, 1, stride=2, bias=False), nn.BatchNorm1d(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.branch(x) + self.shortcut(x))


class HighSnrResnet(nn.Module):
    """A stem and three residual blocks, mean over time: (B, C, L) -> (B, ``features``)."""

    def __init__(self, channels: int, features: int):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(channels, 32, 7, padding=3, bias=False), nn.BatchNorm1d(32), nn.ReLU())
        self.blocks = nn.Sequential(ResidualBlock(32, 32), ResidualBlock(32, 64), ResidualBlock(64, 128))
        self.last = nn.Linear(128, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.last(self.blocks(self.stem(x)).mean(-1)))


class MoeAmc(nn.Module):
    """The idea of MoE-AMC (arXiv 2312.02298), trained end to end: (B, C, L) -> (B, ``features``).

    A gate looks at the frame and blends the two experts' features by its probabilities. The shares sum to 1, so
    with ``extractor=none`` and a linear head the blended features give exactly the blended logits. The published
    layer sizes are not public; these are this package's own.

    Args:
        input_shape: (C, L), L at least 32.
        features: width of each expert's and of the blended features.

    Raises:
        UserError: unless the representation gives sequences of 32 samples or more.
    """

    accepts = "sequence"
    expert_names = EXPERTS

    def __init__(self, input_shape: tuple[int, ...], features: int = 128):
        super().__init__()
        channels, length = sequence_shape(input_shape, "moe_amc", shortest=32)
        check_range("[1, inf)", backbone__features=features)
        self.gate = Gate(channels)
        self.experts = nn.ModuleList(
            [LowSnrTransformer(channels, length, features), HighSnrResnet(channels, features)]
        )
        self.num_features = features
        self._share_sum: torch.Tensor | None = None
        self._frames = 0

    def gate_shares(self, x: torch.Tensor) -> torch.Tensor:
        """How much each of ``EXPERTS`` counts for each frame (B, C, L): (B, 2), rows sum to 1."""
        return self.gate(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shares = self.gate(x)
        self._remember(shares.detach())
        features = torch.stack([expert(x) for expert in self.experts], 1)
        return (shares[..., None] * features).sum(1)

    def _remember(self, shares: torch.Tensor) -> None:
        """Add to the shares of this evaluation; a step of training starts afresh."""
        if self.training:
            self._share_sum, self._frames = None, 0
        else:
            total = shares.sum(0)
            self._share_sum = total if self._share_sum is None else self._share_sum + total
            self._frames += len(shares)

    def report(self) -> dict[str, float]:
        """The mean share of each expert over the frames seen in evaluation since the last training step or report,
        as ``gate_low_snr`` and ``gate_high_snr``: what the history of a training shows. Empty where none was seen.
        """
        if self._share_sum is None:
            return {}
        means = (self._share_sum / self._frames).tolist()
        self._share_sum, self._frames = None, 0
        return {f"gate_{name}": share for name, share in zip(EXPERTS, means, strict=True)}
