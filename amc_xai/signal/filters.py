"""The root-raised-cosine pulse, as a spectrum and as taps."""

import math

import torch

from amc_xai.errors import UserError


def root_raised_cosine_spectrum(frequency: torch.Tensor, roll_off: torch.Tensor | float) -> torch.Tensor:
    """Root-raised-cosine spectrum: the square root of the raised cosine, 1 at zero frequency.

    frequency: cycles per symbol; roll_off: 0..1; the two broadcast against each other. The square of the
    result, repeated at all integers, sums to 1: a matched pair of such filters is free of intersymbol
    interference. Its integral over frequency is 1 too, so the pulse has unit energy per symbol.
    At the band edge of roll-off 0 the value is 1/sqrt(2), the limit for small roll-off.

    Proakis and Salehi, Digital Communications, equation 9.2-26: in the transition band the raised cosine is
    cos^2 of half its argument, so its root is a plain cosine.
    """
    if not isinstance(roll_off, torch.Tensor):
        roll_off = torch.tensor(roll_off, dtype=frequency.dtype, device=frequency.device)
    transition = 0.5 + (frequency.abs() - 0.5) / roll_off.clamp(min=1e-9)
    return torch.cos(math.pi / 2 * transition.clamp(0.0, 1.0))


def root_raised_cosine_taps(roll_off: float, samples_per_symbol: float, span: int) -> torch.Tensor:
    """Root-raised-cosine impulse response, float64, of unit energy.

    Covers `span` symbols: taps at t = -n..n samples with n = floor(span * samples_per_symbol / 2), so their
    number is odd and the middle one is t = 0. Truncation makes the pair only nearly free of intersymbol
    interference; where that matters, multiply by `root_raised_cosine_spectrum` in the frequency domain.

    Raises UserError if roll_off is outside 0..1 or span * samples_per_symbol is below 2.
    """
    if not 0.0 <= roll_off <= 1.0:
        raise UserError(f"roll_off: {roll_off} is outside the allowed range 0 to 1")
    half = math.floor(span * samples_per_symbol / 2)
    if half < 1:
        raise UserError(f"span: {span} symbols hold fewer than 2 samples, choose a longer span")
    time = torch.arange(-half, half + 1, dtype=torch.float64) / samples_per_symbol
    # Both closed-form singularities are removable; the limits replace the quotient there.
    quarter = (4 * roll_off * time).square()
    singular = (quarter - 1).abs() < 1e-9
    centre = time == 0
    numerator = torch.sin(math.pi * time * (1 - roll_off)) + 4 * roll_off * time * torch.cos(
        math.pi * time * (1 + roll_off)
    )
    denominator = math.pi * time * (1 - quarter)
    taps = numerator / torch.where(singular | centre, torch.ones_like(time), denominator)
    taps = torch.where(centre, 1 - roll_off + 4 * roll_off / math.pi, taps)
    if roll_off > 0:
        edge = (roll_off / math.sqrt(2)) * (
            (1 + 2 / math.pi) * math.sin(math.pi / (4 * roll_off))
            + (1 - 2 / math.pi) * math.cos(math.pi / (4 * roll_off))
        )
        taps = torch.where(singular, edge, taps)
    return taps / taps.square().sum().sqrt()
