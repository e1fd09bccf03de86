"""Whether an emission is of a kind that a network was trained on, by what its samples show."""

from typing import NamedTuple

import numpy as np

from amc_xai.verdicts.looks import Look

NOISE = "noise alone"
SWEEP = "unlike anything trained: its frequency sweeps evenly"
TONES = "unlike anything trained: two tones carry it, as of FSK"
REPEATS = (
    "unlike anything trained: noise-like, and it repeats itself, as multicarrier signals with a guard interval do"
)
TWO = "two signals at once, in bands of their own"
NO_CLOCK = "no symbol clock, and no analog class fits"
UNDECIDED = "unlike anything trained: no class stands out, though the signal is strong"

# White noise: as even as that over the spectrum, or nearly so, and Gaussian.
EVEN, NEARLY, GAUSSIAN = 1.6, 0.05, 0.12
# Weak signals are left to the network: below this ratio within the band samples say little.
STRONG_DB, STRONG_SAMPLES = 9.0, 4096
# Of a constant envelope with noise the kurtosis is 2 - (g / (1 + g))^2 at a ratio g; a filter adds to it.
CONSTANT = 0.16
SWEEPS = 0.5
# AM: the carrier holds more than the half that keying on and off leaves it; without one, what is real about the
# carrier has the kurtosis of a message: 3 if it is Gaussian, where keyed levels have less than 2.
CARRIER, REAL, MESSAGE = 0.55, 0.7, 2.4
TONE, THIRD = 0.1, 0.15
# A quarter of the time of any smooth message; keyed ones leave their levels to change them.
KEYED = 0.2
REPEATED, BY_CHANCE = 0.04, 8.0
# Bandwidth, of 90 % of the power, times a symbol: with less or more a line in the power is no symbol clock.
NARROWEST, WIDEST = 0.25, 2.6
STANDS_OUT = 0.25
# What is kept of a class that the samples contradict.
CONTRADICTED = 1e-3
LEAST = 0.02  # of the network's probability, for a class that nothing but noise-likeness speaks for


class Scope(NamedTuple):
    """``probability`` (M,) of the classes once contradicted ones are set aside; why none is meant, or None."""

    probability: np.ndarray
    reason: str | None


def is_clock(samples_per_symbol: float, bandwidth: float, resolution: float) -> bool:
    """Whether symbols of so many samples agree with a bandwidth, known to ``resolution``, both in cycles a sample.

    The symbols of multicarrier signals and the periods of a message are much longer.
    """
    low, high = ((bandwidth + side * resolution) * samples_per_symbol for side in (-1, 1))
    return bool(np.isfinite(samples_per_symbol)) and low <= WIDEST and high >= NARROWEST


def judge(probability: np.ndarray, modulations: list[str], look: Look, has_clock: bool, samples: int) -> Scope:
    """Hold a network's probabilities (M,) against what the ``samples`` of the emission show."""
    if is_noise(look):
        return Scope(probability, NOISE)
    if samples < STRONG_SAMPLES or look.in_band_db < STRONG_DB:
        return Scope(probability, None)
    if look.sweep > SWEEPS:
        return Scope(probability, SWEEP)
    constant = is_constant(look)
    if constant and is_keyed(look, has_clock):
        return Scope(probability, TONES)
    if look.bands > 1 and not constant:
        return Scope(probability, TWO)
    if not has_clock:
        fits = fitting(look, constant)
        if fits == {"AM-SSB-SC"} and probability[[m in fits for m in modulations]].sum() < LEAST:
            fits = set()  # what is noise-like can be many things
        if not fits.intersection(modulations):
            repeats = look.prefix_share > REPEATED and look.prefix > BY_CHANCE and not constant
            return Scope(probability, REPEATS if repeats else NO_CLOCK)
        kept = np.array([1.0 if name in fits else CONTRADICTED for name in modulations])
        probability = agreed(probability, kept)
    if probability.max() < STANDS_OUT:
        return Scope(probability, UNDECIDED)
    return Scope(probability, None)


def is_noise(look: Look) -> bool:
    """Whether it is white and Gaussian."""
    even = look.flatness < max(EVEN * look.flatness_of_noise, NEARLY)
    return even and abs(look.kurtosis - 2) < GAUSSIAN


def is_constant(look: Look) -> bool:
    """Whether its envelope is constant but for the noise."""
    ratio = 10 ** (look.in_band_db / 10)
    return look.kurtosis - (2 - (ratio / (1 + ratio)) ** 2) < CONSTANT


def is_keyed(look: Look, has_clock: bool) -> bool:
    """Whether a constant envelope's frequency jumps between two levels."""
    two_lines = look.lines[1] > TONE and look.lines[2] < THIRD * look.lines[1]
    return two_lines or (not has_clock and look.between < KEYED)


def fitting(look: Look, constant: bool) -> set[str]:
    """The analog classes that the samples agree with."""
    carrier = look.lines[0] > CARRIER
    if constant and not carrier:
        return {"FM"}
    if carrier:
        return {"AM-DSB-WC", "AM-SSB-WC"}
    if look.real > REAL:
        return {"AM-DSB-SC"} if look.kurtosis > MESSAGE else set()
    repeats = look.prefix_share > REPEATED and look.prefix > BY_CHANCE
    noise_like = abs(look.kurtosis - 2) < GAUSSIAN
    return {"AM-SSB-SC"} if noise_like and not repeats else set()


def agreed(probability: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Probabilities (M,) of what the network and the samples say together; where nothing of the network's is left
    that the samples agree with, theirs alone."""
    share = probability * kept
    if share[kept == 1].sum() < CONTRADICTED:
        share = kept
    return share / share.sum()
