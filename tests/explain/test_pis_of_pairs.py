"""Pixels masked beside a sequence: a network of both sees the sequence as it is."""

from typing import NamedTuple

import torch

from amc_xai.explain import perturbation_scores
from amc_xai.perturbation import Top, View, Zero


class Logits(NamedTuple):
    modulation: torch.Tensor
    snr: torch.Tensor


class Both(torch.nn.Module):
    """Class 1 of the modulation where any pixel is lit, of the SNR where the sequence is positive."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        image, sequence = x
        self.seen.append(sequence)
        lit = image.flatten(1).amax(1) > 0
        return Logits(
            torch.stack([~lit, lit], 1).float(), torch.stack([-sequence.mean((1, 2)), sequence.mean((1, 2))], 1)
        )


def test_masking_takes_the_image_and_leaves_the_sequence():
    image = torch.zeros(4, 1, 4, 4)
    image[:, 0, 1, 2] = 1.0
    sequence = torch.ones(4, 2, 8)
    view = View(None, image, ["trajectory"], sequence=sequence)
    network, ones = Both(), torch.ones(4, dtype=torch.int64)
    rows = perturbation_scores(network, [(view, ones, ones)], {"top": Top()}, ("zero", Zero()), [1.0]).rows
    assert {row["task"]: row["drop"] for row in rows} == {"modulation": 1.0, "snr": 0.0, "joint": 1.0}
    assert all(seen is sequence for seen in network.seen)


def test_without_a_sequence_the_network_gets_the_image_alone():
    image = torch.rand(2, 1, 4, 4)
    assert View(None, image, ["trajectory"]).seen(image) is image
