"""The symbol rate of frames or of a whole emission, from what repeats at it."""

import math
from typing import NamedTuple

import torch

from amc_xai.representation.synchronisation.carrier import squared
from amc_xai.representation.synchronisation.spectrum import fast_length

# Samples a symbol that are looked for unless told.
LOWEST, HIGHEST = 2.0, 16.0
# A line counts where noise would hardly ever reach its height (exp(-10)), where no other, elsewhere, comes nearer
# than this share of its power, and where so strong a line over so many symbols is known to 0.1 % (2.6 standard
# deviations; the deviation is 0.36 over the symbols and the root of the strength, as measured).
SURE, RIVAL = 10.0, 0.6
DEVIATION, WITHIN = 0.36, 1e-3 / 2.6
# The spectrum is smoothed over this share of the sample rate; the least of it, at this quantile, is noise.
SMOOTHING, FLOOR = 1 / 64, 0.1
# What lies so far below the band's power is no part of it: images that a resampling left would be made as loud.
DEEPEST = 1e-3
# A stated rate is looked for within this share of it; a line of less strength says nothing new.
REFINED, WEAKEST = 0.006, 8.0
LEAST_OVERLAP = 0.004
# Variance of a frame's power over its mean squared, within the band: less is GMSK's constant envelope.
CONSTANT = 0.13
LONGEST = 1 << 20
WIDE = 1025  # bins, from which on a running mean is a difference of sums


class SymbolRate(NamedTuple):
    """Of B frames."""

    samples_per_symbol: torch.Tensor
    """float32 (B,)."""
    strength: torch.Tensor
    """float32 (B,): power of the line over what the same spectrum would hold by chance, in the mean."""
    sure: torch.Tensor
    """bool (B,): whether chance would hardly make such a line, and it tells the rate to 0.1 %."""


def estimate_symbol_rate(iq: torch.Tensor, lowest: float = LOWEST, highest: float = HIGHEST) -> SymbolRate:
    """The symbol rate of complex frames (B, L), or of one emission (L,), between two numbers of samples a symbol.

    Of the emission that a recording holds, give all (up to a million samples are taken): frames of it are too
    short for narrow bands.

    Two bins a symbol rate apart hold the same message (Gardner, "Exploitation of spectral redundancy in
    cyclostationary signals", IEEE Signal Process. Mag. 8(2), 1991). Within the band, which is found by its own
    power, the spectrum is made flat, so that the edges, which tell the rate, count as much as the middle; then
    |y|^2 holds a line at the rate. Its power is held against what independent bins of this spectrum give there in
    the mean: a share that has an exponential distribution where there is no line. OQPSK and GMSK have no such
    line; their y^2 holds two, twice the rate and the rate apart, around twice the carrier.
    """
    frame = iq[None] if iq.dim() == 1 else iq
    frame = frame[:, :LONGEST]
    length = frame.shape[-1]
    white, power, envelope = _whitened(frame)
    y = torch.fft.ifft(white)[:, : 2 * length]
    by_power = _strongest(y.abs().square(), power, length, 1 / highest, 1 / lowest)
    by_square = _pair(y, power, envelope, length, lowest, highest)
    take = ~by_power.sure & by_square.sure
    return SymbolRate(*(torch.where(take, b, a) for a, b in zip(by_power, by_square, strict=True)))


def refine_symbol_rate(
    frame: torch.Tensor, samples_per_symbol: float | torch.Tensor, within: float = REFINED
) -> SymbolRate:
    """The symbol rate of complex frames (B, L) near a stated one, number or (B,), up to a share ``within`` of it.

    Where the line is too weak to be told from chance the stated rate stays.
    """
    length = frame.shape[-1]
    white, power, _ = _whitened(frame)
    y = torch.fft.ifft(white)[:, : 2 * length].abs().square()
    size = power.shape[-1]
    ratio = squared(torch.fft.fft(y - y.mean(1, keepdim=True), size)) / _expected(power, True).clamp(min=1e-30)
    stated = torch.as_tensor(samples_per_symbol, dtype=torch.float32, device=frame.device).expand(len(frame))
    frequency = torch.arange(size, device=frame.device) * (2 / size)
    # One bin more on either side: between two bins of a short frame the stated rate lies as well.
    away = (frequency - 1 / stated[:, None]).abs() > within / stated[:, None] + 2 / size
    best, place = ratio.masked_fill(away, 0).max(1)
    left, middle, right = (ratio.gather(1, (place[:, None] + k) % size)[:, 0].sqrt() for k in (-1, 0, 1))
    shift = 0.5 * (right - left) / (2 * middle - left - right).clamp(min=1e-12)
    found = 1 / ((place + shift.clamp(-0.5, 0.5)) * (2 / size))
    found = torch.minimum(torch.maximum(found, stated * (1 - within)), stated * (1 + within))
    told = best > WEAKEST
    return SymbolRate(torch.where(told, found, stated), best, told & _sharp(length / stated, best))


