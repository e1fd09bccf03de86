"""What happens to a waveform on its way: I/Q imbalance, fading, the carrier."""

import math

import torch

from amc_xai.signal.channel import Channel
from amc_xai.signal.gather import gather_rows

TERMS = 12


def imbalanced(block: torch.Tensor, gain_db: torch.Tensor, phase_deg: torch.Tensor) -> torch.Tensor:
    """I/Q imbalance: block complex (B, N), gain_db and phase_deg float (B,).

    I' = (1 + e)(I cos a - Q sin a), Q' = (1 - e)(Q cos a - I sin a), over sqrt(1 + e^2), where 2a is the
    error of the right angle and (1 + e)/(1 - e) the gain ratio; written as mu x + nu x* with
    mu = cos a + j e sin a, nu = e cos a - j sin a (Tubbax et al., "Compensation of IQ imbalance in OFDM
    systems", ICC 2003). |mu|^2 + |nu|^2 = 1 after scaling: circular signals keep their power, and real
    ones keep it on average over a uniform orientation.
    """
    ratio = 10.0 ** (gain_db / 20.0)
    excess = (ratio - 1) / (ratio + 1)
    half_angle = torch.deg2rad(phase_deg) / 2
    scale = 1 / (1 + excess.square()).sqrt()
    cosine, sine = half_angle.cos() * scale, half_angle.sin() * scale
    direct = torch.complex(cosine, excess * sine)[:, None]
    image = torch.complex(excess * cosine, -sine)[:, None]
    return direct * block + image * block.conj()


def path_gains(channel: Channel, normal: torch.Tensor, line_of_sight: torch.Tensor) -> torch.Tensor:
    """Complex gains (B, P) of the paths, whose expected powers sum to 1.

    normal: standard normal (B, 2, P); line_of_sight: uniform (B,) in 0..1, the phase of the fixed part in
    turns.
    """
    powers = torch.tensor(channel.path_powers, dtype=normal.dtype, device=normal.device)
    powers = powers / powers.sum()
    random = powers.clone()
    if channel.multipath == "rician":
        random[0] = powers[0] / (channel.k_factor + 1)
    gains = torch.complex(normal[:, 0], normal[:, 1]) * (random / 2).sqrt()
    if channel.multipath == "rician":
        fixed = (powers[0] - random[0]).sqrt().expand_as(line_of_sight)
        gains[:, 0] += torch.polar(fixed, 2 * math.pi * line_of_sight)
    return gains


def faded(block: torch.Tensor, gains: torch.Tensor, delays: tuple[float, ...]) -> torch.Tensor:
    """Sum of delayed copies: block complex (B, N), one period; gains complex (B, P); delays in samples.

    Delays by fractions of a sample are exact for signals below half the sample rate.
    """
    frequency = torch.fft.fftfreq(block.shape[1], device=block.device)
    delay = torch.tensor(delays, device=block.device)
    turns = -2 * math.pi * delay[:, None] * frequency[None, :]
    response = gains @ torch.polar(torch.ones_like(turns), turns)
    return torch.fft.ifft(torch.fft.fft(block) * response)


def rotated(
    block: torch.Tensor, phase: torch.Tensor, offset: torch.Tensor, wander: torch.Tensor | None
) -> torch.Tensor:
    """Turn the carrier: block complex (B, L) times exp(j (phase + 2 pi offset t + wander)).

    phase: radian (B,); offset: cycles per sample (B,); wander: radian (B, L) or None.
    """
    length = block.shape[1]
    # A long ramp is the product of a coarse and a fine one, which saves most sines and cosines.
    step = 32
    fine = 2 * math.pi * torch.arange(step, device=block.device)
    coarse = 2 * math.pi * step * torch.arange(-(-length // step), device=block.device)
    one = torch.ones((), device=block.device)
    fine = torch.polar(one.expand(len(phase), len(fine)), offset[:, None] * fine)
    coarse = torch.polar(one.expand(len(phase), len(coarse)), phase[:, None] + offset[:, None] * coarse)
    turn = (coarse[:, :, None] * fine[:, None, :]).flatten(1)[:, :length]
    if wander is not None:
        turn = turn * torch.polar(one.expand_as(wander), wander)
    return block * turn


def resampled(block: torch.Tensor, drift: torch.Tensor, length: int) -> torch.Tensor:
    """A period block complex (B, N) read at the instants t (1 + drift), t = 0..length-1: complex (B, length).

    drift (B,): clock offset as a ratio. The nearest sample's Taylor series, its derivatives taken by FFT, so that
    nothing is lost of a signal below 0.4 of the sample rate: the last of ``TERMS`` counts less than 1e-6 there.
    """
    samples = block.shape[1]
    away = drift[:, None] * torch.arange(length, device=block.device)
    whole = away.round()
    index = (torch.arange(length, device=block.device) + whole.long()) % samples
    rest = away - whole
    frequency = torch.fft.fftfreq(samples, device=block.device)
    spectrum = torch.fft.fft(block)
    result = gather_rows(block, index)
    factor = torch.ones_like(rest)
    for term in range(1, TERMS + 1):
        spectrum = spectrum * (2j * math.pi * frequency)
        factor = factor * rest / term
        result = result + factor * gather_rows(torch.fft.ifft(spectrum), index)
    return result
