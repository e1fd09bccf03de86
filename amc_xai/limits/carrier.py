"""Likelihood of a frame whose carrier isn't known: averaged over phase and offset, exactly and quickly.

Turning a constellation by an angle shifts the log-density of a symbol along the angle. In polar coordinates its
Fourier coefficients over the angle depend on the symbol's radius alone, A_h(r), and the sum over a frame's symbols
at a phase phi and an offset of omega radian a symbol is

    sum_h exp(-j h phi) sum_k A_h(r_k) exp(j h (theta_k - omega k)):

a matrix product for the offsets and a short inverse FFT for the phases, in place of a likelihood for each pair.
(The average itself: Dobre, Abdi, Bar-Ness and Su, "Survey of automatic modulation classification techniques", IET
Commun. 1(2), 2007, section 3.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from amc_xai.limits.likelihood import rotational_symmetry, symbol_log_sum
from amc_xai.signal.constellations import constellation

RADII = 401  # nodes of a table over the radius
REACH = 4.0  # standard deviations of the carrier offset that are looked at
# Distance of two phases, and of two offsets by the turn that they make from a frame's middle to its end, in
# standard deviations of what the frame tells: a sum over a Gaussian is then right within 1 %.
SPACING = 1.75
# In one pass; where more are needed, a coarse pass over fewer finds the region for a fine one.
MOST_OFFSETS, COARSE_OFFSETS = 160, 64
CELLS = 1 << 21  # values of (frame, offset, phase) held at a time


@dataclass(frozen=True)
class CarrierPrior:
    """What a receiver knows of the carrier before it looks."""

    offset_std: float = 0.0
    """Standard deviation of the normally distributed part of the offset, cycles a symbol."""
    offset_max: float = 0.0
    """Half the range of the uniformly distributed part, cycles a symbol."""
    phase_known: bool = False

    @property
    def reach(self) -> float:
        """The largest offset that is looked at, cycles a symbol."""
        return self.offset_max + REACH * self.offset_std

    def density(self, offsets: torch.Tensor) -> torch.Tensor:
        """Log-density at offsets (F,), cycles a symbol: that of the sum of both parts."""
        if self.offset_max == 0:
            scale = self.offset_std * math.sqrt(2 * math.pi)
            return -0.5 * (offsets / self.offset_std).square() - math.log(scale)
        # A range with hard edges: half of a step beyond them counts, as in the trapezoidal rule.
        soft = max(self.offset_std, 1e-3 * self.offset_max)
        inside = torch.special.ndtr((offsets + self.offset_max) / soft)
        inside = inside - torch.special.ndtr((offsets - self.offset_max) / soft)
        return (inside.clamp(min=1e-30) / (2 * self.offset_max)).log()

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Offset in cycles a symbol and phase in radian, (count, 1) each."""
        offset = self.offset_std * rng.standard_normal((count, 1)) + self.offset_max * rng.uniform(
            -1, 1, (count, 1)
        )
        return offset, 2 * np.pi * rng.random((count, 1)) * (not self.phase_known)


class Carried(NamedTuple):
    """What :class:`CarrierLikelihood` finds of B frames."""

    log_sum: torch.Tensor
    """float64 (B,): log of the mean over the carrier of exp(sum_k T(y_k)), T as in `SymbolDensity`."""
    phase: torch.Tensor
    """float32 (B,): radian at the frame's middle, of the most likely carrier."""
    offset: torch.Tensor
    """float32 (B,): cycles a symbol."""


