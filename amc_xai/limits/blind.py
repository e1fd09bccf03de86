"""A classical method that comes near the limit: blind synchronisation, then the likelihood over all carriers.

A quasi hybrid likelihood ratio test (Panagiotou, Anastasopoulos and Polydoros, "Likelihood ratio tests for
modulation classification", MILCOM 2000): timing, receive filter and noise are estimated, and the average over the
carrier is exact, see `carrier`.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch

from amc_xai.limits.carrier import CarrierPrior
from amc_xai.limits.carrier_average import CarrierLikelihood, carrier_likelihood
from amc_xai.limits.gain import at_unit_gain, first_guess, kurtosis
from amc_xai.limits.observation import Observation
from amc_xai.limits.reachable import carrier_free_log_likelihood
from amc_xai.representation.constellation import normalise_power
from amc_xai.representation.synchronisation import (
    Spectrum,
    Synchronised,
    pulse_spectrum,
    staggered_carrier,
    synchronise,
)
from amc_xai.signal.constellations import constellation

STAGGERED = "OQPSK"
STAGGERED_PULSES = ("rrc_0.25", "rrc_0.15", "rrc_0.35")  # averaged over: a pulse is chosen at QPSK's instants
REACH = 0.01  # cycles a symbol, of the search for OQPSK's timing
# Noise is taken as no less than this below the signal: the front end leaves a rest of interference between symbols
# (-25 dB for OQPSK), and every class can be told at this Es/N0.
FLOOR_DB = 22.0
STEP_DB = 1.0  # frames are worked on together by their Es/N0 to this step
# Nats below the likeliest class so far: no class comes from so far behind by a better gain, nor OQPSK by a pulse.
BEHIND, PULSE_BEHIND = 40.0, 150.0


def blind_log_likelihood(
    iq: torch.Tensor, names: Sequence[str], samples_per_symbol: float, prior: CarrierPrior
) -> torch.Tensor:
    """Log-likelihood (B, C) float64 of classes with a constellation, of frames (B, 2, L) as they were received.

    At the Es/N0 that the frame itself tells; it needs noise to read beside the band: above 2.4 samples a symbol.
    Minus infinity for classes that no carrier could make likely.
    """
    iq = normalise_power(iq)
    found = synchronise(torch.complex(iq[:, 0], iq[:, 1]), samples_per_symbol)
    samples = round(found.symbols.shape[1] * samples_per_symbol)
    pulses = STAGGERED_PULSES if STAGGERED in names else ()
    plain, *staggered = observations(found, samples, pulses, prior.reach)
    if not prior.phase_known:
        # I and Q taken for each other are a quarter turned: of an unknown phase that is the same but for an end.
        staggered = staggered[::2]
    held = plain.symbols.abs().square().mean(1) - 1
    steps = (10 * held.clamp(min=0.1).log10() / STEP_DB).round().long()
    result = torch.empty(len(iq), len(names), dtype=torch.float64)
    for step in steps.unique().tolist():
        rows = (steps == step).nonzero()[:, 0]
        model = _Model(10 ** (step * STEP_DB / 10), samples, prior)
        result[rows] = model.of_classes(names, *(_only(part, rows) for part in (plain, *staggered)))
    return result


class _Model(NamedTuple):
    """Frames of one Es/N0, a ratio."""

    ratio: float
    samples: int
    prior: CarrierPrior

    def of_classes(self, names: Sequence[str], plain: Observation, *staggered: Observation) -> torch.Tensor:
        """Log-likelihood (B, C) of each class: quick ones first, for what they leave no chance is passed over."""
        count = plain.symbols.shape[1]
        quick = sorted(range(len(names)), key=lambda c: self._of(names[c], count).work)
        result = torch.full((len(plain.energy), len(names)), -torch.inf, dtype=torch.float64)
        for c in quick:
            best = result.amax(1)
            if names[c] == STAGGERED:
                result[:, c] = self._staggered(best, staggered)
                continue
            rows = (self._highest(names[c], plain) > best - BEHIND).nonzero()[:, 0]
            result[rows, c] = self._averaged(names[c], _only(plain, rows))
        return result

    def _of(self, name: str, count: int) -> CarrierLikelihood:
        return carrier_likelihood(name, self.ratio, count, self.prior)

    def _averaged(self, name: str, frames: Observation) -> torch.Tensor:
        return carrier_free_log_likelihood(frames, [name], [self.ratio], self.samples, self.prior)[:, 0, 0]

    def _highest(self, name: str, frames: Observation) -> torch.Tensor:
        """About what a class's log-likelihood (B,) could be if each symbol had the phase that suits it best."""
        outside = frames.energy - frames.symbols.abs().double().square().sum(1)
        level = first_guess(frames.symbols, outside, self.samples, kurtosis(constellation(name)), self.ratio)
        most = self._of(name, frames.symbols.shape[1]).highest(at_unit_gain(frames.symbols, level, self.ratio))
        return most - frames.energy * (-level).exp() - self.samples * level

    def _staggered(self, best: torch.Tensor, ways: Sequence[Observation]) -> torch.Tensor:
        """OQPSK's (B,), averaged over its pulse and, where the phase is known, over whether I or Q comes first."""
        found = torch.full((len(ways), len(best)), -torch.inf, dtype=torch.float64)
        found[0] = self._averaged(STAGGERED, ways[0])
        rows = (found[0] > best - PULSE_BEHIND).nonzero()[:, 0]
        if len(rows):
            others = [_only(way, rows) for way in ways[1:]]
            together = Observation(*(torch.cat(parts) for parts in zip(*others, strict=True)))
            found[1:, rows] = self._averaged(STAGGERED, together).view(len(others), -1)
        return found.logsumexp(0) - math.log(len(ways))


