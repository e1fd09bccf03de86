"""Frames of every class: modulate, pass through the channel, add noise. A batch may mix classes and SNRs."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch

from amc_xai.errors import UserError
from amc_xai.signal.channel import Channel, faded, imbalanced, path_gains, rotated
from amc_xai.signal.classes import ANALOG, LINEAR, MODULATIONS
from amc_xai.signal.constellations import MAX_ORDER, constellation
from amc_xai.signal.draws import (
    CARRIER_OFFSET,
    GUARD_SYMBOLS,
    IQ_GAIN,
    IQ_PHASE,
    LINE_OF_SIGHT,
    PHASE,
    ROLL_OFF,
    TIMING,
    Draws,
    block_size,
    draw_fresh,
    draw_seeded,
)
from amc_xai.signal.modulators import analog_block, gmsk_block, linear_block

__all__ = [
    "Channel",
    "Draws",
    "FrameParameters",
    "Frames",
    "draw_fresh",
    "draw_seeded",
    "frame_parameters",
    "noise_variance",
    "synthesise",
]


class Frames(NamedTuple):
    """B frames of L samples."""

    iq: torch.Tensor
    """float32 (B, 2, L): the received frame, clean + noise."""
    clean: torch.Tensor
    """float32 (B, 2, L): all of it but the white noise."""
    first_symbol: torch.Tensor
    """float32 (B,): the first symbol instant in samples, in [0, samples_per_symbol); the n-th lies n *
    samples_per_symbol later. NaN for analog classes."""
    symbols: torch.Tensor
    """complex64 (B, ceil(L / samples_per_symbol)): transmitted symbol per instant, before phase and channel;
    for OQPSK its imaginary part belongs half a symbol later. NaN for analog classes and GMSK."""


class FrameParameters(NamedTuple):
    """The values that each frame drew, float32 (B,) each."""

    roll_off: torch.Tensor
    timing: torch.Tensor
    """First symbol instant in samples."""
    phase: torch.Tensor
    """Carrier phase at sample 0 in radian."""
    carrier_offset: torch.Tensor
    """Cycles per sample."""


class _Classes(NamedTuple):
    """Lookup tables of a class list."""

    points: torch.Tensor  # complex64 (C, 256): point of a symbol byte; NaN where there is no constellation
    linear: torch.Tensor | None  # bool (C,), or None where all are linear
    staggered: int | None
    gmsk: int | None
    analog: torch.Tensor | None  # int64 (C,): index into ANALOG or -1; None without analog classes


def frame_parameters(draws: Draws, samples_per_symbol: float, channel: Channel) -> FrameParameters:
    """What roll-off, timing, carrier phase and carrier offset `synthesise` makes of the draws."""
    uniform = draws.uniform
    low, high = channel.roll_off
    return FrameParameters(
        roll_off=low + (high - low) * uniform[:, ROLL_OFF],
        timing=samples_per_symbol * uniform[:, TIMING] * float(channel.random_timing),
        phase=2 * math.pi * uniform[:, PHASE] * float(channel.random_phase),
        carrier_offset=channel.carrier_offset_std * draws.normal[:, CARRIER_OFFSET],
    )


def noise_variance(snr_db: torch.Tensor, samples_per_symbol: float, snr_definition: str) -> torch.Tensor:
    """Variance of the complex noise per sample, for expected mean sample power 1.

    "es_n0": samples_per_symbol / (Es/N0), since a symbol's energy is samples_per_symbol times the mean sample
    power. Analog classes have no symbols; they take the same noise, with the nominal samples_per_symbol, so
    that classes of one SNR differ in nothing but the signal. "sample": 1 / SNR, the power ratio in the whole
    sampled band.
    """
    ratio = 10.0 ** (-snr_db / 10.0)
    return ratio * samples_per_symbol if snr_definition == "es_n0" else ratio


def synthesise(
    modulation_index: torch.Tensor,
    snr_db: torch.Tensor,
    draws: Draws,
    modulations: Sequence[str],
    frame_length: int,
    samples_per_symbol: float,
    channel: Channel,
) -> Frames:
    """Frames of the classes at the SNRs, on the draws' device.

    modulation_index: int64 (B,), index into modulations; snr_db: (B,), in dB as channel.snr_definition says.
    Expected mean sample power before noise is 1 for every class, with multipath and I/Q imbalance too; the
    noise is scaled by that expectation and not by the power that a frame happens to have.

    Raises UserError for an unknown modulation, for fewer than 1 + roll-off samples a symbol, and for a
    path delay above half the guard (8 symbols).
    """
    samples = block_size(frame_length, samples_per_symbol)[1]
    _check(samples_per_symbol, channel)
    device = draws.noise.device
    modulation_index = modulation_index.to(device)
    classes = _classes(tuple(modulations), device)
    found = frame_parameters(draws, samples_per_symbol, channel)

    codes = modulation_index[:, None] * MAX_ORDER + draws.symbols
    symbols = classes.points.flatten()[codes]
    block = _modulated(symbols, modulation_index, draws, classes, found, samples, channel)
    if channel.iq_gain_std_db or channel.iq_phase_std_deg:
        gain_db = channel.iq_gain_std_db * draws.normal[:, IQ_GAIN]
        phase_deg = channel.iq_phase_std_deg * draws.normal[:, IQ_PHASE]
        block = imbalanced(block, gain_db, phase_deg)
    if channel.multipath:
        gains = path_gains(channel, draws.paths, draws.uniform[:, LINE_OF_SIGHT])
        block = faded(block, gains, channel.path_delays)
    wander = None
    if channel.phase_noise_std:
        wander = channel.phase_noise_std * draws.phase_noise.cumsum(1)
    frame = rotated(block[:, :frame_length], found.phase, found.carrier_offset, wander)

    clean = torch.view_as_real(frame).transpose(1, 2).contiguous()
    variance = noise_variance(snr_db.to(device, torch.float32), samples_per_symbol, channel.snr_definition)
    iq = torch.addcmul(clean, draws.noise, (variance / 2).sqrt()[:, None, None])
    first_symbol = found.timing
    if classes.analog is not None:
        first_symbol = first_symbol.masked_fill(classes.analog[modulation_index] >= 0, math.nan)
    return Frames(iq, clean, first_symbol, symbols[:, : math.ceil(frame_length / samples_per_symbol)])


def _modulated(
    symbols: torch.Tensor,
    modulation_index: torch.Tensor,
    draws: Draws,
    classes: _Classes,
    found: FrameParameters,
    samples: int,
    channel: Channel,
) -> torch.Tensor:
    """One block complex64 (B, samples) per frame; each family of classes in one go, absent ones skipped."""
    staggered = None
    if classes.linear is None:
        if classes.staggered is not None:
            staggered = (modulation_index == classes.staggered).nonzero()[:, 0]
        return linear_block(symbols, staggered, found.roll_off, found.timing, samples, channel.roll_off[1])
    block = symbols.new_empty(len(symbols), samples)
    rows = classes.linear[modulation_index].nonzero()[:, 0]
    if len(rows):
        if classes.staggered is not None:
            staggered = (modulation_index[rows] == classes.staggered).nonzero()[:, 0]
        block[rows] = linear_block(
            symbols[rows], staggered, found.roll_off[rows], found.timing[rows], samples, channel.roll_off[1]
        )
    if classes.gmsk is not None:
        rows = (modulation_index == classes.gmsk).nonzero()[:, 0]
        if len(rows):
            block[rows] = gmsk_block(draws.symbols[rows] & 1, found.timing[rows], samples)
    if classes.analog is not None:
        kinds = classes.analog[modulation_index]
        rows = (kinds >= 0).nonzero()[:, 0]
        if len(rows):
            block[rows] = analog_block(draws.message[rows], kinds[rows], samples)
    return block


@lru_cache(maxsize=16)
def _classes(names: tuple[str, ...], device: torch.device) -> _Classes:
    points = torch.full((len(names), MAX_ORDER), complex(math.nan, math.nan), dtype=torch.complex64)
    for row, name in enumerate(names):
        if name not in MODULATIONS:
            raise UserError(f"modulations: {name!r} is unknown, allowed are {', '.join(MODULATIONS)}")
        if name in LINEAR:
            ideal = constellation(name).to(torch.complex64)
            points[row] = ideal.repeat(MAX_ORDER // len(ideal))
    linear = [name in LINEAR for name in names]
    analog = [ANALOG.index(name) if name in ANALOG else -1 for name in names]
    return _Classes(
        points=points.to(device),
        linear=None if all(linear) else torch.tensor(linear, device=device),
        staggered=names.index("OQPSK") if "OQPSK" in names else None,
        gmsk=names.index("GMSK") if "GMSK" in names else None,
        analog=torch.tensor(analog, device=device) if any(name in ANALOG for name in names) else None,
    )


def _check(samples_per_symbol: float, channel: Channel) -> None:
    if samples_per_symbol < 1 + channel.roll_off[1]:
        raise UserError(
            f"samples_per_symbol: {samples_per_symbol} is too few for roll-off {channel.roll_off[1]}, "
            f"at least {1 + channel.roll_off[1]} are needed to hold the signal's band"
        )
    longest = max(channel.path_delays)
    if channel.multipath and longest > GUARD_SYMBOLS / 2 * samples_per_symbol:
        raise UserError(
            f"channel.path_delays: {longest} samples is too long, allowed are up to "
            f"{GUARD_SYMBOLS // 2} symbols, here {GUARD_SYMBOLS / 2 * samples_per_symbol} samples"
        )
