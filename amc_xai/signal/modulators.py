"""Modulators: symbols or a message in, one period of complex baseband out.

Every block is periodic in N samples, which makes shaping, fractional timing and delays exact by FFT. The
expected mean sample power is 1 for all of them.
"""

import math

import torch

from amc_xai.signal.classes import ANALOG
from amc_xai.signal.filters import root_raised_cosine_spectrum

GMSK_BT = 0.3
GMSK_NEIGHBOURS = 3
MODULATION_DEPTH = 1 / 3


def linear_block(
    symbols: torch.Tensor,
    staggered: torch.Tensor | None,
    roll_off: torch.Tensor,
    timing: torch.Tensor,
    samples: int,
    largest_roll_off: float,
) -> torch.Tensor:
    """Root-raised-cosine shaped symbols: complex64 (B, samples).

    symbols: complex64 (B, K); staggered: int64 rows whose Q is half a symbol late (OQPSK), or None;
    roll_off (B,), none above largest_roll_off; timing (B,): instant of symbol 0 in samples.

    x[t] = sum_n s_n p((t - timing)/sps - n) with p the pulse whose spectrum is `root_raised_cosine_spectrum`,
    sps = samples/K. The spectrum of the zero-stuffed symbols repeats that of the symbols, so only the bins of
    the band are computed. Mean power is the mean symbol energy, a non-zero mean symbol (OOK) included.
    """
    count = symbols.shape[1]
    highest = min(math.floor((1 + largest_roll_off) * count / 2), count - 1, (samples - 1) // 2)
    spectrum = torch.fft.fft(symbols)
    bins = torch.arange(highest + 1, device=symbols.device)
    bins = torch.cat([bins, bins[1:].flip(0).neg()])
    band = spectrum[:, bins % count]
    if staggered is not None:
        part = spectrum[staggered]
        mirrored = part[:, -torch.arange(count, device=symbols.device) % count].conj()
        in_phase, quadrature = (part + mirrored) / 2, (part - mirrored) / 2
        turns = -math.pi / count * bins
        late = torch.polar(torch.ones_like(turns), turns)
        band[staggered] = in_phase[:, bins % count] + quadrature[:, bins % count] * late
    shape = root_raised_cosine_spectrum((bins / count)[None, :], roll_off[:, None]) * (samples / count)
    band = band * torch.polar(shape, timing[:, None] * (-2 * math.pi / samples * bins))
    full = band.new_zeros(len(band), samples)
    full[:, : highest + 1] = band[:, : highest + 1]
    full[:, samples - highest :] = band[:, highest + 1 :]
    return torch.fft.ifft(full)


def gmsk_block(bits: torch.Tensor, timing: torch.Tensor, samples: int) -> torch.Tensor:
    """Gaussian minimum shift keying, BT 0.3, index 1/2, of constant envelope 1: complex64 (B, samples).

    bits: 0/1 (B, K) with K even; timing (B,): instant of symbol 0, the middle of its frequency pulse, in
    samples. Phase = pi/2 * sum_n a_n q(t/T - n), where q integrates the Gaussian-filtered rectangle of one
    symbol (Murota and Hirade, "GMSK modulation for digital mobile radio telephony", IEEE Trans. Commun.
    29(7), 1981; 3GPP TS 45.004). In each row at most one symbol, at the far side of the period, is turned so
    that the phase closes over the period.
    """
    count = bits.shape[1]
    signs = 1 - 2 * bits.to(torch.int64)
    open_phase = signs.sum(1) % 4 == 2
    turned = count - 8
    signs[:, turned] = torch.where(open_phase, -signs[:, turned], signs[:, turned])
    settled = signs.cumsum(1) % 4  # quarter turns, exact

    position = (torch.arange(samples, device=bits.device) - timing[:, None]) * (count / samples)
    whole = position.floor()
    fraction = position - whole
    whole = whole.long()
    quarters = settled.gather(1, (whole - GMSK_NEIGHBOURS) % count).to(fraction.dtype)
    for neighbour in range(1 - GMSK_NEIGHBOURS, GMSK_NEIGHBOURS + 1):
        sign = signs.gather(1, (whole + neighbour) % count)
        quarters += sign * _phase_pulse(fraction - neighbour)
    return torch.polar(torch.ones_like(quarters), math.pi / 2 * quarters)


def _phase_pulse(time: torch.Tensor) -> torch.Tensor:
    """Phase response of one GMSK symbol over its final value, 0 to 1; time in symbols from its middle."""
    sigma = math.sqrt(math.log(2)) / (2 * math.pi * GMSK_BT)

    def ramp(at: torch.Tensor) -> torch.Tensor:
        # Integral of the normal distribution function from minus infinity.
        density = torch.exp(-0.5 * (at / sigma).square()) / math.sqrt(2 * math.pi)
        return at * torch.special.ndtr(at / sigma) + sigma * density

    return ramp(time + 0.5) - ramp(time - 0.5)


def analog_block(message: torch.Tensor, kinds: torch.Tensor, samples: int) -> torch.Tensor:
    """Analog modulations of a Gaussian message: complex64 (B, samples).

    message: standard normals (B, 2, K/2); kinds: int64 (B,), index into `classes.ANALOG`. The message m is
    real, has unit variance and a flat spectrum over 0 < |f| <= W with W = K/(2 samples), half the nominal
    symbol rate; m_a = m + j H(m) is its analytic signal (H: Hilbert transform).

    - AM-DSB-SC: m. AM-SSB-SC (upper side band): m_a / sqrt(2).
    - AM-DSB-WC: (1 + d m) / sqrt(1 + d^2), AM-SSB-WC: (1 + d m_a / sqrt(2)) / sqrt(1 + d^2), with d = 1/3 (so
      that 1 + d m is negative for 0.13 % of the time).
    - FM: exp(j phase), of which the instantaneous frequency is W m cycles a sample: an RMS deviation of W.

    The AM classes have unit power in the mean over messages, FM in every sample.
    """
    half = message.shape[2]
    bins = torch.arange(1, half + 1, device=message.device)
    spectrum = torch.complex(message[:, 0], -message[:, 1]) * (samples / math.sqrt(2 * half))
    kind = {name: (kinds == index)[:, None] for index, name in enumerate(ANALOG)}
    # Without integration `analytic` is m_a / sqrt(2); with it, its real part is the phase of FM.
    deviation = math.sqrt(2) * half / samples
    integrated = spectrum * (-1j * deviation * samples / bins)
    full = spectrum.new_zeros(len(message), samples)
    full[:, 1 : half + 1] = torch.where(kind["FM"], integrated, spectrum)
    analytic = torch.fft.ifft(full)

    single = kind["AM-SSB-SC"] | kind["AM-SSB-WC"]
    side = torch.where(single, analytic, math.sqrt(2) * analytic.real)
    carrier = kind["AM-DSB-WC"] | kind["AM-SSB-WC"]
    scale = 1 / math.sqrt(1 + MODULATION_DEPTH**2)
    block = torch.where(carrier, scale * (1 + MODULATION_DEPTH * side), side)
    phase = analytic.real
    return torch.where(kind["FM"], torch.polar(torch.ones_like(phase), phase), block)
