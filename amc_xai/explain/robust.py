"""Images with random holes, for the copy of a network that a robust faithfulness check needs."""

import torch
from torch import nn

from amc_xai.explain.removal import kept, units


class RandomlyMasked(nn.Module):
    """A representation that loses a random share of what it drew: what the checked curves show a network.

    Each lit pixel of a frame (of a sequence: each instant) becomes zero with a probability drawn for that frame
    from [0, ``most``]. F-Fidelity (Zheng et al. 2024) fine-tunes up to the share that it removes later; the
    curves here remove everything, so ``most`` is 1 by default.
    """

    def __init__(self, representation: nn.Module, most: float = 1.0, seed: int = 0):
        super().__init__()
        self.representation = representation
        self.most = most
        self.generator = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def forward(self, iq: torch.Tensor) -> torch.Tensor:
        x = self.representation(iq)
        places = units(x).shape
        share = self.most * torch.rand(places[0], 1, generator=self.generator)
        keep = torch.rand(places, generator=self.generator) >= share
        return kept(x, keep.to(x.device))
