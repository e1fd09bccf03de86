"""A frame's spectrum on a grid of its symbol rate, and what can be read off it at any instant.

All stages work on it: filters multiply it, a delay turns it, and symbols are its inverse transform after the bins
that lie a symbol rate apart are added. So any number of samples a symbol serves, whole or not, and no instant is
interpolated.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import torch

# Symbols of silence behind the frame, so that its end doesn't ring into its beginning.
GUARD = 6
LEAST_SAMPLES_PER_SYMBOL = 2.0


class Spectrum(NamedTuple):
    """B frames of the same number of symbol periods."""

    bins: torch.Tensor
    """complex64 (B, 2P - 1): bin m = 1 - P..P - 1 lies at m / P cycles a symbol; their sum at instant t (symbols
    after the first sample), turned by m t / P cycles each, is the frame there."""
    periods: int
    """P: how many symbols the frame and the silence behind it last."""

    def at(self, delay: torch.Tensor, shape: torch.Tensor | None = None) -> torch.Tensor:
        """The frame at ``delay`` + k symbols, k = 0..P - 1: complex (B, P).

        delay: (B,), in symbols; shape: a filter, real (2P - 1,) or (B, 2P - 1).
        """
        return folded(delayed(self.bins if shape is None else self.bins * shape, delay))

    def oversampled(self, factor: int) -> torch.Tensor:
        """The frame at k / ``factor`` symbols: complex (B, ``factor`` P); ``factor`` is 2 or more."""
        above, below = self.bins[:, self.periods - 1 :], self.bins[:, : self.periods - 1]
        between = above.new_zeros(above.shape[0], (factor - 2) * self.periods + 1)
        return torch.fft.ifft(torch.cat([above, between, below], 1), norm="forward")


def delayed(bins: torch.Tensor, delay: torch.Tensor) -> torch.Tensor:
    """Bins (B, 2P - 1) of frames that begin ``delay`` (B,) symbols later."""
    periods = (bins.shape[-1] + 1) // 2
    turn = ramp(delay[:, None] / periods, periods)
    return bins * torch.cat([turn[:, 1:].flip(1).conj(), turn], 1)


def ramp(frequency: torch.Tensor, count: int, phase: torch.Tensor | None = None) -> torch.Tensor:
    """exp(2 pi j (frequency k + phase)), k = 0..count - 1: complex (B, count) of cycles (B, 1) each.

    A product of a coarse and a fine ramp: that saves most sines and cosines.
    """
    step = max(1, math.isqrt(count))
    fine = 2 * math.pi * frequency * torch.arange(step, device=frequency.device)
    coarse = 2 * math.pi * frequency * (step * torch.arange(-(-count // step), device=frequency.device))
    if phase is not None:
        coarse = coarse + 2 * math.pi * phase
    fine, coarse = (torch.polar(torch.ones_like(angle), angle) for angle in (fine, coarse))
    return (coarse[:, :, None] * fine[:, None, :]).flatten(1)[:, :count]


def folded(bins: torch.Tensor) -> torch.Tensor:
    """The frames (..., P) at whole symbols, of bins (..., 2P - 1): bins a symbol rate apart are one at that
    rate."""
    periods = (bins.shape[-1] + 1) // 2
    sums = bins[..., periods - 1 :].clone()
    sums[..., 1:] += bins[..., : periods - 1]
    return torch.fft.ifft(sums, norm="forward")


def fast_length(length: int) -> int:
    """The next length whose FFT is quick: no prime factor above 5."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


@lru_cache(maxsize=256)
def periods_of(length: int, samples_per_symbol: float) -> int:
    """How many symbol periods the grid of a frame takes: by itself a whole number of samples, where there is
    one."""
    least = math.ceil(length / samples_per_symbol) + GUARD
    for periods in range(least, least + least // 8 + 4):
        samples = periods * samples_per_symbol
        if _is_whole(samples) and fast_length(round(samples)) == round(samples):
            return periods
    return fast_length(least)


def _is_whole(samples: float) -> bool:
    return abs(samples - round(samples)) < 1e-6


def spectrum(frame: torch.Tensor, samples_per_symbol: float | torch.Tensor, periods: int) -> Spectrum:
    """The spectrum of frames, complex (B, L), on the grid of their symbol rate.

    samples_per_symbol: one number, or float32 (B,); all 2 or more, with ``periods`` of them at least L samples.
    The frame with silence behind it is transformed: by an FFT where the grid's length is a whole number of
    samples, else by Bluestein's chirp ("A linear filtering approach to the computation of discrete Fourier
    transform", IEEE Trans. Audio Electroacoust. 18(4), 1970), which takes any spacing of the bins.
    """
    if isinstance(samples_per_symbol, torch.Tensor):
        return Spectrum(_chirped(frame, samples_per_symbol, periods), periods)
    samples = periods * samples_per_symbol
    if not _is_whole(samples):
        each = torch.full((1,), samples_per_symbol, device=frame.device)
        return Spectrum(_chirped(frame, each, periods), periods)
    full = torch.fft.fft(frame, round(samples), norm="forward")
    return Spectrum(torch.cat([full[:, 1 - periods :], full[:, :periods]], 1), periods)


def _chirped(frame: torch.Tensor, samples_per_symbol: torch.Tensor, periods: int) -> torch.Tensor:
    """Bins by n m = (n^2 + m^2 - (m - n)^2) / 2: two chirps and a convolution with a third."""
    length, reach = frame.shape[-1], periods - 1
    size = fast_length(length + 2 * reach)
    # Turns are counted in whole 2^-40 cycles: squares of long indices would lose theirs as float32.
    unit = 40
    step = (2.0**23 / (periods * samples_per_symbol)).mul(2**16).round().long()[:, None]

    def chirp(index: torch.Tensor) -> torch.Tensor:
        turns = (index.square() * step) & (2**unit - 1)
        angle = turns.to(torch.float32) * (2 * math.pi / 2**unit)
        return torch.polar(torch.ones_like(angle), -angle)

    device = frame.device
    n = torch.arange(length, device=device)
    m = torch.arange(-reach, reach + 1, device=device)
    lag = torch.arange(size, device=device)
    lag = torch.where(lag > reach, lag - size, lag)
    kernel = torch.fft.fft(chirp(lag).conj())
    product = torch.fft.ifft(torch.fft.fft(frame * chirp(n), size) * kernel)
    bins = torch.cat([product[:, size - reach :], product[:, : reach + 1]], 1) * chirp(m)
    return bins / (periods * samples_per_symbol)[:, None]
