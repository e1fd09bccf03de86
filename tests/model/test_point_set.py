"""The network on points: sums over symbols, in no order."""

import math

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.model import PointSet


@pytest.fixture
def network():
    torch.manual_seed(0)
    return PointSet((3, 11), width=6, hidden=5, blocks=2, octaves=2, features=4).eval()


def test_points_have_no_order(network):
    x = torch.randn(4, 3, 11)
    torch.testing.assert_close(network(x), network(x[..., torch.randperm(11)]))
    assert network(x).shape == (4, network.num_features)


def test_it_is_what_its_description_says(network):
    """Point by point, with no batch and no broadcasting."""
    frame = torch.randn(3, 11)
    hidden = []
    for point in frame.T:
        turns = [v * math.pi / 2 * 2**k for v in point.tolist() for k in range(2)]
        told = [*point.tolist(), *map(math.sin, turns), *map(math.cos, turns)]
        hidden.append(network.first(torch.tensor(told)))
    for block in network.blocks:
        u = [block.norm(h) for h in hidden]
        common = block.common(sum(u) / len(u))
        hidden = [h + block.out(torch.relu(block.own(v) + common)) for h, v in zip(hidden, u, strict=True)]
    h = torch.stack([network.norm(h) for h in hidden])
    pooled = torch.cat([h.mean(0), h.var(0, correction=0), h.amax(0)])
    torch.testing.assert_close(network(frame[None])[0], torch.nn.functional.gelu(network.last[0](pooled)))


def test_a_frame_of_any_number_of_points_is_taken(network):
    assert network(torch.randn(2, 3, 40)).shape == (2, 4)
    # Each point twice is the same distribution of points.
    x = torch.randn(2, 3, 11)
    torch.testing.assert_close(network(torch.cat([x, x], 2)), network(x))


def test_points_of_zeros_are_padding(network):
    x = torch.randn(2, 3, 11)
    x[1, :, 7:] = 0
    alone = network(x[1:, :, :7])
    torch.testing.assert_close(network(x)[1:], alone)
    torch.testing.assert_close(network(torch.cat([x, torch.zeros(2, 3, 5)], 2)), network(x))
    # Silence is a frame too.
    assert network(torch.zeros(1, 3, 4)).isfinite().all()
    torch.testing.assert_close(network(torch.zeros(1, 3, 4)), network(torch.zeros(1, 3, 9)))


def test_what_it_cannot_take():
    with pytest.raises(
        UserError, match=r"backbone: point_set takes sequences, .*\(1, 64, 64\); .*representation=points$"
    ):
        PointSet((1, 64, 64))
    for key in ("width", "hidden", "blocks", "features"):
        with pytest.raises(UserError, match=rf"backbone.{key} must be 1 or more, not 0"):
            PointSet((2, 64), **{key: 0})
