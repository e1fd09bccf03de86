"""Frames of every class: modulate, pass through the channel, add noise. A batch may mix classes and SNRs."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch

from amc_xai.errors import UserError, guess
from amc_xai.signal.channel import Channel
from amc_xai.signal.classes import ANALOG, LINEAR, MODULATIONS
from amc_xai.signal.constellations import MAX_ORDER, UNIPOLAR, constellation
from amc_xai.signal.draws import IQ_GAIN, IQ_PHASE, LINE_OF_SIGHT, Draws, draw_fresh, draw_seeded
from amc_xai.signal.impairments import faded, imbalanced, path_gains, resampled, rotated
from amc_xai.signal.modulators import analog_block, gmsk_block, linear_block
from amc_xai.signal.oversampling import GUARD_SYMBOLS, Oversampling, block_size
from amc_xai.signal.parameters import FrameParameters, frame_parameters
from amc_xai.signal.pulses import Pulses, band_edge, fills_band
from amc_xai.signal.receiver import converted, filtered_noise, filtered_signal
from amc_xai.signal.snr import class_power, decibels_a_label

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
    """float32 (B, 2, L): the signal that meets the noise; without it and what the receiver does to both."""
    first_symbol: torch.Tensor
    """float32 (B,): the first symbol instant in samples, in [0, samples_per_symbol); the n-th lies n *
    samples_per_symbol later. NaN for analog classes."""
    symbols: torch.Tensor
    """complex64 (B, ceil(L / samples_per_symbol)): transmitted symbol per instant, before phase and channel;
    for OQPSK its imaginary part belongs half a symbol later. NaN for analog classes and GMSK. (Of a range of
    samples a symbol the lowest counts; a frame's own symbols come first.)"""
    samples_per_symbol: torch.Tensor | float
    """float32 (B,) where each frame drew its own."""
    period: torch.Tensor
    """complex64 (B, N): the periodic block that the frame is cut from, as modulated, of mean power 1 and before
    all that the channel does."""
    sent: torch.Tensor
    """complex64 (B, K): the symbols of that period; `symbols` are the first of them."""


class _Classes(NamedTuple):
    """Lookup tables of a class list."""

    points: torch.Tensor  # complex64 (C, 256): point of a symbol byte; NaN where there is no constellation
    linear: torch.Tensor | None  # bool (C,), or None where all are linear
    staggered: int | None
    gmsk: int | None
    analog: torch.Tensor | None  # int64 (C,): index into ANALOG or -1; None without analog classes
    mean_power: torch.Tensor | None  # float32 (C,): |mean point|^2 over the mean energy; None where all are 0
    amplitude: (
        torch.Tensor | None
    )  # float32 (C,): RMS that the SNR's definition gives a class; None where all are 1


def noise_variance(
    snr_db: torch.Tensor, samples_per_symbol: float | torch.Tensor, snr_definition: str
) -> torch.Tensor:
    """Variance of the complex noise per sample, for expected mean sample power 1.

    "es_n0": samples_per_symbol / (Es/N0), since a symbol's energy is samples_per_symbol times the mean sample
    power. Analog classes have no symbols; they take the same noise, with the nominal samples_per_symbol, so
    that classes of one SNR differ in nothing but the signal. "sample": 1 / SNR, the power ratio in the whole
    sampled band. RadioML's two: 10^(-label/10) squared, whatever the class.
    """
    ratio = 10.0 ** (-snr_db * (decibels_a_label(snr_definition) / 10.0))
    return ratio * samples_per_symbol if snr_definition == "es_n0" else ratio


def synthesise(
    modulation_index: torch.Tensor,
    snr_db: torch.Tensor,
    draws: Draws,
    modulations: Sequence[str],
    frame_length: int,
    samples_per_symbol: Oversampling,
    channel: Channel,
) -> Frames:
    """Frames of the classes at the SNRs, on the draws' device.

    modulation_index: int64 (B,), index into modulations; snr_db: (B,), in dB as channel.snr_definition says.
    Expected mean sample power before noise is 1 for every class, with multipath and I/Q imbalance too (RadioML's
    definitions: what `snr.class_power` says); the noise is scaled by that expectation and not by the power that a
    frame happens to have. Behind a channel filter the signal has that power too, and the noise the stated density
    in the mean over the signal's band: an Es/N0 is one after the filter.

    Raises UserError for an unknown modulation, for fewer than 1 + roll-off samples a symbol, and for a
    path delay above half the guard (8 symbols).
    """
    samples = block_size(frame_length, samples_per_symbol)[1]
    _check(samples_per_symbol, channel)
    device = draws.noise.device
    modulation_index = modulation_index.to(device)
    classes = _classes(tuple(modulations), channel.unipolar_ask, channel.snr_definition, device)
    found = frame_parameters(draws, samples_per_symbol, channel)

    codes = modulation_index[:, None] * MAX_ORDER + draws.symbols
    symbols = classes.points.flatten()[codes]
    block = period = _modulated(symbols, modulation_index, draws, classes, found, samples, channel)
    if channel.iq_gain_std_db or channel.iq_phase_std_deg:
        gain_db = channel.iq_gain_std_db * draws.normal[:, IQ_GAIN]
        phase_deg = channel.iq_phase_std_deg * draws.normal[:, IQ_PHASE]
        block = imbalanced(block, gain_db, phase_deg)
    if channel.multipath:
        gains = path_gains(channel, draws.paths, draws.uniform[:, LINE_OF_SIGHT])
        block = faded(block, gains, channel.path_delays)
    frame, receiver = block[:, :frame_length], found.receiver
    if receiver is not None:
        if channel.filters:
            block = filtered_signal(block, receiver, found.carrier_offset)
        frame = block[:, :frame_length]
        if channel.clock_offset_ppm:
            frame = resampled(block, receiver.clock_offset, frame_length)
    wander = None
    if channel.phase_noise_std:
        wander = channel.phase_noise_std * draws.phase_noise.cumsum(1)
    frame = rotated(frame, found.phase, found.carrier_offset, wander)
    if classes.amplitude is not None:
        frame = frame * classes.amplitude[modulation_index][:, None]

    clean = torch.view_as_real(frame).transpose(1, 2).contiguous()
    sps = found.samples_per_symbol
    variance = noise_variance(snr_db.to(device, torch.float32), sps, channel.snr_definition)
    noise = filtered_noise(draws, receiver, found.carrier_offset) if channel.filters else draws.noise
    iq = torch.addcmul(clean, noise, (variance / 2).sqrt()[:, None, None])
    if channel.converts:
        iq = converted(iq, receiver, channel)
    first_symbol = found.timing
    if classes.analog is not None:
        first_symbol = first_symbol.masked_fill(classes.analog[modulation_index] >= 0, math.nan)
    shown = math.ceil(frame_length / _lowest(samples_per_symbol))
    return Frames(iq, clean, first_symbol, symbols[:, :shown], sps, period, symbols)


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
    counts, staggered = found.counts, None
    edges = [band_edge(name, channel.roll_off[1], channel.gaussian_bt) for name in channel.pulse]
    widest = math.inf if any(map(fills_band, channel.pulse)) else max(edges)
    mean_power = None if classes.mean_power is None else classes.mean_power[modulation_index]
    pulses = Pulses(channel.pulse, found.pulse, found.roll_off, widest, channel.gaussian_bt, mean_power)
    if classes.linear is None:
        if classes.staggered is not None:
            staggered = (modulation_index == classes.staggered).nonzero()[:, 0]
        return linear_block(symbols, staggered, pulses, found.timing, samples, counts)
    block = symbols.new_empty(len(symbols), samples)
    rows = classes.linear[modulation_index].nonzero()[:, 0]
    if len(rows):
        if classes.staggered is not None:
            staggered = (modulation_index[rows] == classes.staggered).nonzero()[:, 0]
        own = None if counts is None else counts[rows]
        block[rows] = linear_block(symbols[rows], staggered, pulses.of(rows), found.timing[rows], samples, own)
    if classes.gmsk is not None:
        rows = (modulation_index == classes.gmsk).nonzero()[:, 0]
        if len(rows):
            own = None if counts is None else counts[rows]
            block[rows] = gmsk_block(draws.symbols[rows] & 1, found.timing[rows], samples, own)
    if classes.analog is not None:
        kinds = classes.analog[modulation_index]
        rows = (kinds >= 0).nonzero()[:, 0]
        if len(rows):
            own = None if counts is None else counts[rows]
            block[rows] = analog_block(draws.message[rows], kinds[rows], samples, own)
    return block


@lru_cache(maxsize=16)
def _classes(names: tuple[str, ...], unipolar_ask: bool, snr_definition: str, device: torch.device) -> _Classes:
    points = torch.full((len(names), MAX_ORDER), complex(math.nan, math.nan), dtype=torch.complex64)
    mean_power, amplitude = torch.zeros(len(names)), torch.ones(len(names))
    for row, name in enumerate(names):
        if name not in MODULATIONS:
            raise UserError(
                f"modulations: {name!r} is unknown{guess(name, MODULATIONS)}, allowed are {', '.join(MODULATIONS)}"
            )
        power = class_power(snr_definition, name)
        if power is None:
            raise UserError(
                f"channel.snr_definition: {snr_definition} says nothing of {name}: that set has no such class"
            )
        amplitude[row] = 10 ** (power.decibel / 20)
        if name in LINEAR:
            ideal = constellation(UNIPOLAR.get(name, name) if unipolar_ask else name)
            mean_power[row] = ideal.mean().abs().square()
            ideal = ideal.to(torch.complex64)
            points[row] = ideal.repeat(MAX_ORDER // len(ideal))
    linear = [name in LINEAR for name in names]
    analog = [ANALOG.index(name) if name in ANALOG else -1 for name in names]
    return _Classes(
        points=points.to(device),
        linear=None if all(linear) else torch.tensor(linear, device=device),
        staggered=names.index("OQPSK") if "OQPSK" in names else None,
        gmsk=names.index("GMSK") if "GMSK" in names else None,
        analog=torch.tensor(analog, device=device) if any(name in ANALOG for name in names) else None,
        mean_power=mean_power.to(device) if mean_power.max() > 1e-9 else None,
        amplitude=amplitude.to(device) if (amplitude != 1).any() else None,
    )


def _lowest(samples_per_symbol: Oversampling) -> float:
    return samples_per_symbol[0] if isinstance(samples_per_symbol, tuple) else samples_per_symbol


def _check(samples_per_symbol: Oversampling, channel: Channel) -> None:
    lowest = _lowest(samples_per_symbol)
    widest = max(1.0 if fills_band(p) else 2 * band_edge(p, channel.roll_off[1]) for p in channel.pulse)
    if lowest < widest:
        raise UserError(
            f"samples_per_symbol: {lowest} is too few for roll-off {channel.roll_off[1]}, "
            f"at least {widest:g} are needed to hold the signal's band"
        )
    longest = max(channel.path_delays)
    if channel.multipath and longest > GUARD_SYMBOLS / 2 * lowest:
        raise UserError(
            f"channel.path_delays: {longest} samples is too long, allowed are up to "
            f"{GUARD_SYMBOLS // 2} symbols, here {GUARD_SYMBOLS / 2 * lowest} samples"
        )
