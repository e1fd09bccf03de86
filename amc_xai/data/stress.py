"""Frames that differ from clean ones in one way at a time, to see what a network bears.

Each impairment is swept on its own over a channel that is otherwise clean: white noise, a plain pulse, random
timing and phase.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from amc_xai.data.synthetic import Synthetic
from amc_xai.signal import Channel
from amc_xai.signal.pulses import PULSES

CLEAN = {"roll_off": (0.25, 0.35), "carrier_offset_std": 0.0, "carrier_offset_max": 0.0}
RAYLEIGH_POWERS = (1.0, 0.3, 0.1)
CLIP = (4.0, 4.0)  # of the converter: hardly a sample is cut, so that the bits alone count


@dataclass(frozen=True)
class Condition:
    """How frames are made and told of at one strength of one impairment."""

    channel: dict[str, Any] = field(default_factory=dict)
    """Keys of :class:`amc_xai.signal.Channel` in place of the clean ones."""
    source: dict[str, Any] = field(default_factory=dict)
    """Keys of :class:`amc_xai.data.Synthetic`."""
    es_n0_db: float | None = None
    """In place of the one that all other impairments are swept at."""
    carrier_offset: float = 0.0
    """Cycles a sample, of either sign."""
    rate_error: float = 0.0
    """What the network is told of the symbol rate is wrong by this share."""


@dataclass(frozen=True)
class Trained:
    """What a network met in its training; None where that isn't known."""

    channel: Channel
    samples_per_symbol: tuple[float, float]
    frame_length: tuple[int, int]
    es_n0_db: tuple[float, float]

    @property
    def carrier_offset(self) -> float:
        """The largest carrier offset in cycles a sample: three standard deviations, and the uniform part."""
        return self.channel.carrier_offset_max + 3 * self.channel.carrier_offset_std


@dataclass(frozen=True)
class Sweep:
    """One impairment: its strengths in ``unit``, how each is made, and whether training knew it."""

    name: str
    unit: str
    strengths: tuple
    condition: Callable[[Any], Condition]
    inside: Callable[[Any, Trained], bool]


def _channel(**changes: Callable[[Any], Any]) -> Callable[[Any], Condition]:
    return lambda strength: Condition({key: change(strength) for key, change in changes.items()})


def _same(strength):
    return strength


def _pair(strength):
    return (strength, strength)


def _rayleigh(spread: float) -> Condition:
    """Three paths, the last ``spread`` symbols after the first; 0 is off."""
    if spread == 0:
        return Condition()
    delays = (0.0, 0.4 * spread * 8, spread * 8)
    return Condition({"multipath": "rayleigh", "path_delays": delays, "path_powers": RAYLEIGH_POWERS})


def _rayleigh_known(spread: float, trained: Trained) -> bool:
    if spread == 0:
        return True
    known = trained.channel.multipath is not None
    return known and 8 * spread <= max(trained.channel.path_delays)


def _within(value: float, span: tuple[float, float]) -> bool:
    return span[0] - 1e-9 <= value <= span[1] + 1e-9


SWEEPS = (
    Sweep("es_n0", "dB", (-10, -5, 0, 5, 10, 15, 20, 30, 40, 50, 60, 70),
          lambda s: Condition(es_n0_db=float(s)), lambda s, t: _within(s, t.es_n0_db)),
    Sweep("carrier_offset", "cycles a sample", (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 5e-2),
          lambda s: Condition(carrier_offset=s), lambda s, t: s <= t.carrier_offset),
    Sweep("samples_per_symbol", "samples", (2.0, 2.5, 3.0, 4.0, 16 / 3, 8.0, 12.0, 16.0),
          lambda s: Condition(source={"samples_per_symbol": s}), lambda s, t: _within(s, t.samples_per_symbol)),
    Sweep("symbol_rate_error", "%", (0.0, 0.01, 0.03, 0.1, 0.3, 1.0),
          lambda s: Condition(rate_error=s / 100), lambda s, t: s == 0),
    Sweep("roll_off", "", (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0),
          _channel(roll_off=_pair), lambda s, t: _within(s, t.channel.roll_off)),
    Sweep("pulse", "", tuple(PULSES), _channel(pulse=_same), lambda s, t: s in t.channel.pulse),
    Sweep("frame_length", "samples", (128, 256, 512, 1024, 2048, 4096),
          lambda s: Condition(source={"frame_length": s}), lambda s, t: _within(s, t.frame_length)),
    Sweep("channel_filter", "share of the band", (1.0, 0.9, 0.8, 0.65, 0.5, 0.4, 0.3),
          _channel(filter_band=_pair), lambda s, t: s == 1 or _within(s, t.channel.filter_band)),
    Sweep("dc", "of the RMS", (0.0, 0.03, 0.1, 0.2, 0.3, 0.5),
          _channel(dc=_pair), lambda s, t: _within(s, t.channel.dc)),
    Sweep("iq_gain", "dB, standard deviation", (0.0, 0.5, 1.0, 2.0, 3.0),
          _channel(receiver_iq_gain_std_db=_same), lambda s, t: s <= t.channel.receiver_iq_gain_std_db),
    Sweep("iq_phase", "degrees, standard deviation", (0.0, 2.0, 5.0, 10.0, 15.0),
          _channel(receiver_iq_phase_std_deg=_same), lambda s, t: s <= t.channel.receiver_iq_phase_std_deg),
    Sweep("phase_noise", "radian a sample", (0.0, 1e-3, 3e-3, 1e-2, 3e-2),
          _channel(phase_noise_std=_same), lambda s, t: s <= t.channel.phase_noise_std),
    Sweep("clock_offset", "ppm, at most", (0.0, 30.0, 100.0, 300.0, 1000.0, 3000.0),
          _channel(clock_offset_ppm=_same), lambda s, t: s <= t.channel.clock_offset_ppm),
    Sweep("rayleigh", "symbols of delay", (0.0, 0.25, 0.5, 1.0, 2.0), _rayleigh, _rayleigh_known),
    Sweep("quantisation", "bits", (16, 12, 10, 8, 6, 5, 4, 3, 2),
          _channel(quantisation_bits=_same, clip=lambda s: CLIP),
          lambda s, t: s >= (t.channel.quantisation_bits or 12)),
)  # fmt: skip


def stressed_source(condition: Condition, snr_db: float, clean: dict[str, Any], **source: Any) -> Synthetic:
    """Frames of a condition at one SNR label; ``source`` are keys of Synthetic, ``clean`` those of its channel."""
    return Synthetic(snrs=[snr_db], channel=clean | condition.channel, **(source | condition.source))


def with_carrier_offset(iq: torch.Tensor, offset: float, signs: torch.Tensor) -> torch.Tensor:
    """Frames (B, 2, L) with their carrier off by ``offset`` cycles a sample times ``signs`` (B,), noise and all.

    White noise stays white.
    """
    turn = 2 * math.pi * offset * signs[:, None] * torch.arange(iq.shape[-1], device=iq.device)
    turned = torch.complex(iq[:, 0], iq[:, 1]) * torch.polar(torch.ones_like(turn), turn)
    return torch.view_as_real(turned).transpose(1, 2).contiguous()
