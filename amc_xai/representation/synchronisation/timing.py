"""Symbol timing from the bins a symbol rate apart."""

import math

import torch

from amc_xai.representation.synchronisation.spectrum import Spectrum
from amc_xai.signal.filters import root_raised_cosine_spectrum

ROLL_OFF = 0.35


def symbol_timing(frame: Spectrum, weight: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """The first symbol instant (B,) in symbols, within [0, 1), and the strength (B,) of the line that tells it.

    The phase of the spectral line of |y|^2 at the symbol rate (Oerder and Meyr, "Digital filter and square
    timing recovery", IEEE Trans. Commun. 36(5), 1988, equation 5), written as the correlation of the spectrum with
    itself a symbol rate on, so that no sample lies between; y is the frame after a root-raised cosine of roll-off
    0.35, or pairs of bins count by ``weight`` (B, P - 1) where the pulse is known (``pair_weights``). The strength
    is the magnitude over what it would be if all bins agreed, 0..1.
    """
    periods = frame.periods
    if weight is None:
        frequency = torch.arange(1, periods, device=frame.bins.device) / periods
        weight = root_raised_cosine_spectrum(frequency, ROLL_OFF) * root_raised_cosine_spectrum(
            frequency - 1, ROLL_OFF
        )
    pairs = frame.bins[:, periods:] * frame.bins[:, : periods - 1].conj()
    line = (pairs * weight).sum(1)
    most = (pairs.abs() * weight).sum(1)
    return (-torch.angle(line) / (2 * math.pi)) % 1, line.abs() / torch.where(most > 0, most, 1)
