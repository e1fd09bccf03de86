"""What the samples of one emission show by themselves, whatever a network makes of them."""

from typing import NamedTuple

import numpy as np

SAMPLES = 1 << 16
BINS = 512
# The floor is the density of the quietest frequencies, or, where a receiver's filter took the noise outside away,
# a share of the densest: what the filter let through is noise too. The band holds 90 % of what lies over it.
QUIETEST, DENSEST, LEVEL, WITHIN = 0.1, 0.98, 0.05, 0.9
WIDER = 1.5  # times as wide as the band is what the envelope is looked at in
LAGS = (16, 64, 256, 1024)
# The first lag at which a prefix is looked for, in times of how long the signal resembles itself.
PREFIX, RESEMBLES = 3, 0.1
DEEP, LEAST_BAND = 0.05, 0.05


class Look(NamedTuple):
    """Of one emission; powers are shares of the whole."""

    flatness: float
    """Deviation of the density from frequency to frequency, over the mean."""
    flatness_of_noise: float
    """What white noise would have."""
    kurtosis: float
    """E|x|^4 / (E|x|^2)^2 within the band: 1 of a constant envelope, 2 of noise."""
    bandwidth: float
    """Of 90 % of the signal's power, cycles a sample."""
    in_band_db: float
    """Power over the floor's, within the band."""
    lines: tuple[float, float, float]
    """The strongest three lines of the spectrum, as shares of the signal's power."""
    real: float
    """How real it is about some carrier: the strongest line of x^2, over E|x|^2."""
    sweep: float
    """The strongest line of x(t + d) x*(t) away from 0, over its power: 1 of a linear sweep."""
    prefix: float
    """The largest resemblance of the signal to itself later, in standard deviations of none."""
    prefix_share: float
    """The same, 0..1."""
    between: float
    """How often the frequency lies in the middle half between its two levels: a quarter of the time of a message,
    seldom of a keyed one."""
    bands: int
    """How many bands apart from each other hold power."""


