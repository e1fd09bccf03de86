"""Grad-CAM on a network that has learned which pattern is lit in a corner: it points at that corner."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from amc_xai.explain.attribution import GradCam, attribute_input
from amc_xai.explain.attribution.feature_maps import find_feature_map
from amc_xai.model.network import Prediction

SIZE = 24
PATCH = 8


def frames(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sparse noise with one of three patterns lit in a corner: images, patterns and corners."""
    generator = torch.Generator().manual_seed(seed)
    patterns = torch.zeros(3, PATCH, PATCH)
    patterns[0, ::2], patterns[1, :, ::2] = 1.0, 1.0
    patterns[2] = (torch.arange(PATCH)[:, None] + torch.arange(PATCH)) % 2
    image = (torch.rand(count, 1, SIZE, SIZE, generator=generator) < 0.03).float()
    kind = torch.randint(3, (count,), generator=generator)
    corner = torch.randint(4, (count,), generator=generator)
    for k in range(count):
        row, column = (int(place) * (SIZE - PATCH) for place in (corner[k] // 2, corner[k] % 2))
        image[k, 0, row : row + PATCH, column : column + PATCH] = patterns[kind[k]]
    return image, kind, corner


class Small(nn.Module):
    """Convolutions whose features leave channels first, channels last, or as tokens behind a class token."""

    def __init__(self, order: str):
        super().__init__()
        self.order = order
        self.first, self.second = nn.Conv2d(1, 12, 3, 2, 1), nn.Conv2d(12, 16, 3, 2, 1)
        self.features = nn.LayerNorm(16) if order != "first" else nn.GroupNorm(1, 16)
        self.read = nn.Linear(16, 3)

    def forward(self, x):
        x = self.second(self.first(x).relu()).relu()
        if self.order == "first":
            x = self.features(x).mean((2, 3))
        elif self.order == "last":
            x = self.features(x.permute(0, 2, 3, 1)).mean((1, 2))
        else:
            tokens = x.flatten(2).transpose(1, 2)
            tokens = self.features(torch.cat([tokens.mean(1, keepdim=True), tokens], 1))
            x = tokens.mean(1)
        return Prediction(*([self.read(x)] * 2))


@pytest.mark.parametrize("order", ["first", "last", "tokens"])
def test_the_map_of_a_trained_network_lies_on_the_corner_that_is_lit(order):
    torch.manual_seed(0)
    network, (image, kind, _) = Small(order), frames(192, 1)
    optimizer = torch.optim.Adam(network.parameters(), 2e-2)
    for _ in range(60):
        optimizer.zero_grad()
        functional.cross_entropy(network(image).modulation, kind).backward()
        optimizer.step()
    image, kind, corner = frames(48, 2)
    right = network.eval()(image).modulation.argmax(1) == kind
    assert right.float().mean() > 0.9
    assert find_feature_map(network, image, "modulation", 16).order == order
    scores = attribute_input(GradCam(), network, image[right], kind[right], "modulation")[:, 0]
    # The share of each map on the four corners' patches: the lit one's is the largest.
    ends = (slice(0, PATCH), slice(SIZE - PATCH, SIZE))
    shares = torch.stack([scores[:, r, c].sum((1, 2)) for r in ends for c in ends], 1)
    assert (shares.argmax(1) == corner[right]).float().mean() > 0.9