def _whitened(frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Spectrum of frames at twice the sample rate, flat within the band and 0 beside it; its power; and the power
    of the frames' samples within the band. The frame takes the first half of what its spectrum transforms into."""
    length = frame.shape[-1]
    size = 2 * fast_length(length)
    spectrum = torch.fft.fft(frame, size)
    power = squared(spectrum)
    width = max(5, int(SMOOTHING * size)) | 1
    smooth = _running_mean(power, width)
    floor = smooth.kthvalue(max(1, int(FLOOR * size)), dim=-1, keepdim=True).values
    floor = torch.maximum(floor, DEEPEST * smooth.amax(1, keepdim=True))
    share = (1 - 1.5 * floor / smooth.clamp(min=1e-30)).clamp(min=0)
    envelope = squared(torch.fft.ifft(spectrum * share)[:, :length])
    spectrum = spectrum * (share / smooth.clamp(min=1e-30).sqrt())
    # Twice as many samples: the power of a frame holds frequencies up to twice its own.
    half = size // 2
    doubled = torch.zeros(len(frame), 2 * size, dtype=spectrum.dtype, device=frame.device)
    doubled[:, :half], doubled[:, -half:] = spectrum[:, :half], spectrum[:, -half:]
    return doubled, squared(doubled), envelope


def _running_mean(power: torch.Tensor, width: int) -> torch.Tensor:
    """Of values (B, n) on a circle, each with those about it, ``width`` of them in all."""
    around = torch.nn.functional.pad(power[:, None], (width // 2, width // 2), mode="circular")
    if width < WIDE:
        return torch.nn.functional.avg_pool1d(around, width, 1)[:, 0]
    # Pooling takes time by the width: of a million samples a minute. Not every device has float64.
    total = torch.nn.functional.pad(around[:, 0].cpu().double().cumsum(1), (1, 0))
    return ((total[:, width:] - total[:, :-width]) / width).to(power)


def _expected(power: torch.Tensor, conjugate: bool) -> torch.Tensor:
    """Power that |y|^2, or y^2, of a frame with independent bins of this power has at each of its own bins."""
    spectrum = torch.fft.fft(power)
    found = torch.fft.ifft(spectrum * (spectrum.conj() if conjugate else spectrum)).real / power.shape[-1] ** 2
    # Where next to no bins of the band lie so far apart, rounding would look like a line.
    return found + LEAST_OVERLAP * found.amax(1, keepdim=True)


def line_of_power(frame: torch.Tensor) -> torch.Tensor:
    """The power that |y|^2 of complex frames (B, L) has at each frequency over what it would hold by chance in the
    mean, (B, 4L or more): bin k lies at 2 k / (the number of bins) cycles a sample."""
    white, power, _ = _whitened(frame)
    y = torch.fft.ifft(white)[:, : 2 * frame.shape[-1]].abs().square()
    line = squared(torch.fft.fft(y - y.mean(1, keepdim=True), power.shape[-1]))
    return line / _expected(power, True).clamp(min=1e-30)


def _strongest(y: torch.Tensor, power: torch.Tensor, length: int, low: float, high: float) -> SymbolRate:
    """By the line of |y|^2, real (B, 2L), between two frequencies in cycles a sample."""
    size = power.shape[-1]
    line = squared(torch.fft.fft(y - y.mean(1, keepdim=True), size))
    ratio = line / _expected(power, True).clamp(min=1e-30)
    first, last = math.floor(low * size / 2), math.ceil(high * size / 2)
    there = ratio[:, first - 1 : last + 2]
    best, place = there[:, 1:-1].max(1)
    left, middle, right = (there.gather(1, place[:, None] + k)[:, 0].sqrt() for k in (0, 1, 2))
    shift = 0.5 * (right - left) / (2 * middle - left - right).clamp(min=1e-12)
    frequency = (first + place + shift.clamp(-0.5, 0.5)) * (2 / size)
    near = (torch.arange(there.shape[1] - 2, device=y.device) - place[:, None]).abs() <= 4 * size // (2 * length)
    rival = there[:, 1:-1].masked_fill(near, 0).amax(1)
    chance = math.log(max(2.0, (high - low) * length))
    sure = (best > chance + SURE) & (rival < RIVAL * best) & _sharp(frequency * length, best)
    return SymbolRate(1 / frequency, best, sure)


def _sharp(symbols: torch.Tensor, strength: torch.Tensor) -> torch.Tensor:
    return DEVIATION / (symbols * strength.clamp(min=1e-6).sqrt()) < WITHIN


def _pair(
    y: torch.Tensor, power: torch.Tensor, envelope: torch.Tensor, length: int, lowest: float, highest: float
) -> SymbolRate:
    """By the two largest lines of y^2, complex (B, 2L)."""
    size = power.shape[-1]
    line = squared(torch.fft.fft(y * y, size))
    ratio = line / (2 * _expected(power, False)).clamp(min=1e-30)
    places, heights = [], []
    rest = ratio
    index = torch.arange(size, device=y.device)
    for _ in range(3):
        height, place = rest.max(1)
        left, right = (ratio.gather(1, (place[:, None] + k) % size)[:, 0].sqrt() for k in (-1, 1))
        shift = 0.5 * (right - left) / (2 * height.sqrt() - left - right).clamp(min=1e-12)
        places.append(place + shift.clamp(-0.5, 0.5))
        heights.append(height)
        away = (index - place[:, None]).abs()
        rest = rest.masked_fill(torch.minimum(away, size - away) <= 4 * size // (2 * length), 0)
    apart = (places[0] - places[1]).abs()
    apart = torch.minimum(apart, size - apart) * (2 / size)
    # A constant envelope: one symbol rate apart; else OQPSK's two.
    varied = envelope.var(1) / envelope.mean(1).square()
    rate = torch.where(varied < CONSTANT, apart, apart / 2).clamp(min=1e-6)
    chance = math.log(2.0 * length)
    inside = (1 / rate >= lowest * 0.99) & (1 / rate <= highest * 1.01)
    sure = (heights[1] > chance + SURE) & (heights[2] < RIVAL * heights[1]) & inside
    sure = sure & _sharp(rate * length, heights[1])
    return SymbolRate(1 / rate, heights[1], sure)
