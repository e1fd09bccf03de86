"""Blind synchronisation of a frame: matched filter, symbol timing, carrier recovery. All batched."""

import math
from typing import NamedTuple

import torch

from amc_xai.data.contracts import Facts
from amc_xai.errors import UserError
from amc_xai.signal.filters import root_raised_cosine_taps

# Beyond this many symbol rates there is no signal: past the widest one, roll-off 1 included.
OUT_OF_BAND = 1.2
# The sixteenth power of a larger offset would turn by more than half a cycle a symbol.
MAX_REACH = 1 / 32


def check_blind(facts: Facts, carrier_reach: float) -> float:
    """The samples a symbol of frames with these facts.

    Raises:
        UserError: unless they are known and such frames can be synchronised.
    """
    if facts.samples_per_symbol is None:
        raise UserError(
            "dataset.samples_per_symbol must be given: the representation finds the symbols of a frame, and the "
            "dataset doesn't say how many samples each has (such as dataset.samples_per_symbol=8)"
        )
    if facts.samples_per_symbol < 2:
        raise UserError(
            f"dataset.samples_per_symbol must be 2 or more for symbols to be found, "
            f"not {facts.samples_per_symbol:g}"
        )
    if not 0 < carrier_reach <= MAX_REACH:
        raise UserError(
            f"representation.carrier_reach must lie above 0 and up to {MAX_REACH:g} cycles a symbol, "
            f"not {carrier_reach:g}"
        )
    return facts.samples_per_symbol


def band_has_outside(samples_per_symbol: float) -> bool:
    """Whether the sampled band is wider than the signal's."""
    return OUT_OF_BAND / samples_per_symbol < 0.5


def outside_band(length: int, samples_per_symbol: float, device: torch.device) -> torch.Tensor:
    """Which bins (``length``,) of a frame's spectrum lie outside the signal's band."""
    return torch.fft.fftfreq(length, device=device).abs() > OUT_OF_BAND / samples_per_symbol


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


class Carrier(NamedTuple):
    """What a spectral line tells of the carrier of B frames, float32 (B, 1) each."""

    offset: torch.Tensor
    """Cycles a symbol."""
    phase: torch.Tensor
    """Radian at the first symbol."""
    strength: torch.Tensor
    """Magnitude of the line over what it would be if all symbols agreed, 0..1."""

    def removed(self, z: torch.Tensor, delay: float = 0.0) -> torch.Tensor:
        """Symbols (B, K) without offset and phase; z begins ``delay`` symbols after the first instant."""
        turn = self.phase + 2 * math.pi * self.offset * (torch.arange(z.shape[-1], device=z.device) + delay)
        return z * torch.polar(torch.ones_like(turn), -turn)


def find_carrier(power: torch.Tensor, order: int, reach: float = 0.01, points: int = 2048) -> Carrier:
    """The carrier of symbols whose ``order``-th power (B, K) holds a spectral line.

    The largest line in the spectrum (``points`` long) stands at ``order`` times the offset, looked for within
    +-``reach`` cycles a symbol; its phase is ``order`` times that of the carrier.
    """
    points = max(points, power.shape[-1])
    bins = torch.fft.fftfreq(points, device=power.device)
    within = bins.abs() <= order * reach
    spectrum = torch.fft.fft(power, points)[:, within]
    magnitude, best = spectrum.abs().max(-1, keepdim=True)
    most = power.abs().sum(-1, keepdim=True)
    strength = magnitude / torch.where(most > 0, most, 1)
    return Carrier(bins[within][best] / order, torch.angle(spectrum.gather(1, best)) / order, strength)


def turned_power(z: torch.Tensor, order: int, weight: float = 4) -> torch.Tensor:
    """|z|^``weight`` exp(j ``order`` arg z) of symbols (B, K).

    The magnitude's power is free (Viterbi and Viterbi, "Nonlinear estimation of PSK-modulated carrier phase", IEEE
    Trans. Inf. Theory 29(4), 1983). With ``weight`` = ``order`` = 4 it suits most QAM; a higher weight listens to
    the outermost points, which lie on the diagonals of square QAM and near them in cross QAM.
    """
    return torch.polar(z.abs() ** weight, order * z.angle())


def staggered_carrier(
    filtered: torch.Tensor, samples_per_symbol: float, reach: float = 0.01, points: int = 2048
) -> tuple[torch.Tensor, Carrier]:
    """First symbol instant (B,) in samples and carrier of OQPSK frames (B, L) after the matched filter.

    I is at its largest when Q, half a symbol late, is at its least: the square of the frame, exp(2j phase) (I^2 -
    Q^2) in the mean, holds lines at twice the carrier offset plus and minus the symbol rate (Gini and Giannakis,
    "Frequency offset and symbol timing recovery in flat-fading channels: a cyclostationary approach", IEEE Trans.
    Commun. 46(3), 1998). The offset, within +-``reach`` cycles a symbol, makes the product of both magnitudes
    largest; the difference of their phases tells the timing, their sum the carrier's phase. Where I and Q are
    taken for each other, the instant lies half a symbol off. (In |y|^2, which :func:`symbol_timing` goes by, the
    lines of I and Q cancel in the mean.)
    """
    length = filtered.shape[-1]
    n = torch.arange(length, device=filtered.device)
    square = filtered * filtered
    points = max(points, fast_length(2 * length))
    bins = torch.fft.fftfreq(points, device=filtered.device)
    within = bins.abs() <= 2 * reach / samples_per_symbol
    turn = torch.polar(torch.ones(length, device=n.device), -2 * math.pi / samples_per_symbol * n)
    above = torch.fft.fft(square * turn, points)[:, within]
    below = torch.fft.fft(square * turn.conj(), points)[:, within]
    _, best = (above.abs() * below.abs()).max(-1, keepdim=True)
    above, below = above.gather(1, best), below.gather(1, best)
    delay = torch.angle(below * above.conj()) / 2  # of the symbol instant, in radian of the symbol rate
    first = (delay * samples_per_symbol / (2 * math.pi)) % (samples_per_symbol / 2)
    offset = bins[within][best] / 2 * samples_per_symbol
    at_first = torch.angle(above * torch.polar(torch.ones_like(first), 2 * math.pi / samples_per_symbol * first))
    phase = at_first / 2 + 2 * math.pi * offset * first / samples_per_symbol
    most = square.abs().sum(-1, keepdim=True)
    strength = (above.abs() * below.abs()).sqrt() / torch.where(most > 0, most, 1)
    return first[:, 0], Carrier(offset, phase, strength)


def recover_carrier(
    z: torch.Tensor, order: int = 4, reach: float = 0.01, points: int = 2048, weight: float = 4
) -> torch.Tensor:
    """Take out carrier offset and phase: symbols (B, K) -> (B, K), up to a turn of 2 pi / ``order``.

    By the line of :func:`turned_power`, as :func:`find_carrier` reads it.
    """
    return find_carrier(turned_power(z, order, weight), order, reach, points).removed(z)
