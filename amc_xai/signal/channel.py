"""The settings of pulse shaping, synchronisation errors, impairments and the receiver."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from amc_xai.errors import UserError, guess
from amc_xai.signal.pulses import PULSES
from amc_xai.signal.snr import check_definition

MAX_PATHS = 16
Pair = tuple[float, float]


@dataclass(frozen=True)
class Channel:
    """Settings of pulse shaping, synchronisation, impairments and receiver. Raises UserError on a bad value.

    Order: pulse shaping with timing, I/Q imbalance (of the transmitter), multipath, sampling clock, carrier phase
    and offset with phase noise, noise, channel filter, I/Q imbalance of the receiver, DC, clipping and
    quantisation. Each frame draws its own values; all stay constant within a frame but the phase noise. Pairs are
    ranges, drawn from uniformly.
    """

    pulse: tuple[str, ...] = ("root_raised_cosine",)
    """Of the linear classes: one of `pulses.PULSES`, or several, of which each frame has one."""
    roll_off: Pair = (0.1, 0.4)
    """Roll-off of the two cosine pulses."""
    gaussian_bt: float = 0.5
    """3 dB bandwidth of the Gaussian pulse in symbol rates."""
    unipolar_ask: bool = False
    """4ASK and 8ASK with the levels 0, 1, ..., M-1, as RadioML has them, in place of both signs."""
    carrier_offset_std: float = 1e-4
    """Standard deviation of the carrier offset in cycles per sample (Gaussian, zero mean)."""
    carrier_offset_max: float = 0.0
    """Largest further carrier offset in cycles per sample, uniform over both signs."""
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
    """Standard deviation of the gain of I over Q in dB, at the transmitter; 0 is off."""
    iq_phase_std_deg: float = 0.0
    """Standard deviation of the error of the right angle between I and Q in degrees, there; 0 is off."""
    phase_noise_std: float = 0.0
    """Standard deviation of the steps of the Wiener phase noise in radian per sample; 0 is off."""
    clock_offset_ppm: float = 0.0
    """Largest error of the receiver's sampling clock in millionths, uniform over both signs."""
    filter_band: Pair = (1.0, 1.0)
    """Pass band of the receiver's channel filter as a share of the sampled band; 1 is no filter. It is never
    narrower than the signal, offset included."""
    filter_share: float = 1.0
    """Share of the frames that go through that filter."""
    noise_slope_db: float = 0.0
    """Coloured noise: largest fall of its density in dB from one edge of the sampled band to the other, uniform
    over both signs."""
    receiver_iq_gain_std_db: float = 0.0
    """As iq_gain_std_db, at the receiver: it acts on the noise too, and on the carrier's turning."""
    receiver_iq_phase_std_deg: float = 0.0
    """As iq_phase_std_deg, at the receiver."""
    dc: Pair = (0.0, 0.0)
    """Amplitude of a constant added to the samples over the RMS of the frame; its phase is uniform."""
    clip: Pair | None = None
    """Largest magnitude of I and of Q, over the RMS of one of them, beyond which they are cut; None is off."""
    quantisation_bits: int | None = None
    """Bits of the converter, whose full scale is the clip level (without one: the frame's largest value)."""
    snr_definition: Literal["es_n0", "sample", "radioml2018", "radioml2016"] = "es_n0"
    """What an SNR means (see `snr`). RadioML's two also give every class the power that it has in those sets."""

    def __post_init__(self) -> None:
        names = (
            self.pulse if isinstance(self.pulse, Sequence) and not isinstance(self.pulse, str) else (self.pulse,)
        )
        object.__setattr__(self, "pulse", tuple(names))
        for name in ("roll_off", "path_delays", "path_powers", "filter_band", "dc", "clip"):
            value = getattr(self, name)
            if value is not None or name != "clip":
                value = value if isinstance(value, Sequence) and not isinstance(value, str) else (value, value)
                if not all(map(is_number, value)):
                    raise UserError(f"channel.{name}: {getattr(self, name)!r} is not a list of numbers")
                object.__setattr__(self, name, tuple(float(v) for v in value))
        for name in ("unipolar_ask", "random_timing", "random_phase"):
            if not isinstance(getattr(self, name), bool):
                raise UserError(
                    f"channel.{name}: {getattr(self, name)!r} is not allowed, it must be true or false"
                )
        self._check_pulse()
        for name, low, high in (("roll_off", 0.0, 1.0), ("filter_band", 0.0, 1.0), ("dc", 0.0, 10.0)):
            check_pair(name, getattr(self, name), low, high)
        if self.clip is not None:
            check_pair("clip", self.clip, 0.1, 100.0)
        for name, most in (
            ("carrier_offset_std", math.inf),
            ("carrier_offset_max", 0.5),
            ("iq_gain_std_db", math.inf),
            ("iq_phase_std_deg", math.inf),
            ("receiver_iq_gain_std_db", math.inf),
            ("receiver_iq_phase_std_deg", math.inf),
            ("phase_noise_std", math.inf),
            ("k_factor", math.inf),
            ("clock_offset_ppm", 1e4),
            ("filter_share", 1.0),
            ("noise_slope_db", 40.0),
        ):
            value = getattr(self, name)
            if not (is_number(value) and 0 <= value <= most):
                bound = "" if most == math.inf else f" and at most {most:g}"
                raise UserError(f"channel.{name}: {value} is not allowed, it must be finite and at least 0{bound}")
        self._check_paths()
        bits = self.quantisation_bits
        if bits is not None and not (isinstance(bits, int) and 1 <= bits <= 24):
            raise UserError(f"channel.quantisation_bits: {bits} is not allowed, it must be 1 to 24, or null")
        check_definition(self.snr_definition, "channel.snr_definition")

    def _check_pulse(self) -> None:
        unknown = [name for name in self.pulse if name not in PULSES]
        if unknown or not self.pulse:
            wrong = f"{unknown[0]!r} is unknown{guess(unknown[0], PULSES)}" if unknown else "name at least one"
            raise UserError(f"channel.pulse: {wrong}, allowed are {', '.join(PULSES)}")
        if not (is_number(self.gaussian_bt) and 0.1 <= self.gaussian_bt <= 5):
            raise UserError(f"channel.gaussian_bt: {self.gaussian_bt} is not allowed, it must lie in 0.1..5")

    def _check_paths(self) -> None:
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

    @property
    def filters(self) -> bool:
        """Whether the noise is anything but white: filtered or coloured."""
        return (self.filter_band != (1.0, 1.0) and self.filter_share > 0) or self.noise_slope_db > 0

    @property
    def converts(self) -> bool:
        """Whether the receiver changes the samples after signal and noise are together."""
        imbalance = self.receiver_iq_gain_std_db or self.receiver_iq_phase_std_deg
        return bool(imbalance or self.dc[1] or self.clip is not None or self.quantisation_bits is not None)

    @property
    def draws_more(self) -> bool:
        """Whether a frame needs more random numbers than pulse, carrier, fading and white noise take."""
        moved = self.carrier_offset_max or self.clock_offset_ppm
        return bool(self.filters or self.converts or moved or len(self.pulse) > 1)


def is_number(value: object) -> bool:
    """Whether this is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_pair(name: str, pair: tuple[float, ...], lowest: float, highest: float) -> None:
    """Raise UserError unless ``pair`` is a range (low, high) within the bounds."""
    if len(pair) != 2 or not lowest <= pair[0] <= pair[1] <= highest:
        raise UserError(
            f"channel.{name}: {list(pair)} is not a pair (low, high) within {lowest:g} to {highest:g}, low first"
        )
