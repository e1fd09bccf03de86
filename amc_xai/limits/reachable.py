"""What a receiver can reach that doesn't know the carrier: the likelihood with phase and offset averaged over.

Timing and pulse are still known, and with them the matched filter's outputs; so this too bounds what is possible
from above, but more closely than the limit that knows the carrier.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from amc_xai.limits.carrier import CarrierPrior, without_carrier
from amc_xai.limits.carrier_average import with_carrier_averaged
from amc_xai.limits.decisions import (
    SIGMAS,
    Progress,
    Settings,
    ceiling_decision,
    draw_frames,
    grid_of,
    joint_log_likelihood,
    possible_snrs,
)
from amc_xai.limits.density import symbol_density
from amc_xai.limits.gain import at_unit_gain, first_guess, kurtosis, tabulated_gain_free
from amc_xai.limits.observation import Observation
from amc_xai.signal.constellations import constellation

# The harmonics of an average over the phase grow with the root of Es/N0, and their rounding with them. Above, all
# classes are told apart without error: there is nothing to lose by working it out here.
HIGHEST_DB = 35.0
# Es/N0 (a ratio, 22.5 dB) up to which the gain that is guessed first tells what the average over the carrier adds:
# its mean error there is a fortieth of a nat.
GUESSED_GAIN = 180.0


@dataclass(frozen=True)
class ReachableRow:
    """What is reachable at one SNR: counts out of ``frames`` simulated ones, of the classes that are judged.

    ``known_*``: how many of the same frames are named right by who knows the carrier. The difference between the
    two is far surer than either.
    """

    snr: float
    frames: int
    modulation_right: int
    joint_right: int
    known_modulation_right: int
    known_joint_right: int


def find_reachable(
    settings: Settings,
    prior: CarrierPrior,
    progress: Progress = lambda items, text, done, total: items,
) -> list[ReachableRow]:
    """One row for each SNR; classes and SNRs have equal priors, and the gain is as ``settings`` say.

    - Modulation: the class of the largest posterior, SNRs summed over.
    - Joint: the (class, SNR) pair of the largest posterior.
    """
    model, names, snrs = settings.model, settings.judged, settings.snrs
    amplitudes = [model.amplitude(name) for name in names]
    label = torch.arange(len(names)).repeat_interleave(settings.frames_per_cell)
    rows = []
    for s, snr in enumerate(progress(snrs, "with the carrier unknown", 0, len(snrs))):
        still, ratios = draw_frames(settings, s, HIGHEST_DB), grid_of(settings, s, HIGHEST_DB)
        turned = with_carrier(still, prior, np.random.default_rng([settings.seed, round((snr + 1000) * 1000)]))
        how = (model.samples, prior, settings.gain, amplitudes)
        posterior = carrier_free_log_likelihood(turned, names, ratios, *how)
        known = joint_log_likelihood(still, names, ratios, model.samples, settings.gain, amplitudes)
        right = (
            posterior.logsumexp(2).argmax(1) == label,
            posterior.flatten(1).argmax(1) == label * len(snrs) + s,
            ceiling_decision(still, names, ratios[:, s], amplitudes) == label,
            known.flatten(1).argmax(1) == label * len(snrs) + s,
        )
        rows.append(ReachableRow(snr, len(label), *(int(hits.sum()) for hits in right)))
    return rows


def with_carrier(frames: Observation, prior: CarrierPrior, rng: np.random.Generator) -> Observation:
    """The frames with a carrier drawn from the prior."""
    count, length = frames.symbols.shape
    offset, phase = (torch.from_numpy(values) for values in prior.draw(count, rng))
    position = torch.arange(length, dtype=torch.float64) - (length - 1) / 2

    def turned(outputs: torch.Tensor, delay: float) -> torch.Tensor:
        turn = phase + 2 * np.pi * offset * (position + delay)
        return (outputs * torch.polar(torch.ones_like(turn), turn)).to(outputs.dtype)

    return Observation(turned(frames.symbols, 0.0), turned(frames.late, 0.5), frames.energy)


def carrier_free_log_likelihood(
    frames: Observation,
    names: Sequence[str],
    ratios: np.ndarray | Sequence[float],
    samples: int,
    prior: CarrierPrior,
    gain: str = "unknown",
    amplitudes: Sequence[float] | None = None,
    sigmas: float = SIGMAS,
) -> torch.Tensor:
    """Log-likelihood (B, C, S) float64 of every class at every SNR, up to a constant of the frame.

    ratios and amplitudes are those of ``joint_log_likelihood``.

    Phase and offset are averaged over with their prior. An unknown gain is integrated over at the most likely
    carrier (Laplace, as in ``gain_free_log_likelihood``); what the average over the carrier adds to that one
    carrier hardly depends on the gain: at the nearest SNR it is that of `without_best_carrier`, unless the noise
    is so low that a guess of the gain won't do; else it is taken at the best gain. SNRs that are out of the
    question (``possible_snrs``) are minus infinity.
    """
    grid = np.broadcast_to(ratios, (len(names), np.shape(ratios)[-1])).tolist()
    amplitudes = amplitudes or [1.0] * len(names)
    result = torch.full((len(frames.energy), len(names), len(grid[0])), -torch.inf, dtype=torch.float64)
    for c, name in enumerate(names):
        own, ratios = frames.scaled(1 / amplitudes[c]) if gain == "known" else frames, grid[c]
        if gain == "known":
            for s, ratio in enumerate(ratios):
                averaged = with_carrier_averaged(name, ratio, own.symbols, own.late, prior)
                level = samples * math.log(ratio / amplitudes[c] ** 2)
                result[:, c, s] = averaged.log_sum - ratio * own.energy + level
            continue
        nearest = nearest_snr(own, samples, ratios)
        still, centre, added = without_best_carrier(own, nearest, name, ratios, samples, prior)
        outputs, outside = still.of(name == "OQPSK")
        possible = possible_snrs(outputs, outside, samples, ratios, names, sigmas=sigmas)
        for s, ratio in enumerate(ratios):
            rows = possible[:, s].nonzero()[:, 0]
            if not len(rows):
                continue
            y, energy, density = outputs[rows], own.energy[rows], symbol_density(name, ratio)
            level = first_guess(y, outside[rows], samples, kurtosis(constellation(name)), ratio)
            one_carrier, level = tabulated_gain_free(y, energy, level, samples, density)
            result[rows, c, s] = one_carrier + added[rows]
            others = ((nearest[rows] != s) | (ratio > GUESSED_GAIN)).nonzero()[:, 0]
            if len(others):
                rows, level = rows[others], level[others]
                received = (at_unit_gain(part[rows], level, ratio) for part in (own.symbols, own.late))
                averaged = with_carrier_averaged(name, ratio, *received, prior, centre[rows]).log_sum
                averaged = averaged - density.log_sum(at_unit_gain(y[others], level, ratio))
                result[rows, c, s] = one_carrier[others] + averaged
    return result


def nearest_snr(frames: Observation, samples: int, ratios: Sequence[float]) -> torch.Tensor:
    """Place (B,) in ``ratios`` of the Es/N0 that the energies in and outside the band speak for, or the one below.

    Of staggered symbols the outputs miss some of the energy.
    """
    held = frames.symbols.abs().double().square().sum(1)
    beyond = (frames.energy - held) / (samples - frames.symbols.shape[1])
    found = (held / frames.symbols.shape[1] / beyond.clamp(min=1e-30) - 1).clamp(min=1e-3)
    return (found.log()[:, None] - torch.tensor(ratios, dtype=torch.float64).log()).abs().argmin(1)


def without_best_carrier(
    frames: Observation,
    nearest: torch.Tensor,
    name: str,
    ratios: Sequence[float],
    samples: int,
    prior: CarrierPrior,
) -> tuple[Observation, torch.Tensor, torch.Tensor]:
    """Frames without the carrier that this class finds most likely at the nearest SNR (B,), and its offset (B,).

    Behind them what the average over the carrier adds to the log-likelihood with this one (B,), at the gain that
    the energies inside and outside the band tell.
    """
    symbols, late = torch.empty_like(frames.symbols), torch.empty_like(frames.late)
    offset, added = torch.empty(len(symbols)), torch.empty(len(symbols), dtype=torch.float64)
    outside = frames.energy - frames.symbols.abs().double().square().sum(1)
    for s in nearest.unique().tolist():
        rows = (nearest == s).nonzero()[:, 0]
        y, after = frames.symbols[rows], frames.late[rows]
        level = first_guess(y, outside[rows], samples, kurtosis(constellation(name)), ratios[s])
        scaled = (at_unit_gain(part, level, ratios[s]) for part in (y, after))
        found = with_carrier_averaged(name, ratios[s], *scaled, prior)
        y, after = without_carrier(y, found), without_carrier(after, found, 0.5)
        still = Observation(y, after, frames.energy[rows]).outputs(name == "OQPSK")
        one_carrier = symbol_density(name, ratios[s]).log_sum(at_unit_gain(still, level, ratios[s]))
        symbols[rows], late[rows] = y, after
        offset[rows], added[rows] = found.offset, found.log_sum - one_carrier
    return Observation(symbols, late, frames.energy), offset, added