def _only(frames: Observation, rows: torch.Tensor) -> Observation:
    return Observation(*(values[rows] for values in frames))


def observations(found: Synchronised, samples: int, pulses: Sequence[str], reach: float) -> list[Observation]:
    """The receive filter's outputs in units of the noise in them.

    At the symbol instants first; then at those that OQPSK's own timing tells, for each pulse I first and Q first.
    ``reach``: the largest carrier offset, cycles a symbol.
    """
    count, half = found.symbols.shape[1], torch.full_like(found.delay, 0.5)
    late = found.filtered.at(half)[:, found.inner]
    outputs = [(found.symbols, late, found.symbol_noise, found.symbols.abs().square().sum(1))]
    frequency = torch.arange(1 - found.frame.periods, found.frame.periods) / found.frame.periods
    for pulse in pulses:
        shape = pulse_spectrum(pulse, frequency)
        filtered = Spectrum(found.frame.bins * shape, found.frame.periods)
        first, _ = staggered_carrier(filtered, REACH)
        early, middle, late = (filtered.at(first + step / 2)[:, found.inner] for step in range(3))
        noise = found.bin_noise * shape.square().sum()
        outputs += [(*pair, noise, staggered_energy(*pair, reach)) for pair in ((early, middle), (middle, late))]
    scaled = []
    for symbols, late, noise, held in outputs:
        scale = (noise + 10 ** (-FLOOR_DB / 10) / count * held[:, None]).clamp(min=1e-12).rsqrt()
        scaled.append(((symbols * scale).to(torch.complex64), (late * scale).to(torch.complex64)))
    # Of one energy, but for frames whose symbols alone have more where OQPSK's would be: these are none.
    inside = [symbols.abs().double().square().sum(1) for symbols, _ in scaled]
    energy = [torch.maximum(inside[0], own) + (samples - count) for own in inside]
    return [Observation(*part, own) for part, own in zip(scaled, energy, strict=True)]


def staggered_energy(symbols: torch.Tensor, late: torch.Tensor, reach: float) -> torch.Tensor:
    """The most energy (B,) that I, of symbols (B, K), and Q, of those half a symbol later, can have together.

    At any phase and any offset within ``reach``: half the energy of all, and half the line of their squares.
    """
    count = symbols.shape[1]
    position = torch.cat([torch.arange(count), torch.arange(count) + 0.5])
    many = math.ceil(16 * reach * count)
    offsets = torch.linspace(-reach, reach, 2 * many + 1)
    turns = -4 * math.pi * position[:, None] * offsets
    both = torch.cat([symbols, late * -1j], 1)
    line = (both.square() @ torch.polar(torch.ones_like(turns), turns)).abs().amax(1)
    return (both.abs().square().sum(1) + line) / 2
