"""Frames for the tests of this room."""

import pytest
import torch

from amc_xai.perturbation import View


@pytest.fixture
def random_frames():
    """A function that yields batches of 8 x 8 images of log-scaled counts, with labels of two classes."""
    return _random_frames


def _random_frames(frames: int, batch: int, seed: int = 0, channels: int = 1):
    generator = torch.Generator().manual_seed(seed)
    image = torch.poisson(torch.full((frames, channels, 8, 8), 0.6), generator=generator).log1p()
    labels = torch.randint(0, 2, (2, frames), generator=generator)
    names = [f"c{i}" for i in range(channels)]
    return [
        (View(None, part, names), *label)
        for part, *label in zip(image.split(batch), *(row.split(batch) for row in labels), strict=True)
    ]
