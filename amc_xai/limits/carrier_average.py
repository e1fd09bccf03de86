"""Likelihood of a frame whose carrier isn't known: averaged over phase and offset, exactly and quickly.

Turning a constellation by an angle shifts the log-density of a symbol along the angle. In polar coordinates its
Fourier coefficients over the angle depend on the symbol's radius alone, A_h(r), and the sum over a frame's symbols
at a phase phi and an offset of omega radian a symbol is

    sum_h exp(-j h phi) sum_k A_h(r_k) exp(j h (theta_k - omega k)):

a matrix product for the offsets and one for the phases, in place of a likelihood for each pair.
(The average itself: Dobre, Abdi, Bar-Ness and Su, "Survey of automatic modulation classification techniques", IET
Commun. 1(2), 2007, section 3.)
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch

from amc_xai.limits.carrier import Carried, CarrierPrior, as_sent
from amc_xai.limits.likelihood import LOWEST, rotational_symmetry, symbol_log_sum
from amc_xai.representation.synchronisation.spectrum import ramp
from amc_xai.signal.constellations import constellation

# Nodes of a table over the radius: so far apart, in standard deviations of the noise, but no more than so many.
RADIUS_STEP, RADII = 0.25, 401
FAINTEST = 1e-4  # a harmonic of a symbol's log-density, in nats, below which it and those above are left out
# Distance of two phases, and of two offsets by the turn that they make from a frame's middle to its end, in
# standard deviations of what the frame tells: a sum over a Gaussian is then right within 1 %.
SPACING = 1.75
# In one pass; where more are needed, a coarse pass over fewer finds the region for a fine one. With half as many,
# the noise that the coarse one takes for granted blurs 128QAM so much that it finds another region from 26 dB up.
MOST_OFFSETS, COARSE_OFFSETS = 320, 128
CELLS = 1 << 19  # values of (frame, offset, phase) held at a time


class CarrierLikelihood:
    """One constellation at one Es/N0, with the carrier's phase and offset averaged over.

    Args:
        points: complex (M,).
        es_n0: g, a ratio.
        positions: of the symbols in time, in symbols from the frame's middle; the same read from either end.
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
        instants = torch.tensor(positions, dtype=torch.float64)
        self.middle = float(instants.mean())
        self.positions = (instants - self.middle).float()
        self.symmetry = rotational_symmetry(points)
        count = len(positions) * float(points.abs().square().mean())
        told = 1 / math.sqrt(2 * count * self.es_n0)
        self._make_table(points)
        self.phases = max(2 * self.harmonics, math.ceil(2 * math.pi / self.symmetry / (SPACING * told)))
        reach = prior.reach if half_width is None else half_width
        # A line over K symbols: its slope is told sqrt(12) / K times as well as its height.
        self.spacing = SPACING * told * math.sqrt(12) / (2 * math.pi * count)
        many = math.ceil(reach / self.spacing) + 1 if reach > 0 else 1
        self.offsets = torch.linspace(0, reach, many)
        self._make_waves()

    def _make_table(self, points: torch.Tensor) -> None:
        """The harmonics (radii, H) of a symbol's log-density along the angle, as many as count."""
        deviation = math.sqrt(0.5 / self.es_n0)
        self.furthest = float(points.abs().max()) + 5 * deviation
        self.radii = min(RADII, math.ceil(self.furthest / (RADIUS_STEP * deviation)) + 1)
        # They die out beyond the sharpest angle at which two points of the outermost ring compete.
        most = max(4, int((40 + 6 * math.sqrt(self.es_n0)) / self.symmetry) + 1)
        around = 4 * most
        radius = torch.linspace(0, self.furthest, self.radii)[:, None].expand(self.radii, around)
        angle = 2 * math.pi / self.symmetry / around * torch.arange(around).expand(self.radii, around)
        ratio = torch.full((self.radii,), self.es_n0)
        values = symbol_log_sum(self.es_n0 * torch.polar(radius, angle), points, ratio)
        # As over the plane: a chord of a convex function lies above it, by a twelfth of the second difference.
        values[1:-1] -= (values[2:] - 2 * values[1:-1] + values[:-2]) / 12
        table = torch.fft.rfft(values.double(), dim=1)[:, :most] / around
        counts = (table.abs().amax(0) > FAINTEST).nonzero()
        self.harmonics = int(counts[-1]) + 1 if len(counts) else 1
        self.table = table[:, : self.harmonics].to(torch.complex64)
        self.largest = values.amax(1)

    def _make_waves(self) -> None:
        """What offsets do to two symbols that lie as far before and behind the middle, and what phases do."""
        harmonic = torch.arange(self.harmonics, dtype=torch.float64)
        behind = self.positions.double().flip(0)[: (len(self.positions) + 1) // 2]
        turns = 2 * math.pi * self.symmetry * harmonic[:, None, None] * behind[:, None] * self.offsets.double()
        self.even, self.odd = turns.cos().float(), turns.sin().float()
        if len(self.positions) % 2:
            self.even[:, -1] /= 2  # the symbol in the middle is its own partner
        phases = 1 if self.prior.phase_known else self.phases
        turns = 2 * math.pi / phases * torch.arange(phases, dtype=torch.float64)[:, None] * harmonic
        twice = torch.where(harmonic == 0, 1.0, 2.0)
        self.phase_waves = torch.stack([twice * turns.cos(), -twice * turns.sin()], -1).flatten(1).float()

    @property
    def work(self) -> int:
        """What a symbol costs, to compare: multiplications over all carriers."""
        return self.harmonics * len(self.offsets) * len(self.positions)

    def highest(self, symbols: torch.Tensor) -> torch.Tensor:
        """No less than the sum over symbols (B, K) at any carrier, float64 (B,): each at its best angle."""
        left, weight = self._place(symbols)
        return torch.lerp(self.largest[left], self.largest[left + 1], weight).double().sum(1)

    def _place(self, symbols: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The node of the table below each symbol's radius, and the way to the next, above 1 beyond the table."""
        place = symbols.abs() * ((self.radii - 1) / self.furthest)
        left = place.long().clamp(max=self.radii - 2)
        return left, place - left

    def __call__(self, symbols: torch.Tensor, centre: torch.Tensor | None = None) -> Carried:
        """Frames complex64 (B, K) at unit gain; ``centre`` (B,), cycles a symbol, moves the offsets looked at."""
        if centre is not None:
            turn = 2 * math.pi * centre[:, None] * self.positions
            symbols = symbols * torch.polar(torch.ones_like(turn), -turn)
        held = max(2 * len(self.offsets) * len(self.phase_waves), symbols.shape[1] * self.harmonics)
        rows = max(1, CELLS // held)
        centres = torch.zeros(len(symbols)) if centre is None else centre
        parts = [self._average(y, c) for y, c in zip(symbols.split(rows), centres.split(rows), strict=True)]
        return Carried(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def _average(self, symbols: torch.Tensor, centre: torch.Tensor) -> Carried:
        log = self._over_carriers(symbols)
        phases, offsets = log.shape[2:]
        log = (log + self._log_prior(centre)[:, :, None]).flatten(1)
        top, best = log.max(1)
        mass = (log - top[:, None]).clamp_(min=LOWEST).exp_().sum(1).double()
        offset = self.offsets[best % offsets] * (1 - 2 * (best // (phases * offsets))) + centre
        # The transform turns the other way round.
        turn = -2 * math.pi / self.symmetry / phases * (best // offsets % phases)
        log_sum = top.double() + (mass / phases).log()
        return Carried(log_sum, turn - 2 * math.pi * self.middle * offset, offset)

    def _over_carriers(self, symbols: torch.Tensor) -> torch.Tensor:
        """Sums over the symbols (B, K) at every carrier: (B, 2, phases, offsets), offsets above 0 and below."""
        left, weight = self._place(symbols)
        weight = weight[..., None].to(self.table)
        turn = self.symmetry / (2 * math.pi) * symbols.angle().view(-1, 1)
        coefficient = torch.lerp(self.table[left], self.table[left + 1], weight)
        coefficient *= ramp(turn, self.harmonics).view_as(coefficient)
        pairs = self.even.shape[1]
        before, behind = coefficient[:, :pairs], coefficient.flip(1)[:, :pairs]
        alike = self._at_phases(before + behind, self.even)
        apart = self._at_phases((before - behind) * 1j, self.odd)
        return torch.stack([alike + apart, alike - apart], 1)

    def _at_phases(self, coefficient: torch.Tensor, waves: torch.Tensor) -> torch.Tensor:
        """(B, pairs, H) by waves (H, pairs, offsets), turned by every phase: (B, phases, offsets)."""
        parts = torch.view_as_real(coefficient).permute(2, 0, 3, 1).flatten(1, 2)
        by_offset = torch.bmm(parts, waves).unflatten(1, (-1, 2)).transpose(0, 1).flatten(1, 2)
        return torch.matmul(self.phase_waves, by_offset)

    def _log_prior(self, centre: torch.Tensor) -> torch.Tensor:
        """Of the offsets above and below ``centre`` (B,): (B or 1, 2, offsets); the middle one stands twice."""
        halved = torch.zeros_like(self.offsets)
        halved[0] = -math.log(2)
        if len(self.offsets) == 1:
            return halved.expand(1, 2, 1)
        step = math.log(float(self.offsets[1]))
        sides = torch.stack([self.offsets, -self.offsets]) + centre[:, None, None]
        return self.prior.density(sides) + step + halved


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
