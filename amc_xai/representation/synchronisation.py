"""Blind synchronisation of a frame: matched filter, symbol timing, carrier recovery. All batched."""

import math

import torch

from amc_xai.signal.filters import root_raised_cosine_taps


def matched_filter(
    iq: torch.Tensor, samples_per_symbol: float, roll_off: float = 0.25, span: int = 8
) -> torch.Tensor:
    """Filter frames, complex (B, L), with a unit-energy root-raised cosine of ``span`` symbols; same length."""
    taps = root_raised_cosine_taps(roll_off, samples_per_symbol, span).to(iq.device, torch.float32)
    length = iq.shape[-1]
    size = fast_length(length + len(taps) - 1)
    filtered = torch.fft.ifft(torch.fft.fft(iq, size) * torch.fft.fft(taps, size))
    delay = (len(taps) - 1) // 2
    return filtered[..., delay : delay + length]


def fast_length(length: int) -> int:
    """The next length whose FFT is quick: no prime factor above 5."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1


def symbol_timing(filtered: torch.Tensor, samples_per_symbol: float) -> torch.Tensor:
    """The first symbol instant (B,) in samples, within [0, samples_per_symbol).

    The phase of the spectral line of |y|^2 at the symbol rate (Oerder and Meyr, "Digital filter and square
    timing recovery", IEEE Trans. Commun. 36(5), 1988, equation 5).
    """
    n = torch.arange(filtered.shape[-1], device=filtered.device)
    line = torch.polar(torch.ones_like(n, dtype=torch.float32), -2 * math.pi * n / samples_per_symbol)
    power = filtered.real.square() + filtered.imag.square()
    instant = -torch.angle((power * line).sum(-1)) * samples_per_symbol / (2 * math.pi)
    return instant % samples_per_symbol


def sample_at(signal: torch.Tensor, first: torch.Tensor, step: float, count: int) -> torch.Tensor:
    """Linear interpolation of complex (B, L) at first + k * step, k = 0..count-1 -> (B, count)."""
    position = first[:, None] + step * torch.arange(count, device=signal.device)
    position = position.clamp(0, signal.shape[-1] - 1)
    left = position.floor().long().clamp(max=max(signal.shape[-1] - 2, 0))
    share = position - left
    right = (left + 1).clamp(max=signal.shape[-1] - 1)
    return signal.gather(1, left) * (1 - share) + signal.gather(1, right) * share


def symbols(filtered: torch.Tensor, samples_per_symbol: float) -> torch.Tensor:
    """The symbols (B, K) of filtered frames (B, L) at the estimated instants, scaled to unit mean power."""
    count = max(1, math.floor(filtered.shape[-1] / samples_per_symbol) - 1)
    first = symbol_timing(filtered, samples_per_symbol)
    return unit_power(sample_at(filtered, first, samples_per_symbol, count))


def unit_power(z: torch.Tensor) -> torch.Tensor:
    """Scale complex (B, K) to unit mean power; zeros stay zeros."""
    power = (z.real.square() + z.imag.square()).mean(-1, keepdim=True)
    return z * torch.where(power > 0, power, 1).rsqrt()


def recover_carrier(z: torch.Tensor, order: int = 4, reach: float = 0.01, points: int = 2048) -> torch.Tensor:
    """Take out carrier offset and phase: symbols (B, K) -> (B, K), up to a turn of 2 pi / ``order``.

    The largest line in the spectrum of |z|^4 exp(j order arg z) (``points`` long) stands at ``order`` times the
    offset, looked for within +-``reach`` cycles a symbol; its phase is ``order`` times that of the carrier. The
    magnitude's power is free (Viterbi and Viterbi, "Nonlinear estimation of PSK-modulated carrier phase", IEEE
    Trans. Inf. Theory 29(4), 1983); the fourth suits QAM, a higher one would leave all to a few large symbols.
    """
    count = z.shape[-1]
    power = torch.polar(z.abs() ** 4, order * z.angle())
    points = max(points, count)
    bins = torch.fft.fftfreq(points, device=z.device)
    within = bins.abs() <= order * reach
    spectrum = torch.fft.fft(power, points)[:, within]
    best = spectrum.abs().argmax(-1, keepdim=True)
    offset = bins[within][best] / order
    phase = torch.angle(spectrum.gather(1, best)) / order
    turn = phase + 2 * math.pi * offset * torch.arange(count, device=z.device)
    return z * torch.polar(torch.ones_like(turn), -turn)
