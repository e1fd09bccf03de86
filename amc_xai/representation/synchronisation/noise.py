"""The noise beside the signal's band, where it is white."""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from scipy.signal.windows import dpss

from amc_xai.representation.synchronisation.carrier import squared
from amc_xai.representation.synchronisation.spectrum import Spectrum
from amc_xai.signal.filters import root_raised_cosine_spectrum

# Beyond this many symbol rates there is no signal: past the widest one, roll-off 1 included.
OUT_OF_BAND = 1.2
# Fewer bins than these tell no noise: half of them count, since a tapered spectrum's neighbours are alike.
LEAST_BINS = 12
# Four-term Blackman-Harris: a frame's cut ends spill 92 dB less than the signal (Harris, "On the use of windows
# for harmonic analysis with the discrete Fourier transform", Proc. IEEE 66(1), 1978, table 1).
BLACKMAN_HARRIS = (0.35875, -0.48829, 0.14128, -0.01168)
EDGE_SYMBOLS = 10
WIDEST_SYMBOL = 16.0  # samples
# Cycles a symbol that windows may spread over, of those between most bands' edge, at 0.7, and where noise is read.
SPARE = 0.42
MOST_TAPERS, LEAKAGE = 6, 1e-9
# Of symbols that hold noise alone, this share counts as signal.
LEAST_SIGNAL = 0.05


class OutsideNoise(NamedTuple):
    """What the spectrum beyond the band of B frames tells, (B, 1) each."""

    variance: torch.Tensor
    """float32: of the noise in a sample; 0 where not told."""
    told: torch.Tensor
    """bool: whether enough bins lie beyond the band."""
    unevenness: torch.Tensor
    """float32, dB: arithmetic over geometric mean of the power in the near and the far half of both sides, 0 or
    more. White noise has little (0.1 dB over 1,000 samples, 1 dB over 128); behind a receiver's filter it is much,
    and the variance is too low."""


def band_has_outside(samples_per_symbol: float, length: int | None = None) -> bool:
    """Whether the sampled band is wider than the signal's, by as many bins as noise takes in frames of
    ``length``."""
    if length is None:
        return OUT_OF_BAND / samples_per_symbol < 0.5
    edge = OUT_OF_BAND / samples_per_symbol
    return 2 * (math.ceil(length / 2) - 1 - math.floor(edge * length)) + (1 - length % 2) >= LEAST_BINS


@lru_cache(maxsize=64)
def tapers(length: int, symbol: float, device: torch.device) -> torch.Tensor:
    """Windows float32 (T, ``length``), of unit mean power each, for frames whose symbols last ``symbol`` samples.

    In a long frame only the ends fade, each by half of a Blackman-Harris window over 10 symbols, summed up: its
    side lobes fall as fast as that window's, and nearly all of the frame tells the noise. A short frame is seen
    through several windows at once, which together waste less of it: Slepian's sequences of the band's spare room,
    as many as spill 90 dB less than they hold (Thomson, "Spectrum estimation and harmonic analysis", Proc. IEEE
    70(9), 1982).
    """
    edge = round(EDGE_SYMBOLS * symbol)
    if 4 * edge <= length:
        windows = _faded(length, edge)[None]
    else:
        spare = min(SPARE * length / symbol, length / 2 - 1)
        most = max(1, min(MOST_TAPERS, int(2 * spare) - 1))
        found, held = dpss(length, max(spare, 1.0), most, return_ratios=True)
        windows = torch.from_numpy(found[: max(1, int((1 - held < LEAKAGE).sum()))].copy())
    return (windows / windows.square().mean(1, keepdim=True).sqrt()).to(device, torch.float32)


def _faded(length: int, edge: int) -> torch.Tensor:
    turns = 2 * math.pi * (torch.arange(edge, dtype=torch.float64) + 0.5) / edge
    rise = sum(a * torch.cos(k * turns) for k, a in enumerate(BLACKMAN_HARRIS)).cumsum(0)
    rise = rise / (rise[-1] + rise[0])
    window = torch.ones(length, dtype=torch.float64)
    window[:edge], window[-edge:] = rise, rise.flip(0)
    return window


