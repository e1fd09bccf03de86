"""Carrier offsets too large for the fine search: from where the band lies."""

import math

import torch

from amc_xai.representation.synchronisation.spectrum import Spectrum, fast_length, ramp

# Cycles a symbol: how far around half the symbol rate the band's edges are compared, and the roll-off taken for
# it.
EDGE, ROLL_OFF = 0.12, 0.3


def band_centre(frame: torch.Tensor, samples_per_symbol: float | torch.Tensor, reach: float) -> torch.Tensor:
    """Where one symbol rate of the spectrum holds most power: offset (B, 1) in cycles a symbol, within
    +-``reach``.

    White noise is everywhere alike, and doesn't move it. It is off by 0.03 cycles a symbol over 128 symbols, since
    a random message's spectrum is not even.
    """
    length = fast_length(frame.shape[-1])
    spectrum = torch.fft.fft(frame, length)
    power = torch.fft.fftshift(spectrum.real.square() + spectrum.imag.square(), dim=-1)
    power = power / power.mean(-1, keepdim=True).clamp(min=1e-30)
    cycles = (torch.arange(length, device=frame.device) - length // 2) / length
    rate = 1 / _column(samples_per_symbol, frame)
    # A window of one symbol rate, by sums up to its edges; beyond half the sample rate the spectrum begins again.
    sums = torch.cat([torch.zeros_like(power[:, :1]), torch.cat([power] * 3, 1).cumsum(1)], 1)
    half = (rate * length / 2).round().long().expand(power.shape[0], 1)
    centre = torch.arange(length, device=frame.device) + length
    held = sums.gather(1, centre + half + 1) - sums.gather(1, centre - half)
    held = held.masked_fill(cycles.abs() > reach * rate, -math.inf)
    return cycles[held.argmax(1, keepdim=True)] / rate


def edge_offset(grid: Spectrum) -> torch.Tensor:
    """Offset (B, 1) in cycles a symbol by the two edges of the band, of frames that are off by less than 0.15.

    Around half the symbol rate above and below the carrier lies the same part of the message, through two slopes
    of the pulse: for a root-raised cosine of roll-off r, powers in proportion to 1 -+ sin(pi (f - offset) / r),
    and a product in proportion to the cosine. So a phase pi (f - offset) / r stands in each pair, without the
    message's own unevenness. A false r makes the result too large or too small, not wrong in sign: twice is
    enough.
    """
    periods = grid.periods
    reach = int(EDGE * periods)
    middle = periods // 2
    pairs = torch.arange(middle - reach, middle + reach + 1, device=grid.bins.device).clamp(1, periods - 1)
    above, below = grid.bins[:, periods - 1 + pairs], grid.bins[:, pairs - 1]
    product = above * below.conj()
    line = product.sum(1, keepdim=True)
    coherent = (product * torch.polar(torch.ones_like(line.real), -line.angle())).real
    difference = _power(below) - _power(above)
    frequency = (pairs / periods - 0.5)[None]
    phases = torch.complex(2 * coherent, difference)
    turn = torch.polar(torch.ones_like(frequency), -math.pi / ROLL_OFF * frequency)
    return -ROLL_OFF / math.pi * (phases * turn).sum(1, keepdim=True).angle()


def moved(frame: torch.Tensor, samples_per_symbol: float | torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """Frames (B, L) with carriers ``offset`` (B, 1) cycles a symbol lower."""
    return frame * ramp(-offset / _column(samples_per_symbol, frame), frame.shape[-1])


def _column(samples_per_symbol: float | torch.Tensor, frame: torch.Tensor) -> torch.Tensor:
    if isinstance(samples_per_symbol, torch.Tensor):
        return samples_per_symbol.to(frame.device, torch.float32)[:, None]
    return torch.full((1, 1), samples_per_symbol, device=frame.device)


def _power(z: torch.Tensor) -> torch.Tensor:
    return z.real.square() + z.imag.square()
