"""The symbol rate of one whole emission, from 2 to hundreds of samples a symbol."""

import math
from typing import NamedTuple

import numpy as np
import torch

from amc_xai.representation.synchronisation.rate import line_of_power
from amc_xai.representation.synchronisation.spectrum import fast_length

LONGEST_SYMBOL = 400.0
# A line counts where noise would hardly ever reach its height (exp(-10)) at any place of any level.
SURE = 10.0
# A slower rate counts as seen from the first strength on, and leaves doubt from the second, where that is such a
# share of its multiple's: a message with some rhythm leaves weak lines beside strong ones.
SLOWER, DOUBT, SHARE = 12.0, 7.0, 0.1
SLOWEST = 6  # times as slow
# Lines that are no multiple of the rate may hold this share of all, the largest of them this of the rate's own.
STRAY, RIVAL = 0.25, 0.6
# Fewer symbols than the first are no evidence: messages repeat. Than the second: not looked for.
SYMBOLS, LEAST_SYMBOLS = 96, 24
CLIP, AROUND = 30.0, 128
MOST_LINES, LEAST_SAMPLES = 24, 256
ALIKE = 0.004


class EmissionRate(NamedTuple):
    """``samples_per_symbol`` as the strongest line has it, NaN where there is none; its ``strength``, the power
    over what chance would leave; ``sure``: chance hardly leaves such lines, and nothing contradicts them."""

    samples_per_symbol: float
    strength: float
    sure: bool


class Look(NamedTuple):
    """The lines of an emission decimated by ``factor``: ``ratio``, their power by frequency over that of chance,
    the bins ``step`` cycles a sample of the emission apart; ``width``, how near two lines are one, as well."""

    factor: int
    ratio: np.ndarray
    step: float
    width: float

    def at(self, frequency: float) -> float:
        """The largest near a frequency."""
        first, last = (round((frequency + side * self.width) / self.step) for side in (-1, 1))
        return float(self.ratio[max(first, 2) : last + 1].max(initial=0)) if last < len(self.ratio) // 4 else 0.0


def emission_symbol_rate(z: torch.Tensor, longest: float = LONGEST_SYMBOL) -> EmissionRate:
    """The symbol rate of complex samples (L,) of one emission, between 2 and ``longest`` samples a symbol.

    A symbol of hundreds of samples fills a hundredth of the spectrum or less: the emission is mixed down by the
    middle of its power, and looked at decimated by 1, 2, 4, ..., each time as
    :func:`rate.estimate_symbol_rate` does. Pulses with edges, as rectangular ones, leave lines at all multiples
    of the rate: it is the lowest line that the others are multiples of.
    """
    length = z.shape[-1]
    factors = [2**k for k in range(16) if 2**k <= max(1.0, longest / 4) and length >> k >= LEAST_SAMPLES]
    spectrum = torch.fft.fft(z, fast_length(length)) if factors else z
    looks = [look_at(decimated(spectrum, length, factor), factor) for factor in factors]
    found = [rate for look in looks if (rate := told_by(look, length, longest, len(looks))) is not None]
    if not found:
        return EmissionRate(math.nan, 0.0, False)
    best = max(found, key=lambda rate: (rate.sure, rate.strength))
    sure = all(related(rate, best) for rate in found if rate.sure)
    rate, doubt = slowed(best, looks, max(LEAST_SYMBOLS / length, 1 / longest))
    sure &= best.sure and not doubt and rate * length >= SYMBOLS
    return EmissionRate(1 / rate, best.strength, sure)


