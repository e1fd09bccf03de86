"""Networks whose explanation is known beforehand."""

import pytest
import torch
from torch import nn

from amc_xai.model.network import Prediction


class Gate(nn.Module):
    """Lets one region of the input through: the feature map that Grad-CAM looks at."""

    def __init__(self, region: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("region", region.float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.region


class Planted(nn.Module):
    """A linear read-out: each task's class 1 has the sum over its region as logit, class 0 has 0."""

    def __init__(self, modulation: torch.Tensor, snr: torch.Tensor) -> None:
        super().__init__()
        self.modulation_gate, self.snr_gate = Gate(modulation), Gate(snr)

    def forward(self, x: torch.Tensor) -> Prediction:
        sums = [gate(x).flatten(1).sum(1) for gate in (self.modulation_gate, self.snr_gate)]
        return Prediction(*(torch.stack([torch.zeros_like(total), total], 1) for total in sums))


class Blind(nn.Module):
    """Says the same of every input; a convolution runs beside it, so that Grad-CAM has a feature map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 2, 3, padding=1)

    def forward(self, x: torch.Tensor) -> Prediction:
        nothing = 0.0 * self.stem(x).mean((2, 3))
        return Prediction(nothing + torch.tensor([0.3, 1.0]), nothing + torch.tensor([1.0, 0.2]))


@pytest.fixture
def planted():
    """(network, images (3, 2, 8, 8), region of each task): modulation in channel 0 above, SNR in channel 1."""
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(3, 2, 8, 8, generator=generator) * 0.4 + 0.3
    regions = {task: torch.zeros(2, 8, 8, dtype=torch.bool) for task in ("modulation", "snr")}
    regions["modulation"][0, 1:4, 2:6] = True
    regions["snr"][1, 5:7, 1:5] = True
    return Planted(regions["modulation"], regions["snr"]).eval(), image, regions


@pytest.fixture
def blind():
    return Blind(2).eval()
