"""Carrier offset and phase of symbols, from the lines that powers of them hold."""

import math
from functools import lru_cache
from typing import NamedTuple

import torch

from amc_xai.errors import UserError
from amc_xai.representation.synchronisation.spectrum import fast_length, ramp

# Beyond this the coarse search comes first; the sixteenth power of a larger offset turns by more than half a
# cycle.
FINE_REACH = 1 / 32
# What the coarse search reaches: 0.05 cycles a sample at 8 samples a symbol.
MAX_REACH = 0.4
# Points of the spectrum for each symbol: then a parabola through three of them finds the line's top.
OVERSAMPLING = 4
# As many bins cost a product with a matrix as much as the whole spectrum costs an FFT.
FEW_BINS = 100


def check_reach(carrier_reach: float) -> None:
    """Raise UserError unless carriers can be looked for so far away."""
    if not 0 < carrier_reach <= MAX_REACH:
        raise UserError(
            f"representation.carrier_reach must lie above 0 and up to {MAX_REACH:g} cycles a symbol, "
            f"not {carrier_reach:g}"
        )


class Carrier(NamedTuple):
    """What a spectral line tells of the carrier of B frames, float32 (B, 1) each."""

    offset: torch.Tensor
    """Cycles a symbol."""
    phase: torch.Tensor
    """Radian at the first symbol."""
    strength: torch.Tensor
    """Magnitude of the line over what it would be if all symbols agreed, 0..1."""

    def removed(self, z: torch.Tensor, delay: float = 0.0) -> torch.Tensor:
        """Symbols (B, K) without offset and phase; z begins ``delay`` symbols after the first instant."""
        phase = self.phase / (2 * math.pi) + self.offset * delay
        return z * ramp(-self.offset, z.shape[-1], -phase)


class Powers:
    """|z|^weight exp(j order arg z) of symbols (B, K), each power of the phase made once.

    The magnitude's power is free (Viterbi and Viterbi, "Nonlinear estimation of PSK-modulated carrier phase", IEEE
    Trans. Inf. Theory 29(4), 1983). With ``weight`` = ``order`` = 4 it suits most QAM; a higher weight listens to
    the outermost points, which lie on the diagonals of square QAM and near them in cross QAM.
    """

    def __init__(self, z: torch.Tensor):
        self.magnitude = z.abs()
        self._phases = {1: z / torch.where(self.magnitude > 0, self.magnitude, 1)}
        self._magnitudes = {1: self.magnitude}

    def __call__(self, order: int, weight: int) -> torch.Tensor:
        return self._phase(order) * self.weights(weight)

    def weights(self, weight: int) -> torch.Tensor:
        """|z|^``weight``, float32 (B, K)."""
        return _power(self._magnitudes, weight)

    def _phase(self, order: int) -> torch.Tensor:
        return _power(self._phases, order)


def _power(known: dict[int, torch.Tensor], exponent: int) -> torch.Tensor:
    """A power as a product of those with half the exponent, each of which is kept."""
    if exponent not in known:
        half = 1 << (exponent.bit_length() - 1)
        half = half // 2 if half == exponent else half
        known[exponent] = _power(known, half) * _power(known, exponent - half)
    return known[exponent]


def find_carrier(
    power: torch.Tensor, order: int, reach: float = 0.01, most: torch.Tensor | None = None
) -> Carrier:
    """The carrier of symbols whose ``order``-th power (B, K) holds a spectral line.

    The largest line stands at ``order`` times the offset, looked for within +-``reach`` cycles a symbol; its phase
    is ``order`` times that of the carrier. most: (B, 1), the sum of the powers' magnitudes where it is known.
    """
    frequency, line = strongest_line(power, order * reach)
    if most is None:
        most = power.abs().sum(-1, keepdim=True)
    strength = line.abs() / torch.where(most > 0, most, 1)
    return Carrier(frequency / order, torch.angle(line) / order, strength)


def carrier_of(powers: Powers, order: int, weight: int, reach: float) -> Carrier:
    """:func:`find_carrier` of a power of symbols."""
    return find_carrier(powers(order, weight), order, reach, powers.weights(weight).sum(-1, keepdim=True))


def strongest_line(signal: torch.Tensor, reach: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Frequency and complex amplitude (B, 1) of the largest line of signals (B, K) within +-``reach`` cycles."""
    spectrum, frequencies = lines(signal, reach)
    frequency = top(squared(spectrum), frequencies)
    return frequency, line_at(signal, frequency)


def lines(signal: torch.Tensor, reach: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The spectrum (B, N) of signals (B, K) at the frequencies (N,) within +-``reach`` cycles, in rising order.

    Few bins are a product with a matrix, which costs less than the transform of all of them.
    """
    count = signal.shape[-1]
    points = fast_length(OVERSAMPLING * count)
    # One bin more than the reach holds: a line at its edge has its top between two.
    highest = min(int(reach * points) + 1, (points - 1) // 2)
    frequencies = torch.arange(-highest, highest + 1, device=signal.device) / points
    if 2 * highest + 1 <= FEW_BINS:
        return signal @ _turns(count, highest, points, signal.device), frequencies
    full = torch.fft.fft(signal, points)
    return torch.cat([full[:, points - highest :], full[:, : highest + 1]], 1), frequencies


@lru_cache(maxsize=64)
def _turns(count: int, highest: int, points: int, device: torch.device) -> torch.Tensor:
    bins = torch.arange(-highest, highest + 1, dtype=torch.float64)
    turns = torch.arange(count, dtype=torch.float64)[:, None] * bins % points * (-2 * math.pi / points)
    return torch.polar(torch.ones_like(turns), turns).to(torch.complex64).to(device)


def squared(z: torch.Tensor) -> torch.Tensor:
    """|z|^2: the square root that an absolute value takes costs more than all else."""
    return z.real.square() + z.imag.square()


def top(power: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """Where squared magnitudes (B, N) have their top: frequency (B, 1), by a parabola through three magnitudes."""
    best = power.argmax(-1, keepdim=True)
    last = power.shape[-1] - 1
    if last < 2:
        return frequencies[best]
    middle = best.clamp(1, last - 1)
    left, centre, right = (power.gather(1, middle + k).sqrt() for k in (-1, 0, 1))
    bend = (2 * centre - left - right).clamp(min=0)
    # At the edge of the reach the largest value may have no top beside it.
    shift = (right - left) / (2 * torch.where(bend > 0, bend, 1))
    shift = torch.where((bend > 0) & (best == middle), shift.clamp(-0.5, 0.5), (best - middle).to(shift.dtype))
    return frequencies[middle] + shift * (frequencies[1] - frequencies[0])


def line_at(signal: torch.Tensor, frequency: torch.Tensor) -> torch.Tensor:
    """The line (B, 1) of signals (B, K) at a frequency (B, 1) in cycles: the sum of the signal turned back by
    it."""
    return (signal * ramp(-frequency, signal.shape[-1])).sum(-1, keepdim=True)


def recover_carrier(z: torch.Tensor, order: int = 4, reach: float = 0.01, weight: int = 4) -> torch.Tensor:
    """Take out carrier offset and phase: symbols (B, K) -> (B, K), up to a turn of 2 pi / ``order``.

    By the line of :class:`Powers`, as :func:`find_carrier` reads it.
    """
    return carrier_of(Powers(z), order, weight, reach).removed(z)
