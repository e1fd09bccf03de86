"""What each frame drew: pulse, instants, carrier, and what its receiver does."""

import math
from typing import NamedTuple

import torch

from amc_xai.signal.channel import Channel
from amc_xai.signal.draws import (
    BAND,
    CARRIER_OFFSET,
    CLIP,
    CLOCK,
    DC,
    DC_PHASE,
    FILTERED,
    OFFSET,
    PHASE,
    PULSE,
    RECEIVER_GAIN,
    RECEIVER_PHASE,
    ROLL_OFF,
    SAMPLES,
    SLOPE,
    TIMING,
    Draws,
)
from amc_xai.signal.oversampling import Oversampling, block_size, symbol_counts
from amc_xai.signal.pulses import band_edge


class FrameParameters(NamedTuple):
    """The values that each frame drew, float32 (B,) each."""

    roll_off: torch.Tensor
    timing: torch.Tensor
    """First symbol instant in samples."""
    phase: torch.Tensor
    """Carrier phase at sample 0 in radian."""
    carrier_offset: torch.Tensor
    """Cycles per sample."""
    samples_per_symbol: torch.Tensor | float
    """(B,) where every frame draws its own, else the one of all."""
    counts: torch.Tensor | None = None
    """int64 (B,): symbols in the block, None where all have as many."""
    pulse: torch.Tensor | None = None
    """int64 (B,): index into `Channel.pulse`; None where there is one."""
    receiver: "ReceiverParameters | None" = None


class ReceiverParameters(NamedTuple):
    """What the receivers of B frames do, float32 (B,) each."""

    clock_offset: torch.Tensor
    """Receiver's sampling interval over the nominal one, less 1."""
    edge: torch.Tensor
    """Where the pass band of the channel filter ends, in cycles a sample; 0.5 is no filter."""
    band: torch.Tensor
    """Half the width of the signal's band in cycles a sample, which lies around the carrier offset."""
    slope_db: torch.Tensor
    """Change of the noise density from the lowest to the highest frequency."""
    gain_db: torch.Tensor
    phase_deg: torch.Tensor
    dc: torch.Tensor
    """Amplitude over the frame's RMS."""
    dc_phase: torch.Tensor
    """Radian."""
    clip: torch.Tensor | None
    """Over the RMS of I and Q."""


def frame_parameters(
    draws: Draws, samples_per_symbol: Oversampling, channel: Channel, frame_length: int | None = None
) -> FrameParameters:
    """What `synthesise` makes of the draws. frame_length: needed for a range of samples a symbol."""
    uniform, more = draws.uniform, draws.more
    low, high = channel.roll_off
    counts = None
    if isinstance(samples_per_symbol, tuple):
        length = draws.noise.shape[-1] if frame_length is None else frame_length
        counts = symbol_counts(more[:, SAMPLES], length, *samples_per_symbol)
        samples_per_symbol = block_size(length, samples_per_symbol)[1] / counts.to(uniform.dtype)
    offset = channel.carrier_offset_std * draws.normal[:, CARRIER_OFFSET]
    if channel.carrier_offset_max:
        offset = offset + channel.carrier_offset_max * signed(more[:, OFFSET])
    found = FrameParameters(
        roll_off=low + (high - low) * uniform[:, ROLL_OFF],
        timing=samples_per_symbol * uniform[:, TIMING] * float(channel.random_timing),
        phase=2 * math.pi * uniform[:, PHASE] * float(channel.random_phase),
        carrier_offset=offset,
        samples_per_symbol=samples_per_symbol,
        counts=counts,
    )
    if len(channel.pulse) > 1:
        found = found._replace(pulse=(more[:, PULSE] * len(channel.pulse)).long())
    if channel.clock_offset_ppm or channel.filters or channel.converts:
        found = found._replace(receiver=receiver_parameters(draws, channel, found))
    return found


def receiver_parameters(draws: Draws, channel: Channel, found: FrameParameters) -> ReceiverParameters:
    """What the receiver of each frame does."""
    more, normal = draws.more, draws.more_normal
    edges = [torch.as_tensor(band_edge(name, found.roll_off, channel.gaussian_bt)) for name in channel.pulse]
    edges = torch.stack([edge.to(more).expand(len(more)) for edge in edges])
    own = edges[0] if found.pulse is None else edges.gather(0, found.pulse[None])[0]
    band = own / found.samples_per_symbol
    low, high = channel.filter_band
    passed = (low + (high - low) * more[:, BAND]) / 2
    passed = torch.maximum(passed, band + found.carrier_offset.abs()).clamp(max=0.5)
    passed = torch.where(more[:, FILTERED] < channel.filter_share, passed, 0.5)
    clip = None
    if channel.clip is not None:
        clip = channel.clip[0] + (channel.clip[1] - channel.clip[0]) * more[:, CLIP]
    return ReceiverParameters(
        clock_offset=1e-6 * channel.clock_offset_ppm * signed(more[:, CLOCK]),
        edge=passed,
        band=band.clamp(max=0.5),
        slope_db=channel.noise_slope_db * signed(more[:, SLOPE]),
        gain_db=channel.receiver_iq_gain_std_db * normal[:, RECEIVER_GAIN],
        phase_deg=channel.receiver_iq_phase_std_deg * normal[:, RECEIVER_PHASE],
        dc=channel.dc[0] + (channel.dc[1] - channel.dc[0]) * more[:, DC],
        dc_phase=2 * math.pi * more[:, DC_PHASE],
        clip=clip,
    )


def signed(uniform: torch.Tensor) -> torch.Tensor:
    """Uniform in 0..1 as uniform in -1..1."""
    return 2 * uniform - 1