class CarrierLikelihood:
    """One constellation at one Es/N0, with the carrier's phase and offset averaged over.

    Args:
        points: complex (M,) of unit mean power.
        es_n0: g, a ratio.
        positions: of the symbols in time, in symbols from the frame's middle.
        prior: of the carrier.
        half_width: of the range of offsets to look at, in cycles a symbol; None = all that the prior allows.
    """

    def __init__(
        self,
        points: torch.Tensor,
        es_n0: float,
        positions: Sequence[float],
        prior: CarrierPrior,
        half_width: float | None = None,
    ):
        self.es_n0, self.prior = float(es_n0), prior
        self.positions = torch.tensor(positions, dtype=torch.float32)
        self.symmetry = rotational_symmetry(points)
        count = len(self.positions)
        told = 1 / math.sqrt(2 * count * self.es_n0)
        # Harmonics die out beyond the sharpest angle at which two points of the outermost ring compete.
        self.harmonics = max(4, int((40 + 6 * math.sqrt(self.es_n0)) / self.symmetry) + 1)
        self.phases = max(2 * self.harmonics, math.ceil(2 * math.pi / self.symmetry / (SPACING * told)))
        reach = prior.reach if half_width is None else half_width
        # A line over K symbols: its slope is told sqrt(12) / K times as well as its height.
        self.spacing = SPACING * told * math.sqrt(12) / (2 * math.pi * count)
        many = 2 * math.ceil(reach / self.spacing) + 1 if reach > 0 else 1
        self.offsets = torch.linspace(-reach, reach, many) if many > 1 else torch.zeros(1)
        self._make_table(points)
        harmonic = self.symmetry * torch.arange(self.harmonics, dtype=torch.float64)
        turns = 2 * math.pi * self.positions.double()[:, None] * self.offsets.double()
        turns = harmonic[:, None, None] * turns
        self.turns = torch.polar(torch.ones_like(turns), -turns).to(torch.complex64)

    def _make_table(self, points: torch.Tensor) -> None:
        self.furthest = float(points.abs().max()) + 5 * math.sqrt(0.5 / self.es_n0)
        around = 4 * self.harmonics
        radius = torch.linspace(0, self.furthest, RADII)[:, None].expand(RADII, around)
        angle = 2 * math.pi / self.symmetry / around * torch.arange(around).expand(RADII, around)
        ratio = torch.full((RADII,), self.es_n0)
        values = symbol_log_sum(self.es_n0 * torch.polar(radius, angle), points, ratio)
        # As over the plane: a chord of a convex function lies above it, by a twelfth of the second difference.
        values[1:-1] -= (values[2:] - 2 * values[1:-1] + values[:-2]) / 12
        self.table = torch.fft.rfft(values.double(), dim=1)[:, : self.harmonics].to(torch.complex64) / around

    def __call__(self, symbols: torch.Tensor, centre: torch.Tensor | None = None) -> Carried:
        """Frames complex64 (B, K) at unit gain; ``centre`` (B,), cycles a symbol, moves the offsets looked at."""
        if centre is not None:
            turn = 2 * math.pi * centre[:, None] * self.positions
            symbols = symbols * torch.polar(torch.ones_like(turn), -turn)
        rows = max(1, CELLS // (len(self.offsets) * self.phases))
        centres = torch.zeros(len(symbols)) if centre is None else centre
        parts = [self._average(y, c) for y, c in zip(symbols.split(rows), centres.split(rows), strict=True)]
        return Carried(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def _average(self, symbols: torch.Tensor, centre: torch.Tensor) -> Carried:
        place = symbols.abs() * ((RADII - 1) / self.furthest)
        left = place.long().clamp(max=RADII - 2)
        coefficient = torch.lerp(self.table[left], self.table[left + 1], (place - left)[..., None].to(self.table))
        angle = self.symmetry * symbols.angle()[..., None] * torch.arange(self.harmonics)
        coefficient = coefficient * torch.polar(torch.ones_like(angle), angle)
        by_offset = torch.bmm(coefficient.permute(2, 0, 1), self.turns).permute(1, 2, 0)
        if self.prior.phase_known:
            log = 2 * by_offset.real.sum(-1, keepdim=True) - by_offset.real[..., :1]
        else:
            log = torch.fft.irfft(by_offset, n=self.phases) * self.phases
        phases = log.shape[-1]
        log = log - math.log(phases)
        if len(self.offsets) > 1:
            step = float(self.offsets[1] - self.offsets[0])
            prior = self.prior.density(self.offsets + centre[:, None]) + math.log(step)
            log = log + prior[..., None]
        log = log.flatten(1)
        best = log.argmax(1)
        # The transform turns the other way round.
        phase = -2 * math.pi / self.symmetry / phases * (best % phases)
        offset = self.offsets[best // phases] + centre
        return Carried(log.double().logsumexp(1), phase, offset)


@lru_cache(maxsize=512)
def carrier_likelihood(
    modulation: str, es_n0: float, symbols: int, prior: CarrierPrior, half_width: float | None = None
) -> CarrierLikelihood:
    """The one for a class's frames of ``symbols`` symbols, made once.

    OQPSK is a pair of staggered lines of BPSK: its frames are given as 2 K symbols, see :func:`as_sent`.
    """
    positions = [k - (symbols - 1) / 2 for k in range(symbols)]
    if modulation == "OQPSK":
        line = torch.tensor([1.0, -1.0], dtype=torch.complex64) / math.sqrt(2)
        return CarrierLikelihood(line, es_n0, [*positions, *(p + 0.5 for p in positions)], prior, half_width)
    return CarrierLikelihood(constellation(modulation), es_n0, positions, prior, half_width)


def without_carrier(symbols: torch.Tensor, carried: Carried, delay: float = 0.0) -> torch.Tensor:
    """Symbols (B, K), ``delay`` symbols late, with the most likely carrier taken out."""
    position = torch.arange(symbols.shape[1]) - (symbols.shape[1] - 1) / 2 + delay
    turn = carried.phase[:, None] + 2 * math.pi * carried.offset[:, None] * position
    return symbols * torch.polar(torch.ones_like(turn), -turn)


def as_sent(modulation: str, symbols: torch.Tensor, late: torch.Tensor) -> torch.Tensor:
    """Matched filter outputs (B, K), and (B, K) half a symbol later, as the class's likelihood wants them."""
    if modulation == "OQPSK":
        # Q is sent half a symbol late: turned by a quarter, it is a line of BPSK like I.
        return torch.cat([symbols, late * -1j], 1)
    return symbols


def with_carrier_averaged(
    modulation: str,
    es_n0: float,
    symbols: torch.Tensor,
    late: torch.Tensor,
    prior: CarrierPrior,
    centre: torch.Tensor | None = None,
) -> Carried:
    """Frames at unit gain under one class: complex64 (B, K) and the same half a symbol later.

    Where the offsets would be too many for one pass, a coarse pass at a lower Es/N0 finds the region; or
    ``centre`` (B,), cycles a symbol, tells it.
    """
    frames, count = as_sent(modulation, symbols, late), symbols.shape[1]
    told = SPACING * math.sqrt(12) / (2 * math.pi * count * math.sqrt(2 * count * es_n0))
    needed = 2 * prior.reach / told
    if needed <= MOST_OFFSETS:
        return carrier_likelihood(modulation, es_n0, count, prior)(frames)
    region = carrier_likelihood(modulation, es_n0 * (COARSE_OFFSETS / needed) ** 2, count, prior)
    if centre is None:
        centre = region(frames).offset
    return carrier_likelihood(modulation, es_n0, count, prior, 2 * region.spacing)(frames, centre)
