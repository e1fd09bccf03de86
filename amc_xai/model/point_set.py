"""A network on the constellation as a set of points."""

import math

import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.model.sequence import sequence_shape
from amc_xai.ranges import check_range


class PointSet(nn.Module):
    """Sequences (B, C, K) seen as K points in no order -> features (B, ``features``).

    With independent symbols in white noise the likelihood of a frame is a sum over its symbols, log p(frame) =
    sum_k log p(symbol_k), and so is what this network can form: a perceptron that all points share, and means
    over the points (Zaheer et al., "Deep Sets", NeurIPS 2017; Qi et al., "PointNet", CVPR 2017). Each block tells
    every point what all of them have in common so far, such as the noise level or the turn of the constellation.

    - Coordinates x come with sin and cos of 2^k pi/2 x, k = 0..``octaves`` - 1: dense constellations ask for sharp
      functions of position, which a perceptron of plain coordinates learns late (Tancik et al., "Fourier features
      let networks learn high frequency functions in low dimensional domains", NeurIPS 2020).
    - Block: h + Linear(ReLU(Linear(u) + Linear(mean over points of u))), u = LayerNorm(h).
    - Padding: where frames hold different numbers of points, shorter ones end in points of zeros in all channels.
      Those count nowhere, so that a frame's features don't hang on the length of its neighbours.
    - Pooling: mean, variance and largest value over the points, then a dense layer.

    Args:
        input_shape: (C, K).
        width: of the points' hidden state.
        hidden: of each block's perceptron.
        blocks: how many.
        octaves: of the Fourier features; 0 leaves the coordinates alone.
        features: width of the last layer.
        drop_rate: of the features.

    Raises:
        UserError: unless the representation gives sequences, or for sizes below 1.
    """

    accepts = "sequence"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        width: int = 192,
        hidden: int = 384,
        blocks: int = 4,
        octaves: int = 5,
        features: int = 512,
        drop_rate: float = 0.0,
    ):
        super().__init__()
        channels, _ = sequence_shape(input_shape, "point_set", advised="points")
        for key, value, least in (
            ("width", width, 1), ("hidden", hidden, 1), ("blocks", blocks, 1), ("octaves", octaves, 0),
            ("features", features, 1),
        ):  # fmt: skip
            if value < least:
                raise UserError(f"backbone.{key} must be {least} or more, not {value}")
        check_range("[0, 1)", backbone__drop_rate=drop_rate)
        frequencies = math.pi / 2 * 2.0 ** torch.arange(octaves)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.first = nn.Linear(channels * (1 + 2 * octaves), width)
        self.blocks = nn.ModuleList(_Block(width, hidden) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.last = nn.Sequential(nn.Linear(3 * width, features), nn.GELU(), nn.Dropout(drop_rate))
        self.num_features = features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        points = x.transpose(1, 2)
        turns = (points[..., None] * self.frequencies).flatten(2)
        h = self.first(torch.cat([points, turns.sin(), turns.cos()], -1))
        share = shares(points)
        for block in self.blocks:
            h = block(h, share)
        h = self.norm(h)
        mean = common(h, share)
        variance = common((h - mean[:, None]).square(), share)
        largest = h.masked_fill(share[..., None] == 0, -math.inf).amax(1)
        return self.last(torch.cat([mean, variance, largest], -1))


def shares(points: torch.Tensor) -> torch.Tensor:
    """What each point (B, K, C) counts in a mean, float (B, K): alike, and nothing for padding; a frame of nothing
    but zeros is silence, and all of its points count."""
    real = (points != 0).any(-1)
    real = real | ~real.any(1, keepdim=True)
    return real / real.sum(1, keepdim=True)


def common(h: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Mean (B, W) over the points of h (B, K, W), by their ``shares`` (B, K)."""
    return (share.to(h.dtype)[:, None] @ h)[:, 0]


class _Block(nn.Module):
    """A perceptron on each point beside what the points have in common: (B, K, ``width``), same."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.own = nn.Linear(width, hidden)
        self.common = nn.Linear(width, hidden, bias=False)
        self.out = nn.Linear(hidden, width)

    def forward(self, h: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        u = self.norm(h)
        return h + self.out(torch.relu(self.own(u) + self.common(common(u, share))[:, None]))
