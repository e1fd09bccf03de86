"""A classical method that comes near the limit: blind synchronisation, then the likelihood over all carriers.

A quasi hybrid likelihood ratio test (Panagiotou, Anastasopoulos and Polydoros, "Likelihood ratio tests for
modulation classification", MILCOM 2000): timing, receive filter and noise are estimated, and the average over the
carrier is exact, see `carrier`.
"""

import math
from collections.abc import Sequence

import torch

from amc_xai.limits.carrier import CarrierPrior
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

STAGGERED = "OQPSK"
STAGGERED_PULSES = ("rrc_0.15", "rrc_0.25", "rrc_0.35")  # averaged over: a pulse is chosen at QPSK's instants
REACH = 0.01  # cycles a symbol, of the search for OQPSK's timing
# Noise is taken as no less than this below the signal: the front end leaves a rest of interference between symbols
# (-25 dB for OQPSK), and every class can be told at this Es/N0.
FLOOR_DB = 22.0
STEP_DB = 1.0  # frames are worked on together by their Es/N0 to this step


def blind_log_likelihood(
    iq: torch.Tensor, names: Sequence[str], samples_per_symbol: float, prior: CarrierPrior
) -> torch.Tensor:
    """Log-likelihood (B, C) float64 of classes with a constellation, of frames (B, 2, L) as they were received.

    At the Es/N0 that the frame itself tells; it needs noise to read beside the band: above 2.4 samples a symbol.
    """
    iq = normalise_power(iq)
    found = synchronise(torch.complex(iq[:, 0], iq[:, 1]), samples_per_symbol)
    samples = round(found.symbols.shape[1] * samples_per_symbol)
    plain, *staggered = observations(found, samples)
    held = plain.symbols.abs().square().mean(1) - 1
    steps = (10 * held.clamp(min=0.1).log10() / STEP_DB).round().long()
    result = torch.empty(len(iq), len(names), dtype=torch.float64)
    for step in steps.unique().tolist():
        rows, ratio = (steps == step).nonzero()[:, 0], [10 ** (step * STEP_DB / 10)]
        for c, name in enumerate(names):
            frames = staggered if name == STAGGERED else [plain]
            parts = [
                carrier_free_log_likelihood(Observation(*(v[rows] for v in part)), [name], ratio, samples, prior)
                for part in frames
            ]
            # Which pulse OQPSK has, and whether I or Q comes first, is not known: the mean of all.
            result[rows, c] = torch.stack(parts)[:, :, 0, 0].logsumexp(0) - math.log(len(parts))
    return result


def observations(found: Synchronised, samples: int) -> list[Observation]:
    """The receive filter's outputs in units of the noise in them, of one energy wherever they were taken.

    At the symbol instants first; then at those that OQPSK's own timing tells, for each pulse I first and Q first.
    """
    half = torch.full_like(found.delay, 0.5)
    outputs = [(found.symbols, found.filtered.at(half)[:, found.inner], found.symbol_noise)]
    frequency = torch.arange(1 - found.frame.periods, found.frame.periods) / found.frame.periods
    for pulse in STAGGERED_PULSES:
        shape = pulse_spectrum(pulse, frequency)
        filtered = Spectrum(found.frame.bins * shape, found.frame.periods)
        first, _ = staggered_carrier(filtered, REACH)
        early, middle, late = (filtered.at(first + step / 2)[:, found.inner] for step in range(3))
        noise = found.bin_noise * shape.square().sum()
        outputs += [(early, middle, noise), (middle, late, noise)]
    scaled = []
    for symbols, late, noise in outputs:
        power = symbols.abs().square().mean(1, keepdim=True)
        scale = (noise + 10 ** (-FLOOR_DB / 10) * power).clamp(min=1e-12).rsqrt()
        scaled.append(((symbols * scale).to(torch.complex64), (late * scale).to(torch.complex64)))
    held = torch.stack([symbols.abs().double().square().sum(1) for symbols, _ in scaled]).amax(0)
    count = found.symbols.shape[1]
    return [Observation(symbols, late, held + (samples - count)) for symbols, late in scaled]
