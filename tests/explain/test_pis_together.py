"""``together``: the same fraction of every channel at once, beside a control of as many pixels of each."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from amc_xai.explain import Setting, perturbation_scores
from amc_xai.perturbation import Bottom, Random, Top, View, Zero
from amc_xai.perturbation.view import TOGETHER

ZERO = ("zero", Zero())


class Logits(NamedTuple):
    modulation: torch.Tensor
    snr: torch.Tensor


class Either(nn.Module):
    """Class 1 where any channel is lit at its brightest pixel; keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def forward(self, image: torch.Tensor) -> Logits:
        self.seen.append(image.clone())
        bright = (image >= 9).flatten(1).any(1).float()
        answer = torch.stack([torch.full_like(bright, 0.5), bright], 1)
        return Logits(answer, answer)


@pytest.fixture
def redundant():
    """Two channels of 10 and 20 lit pixels, each with two bright ones that say the same."""
    image = torch.zeros(6, 2, 8, 8)
    image[:, 0].flatten(1)[:, :10] = torch.arange(1.0, 11)
    image[:, 1].flatten(1)[:, 30:50] = torch.cat([torch.arange(1, 19) / 10, torch.tensor([9.0, 10])])
    ones = torch.ones(6, dtype=torch.int64)
    return [(View(None, image, ["a", "b"], {"a": torch.arange(10).expand(6, 10)}), ones, ones)]


def test_what_either_channel_tells_is_lost_in_both_at_once_alone(redundant):
    result = perturbation_scores(
        Either(), redundant, {"top": Top(), "bottom": Bottom()}, ZERO, [0.2], ["a", "b", TOGETHER]
    )
    rows = {(r["selector"], r["channel"]): r for r in result.rows if r["task"] == "joint"}
    assert [rows["top", channel]["drop"] for channel in ("a", "b", TOGETHER)] == [0, 0, 1]
    assert rows["bottom", TOGETHER]["drop"] == 0
    row = rows["top", TOGETHER]
    assert row["lit_fraction"] == pytest.approx(6 / 30) and row["pixel_fraction"] == pytest.approx(6 / 128)
    assert row["mass_fraction"] == pytest.approx((9 + 10 + 1.7 + 1.8 + 9 + 10) / (55 + 17.1 + 19))
    assert np.isnan(row["sample_fraction"])  # of b no points are known
    assert rows["top", "a"]["sample_fraction"] == pytest.approx(0.2)


@pytest.mark.parametrize("control", ["random", "random_matched"])
def test_the_control_takes_as_many_pixels_of_each_channel(redundant, control):
    network = Either()
    perturbation_scores(network, redundant, {"top": Top()}, ZERO, [0.2], [TOGETHER], control=control)
    clean, masked, twin = network.seen
    for image in (masked, twin):
        assert torch.equal(((clean > 0) & (image == 0)).sum((2, 3)), torch.tensor([[2, 4]]).expand(6, 2))
    # All pixels of a channel differ: as many of each intensity are the same ones.
    assert torch.equal(masked, twin) == (control == "random_matched")


def test_what_is_drawn_of_one_channel_does_not_hang_on_the_others_asked_for(redundant):
    def masked(channels):
        network = Either()
        perturbation_scores(network, redundant, {"random": Random()}, ZERO, [0.3], channels)
        return network.seen[-1]

    assert torch.equal(masked([TOGETHER]), masked(["a", "b", TOGETHER]))
    assert torch.equal(masked(["a"]), masked([TOGETHER, "a"]))


def test_of_a_single_channel_it_is_that_channel(random_frames):
    frames = random_frames(8, 4)
    result = perturbation_scores(Either(), frames, {"top": Top()}, ZERO, [0.25], ["c0", TOGETHER])
    shares = result.predictions.shares
    for name in ("lit_fraction", "pixel_fraction"):
        own, together = (shares[Setting("top", "zero", c, 0.25)][name] for c in ("c0", TOGETHER))
        assert np.array_equal(own, together)
