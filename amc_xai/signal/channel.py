"""What happens to a waveform on its way: the settings and the impairments."""

import math
from dataclasses import dataclass
from typing import Literal

import torch

from amc_xai.errors import UserError

MAX_PATHS = 16


@dataclass(frozen=True)
class Channel:
    """Settings of pulse shaping, synchronisation errors and impairments. Raises UserError on a bad value.

    Order: pulse shaping with timing, I/Q imbalance (of the transmitter), multipath, carrier phase and offset
    with phase noise, white noise. Each frame draws its own values; all stay constant within a frame but
    the phase noise.
    """

    roll_off: tuple[float, float] = (0.1, 0.4)
    """Root-raised-cosine roll-off, drawn uniformly between the two."""
    carrier_offset_std: float = 1e-4
    """Standard deviation of the carrier offset in cycles per sample (Gaussian, zero mean)."""
    random_timing: bool = True
    """The first symbol instant lies uniformly in 0..samples_per_symbol samples, else at sample 0."""
    random_phase: bool = True
    """The carrier phase at sample 0 is uniform in 0..2 pi, else 0."""
    multipath: Literal["rayleigh", "rician"] | None = None
    """Block fading: every path has a complex Gaussian gain; with rician the first also a fixed part."""
    path_delays: tuple[float, ...] = (0.0, 2.0, 5.0)
    """Delays of the paths in samples, fractions allowed."""
    path_powers: tuple[float, ...] = (1.0, 0.3, 0.1)
    """Expected powers of the paths, linear; scaled to sum to 1."""
    k_factor: float = 4.0
    """Rician: power of the fixed part of the first path over that of its random part, linear."""
    iq_gain_std_db: float = 0.0
    """Standard deviation of the gain of I over Q in dB; 0 is off."""
    iq_phase_std_deg: float = 0.0
    """Standard deviation of the error of the right angle between I and Q in degrees; 0 is off."""
    phase_noise_std: float = 0.0
    """Standard deviation of the steps of the Wiener phase noise in radian per sample; 0 is off."""
    snr_definition: Literal["es_n0", "sample"] = "es_n0"
    """What an SNR means: Es/N0, or the power ratio per sample."""

    def __post_init__(self) -> None:
        for name in ("roll_off", "path_delays", "path_powers"):
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        if len(self.roll_off) != 2 or not 0.0 <= self.roll_off[0] <= self.roll_off[1] <= 1.0:
            raise UserError(
                f"channel.roll_off: {list(self.roll_off)} is not a pair (low, high) within 0 to 1, low first"
            )
        for name in (
            "carrier_offset_std",
            "iq_gain_std_db",
            "iq_phase_std_deg",
            "phase_noise_std",
            "k_factor",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UserError(f"channel.{name}: {value} is not allowed, it must be finite and at least 0")
        if self.multipath not in (None, "rayleigh", "rician"):
            raise UserError(
                f"channel.multipath: {self.multipath!r} is unknown, allowed are null, rayleigh and rician"
            )
        if not 1 <= len(self.path_delays) == len(self.path_powers) <= MAX_PATHS:
            raise UserError(
                f"channel.path_delays: {len(self.path_delays)} delays and {len(self.path_powers)} powers "
                f"given, allowed are as many of one as of the other, 1 to {MAX_PATHS}"
            )
        if not all(math.isfinite(delay) and delay >= 0 for delay in self.path_delays):
            raise UserError(f"channel.path_delays: {list(self.path_delays)} must be finite and at least 0 samples")
        finite = all(math.isfinite(power) and power >= 0 for power in self.path_powers)
        if not (finite and sum(self.path_powers) > 0):
            raise UserError(
                f"channel.path_powers: {list(self.path_powers)} must be finite and at least 0, with a sum above 0"
            )
        if self.snr_definition not in ("es_n0", "sample"):
            raise UserError(
                f"channel.snr_definition: {self.snr_definition!r} is unknown, allowed are es_n0 and sample"
            )


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
