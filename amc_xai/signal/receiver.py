"""What a receiver does to signal and noise: channel filter, coloured noise, I/Q imbalance, DC, converter."""

import math

import torch

from amc_xai.signal.channel import Channel
from amc_xai.signal.draws import EDGE, Draws
from amc_xai.signal.impairments import imbalanced
from amc_xai.signal.parameters import ReceiverParameters

ROLL = 0.1
"""Width of the filter's edge as a share of its pass band."""


def filter_response(frequency: torch.Tensor, edge: torch.Tensor) -> torch.Tensor:
    """Amplitude (B, F) of the channel filters at frequency (F,) or (B, F), in cycles a sample; linear phase.

    1 up to ``edge`` (B,), then a raised cosine down to 0 at 1.1 times the edge; 1 everywhere for an edge of 0.5.
    """
    place = (frequency.abs() / edge[:, None] - 1) / ROLL
    response = (1 + torch.cos(math.pi * place.clamp(0.0, 1.0))) / 2
    return torch.where(edge[:, None] >= 0.5, 1.0, response)


def filtered_signal(block: torch.Tensor, found: ReceiverParameters, offset: torch.Tensor) -> torch.Tensor:
    """Periodic blocks complex (B, N) through the channel filter, scaled to the power that they had.

    offset (B,): the carrier's, in cycles a sample, by which the signal will lie beside the filter's middle.
    """
    spectrum = torch.fft.fft(block)
    frequency = torch.fft.fftfreq(block.shape[1], device=block.device) + offset[:, None]
    kept = spectrum * filter_response(frequency, found.edge)
    # Only pulses without an end lose anything: the filter is never narrower than the signal's band.
    before, after = (part.abs().square().sum(1, keepdim=True) for part in (spectrum, kept))
    return torch.fft.ifft(kept * (before / torch.where(after > 0, after, 1)).sqrt())


def filtered_noise(draws: Draws, found: ReceiverParameters, offset: torch.Tensor) -> torch.Tensor:
    """Noise float32 (B, 2, L) through the channel filter, of mean density 1 over the signal's band.

    Before the filter the density in dB is a straight line over frequency (``slope_db``).
    """
    length = draws.noise.shape[-1]
    longer = torch.cat([draws.edges[:, :, :EDGE], draws.noise, draws.edges[:, :, EDGE:]], 2)
    noise = torch.complex(longer[:, 0], longer[:, 1])
    frequency = torch.fft.fftfreq(noise.shape[1], device=noise.device)
    density = 10 ** (found.slope_db[:, None] * frequency / 10)
    density = density / mean_density(found.slope_db, offset, found.band)[:, None]
    response = density.sqrt() * filter_response(frequency, found.edge)
    noise = torch.fft.ifft(torch.fft.fft(noise) * response)[:, EDGE : EDGE + length]
    return torch.view_as_real(noise).transpose(1, 2)


def mean_density(slope_db: torch.Tensor, centre: torch.Tensor, half_width: torch.Tensor) -> torch.Tensor:
    """Mean (B,) of 10^(slope f / 10) over centre +- half_width in cycles a sample."""
    rate = slope_db * (math.log(10) / 10)
    # sinh(x) / x, by its series where x is small.
    reach = rate * half_width
    spread = torch.where(
        reach.abs() < 1e-3, 1 + reach.square() / 6, torch.sinh(reach) / torch.where(reach == 0, 1, reach)
    )
    return torch.exp(rate * centre) * spread


def converted(iq: torch.Tensor, found: ReceiverParameters, channel: Channel) -> torch.Tensor:
    """Frames float32 (B, 2, L) with the receiver's imbalance, DC, clipping and quantisation."""
    if channel.receiver_iq_gain_std_db or channel.receiver_iq_phase_std_deg:
        frame = imbalanced(torch.complex(iq[:, 0], iq[:, 1]), found.gain_db, found.phase_deg)
        iq = torch.view_as_real(frame).transpose(1, 2)
    if channel.dc[1]:
        level = found.dc * rms(iq)
        constant = torch.stack([level * found.dc_phase.cos(), level * found.dc_phase.sin()], 1)
        iq = iq + constant[:, :, None]
    if channel.clip is None and channel.quantisation_bits is None:
        return iq
    scale = iq.abs().amax((1, 2)) if channel.clip is None else found.clip * rms(iq) / math.sqrt(2)
    scale = torch.where(scale > 0, scale, 1)[:, None, None]
    iq = torch.maximum(torch.minimum(iq, scale), -scale)
    if channel.quantisation_bits is not None:
        iq = quantised(iq / scale, channel.quantisation_bits) * scale
    return iq


def rms(iq: torch.Tensor) -> torch.Tensor:
    """Root of the mean of I^2 + Q^2, (B,)."""
    return iq.square().sum(1).mean(1).sqrt()


def quantised(values: torch.Tensor, bits: int) -> torch.Tensor:
    """Values in -1..1 at the middles of 2^bits equal steps (a mid-rise converter)."""
    steps = 2 ** (bits - 1)
    return ((values * steps).floor().clamp(-steps, steps - 1) + 0.5) / steps
