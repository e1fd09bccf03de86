"""Timing and carrier of OQPSK, whose Q is half a symbol late."""

import math

import torch

from amc_xai.representation.synchronisation.carrier import Carrier, line_at, lines, squared, top
from amc_xai.representation.synchronisation.spectrum import Spectrum

# Instants a symbol at which the frame is squared: its square holds frequencies up to twice the band.
FACTOR = 4


def staggered_carrier(filtered: Spectrum, reach: float = 0.01) -> tuple[torch.Tensor, Carrier]:
    """First symbol instant (B,) in symbols, within [0, 0.5), and carrier of OQPSK frames after the receive filter.

    I is at its largest when Q, half a symbol late, is at its least: the square of the frame, exp(2j phase) (I^2 -
    Q^2) in the mean, holds lines at twice the carrier offset plus and minus the symbol rate (Gini and Giannakis,
    "Frequency offset and symbol timing recovery in flat-fading channels: a cyclostationary approach", IEEE Trans.
    Commun. 46(3), 1998). The offset, within +-``reach`` cycles a symbol, makes the product of both magnitudes
    largest; the difference of their phases tells the timing, their sum the carrier's phase. Where I and Q are
    taken for each other, the instant lies half a symbol off. (In |y|^2, which symbol_timing goes by, the lines of
    I and Q cancel in the mean.)
    """
    samples = filtered.oversampled(FACTOR)
    square = samples.square().unflatten(1, (-1, FACTOR))
    # Four instants a symbol turn by a quarter each.
    even, odd = square[..., 0] - square[..., 2], (square[..., 1] - square[..., 3]) * 1j
    upper, lower = even - odd, even + odd
    found, frequencies = lines(torch.cat([upper, lower]), 2 * reach)
    strengths = squared(found)
    frequency = top(strengths[: upper.shape[0]] * strengths[upper.shape[0] :], frequencies)
    above, below = line_at(upper, frequency), line_at(lower, frequency)
    delay = torch.angle(below * above.conj()) / 2  # of the symbol instant, in radian of the symbol rate
    first = (delay / (2 * math.pi)) % 0.5
    at_first = torch.angle(above * torch.polar(torch.ones_like(first), 2 * math.pi * first))
    # A period's samples lie (FACTOR - 1) / 2 of their spacing after its beginning, in the mean.
    middle = (FACTOR - 1) / (2 * FACTOR)
    phase = at_first / 2 + math.pi * frequency * (first - middle)
    most = squared(samples).sum(1, keepdim=True)
    strength = (above.abs() * below.abs()).sqrt() / torch.where(most > 0, most, 1)
    return first[:, 0], Carrier(frequency / 2, phase, strength)