def look(z: np.ndarray) -> Look:
    """Look at complex samples (n,) of one emission; at the middle of more than ``SAMPLES`` of them."""
    z = np.asarray(z, np.complex128)
    z = z[max(0, (len(z) - SAMPLES) // 2) :][:SAMPLES]
    z = z / max(np.sqrt(np.mean(np.abs(z) ** 2)), 1e-300)
    density, segments = density_of(z)
    floor = float(np.quantile(density, QUIETEST))
    over = np.maximum(density - max(1.5 * floor, LEVEL * float(np.quantile(density, DENSEST))), 0)
    signal = float(over.sum() / max(density.sum(), 1e-300))
    low, high = band_of(over)
    inside = filtered(z, (low + high) / 2, max(WIDER * (high - low), 8 / BINS))
    power = np.abs(inside) ** 2
    mean = max(float(power.mean()), 1e-300)
    share, deviations = prefix_of(z)
    within = density[np.arange(low, high + 1) % BINS].mean() if high > low else density.max()
    return Look(
        float(density.std() / density.mean()),
        1 / np.sqrt(segments),
        float((power**2).mean() / mean**2),
        (high - low) / BINS,
        10 * float(np.log10(max(within / max(floor, 1e-12), 1e-12))),
        lines_of(z, max(signal, 1e-3)),
        line_share(inside**2) / mean,
        max(sweep_of(inside / np.sqrt(mean), lag) for lag in LAGS if lag < len(z) // 4) if len(z) > 64 else 0.0,
        deviations,
        share,
        between_levels(inside, (high - low) / BINS),
        bands_of(over),
    )


def density_of(z: np.ndarray) -> tuple[np.ndarray, int]:
    """Power by frequency (BINS,), in the order of an FFT, and of how many segments it is the mean."""
    count = max(1, len(z) // BINS)
    cut = np.zeros((count, BINS), np.complex128)
    cut.ravel()[: min(len(z), count * BINS)] = z[: count * BINS]
    window = np.hanning(BINS)
    return (np.abs(np.fft.fft(cut * window)) ** 2).mean(0) / np.square(window).sum(), count


def band_of(over: np.ndarray) -> tuple[int, int]:
    """The bins between which the middle 90 % of the power (BINS,) over the floor lie; the first may be < 0."""
    total = over.sum()
    if total <= 0:
        return 0, BINS - 1
    # Cut the circle where it is emptiest, about the opposite of where its power is.
    turn = int(np.argmin(np.convolve(np.tile(over, 2), np.ones(BINS // 16), "same")[BINS // 2 : 3 * BINS // 2]))
    turn += BINS // 2
    sums = np.cumsum(np.roll(over, -turn)) / total
    low, high = (int(np.searchsorted(sums, share)) for share in ((1 - WITHIN) / 2, (1 + WITHIN) / 2))
    shift = turn if turn + low < BINS else turn - BINS
    return low + shift, high + shift


def filtered(z: np.ndarray, middle: float, width: float) -> np.ndarray:
    """Samples (n,) within ``width`` bins about a ``middle`` one."""
    spectrum = np.fft.fft(z)
    away = (np.fft.fftfreq(len(z)) * BINS - middle + BINS / 2) % BINS - BINS / 2
    return np.fft.ifft(np.where(np.abs(away) <= width / 2, spectrum, 0))


def line_share(y: np.ndarray) -> float:
    """The amplitude of the strongest line in y (n,)."""
    return float(np.abs(np.fft.fft(y, 2 * len(y))).max() / len(y))


def lines_of(z: np.ndarray, signal: float) -> tuple[float, float, float]:
    """The three strongest lines, each alone within 8 bins, as shares of the signal's power."""
    power = np.abs(np.fft.fft(z * np.hanning(len(z)))) ** 2
    power /= max(np.square(np.hanning(len(z)).sum()), 1e-300)
    found = []
    for _ in range(3):
        k = int(power.argmax())
        found.append(float(power[k]) / signal)
        power[np.arange(k - 8, k + 9) % len(power)] = 0
    return found[0], found[1], found[2]


def sweep_of(z: np.ndarray, lag: int) -> float:
    """The strongest line of x(t + lag) x*(t) away from 0, as a share of its power; 0 where that at 0 is more."""
    product = z[lag:] * z[:-lag].conj()
    power = np.abs(np.fft.fft(product)) ** 2 / (len(product) * max(np.square(np.abs(product)).sum(), 1e-300))
    near = np.minimum(np.arange(len(power)), len(power) - np.arange(len(power))) <= 3
    at_rest, moving = power[near].max(), power[~near].max(initial=0)
    # A line between two bins is in both.
    return float(2 * moving) if moving > 4 * at_rest else 0.0


def between_levels(z: np.ndarray, bandwidth: float) -> float:
    """The share of time that the frequency of z (n,) spends in the middle half between two levels, the medians of
    what is over and under its own median; averaged over half the inverse of the bandwidth."""
    turns = np.angle(z[1:] * z[:-1].conj())
    count = max(1, min(round(0.5 / max(bandwidth, 1e-3)), 64))
    smooth = np.convolve(turns, np.ones(count) / count, "valid") if len(turns) > count else turns
    middle = np.median(smooth)
    low, high = np.median(smooth[smooth <= middle]), np.median(smooth[smooth >= middle])
    quarter = (high - low) / 4
    return float(((smooth > low + quarter) & (smooth < high - quarter)).mean())


def prefix_of(z: np.ndarray) -> tuple[float, float]:
    """How much the signal resembles itself later on, 0..1, and in deviations of what chance leaves."""
    n = len(z)
    spectrum = np.abs(np.fft.fft(z, 2 * n)) ** 2
    resemblance = np.abs(np.fft.ifft(spectrum))[: n // 4]
    resemblance = resemblance / max(resemblance[0], 1e-300)
    above = np.flatnonzero(resemblance > RESEMBLES)
    # How long in one go: what comes back later is what is looked for.
    own = int(above[np.flatnonzero(np.diff(above, append=n) > 16)[0]]) if len(above) else 0
    first = PREFIX * own + 16
    if first >= len(resemblance) - 16:
        return 0.0, 0.0
    later = resemblance[first:]
    deviation = np.sqrt(np.mean(later**2))
    return float(later.max()), float(later.max() / max(deviation, 1e-12))


def bands_of(over: np.ndarray) -> int:
    """Into how many bands the power (BINS,) over the floor falls, each of 5 % or more of it, emptiness between."""
    smooth = np.convolve(np.tile(over, 3), np.ones(7) / 7, "same")[BINS : 2 * BINS]
    filled = smooth > DEEP * np.quantile(smooth, 0.98)
    if filled.all() or not filled.any():
        return 1
    start = int(np.flatnonzero(~filled)[0])
    filled, held = np.roll(filled, -start), np.roll(over, -start)
    edges = np.flatnonzero(np.diff(filled.astype(int), prepend=0, append=0))
    shares = [held[a:b].sum() / over.sum() for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return sum(share >= LEAST_BAND for share in shares)