def outside_noise(
    frame: torch.Tensor, samples_per_symbol: float | torch.Tensor, widest: float | None = None
) -> OutsideNoise:
    """Noise in frames, complex (B, L), by the spectrum beyond 1.2 symbol rates from the carrier.

    samples_per_symbol: one number, or (B,) none of which is above ``widest``.
    """
    length, device = frame.shape[-1], frame.device
    each = isinstance(samples_per_symbol, torch.Tensor)
    windows = tapers(length, (widest or WIDEST_SYMBOL) if each else samples_per_symbol, device)
    power = sum(squared(torch.fft.fft(frame * window, norm="ortho")) for window in windows) / len(windows)
    if each:
        quarters = _quarters(length, samples_per_symbol.to(device, torch.float32)[:, None])
        sums, counts = (quarters @ power[:, :, None])[:, :, 0], quarters.sum(-1)
    else:
        quarters = _quarters_once(length, samples_per_symbol, device)
        sums, counts = power @ quarters.T, quarters.sum(-1)[None].expand(power.shape[0], -1)
    total = counts.sum(1, keepdim=True)
    told = total >= LEAST_BINS
    variance = torch.where(told, sums.sum(1, keepdim=True) / total.clamp(min=1), 0)
    means = sums / counts.clamp(min=1)
    mean = means.mean(1, keepdim=True)
    floor = 1e-9 * mean + 1e-30
    uneven = 10 * ((mean + floor).log10() - (means + floor).log10().mean(1, keepdim=True))
    return OutsideNoise(variance, told, torch.where(told, uneven, 0))


@lru_cache(maxsize=64)
def _quarters_once(length: int, samples_per_symbol: float, device: torch.device) -> torch.Tensor:
    return _quarters(length, torch.tensor([[samples_per_symbol]]))[0].to(device)


def _quarters(length: int, samples_per_symbol: torch.Tensor) -> torch.Tensor:
    """Float (B, 4, L): which bins beyond the band belong to its near and far half, on either side."""
    frequency = torch.fft.fftfreq(length, device=samples_per_symbol.device)
    edge = OUT_OF_BAND / samples_per_symbol
    outside = frequency.abs() > edge
    far = frequency.abs() > (edge + 0.5) / 2
    side = frequency >= 0
    return torch.stack([outside & a & b for a in (far, ~far) for b in (side, ~side)], 1).float()


def outside_residual(
    frame: torch.Tensor, samples_per_symbol: float | torch.Tensor, widest: float | None = None
) -> torch.Tensor:
    """What lies beyond 1.2 symbol rates from the carrier, sample by sample: complex (B, K) of frames (B, L).

    From the middle of the frame alone, where the taper that keeps its ends from spilling over is above a half.
    """
    length, device = frame.shape[-1], frame.device
    each = isinstance(samples_per_symbol, torch.Tensor)
    window, first = _middle(length, (widest or WIDEST_SYMBOL) if each else samples_per_symbol, device)
    rate = samples_per_symbol[:, None] if each else samples_per_symbol
    outside = torch.fft.fftfreq(length, device=device).abs() > OUT_OF_BAND / rate
    residual = torch.fft.ifft(torch.fft.fft(frame * window) * outside)
    return residual[:, first : length - first] / window[first : length - first]


@lru_cache(maxsize=64)
def _middle(length: int, symbol: float, device: torch.device) -> tuple[torch.Tensor, int]:
    """One window float32 (``length``,), as broad as side lobes 90 dB down allow, and where it passes a half."""
    if 4 * round(EDGE_SYMBOLS * symbol) <= length:
        window = tapers(length, symbol, device)[0]
    else:
        window = torch.from_numpy(dpss(length, min(3.5, max(1.0, length / 2 - 1))))
        window = (window / window.square().mean().sqrt()).to(device, torch.float32)
    # It is even: as much is left out at one end as at the other.
    return window, int((window < window[length // 2] / 2).sum()) // 2


def bin_variance(variance: torch.Tensor, frame: Spectrum, length: int, samples_per_symbol: float | torch.Tensor):
    """Variance (B, 1) in a bin of the frame's spectrum, of white noise with this variance in a sample."""
    if isinstance(samples_per_symbol, torch.Tensor):
        samples_per_symbol = samples_per_symbol.to(variance)[:, None]
    return variance * length / (frame.periods * samples_per_symbol) ** 2


def band_es_n0(frame: Spectrum, noise: torch.Tensor) -> torch.Tensor:
    """Es/N0 (B, 1), linear: what the band holds beside the noise, over the noise; noise (B, 1) is that in a bin.

    The band is weighted by a raised cosine of roll-off 0.25, which keeps the noise to one symbol rate; of a signal
    of that roll-off it leaves 1 - 0.25 / 4, of others from 0.1 to 0.4 the same within 2 %.
    """
    frequency = torch.arange(1 - frame.periods, frame.periods, device=frame.bins.device) / frame.periods
    weight = root_raised_cosine_spectrum(frequency, 0.25).square()
    power = ((frame.bins.real.square() + frame.bins.imag.square()) * weight).sum(1, keepdim=True)
    band = noise * weight.sum()
    signal = torch.maximum(power - band, LEAST_SIGNAL * power) / (1 - 0.25 / 4)
    return signal / band.clamp(min=1e-20)
