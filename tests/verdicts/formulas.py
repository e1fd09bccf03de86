"""Signals by closed formulas that share nothing with the package's synthesis."""

import numpy as np

LENGTH = 16384


def root_raised_cosine(t: np.ndarray, roll_off: float) -> np.ndarray:
    """Its value at times t in symbols (Proakis, "Digital communications", 5th ed., problem 9.19)."""
    t = np.where(np.abs(np.abs(4 * roll_off * t) - 1) < 1e-6, t + 1e-5, t)
    t = np.where(np.abs(t) < 1e-9, 1e-9, t)
    top = np.sin(np.pi * t * (1 - roll_off)) + 4 * roll_off * t * np.cos(np.pi * t * (1 + roll_off))
    return top / (np.pi * t * (1 - (4 * roll_off * t) ** 2))


def linear(
    symbols: np.ndarray, samples_per_symbol: float, length: int = LENGTH, roll_off: float = 0.35
) -> np.ndarray:
    """Symbols on root-raised cosines, the first of them before the first sample."""
    x = np.zeros(length, complex)
    for k, symbol in enumerate(symbols):
        middle = (k - 7.63) * samples_per_symbol
        t = np.arange(
            max(0, int(middle - 8 * samples_per_symbol)), min(length, int(middle + 8 * samples_per_symbol))
        )
        x[t] += symbol * root_raised_cosine((t - middle) / samples_per_symbol, roll_off)
    return x


def psk(order: int, samples_per_symbol: float, rng: np.random.Generator, length: int = LENGTH) -> np.ndarray:
    phases = rng.integers(0, order, int(length / samples_per_symbol) + 20)
    return linear(np.exp(2j * np.pi * phases / order), samples_per_symbol, length)


def fsk(index: float, samples_per_symbol: int, rng: np.random.Generator, length: int = LENGTH) -> np.ndarray:
    bits = np.repeat(rng.choice([-1.0, 1.0], length // samples_per_symbol + 1), samples_per_symbol)[:length]
    return np.exp(1j * np.pi * index * np.cumsum(bits) / samples_per_symbol)


def fm(deviation: float, rng: np.random.Generator, length: int = LENGTH) -> np.ndarray:
    """A message of two tones; the deviation in cycles a sample."""
    t = np.arange(length)
    message = 0.6 * np.sin(2 * np.pi * 0.01 * t) + 0.4 * np.sin(2 * np.pi * rng.uniform(0.003, 0.03) * t)
    return np.exp(2j * np.pi * deviation * np.cumsum(message))


def ofdm(rng: np.random.Generator, carriers: int = 64, guard: int = 16, length: int = LENGTH) -> np.ndarray:
    used = np.r_[1:27, carriers - 26 : carriers]
    bins = np.zeros((length // (carriers + guard) + 1, carriers), complex)
    bins[:, used] = np.exp(0.5j * np.pi * rng.integers(0, 4, (len(bins), len(used))))
    blocks = np.fft.ifft(bins)
    return np.concatenate([blocks[:, -guard:], blocks], 1).ravel()[:length]


def chirp(width: float, length: int = LENGTH) -> np.ndarray:
    return np.exp(2j * np.pi * np.cumsum(np.linspace(-width / 2, width / 2, length)))


def turned(x: np.ndarray, cycles: float) -> np.ndarray:
    """With its carrier so many cycles a sample higher."""
    return x * np.exp(2j * np.pi * cycles * np.arange(len(x)))


def noisy(x: np.ndarray, decibel: float, rng: np.random.Generator) -> np.ndarray:
    """With white noise so far below it, a sample."""
    noise = (rng.standard_normal(len(x)) + 1j * rng.standard_normal(len(x))) / np.sqrt(2)
    return x / np.sqrt(np.mean(np.abs(x) ** 2)) + 10 ** (-decibel / 20) * noise
