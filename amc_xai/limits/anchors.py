"""Classical methods without learning, to hold beside a network and the limit. They see the frame alone.

Symbols come from the blind synchronisation that the image representation uses as well.
"""

import math
from collections.abc import Sequence

import torch

from amc_xai.representation.synchronisation import matched_filter, recover_carrier, sample_at, symbol_timing
from amc_xai.signal.classes import LINEAR
from amc_xai.signal.constellations import constellation

BAND_EDGE = 1.2  # cycles a symbol: beyond it lies noise alone


def noise_power(iq: torch.Tensor, samples_per_symbol: float) -> torch.Tensor:
    """Noise power a sample (B,) from the spectrum outside the band, frames complex (B, L).

    A Hann window keeps what a frame's ends spill over the spectrum below the noise.
    """
    length = iq.shape[-1]
    window = torch.hann_window(length, periodic=True, device=iq.device)
    spectrum = torch.fft.fft(iq * window).abs().square() / window.square().sum()
    outside = torch.fft.fftfreq(length, device=iq.device).abs() > BAND_EDGE / samples_per_symbol
    return spectrum[:, outside].mean(1)


def out_of_band_snr(iq: torch.Tensor, samples_per_symbol: float) -> torch.Tensor:
    """Es/N0 in dB (B,): noise from outside the band, signal from what is left of the frame's power."""
    noise = noise_power(iq, samples_per_symbol)
    signal = (iq.abs().square().mean(1) - noise).clamp(min=1e-3 * noise)
    return 10 * (signal * samples_per_symbol / noise).log10()


def m2m4_snr(symbols: torch.Tensor, kurtosis: float = 1.0) -> torch.Tensor:
    """Es/N0 in dB (B,) from the second and fourth moments of the symbols, complex (B, K).

    S = sqrt((2 M2^2 - M4) / (2 - kurtosis)), N = M2 - S: Pauluzzi and Beaulieu, IEEE Trans. Commun. 48(10), 2000,
    section III.D. ``kurtosis`` of the constellation is 1 for PSK; which class it is is not known, so that 1 is
    the usual choice and classes with several amplitudes come out too low.
    """
    power = symbols.abs().square()
    second, fourth = power.mean(1), power.square().mean(1)
    signal = ((2 * second.square() - fourth) / (2 - kurtosis)).clamp(min=0).sqrt()
    signal = torch.minimum(torch.maximum(signal, 1e-3 * second), (1 - 1e-4) * second)
    return 10 * (signal / (second - signal)).log10()


def blind_symbols(iq: torch.Tensor, samples_per_symbol: float, roll_off: float = 0.25) -> torch.Tensor:
    """Symbols (B, K) at the instants that square timing recovery finds; the noise in them is that of a sample."""
    filtered = matched_filter(iq, samples_per_symbol, roll_off)
    count = max(1, math.floor(iq.shape[-1] / samples_per_symbol) - 1)
    return sample_at(filtered, symbol_timing(filtered, samples_per_symbol), samples_per_symbol, count)


def cumulants(symbols: torch.Tensor, noise: torch.Tensor | float = 0.0) -> torch.Tensor:
    """(|C20|, |C40|, C42) over the powers of C21 less the noise, float (B, 3), of symbols complex (B, K).

    Swami and Sadler, "Hierarchical digital modulation classification using cumulants", IEEE Trans. Commun. 48(3),
    2000, equations 3 to 5 and 8.
    """
    power = symbols.abs().square()
    second = power.mean(1)
    c20 = symbols.square().mean(1)
    c40 = symbols.pow(4).mean(1) - 3 * c20.square()
    c42 = power.square().mean(1) - c20.abs().square() - 2 * second.square()
    signal = torch.maximum(second - noise, 0.05 * second)
    return torch.stack([c20.abs() / signal, c40.abs() / signal.square(), c42 / signal.square()], 1)


def nearest_cumulants(found: torch.Tensor, modulations: Sequence[str]) -> torch.Tensor:
    """The class (B,) int64 whose theoretical cumulants lie nearest to ``found`` (B, 3).

    Classes without a constellation are never named. Nor is the second of two with the same cumulants: 32PSK
    behind 16PSK, OQPSK behind QPSK.
    """
    known = [index for index, name in enumerate(modulations) if name in LINEAR]
    ideal = torch.cat([cumulants(constellation(modulations[index])[None]) for index in known]).to(found)
    nearest = torch.cdist(found, ideal).argmin(1)
    return torch.tensor(known, device=found.device)[nearest]


def anchor_decisions(
    iq: torch.Tensor, modulations: Sequence[str], es_n0_db: Sequence[float], samples_per_symbol: float
) -> dict[str, torch.Tensor]:
    """Decisions (B,) int64 on frames (B, 2, L): ``cumulants`` on modulation, ``out_of_band`` and ``m2m4`` on SNR.

    es_n0_db: the grid of SNRs as Es/N0; the nearest one is taken. Needs a band wider than the signal: above 2.4
    samples a symbol.
    """
    frame = torch.complex(iq[:, 0], iq[:, 1])
    symbols = blind_symbols(frame, samples_per_symbol)
    grid = torch.tensor([float(snr) for snr in es_n0_db], device=iq.device)

    def nearest(estimate: torch.Tensor) -> torch.Tensor:
        return (estimate[:, None] - grid).abs().argmin(1)

    found = cumulants(recover_carrier(symbols), noise_power(frame, samples_per_symbol))
    return {
        "cumulants": nearest_cumulants(found, modulations),
        "out_of_band": nearest(out_of_band_snr(frame, samples_per_symbol)),
        "m2m4": nearest(m2m4_snr(symbols)),
    }
