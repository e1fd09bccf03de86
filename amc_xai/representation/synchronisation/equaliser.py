"""A blind equaliser for multipath and pulses that no receive filter suits."""

import math
from typing import NamedTuple

import torch

from amc_xai.representation.synchronisation.carrier import squared
from amc_xai.representation.synchronisation.spectrum import Spectrum

# Taps lie half a symbol apart, over this many symbols on either side.
REACH = 3
STEPS = 12
# Of the mean power of an input: what a tap costs. Few symbols can't tell as many taps from noise.
COST = 1e-3


class Equalised(NamedTuple):
    """What the equaliser makes of B frames."""

    taps: torch.Tensor
    """complex64 (B, 4 REACH + 1), half a symbol apart; the middle one belongs to the symbol instant. They keep the
    symbols' mean power."""
    ripple: torch.Tensor
    """float32 (B,): mean of (|symbol|^2 - 1)^2 of symbols of unit mean power, 0 for PSK that is free of
    interference and noise."""

    def response(self, periods: int) -> torch.Tensor:
        """The taps at the bins of a spectrum of as many periods: complex (B, 2 ``periods`` - 1)."""
        bins = torch.arange(1 - periods, periods, device=self.taps.device)
        places = torch.arange(-2 * REACH, 2 * REACH + 1, device=self.taps.device)
        # Whole turns are taken out of the product before it becomes a number of few digits.
        turns = (places[:, None] * bins % (2 * periods)).float() * (math.pi / periods)
        return self.taps @ torch.polar(torch.ones_like(turns), turns)


def equalise(
    filtered: Spectrum, symbols: torch.Tensor, inner: slice, valid: torch.Tensor | None = None
) -> Equalised:
    """Symbols of one modulus, as nearly as 4 REACH + 1 taps over the filtered frame can make them.

    filtered: the frame at a symbol instant, and symbols (B, K): what it has there, in its periods ``inner``; valid
    (B, K): which of them count, all where None.

    Godard's criterion, the mean of (|y|^2 - 1)^2 (Godard, "Self-recovering equalization and carrier tracking in
    two-dimensional data communication systems", IEEE Trans. Commun. 28(11), 1980), which hangs on no carrier, over
    the frame as a whole: Gauss and Newton's steps with Levenberg's damping, in place of one noisy step a symbol.
    Taps half a symbol apart can undo any channel (Tong, Xu and Kailath, "Blind identification and equalization
    based on second-order statistics", IEEE Trans. Inf. Theory 40(2), 1994).
    """
    count = symbols.shape[-1]
    weight = torch.ones_like(symbols.real) if valid is None else valid.to(symbols.real.dtype)
    number = weight.sum(1, keepdim=True).clamp(min=1)
    power = (squared(symbols) * weight).sum(1, keepdim=True) / number
    scale = torch.where(power > 0, power, 1).rsqrt()
    halves = filtered.oversampled(2) * scale
    # The input of symbol k: half symbols 2 k - 2 REACH to 2 k + 2 REACH, around the frame's ends too.
    index = torch.arange(count, device=halves.device)[:, None] + inner.start
    index = (2 * index + torch.arange(-2 * REACH, 2 * REACH + 1, device=halves.device)) % halves.shape[-1]
    inputs = halves[:, index]  # (B, K, T)
    taps = torch.zeros(halves.shape[0], 4 * REACH + 1, dtype=halves.dtype, device=halves.device)
    taps[:, 2 * REACH] = 1
    damping = torch.full_like(power, 1e-2)
    cost = torch.full_like(power, torch.inf)
    best = taps
    _, ripple = _ripple(inputs, taps, weight, number)
    for _ in range(STEPS):
        total = ripple + COST * squared(taps - _start(taps)).sum(1, keepdim=True)
        better = total < cost
        best, cost = torch.where(better, taps, best), torch.where(better, total, cost)
        damping = torch.where(better, damping * 0.3, damping * 8).clamp(1e-6, 1e3)
        taps = best + _step(inputs, best, weight, number, damping)
        _, ripple = _ripple(inputs, taps, weight, number)
    y, _ = _ripple(inputs, best, weight, number)
    mean = (squared(y) * weight).sum(1, keepdim=True) / number
    best = best * torch.where(mean > 0, mean, 1).rsqrt()
    return Equalised(best, _ripple(inputs, best, weight, number)[1][:, 0])


def _start(taps: torch.Tensor) -> torch.Tensor:
    start = torch.zeros_like(taps)
    start[:, 2 * REACH] = 1
    return start


def _ripple(
    inputs: torch.Tensor, taps: torch.Tensor, weight: torch.Tensor, number: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    y = (inputs @ taps[:, :, None])[:, :, 0]
    return y, ((squared(y) - 1).square() * weight).sum(1, keepdim=True) / number


def _step(
    inputs: torch.Tensor, taps: torch.Tensor, weight: torch.Tensor, number: torch.Tensor, damping: torch.Tensor
) -> torch.Tensor:
    """The damped Gauss-Newton step in the real and imaginary parts of the taps."""
    y = (inputs @ taps[:, :, None])[:, :, 0]
    turned = 2 * y.conj()[:, :, None] * inputs
    slope = torch.cat([turned.real, -turned.imag], 2)  # of |y|^2
    slope_weighted = slope * (weight / number)[:, :, None]
    normal = slope_weighted.transpose(1, 2) @ slope
    away = taps - _start(taps)
    right = (slope_weighted * (squared(y) - 1)[:, :, None]).sum(1) + COST * torch.cat([away.real, away.imag], 1)
    eye = torch.eye(normal.shape[-1], device=normal.device)
    solved = torch.linalg.solve(normal + (COST + damping)[:, :, None] * eye, -right[:, :, None])[:, :, 0]
    half = solved.shape[-1] // 2
    return torch.complex(solved[:, :half], solved[:, half:])
