"""Frames as sequences: I and Q, or amplitude and phase."""

import math

import torch
from torch import nn

from amc_xai.data.contracts import Facts
from amc_xai.representation.constellation import normalise_power


class Iq(nn.Module):
    """I/Q (B, 2, L) -> the same scaled to unit mean power I^2 + Q^2, (B, 2, L); zeros stay zeros."""

    channels: tuple[str, ...] = ("I", "Q")
    version = 1
    keeps_scale = False

    def __init__(self, facts: Facts):
        super().__init__()

    def output_shape(self, frame_length: int) -> tuple[int, int]:
        """(C, L) of the sequences of frames of ``frame_length`` samples."""
        return 2, frame_length

    def forward(self, iq: torch.Tensor) -> torch.Tensor:
        return normalise_power(iq)


class AmplitudePhase(nn.Module):
    """I/Q (B, 2, L) -> amplitude and phase of each sample, (B, 2, L) (Rajendran et al., IEEE TCCN 4(3), 2018).

    Channel 0 is the amplitude after scaling to unit mean power; channel 1 the phase over pi, within [-1, 1]. The
    phase is not unwrapped: it jumps from 1 to -1 as the signal crosses the negative I axis.
    """

    channels: tuple[str, ...] = ("amplitude", "phase / π")
    version = 1
    keeps_scale = False

    def __init__(self, facts: Facts):
        super().__init__()

    def output_shape(self, frame_length: int) -> tuple[int, int]:
        """(C, L) of the sequences of frames of ``frame_length`` samples."""
        return 2, frame_length

    def forward(self, iq: torch.Tensor) -> torch.Tensor:
        iq = normalise_power(iq)
        return torch.stack([iq.square().sum(1).sqrt(), torch.atan2(iq[:, 1], iq[:, 0]) / math.pi], 1)
