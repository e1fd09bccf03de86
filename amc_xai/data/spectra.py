"""Where in the sampled band the power lies: mean spectra of frames, and the band that holds nearly all of it."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from scipy.signal.windows import blackmanharris

BINS = 256
# Half of it may lie on either side of an occupied band (ITU-R SM.328).
OUTSIDE = 0.01
# Of the spectrum, smoothed over so many bins, this quantile is taken for the noise floor; what stands less than
# this factor above it is no signal.
SMOOTHED, FLOOR, ABOVE = 5, 0.1, 2.0


class Band(NamedTuple):
    """The shortest stretch of the sampled band, round its ends too, that holds all but ``OUTSIDE`` of the power
    above the noise floor; in cycles a sample."""

    centre: float
    width: float


def mean_spectra(z: torch.Tensor) -> torch.Tensor:
    """Power spectra (n, F) float32 of complex frames (n, L), from -1/2 to 1/2 cycles a sample, with mean 1.

    F is ``BINS``, or L where that is less. Through Blackman and Harris's window: a rectangular one would lay the
    skirts of a strong signal over a floor 40 dB below it.
    """
    power = torch.fft.fftshift(torch.fft.fft(z * window(z.shape[-1])), -1).abs().square()
    folded = torch.nn.functional.adaptive_avg_pool1d(power[:, None], min(BINS, z.shape[-1]))[:, 0]
    return (folded / folded.mean(-1, keepdim=True).clamp(min=1e-30)).float()


@lru_cache(maxsize=8)
def window(length: int) -> torch.Tensor:
    """Blackman and Harris's window; for very few samples none."""
    return torch.from_numpy(blackmanharris(length, sym=False)).float() if length >= 8 else torch.ones(length)


def frequencies(bins: int) -> np.ndarray:
    """The middles (F,) of the bins of :func:`mean_spectra` in cycles a sample."""
    return (np.arange(bins) + 0.5) / bins - 0.5


def floor_of(spectrum: np.ndarray) -> float:
    """The noise floor of a mean spectrum (F,)."""
    return float(np.quantile(smooth(spectrum), FLOOR))


def smooth(spectrum: np.ndarray) -> np.ndarray:
    """The running mean of ``SMOOTHED`` bins of a spectrum (F,), round its ends."""
    half = SMOOTHED // 2
    padded = np.concatenate([spectrum[-half:], spectrum, spectrum[:half]])
    return np.convolve(padded, np.full(SMOOTHED, 1 / SMOOTHED), "valid")


def contrast_db(spectrum: np.ndarray) -> float:
    """Power over that of the floor in the whole band, in dB: near 0 for white noise."""
    return float(10 * np.log10(max(spectrum.mean(), 1e-30) / max(floor_of(spectrum), 1e-30)))


def occupied_band(spectrum: np.ndarray) -> Band | None:
    """The occupied band of a mean spectrum (F,); None where nothing stands above the floor."""
    bins, floor = len(spectrum), floor_of(spectrum)
    power = np.where(smooth(spectrum) > ABOVE * floor, spectrum - floor, 0).clip(min=0)
    if not power.any():
        return None
    total = np.concatenate([[0.0], np.cumsum(np.concatenate([power, power]))])
    enough = (1 - OUTSIDE) * power.sum()
    # For each first bin the last that is needed; the shortest of these stretches.
    last = np.searchsorted(total, total[:bins] + enough * (1 - 1e-9))
    first = int(np.argmin(last - np.arange(bins)))
    width = int(last[first]) - first
    centre = (first + width / 2) / bins - 0.5
    return Band((centre + 0.5) % 1 - 0.5, width / bins)
