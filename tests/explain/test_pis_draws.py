"""What is drawn depends on the seed, the names and the frame, and on nothing else."""

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from amc_xai.explain import Setting, perturbation_scores
from amc_xai.perturbation import Random, Top, View, Zero

ZERO = ("zero", Zero())


class Logits(NamedTuple):
    modulation: torch.Tensor
    snr: torch.Tensor


class Recorder(nn.Module):
    """Keeps every image that it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Tensor] = []

    def forward(self, image: torch.Tensor) -> Logits:
        self.seen.append(image.clone())
        return Logits(image.flatten(1)[:, :2], image.flatten(1)[:, 2:4])


def shown(selectors, frames, fractions, name, **options):
    """Return the images that the network was shown with the last fraction of the selector ``name``."""
    recorder = Recorder()
    perturbation_scores(recorder, frames, selectors, ZERO, fractions, **options)
    forwards = 1 + len(selectors) * len(fractions)
    which = 1 + list(selectors).index(name) * len(fractions) + len(fractions) - 1
    return torch.cat(recorder.seen[which::forwards])


def test_a_selector_draws_the_same_whoever_is_beside_it_and_however_the_frames_are_batched(random_frames):
    alone = shown({"random": Random()}, random_frames(23, 23), [0.3], "random", seed=4)
    beside = {"top": Top(), "twin": Random(), "random": Random()}
    batched = random_frames(23, 5)  # the last batch holds three frames
    assert torch.equal(alone, shown(beside, batched, [0.01, 0.3], "random", seed=4))
    assert not torch.equal(alone, shown(beside, batched, [0.01, 0.3], "twin", seed=4))
    assert not torch.equal(alone, shown({"random": Random()}, random_frames(23, 23), [0.3], "random", seed=5))


def test_channels_draw_independently_of_each_other(random_frames):
    frames = random_frames(6, 6, channels=2)
    both = perturbation_scores(Recorder(), frames, {"random": Random()}, ZERO, [0.3])
    second = perturbation_scores(Recorder(), frames, {"random": Random()}, ZERO, [0.3], channels=["c1"])
    key = Setting("random", "zero", "c1", 0.3)
    for name in ("mass_fraction", "lit_fraction"):
        assert np.array_equal(both.predictions.shares[key][name], second.predictions.shares[key][name])


def test_a_seed_means_the_same_draws_in_every_process_and_version():
    lit = View(None, torch.ones(5, 1, 4, 4), ["trajectory"])
    labels = torch.zeros(5, dtype=torch.int64)
    images = shown({"random": Random()}, [(lit, labels, labels)], [0.125], "random", seed=3)
    masked = [image.flatten().eq(0).nonzero().squeeze(1).tolist() for image in images]
    assert masked == [[0, 15], [9, 15], [1, 15], [5, 13], [0, 5]]


class Noise:
    """Adds noise to the masked pixels: an operator that draws."""

    def __call__(self, view, mask, representation=None, generator=None):
        return torch.where(mask, torch.rand(view.image.shape, generator=generator), view.image)


def test_a_random_operator_gets_a_stream_of_its_own(random_frames):
    def images(selectors):
        recorder = Recorder()
        perturbation_scores(recorder, random_frames(4, 4), selectors, ("noise", Noise()), [0.5])
        return recorder.seen[-1]

    assert torch.equal(images({"random": Random()}), images({"top": Top(), "random": Random()}))