def decimated(spectrum: torch.Tensor, length: int, factor: int) -> torch.Tensor:
    """The emission (1, L / factor) about the middle of its power, at a ``factor``-th of the sample rate."""
    size = len(spectrum)
    count = size // factor
    if factor > 1:
        window = torch.hann_window(count, periodic=False, dtype=torch.float64)
        power = torch.fft.fft(spectrum.abs().double().square())
        near = torch.fft.ifft(power * torch.fft.fft(window, size).conj()).real
        places = (torch.arange(count) + int(near.argmax())) % size
        spectrum = torch.fft.ifftshift(spectrum[places])
    y = torch.fft.ifft(spectrum)[None, : length // factor]
    return y / y.abs().square().mean().sqrt().clamp(min=1e-30)


def look_at(y: torch.Tensor, factor: int) -> Look:
    """The lines of the power of ``y`` (1, n)."""
    ratio = line_of_power(y.to(torch.complex64))[0].double().numpy()
    # The rhythm of edges is no noise: its own level, of the bins about each, is what a line stands on.
    about = np.cumsum(np.pad(np.minimum(ratio, CLIP), (AROUND + 1, AROUND), mode="wrap"))
    ratio = ratio / np.maximum(1.0, (about[2 * AROUND + 1 :] - about[: -2 * AROUND - 1]) / (2 * AROUND + 1))
    return Look(factor, ratio, 2 / (len(ratio) * factor), 1.5 / (y.shape[-1] * factor))


def told_by(look: Look, length: int, longest: float, looks: int) -> EmissionRate | None:
    """The rate that the lines of one look tell; None where there is no room for any."""
    ratio, step = look.ratio, look.step
    first, last = math.ceil(max(1 / longest, LEAST_SYMBOLS / length) / step), len(ratio) // 4
    if first + 8 >= last:
        return None
    here = ratio.copy()
    here[:first] = here[last + 1 :] = 0
    chance = math.log((last - first) * step * length * looks)
    lines: list[tuple[float, float]] = []
    while len(lines) < MOST_LINES:
        k = int(here.argmax())
        if not here[k] > (chance + SURE if lines else 0.0):
            break
        left, middle, right = np.sqrt(ratio[k - 1 : k + 2])
        shift = 0.5 * (right - left) / max(2 * middle - left - right, 1e-12)
        lines.append(((k + min(max(shift, -0.5), 0.5)) * step, float(ratio[k])))
        apart = math.ceil(4 / 3 * look.width / step)
        here[max(0, k - apart) : k + apart + 1] = 0
    if not lines:
        return None
    frequency, strength = (np.array(column) for column in zip(*lines, strict=True))
    base = fundamental(frequency, strength, look.width)
    stray = strength[~is_multiple(frequency, frequency[base], look.width)]
    sure = strength[base] > chance + SURE and stray.sum() <= STRAY * strength.sum()
    sure &= stray.max(initial=0) < RIVAL * strength[base]
    return EmissionRate(1 / float(frequency[base]), float(strength[base]), bool(sure))


def fundamental(frequency: np.ndarray, strength: np.ndarray, within: float) -> int:
    """The lowest line that most of the strength lies at multiples of; the strongest where none is."""
    for k in np.argsort(frequency):
        fits = is_multiple(frequency, frequency[k], within)
        if strength[fits].sum() >= (1 - STRAY) * strength.sum():
            return int(k)
    return int(strength.argmax())


def is_multiple(frequency: np.ndarray, of: float, within: float) -> np.ndarray:
    """Which frequencies are whole multiples of one, each known to ``within``."""
    times = np.maximum(1, np.round(frequency / of))
    return np.abs(frequency - times * of) <= within * (1 + times / 4)


def related(one: EmissionRate, other: EmissionRate) -> bool:
    """Whether one of two rates is a multiple of the other."""
    ratio = one.samples_per_symbol / other.samples_per_symbol
    ratio = max(ratio, 1 / ratio)
    return abs(ratio / round(ratio) - 1) < ALIKE


def slowed(found: EmissionRate, looks: list[Look], lowest: float) -> tuple[float, bool]:
    """The rate, or a whole fraction of it at which a line is seen too; and whether a weak one leaves doubt."""
    rate = 1 / found.samples_per_symbol
    while True:
        slower = {rate / k: max(look.at(rate / k) for look in looks) for k in range(2, SLOWEST + 1)}
        seen = {f: height for f, height in slower.items() if f >= lowest and height > SHARE * found.strength}
        best = max(seen, key=seen.get, default=0.0)
        if seen.get(best, 0.0) < SLOWER:
            return rate, seen.get(best, 0.0) > DOUBT
        rate = best
