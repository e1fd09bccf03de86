"""The receive filter of each frame: that of the pulse which explains the frame's spectrum best."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch

from amc_xai.errors import UserError
from amc_xai.representation.synchronisation.spectrum import Spectrum, delayed, folded
from amc_xai.signal.pulses import pulse_spectrum as sent_spectrum

PULSES = (
    *("rrc_0.1", "rrc_0.15", "rrc_0.2", "rrc_0.25", "rrc_0.3", "rrc_0.35", "rrc_0.4"),
    *("rc_0.3", "rc_0.4", "rectangular"),
)
# Noise over signal in the spectrum, dB: what the filters are made for, the nearest one for each frame. Below the
# last, what a frame's cut ends spill over the spectrum is more than the noise.
LEVELS_DB = tuple(range(10, -31, -5))
SPILLED_DB = -3.0
# Cycles a symbol. Any pulse fills the spectrum up to the first; of those that are limited in band, none reaches
# the second.
INNER, BEYOND = 0.3, 0.8


def check_pulses(pulses: Sequence[str]) -> None:
    """Raise UserError unless these are pulses that a receive filter can be made for."""
    for name in pulses:
        _parsed(name)
    if not pulses or len(set(pulses)) < len(pulses):
        raise UserError("representation.pulses: name at least one pulse, and each only once")
    if "none" in pulses and len(pulses) > 1:
        raise UserError("representation.pulses: none stands alone: it leaves the frame unfiltered")


def _parsed(name: str) -> tuple[str, float]:
    kind, _, roll_off = name.partition("_")
    try:
        value = float(roll_off) if roll_off else 0.0
    except ValueError:
        value = -1.0
    if (kind in ("rrc", "rc") and roll_off and 0 <= value <= 1) or name in ("rectangular", "radioml2018", "none"):
        return kind, value
    raise UserError(
        f"representation.pulses: {name!r} is no pulse; allowed are rrc_R and rc_R with a roll-off R from 0 to 1, "
        "such as rrc_0.25, rectangular, radioml2018, and none"
    )


def pulse_spectrum(name: str, frequency: torch.Tensor) -> torch.Tensor:
    """Spectrum of a pulse at ``frequency`` (cycles a symbol, |f| < 1), 1 at 0.

    rrc_R: root-raised cosine of roll-off R; rc_R: raised cosine; rectangular: of one symbol; radioml2018: that of
    RadioML 2018.01A as measured; none: as it is up to 0.75, and nothing from 1 on.
    """
    kind, roll_off = _parsed(name)
    if kind == "none":
        return torch.cos(math.pi / 2 * ((frequency.abs() - 0.75) / 0.25).clamp(0, 1))
    sent = {"rrc": "root_raised_cosine", "rc": "raised_cosine"}.get(kind, kind)
    return sent_spectrum(sent, frequency, roll_off)


class _Bank(NamedTuple):
    """Tables of N noise levels and J pulses over P periods."""

    filters: torch.Tensor  # float32 (N, J, 2P - 1)
    weights: torch.Tensor  # float32 (N J, 3 P): of |above|^2, |below|^2 and Re(above below*) in the likelihood
    constants: torch.Tensor  # float32 (N, J)


@lru_cache(maxsize=32)
def _bank(pulses: tuple[str, ...], periods: int, device: torch.device) -> _Bank:
    frequency = torch.arange(1 - periods, periods, dtype=torch.float64) / periods
    shapes = torch.stack([pulse_spectrum(name, frequency) for name in pulses])
    above = shapes[:, periods - 1 :]
    below = torch.cat([torch.zeros(len(pulses), 1, dtype=torch.float64), shapes[:, : periods - 1]], 1)
    gain = above.square() + below.square()
    noise = 10 ** (torch.tensor(LEVELS_DB, dtype=torch.float64) / 10)[:, None, None]
    equalised = 1 / (gain + noise)
    if pulses == ("none",):
        equalised = torch.ones_like(equalised)
    filters = torch.cat([equalised[:, :, 1:], equalised], 2) * shapes
    share = 1 / (noise * (noise + gain))
    weights = torch.cat([share * above.square(), share * below.square(), share * 2 * above * below], 2)
    constants = -((noise + gain) / noise).log().sum(2)
    return _Bank(
        filters.to(device, torch.float32),
        weights.flatten(0, 1).to(device, torch.float32),
        constants.to(device, torch.float32),
    )


def pair_weights(frame: Spectrum, noise: torch.Tensor, pulse: str) -> torch.Tensor:
    """What each pair of bins a symbol rate apart says of the symbol timing, float32 (B, P - 1): its factor in the
    likelihood that `choose_filter` tells of, whose largest value over the delay is that of their weighted sum's
    phase. noise: (B, 1), variance of white noise in a bin, as far as known."""
    bank = _bank((pulse,), frame.periods, frame.bins.device)
    level, _ = noise_level(frame, noise)
    return bank.weights[level, 2 * frame.periods + 1 :]


class Filtered(NamedTuple):
    """B frames after their receive filters, at the symbol instants."""

    bins: torch.Tensor
    """complex64 (B, 2P - 1): the filtered spectrum; the frame begins at a symbol instant."""
    symbols: torch.Tensor
    """complex64 (B, P)."""
    shape: torch.Tensor
    """float32 (B, 2P - 1): the filters."""
    pulse: torch.Tensor
    """int64 (B,): index of the pulse."""
    margin: torch.Tensor
    """float32 (B,): log-likelihood of that pulse over the next best of another kind, 0 or more; 0 with one
    kind."""


def choose_filter(
    frame: Spectrum,
    delay: torch.Tensor,
    noise: torch.Tensor,
    pulses: Sequence[str],
    inner: slice,
    valid: torch.Tensor | None = None,
) -> Filtered:
    """Filter each frame for the pulse that it most likely came with.

    delay: (B,), the first symbol instant in symbols; noise: (B, 1), variance of white noise in a bin, as far as
    known; inner: the symbols that are whole, and valid: which of those, bool (B, K), all where None.

    To independent symbols, a pulse H gives the spectrum H(f) A(f) with A periodic in the symbol rate: two bins a
    symbol rate apart hold the same A times (H+, H-), and noise. That pair is Gaussian over random symbols, so that
    (Whittle, "Estimation and information in stationary time series", Ark. Mat. 2(5), 1953) a pulse's
    log-likelihood is a sum over pairs of |H+* X+ + H-* X-|^2, weighted, which tells a raised cosine from its root.
    Where two kinds of pulse come out alike, the one whose symbols' power varies less over the frame is taken.

    The filter is matched to the pulse, times an equaliser at the symbol rate of least mean squared error: free of
    intersymbol interference without noise, matched to the pulse alone in much noise.
    """
    periods = frame.periods
    device = frame.bins.device
    bank = _bank(tuple(pulses), periods, device)
    bins = delayed(frame.bins, delay)
    level, signal = noise_level(frame, noise)
    rows = torch.arange(bins.shape[0], device=device)
    if len(pulses) == 1:
        chosen = torch.zeros_like(level)
        filtered = bins * bank.filters[level, 0]
        symbols, margin = folded(filtered), torch.zeros(bins.shape[0], device=device)
    else:
        above = bins[:, periods - 1 :]
        below = torch.cat([torch.zeros_like(bins[:, :1]), bins[:, : periods - 1]], 1)
        pairs = torch.cat([_power(above), _power(below), (above * below.conj()).real], 1) / signal
        likelihood = (pairs @ bank.weights.T).unflatten(1, bank.constants.shape) + bank.constants
        likelihood = likelihood[rows, level.clamp(max=_trusted(periods))]
        roots = [name.startswith("rrc") for name in pulses]
        finalists = []
        for group in (roots, [not root for root in roots]):
            if any(group):
                best, which = likelihood.where(torch.tensor(group, device=device), -math.inf).max(1)
                tried = bins * bank.filters[level, which]
                z = folded(tried)
                finalists.append((best - _scatter(_power(z[:, inner]), valid), which, tried, z))
        if len(finalists) == 1:
            _, chosen, filtered, symbols = finalists[0]
            margin = torch.zeros(bins.shape[0], device=device)
        else:
            (first, *one), (second, *other) = finalists
            better = first >= second
            chosen = torch.where(better, one[0], other[0])
            filtered, symbols = (
                torch.where(better[:, None], a, b) for a, b in zip(one[1:], other[1:], strict=True)
            )
            margin = (first - second).abs()
    return Filtered(filtered, symbols, bank.filters[level, chosen], chosen, margin)


def _trusted(periods: int) -> int:
    """Index into LEVELS_DB of the least noise for which the spectrum of so many symbols can be believed: what the
    cut ends spill over it falls with their number."""
    spilled = SPILLED_DB - 10 * math.log10(periods)
    return min(max(0, round((LEVELS_DB[0] - spilled) / (LEVELS_DB[0] - LEVELS_DB[1]))), len(LEVELS_DB) - 1)


def _scatter(power: torch.Tensor, valid: torch.Tensor | None) -> torch.Tensor:
    """Half the number of symbols times the log of the variance of their power (B, K) over its mean squared:
    (B,)."""
    weight = torch.ones_like(power) if valid is None else valid.to(power.dtype)
    count = weight.sum(1)
    mean = (power * weight).sum(1) / count
    variance = (power.square() * weight).sum(1) / count - mean.square()
    return 0.5 * count * (variance / mean.square().clamp(min=1e-30)).clamp(min=1e-6).log()


def noise_level(frame: Spectrum, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Index into LEVELS_DB (B,) of the noise over the signal in the spectrum, and the signal's power a bin (B, 1).

    The noise is what is known of it or what lies beyond the pulses' bands, whichever is less: where a receiver's
    filter took noise away, the first is too little, and next to rectangular pulses the second is too much.
    """
    frequency = torch.arange(1 - frame.periods, frame.periods, device=frame.bins.device) / frame.periods
    power = _power(frame.bins)
    inner = power[:, frequency.abs() < INNER].mean(1, keepdim=True)
    beyond = power[:, frequency.abs() > BEYOND].mean(1, keepdim=True)
    noise = torch.minimum(torch.minimum(noise, beyond), inner)
    signal = torch.maximum(inner - noise, 0.05 * inner).clamp(min=1e-30)
    ratio = 10 * (noise / signal).clamp(min=1e-9).log10()
    step = LEVELS_DB[0] - LEVELS_DB[1]
    return ((LEVELS_DB[0] - ratio) / step).round().long().clamp(0, len(LEVELS_DB) - 1)[:, 0], signal


def _power(z: torch.Tensor) -> torch.Tensor:
    return z.real.square() + z.imag.square()
