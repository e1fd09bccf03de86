"""Modulators: symbols or a message in, one period of complex baseband out.

Every block is periodic in N samples, which makes shaping, fractional timing and delays exact by FFT. The
expected mean sample power is 1 for all of them.
"""

import math

import torch

from amc_xai.signal.classes import ANALOG
from amc_xai.signal.gather import gather_rows
from amc_xai.signal.pulses import Pulses

GMSK_BT = 0.3
GMSK_NEIGHBOURS = 3
MODULATION_DEPTH = 1 / 3


def linear_block(
    symbols: torch.Tensor,
    staggered: torch.Tensor | None,
    pulses: Pulses,
    timing: torch.Tensor,
    samples: int,
    counts: torch.Tensor | None = None,
) -> torch.Tensor:
    """Symbols on their pulses: complex64 (B, samples).

    symbols: complex64 (B, K); staggered: int64 rows whose Q is half a symbol late (OQPSK), or None;
    timing (B,): instant of symbol 0 in samples; counts: int64 (B,), how many of the K symbols each frame's block
    holds, None = all.

    x[t] = sum_n s_n p((t - timing)/sps - n) with p the pulse of spectrum `pulses.shape`, sps = samples/K. The
    spectrum of the zero-stuffed symbols repeats that of the symbols, so only the bins of the band are computed.
    Expected mean power is the mean symbol energy, a non-zero mean symbol (OOK) included.
    """
    most = symbols.shape[1]
    count = most if counts is None else counts[:, None]
    highest = math.floor(min(pulses.widest * most, (samples - 1) // 2))
    spectrum = torch.fft.fft(symbols) if counts is None else spectra_of(symbols, counts)
    bins = torch.arange(highest + 1, device=symbols.device)
    bins = torch.cat([bins, bins[1:].flip(0).neg()])
    band = spectrum[:, bins % most] if counts is None else gather_rows(spectrum, bins % count)
    if staggered is not None:
        part = spectrum[staggered]
        places = torch.arange(most, device=symbols.device)
        if counts is None:
            mirrored, here, own = part[:, -places % most].conj(), bins % most, most
            in_phase, quadrature = ((part + mirrored) / 2)[:, here], ((part - mirrored) / 2)[:, here]
        else:
            own = count[staggered]
            mirrored, here = gather_rows(part, -places % own).conj(), bins % own
            in_phase, quadrature = (gather_rows(half / 2, here) for half in (part + mirrored, part - mirrored))
        turns = -math.pi / own * bins
        late = torch.polar(torch.ones_like(turns), turns)
        band[staggered] = in_phase + quadrature * late
    frequency = (bins / count)[None, :] if counts is None else bins / count
    shape = pulses.shape(frequency, bins, count) * (samples / count)
    band = band * torch.polar(shape, timing[:, None] * (-2 * math.pi / samples * bins))
    full = band.new_zeros(len(band), samples)
    full[:, : highest + 1] = band[:, : highest + 1]
    full[:, samples - highest :] = band[:, highest + 1 :]
    return torch.fft.ifft(full)


def spectra_of(symbols: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """The spectrum (B, K) of the first ``counts`` symbols of each row, zeros behind."""
    spectrum = torch.zeros_like(symbols)
    for count in counts.unique().tolist():
        rows = (counts == count).nonzero()[:, 0]
        spectrum[rows, :count] = torch.fft.fft(symbols[rows, :count])
    return spectrum


def gmsk_block(
    bits: torch.Tensor, timing: torch.Tensor, samples: int, counts: torch.Tensor | None = None
) -> torch.Tensor:
    """Gaussian minimum shift keying, BT 0.3, index 1/2, of constant envelope 1: complex64 (B, samples).

    bits: 0/1 (B, K) with K even; timing (B,): instant of symbol 0, the middle of its frequency pulse, in
    samples; counts as for `linear_block`, even. Phase = pi/2 * sum_n a_n q(t/T - n), where q integrates the
    Gaussian-filtered rectangle of one symbol (Murota and Hirade, "GMSK modulation for digital mobile radio
    telephony", IEEE Trans. Commun. 29(7), 1981; 3GPP TS 45.004). In each row at most one symbol, at the far side
    of the period, is turned so that the phase closes over the period.
    """
    count = bits.shape[1] if counts is None else counts[:, None]
    signs = 1 - 2 * bits.to(torch.int64)
    places = torch.arange(bits.shape[1], device=bits.device)
    if counts is not None:
        signs = signs * (places < count)
    open_phase = signs.sum(1, keepdim=True) % 4 == 2
    signs = torch.where(open_phase & (places == count - 8), -signs, signs)
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


def analog_block(
    message: torch.Tensor, kinds: torch.Tensor, samples: int, counts: torch.Tensor | None = None
) -> torch.Tensor:
    """Analog modulations of a Gaussian message: complex64 (B, samples).

    message: standard normals (B, 2, K/2); kinds: int64 (B,), index into `classes.ANALOG`; counts as for
    `linear_block`, even. The message m is real, has unit variance and a flat spectrum over 0 < |f| <= W with
    W = K/(2 samples), half the nominal symbol rate; m_a = m + j H(m) is its analytic signal (H: Hilbert
    transform).

    - AM-DSB-SC: m. AM-SSB-SC (upper side band): m_a / sqrt(2).
    - AM-DSB-WC: (1 + d m) / sqrt(1 + d^2), AM-SSB-WC: (1 + d m_a / sqrt(2)) / sqrt(1 + d^2), with d = 1/3 (so
      that 1 + d m is negative for 0.13 % of the time).
    - FM: exp(j phase), of which the instantaneous frequency is W m cycles a sample: an RMS deviation of W.

    The AM classes have unit power in the mean over messages, FM in every sample.
    """
    most = message.shape[2]
    half = most if counts is None else counts[:, None] // 2
    root = math.sqrt(2 * most) if counts is None else (2.0 * half).sqrt()
    bins = torch.arange(1, most + 1, device=message.device)
    spectrum = torch.complex(message[:, 0], -message[:, 1]) * (samples / root)
    if counts is not None:
        spectrum = spectrum * (bins <= half)
    kind = {name: (kinds == index)[:, None] for index, name in enumerate(ANALOG)}
    # Without integration `analytic` is m_a / sqrt(2); with it, its real part is the phase of FM.
    deviation = math.sqrt(2) * half / samples
    integrated = spectrum * (-1j * deviation * samples / bins)
    full = spectrum.new_zeros(len(message), samples)
    full[:, 1 : most + 1] = torch.where(kind["FM"], integrated, spectrum)
    analytic = torch.fft.ifft(full)

    single = kind["AM-SSB-SC"] | kind["AM-SSB-WC"]
    side = torch.where(single, analytic, math.sqrt(2) * analytic.real)
    carrier = kind["AM-DSB-WC"] | kind["AM-SSB-WC"]
    scale = 1 / math.sqrt(1 + MODULATION_DEPTH**2)
    block = torch.where(carrier, scale * (1 + MODULATION_DEPTH * side), side)
    phase = analytic.real
    return torch.where(kind["FM"], torch.polar(torch.ones_like(phase), phase), block)
