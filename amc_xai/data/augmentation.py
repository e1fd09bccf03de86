"""Changes of training frames that leave their class as it is, drawn on the device from (seed, epoch, step)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from amc_xai.data.contracts import Batch, FrameSource, rates_of
from amc_xai.errors import UserError
from amc_xai.signal.snr import class_power, decibels_a_label

Kind = Callable[[Batch, torch.Generator], Batch]
# Conjugation mirrors the spectrum: a class of one sideband becomes that of the other.
NOT_TO_CONJUGATE = "AM-SSB"


class Augmentation:
    """The kinds that are switched on, one after the other; all are off by default.

    Args:
        source: tells classes, SNRs and samples per symbol.
        rank: of this process among those that train together.
        seed: seed of all draws.
        phase_rotation: turn each frame by a uniform phase.
        carrier_offset: largest offset in cycles a sample, drawn uniformly from both signs.
        time_shift: largest circular shift in samples, either way.
        conjugation: conjugate half of the frames of every class but AM-SSB.
        lower_snr: share of frames that get noise added, down to a lower SNR of the source; the label moves along.
        crop: length in samples of a random stretch that stands for the frame; None = the whole frame.
        iq_gain_std_db, iq_phase_std_deg: standard deviations of the gain and phase imbalance.

    Raises:
        UserError: for a value out of range, pictures in place of I/Q, or noise without samples per symbol.
    """

    def __init__(
        self,
        source: FrameSource,
        rank: int = 0,
        seed: int = 0,
        phase_rotation: bool = False,
        carrier_offset: float = 0.0,
        time_shift: int = 0,
        conjugation: bool = False,
        lower_snr: float = 0.0,
        crop: int | None = None,
        iq_gain_std_db: float = 0.0,
        iq_phase_std_deg: float = 0.0,
    ):
        self.seed, self.rank = seed, rank
        for key, value, most in (
            ("carrier_offset", carrier_offset, 0.5),
            ("time_shift", time_shift, math.inf),
            ("lower_snr", lower_snr, 1.0),
            ("iq_gain_std_db", iq_gain_std_db, math.inf),
            ("iq_phase_std_deg", iq_phase_std_deg, math.inf),
        ):
            if not 0 <= value <= most:
                bound = f"lie in 0..{most:g}" if most < math.inf else "be 0 or more"
                raise UserError(f"augmentation.{key} must {bound}, not {value}")
        if crop is not None and not 1 <= crop <= source.frame_length:
            raise UserError(
                f"augmentation.crop must lie in 1..{source.frame_length}, the frame length, or be null, not {crop}"
            )
        self.kinds: list[Kind] = []
        # Noise comes last but for the receiver's imbalance, as in a radio; the crop first, to save work.
        if crop is not None and crop < source.frame_length:
            self.kinds.append(Crop(crop))
        if time_shift:
            self.kinds.append(TimeShift(time_shift))
        if conjugation:
            allowed = [not m.startswith(NOT_TO_CONJUGATE) for m in source.modulations]
            self.kinds.append(Conjugation(torch.tensor(allowed)))
        if phase_rotation or carrier_offset:
            self.kinds.append(Rotation(phase_rotation, carrier_offset))
        if lower_snr:
            self.kinds.append(LowerSnr(lower_snr, *noise_ratio(source)))
        if iq_gain_std_db or iq_phase_std_deg:
            self.kinds.append(Imbalance(iq_gain_std_db, iq_phase_std_deg))
        if self.kinds and hasattr(source, "image_shape"):
            raise UserError("augmentation: these change I/Q frames, and the dataset yields pictures; use none")

    def __call__(self, batch: Batch, epoch: int, step: int) -> Batch:
        """The changed batch; the same for the same (seed, epoch, step, rank) and device."""
        if not self.kinds:
            return batch
        entropy = np.random.SeedSequence([self.seed, epoch, step, self.rank, 0xA06])
        generator = torch.Generator(batch.iq.device)
        generator.manual_seed(int(entropy.generate_state(1, np.uint64)[0] >> 1))
        for kind in self.kinds:
            batch = kind(batch, generator)
        return batch


def noise_ratio(source: FrameSource) -> tuple[torch.Tensor, torch.Tensor, float | None]:
    """Each SNR of the source in dB (S,), each class's noise power a sample over its signal's there (M + 1, S), and
    the samples a symbol that this is to be multiplied by, None where they are each frame's own.

    Float64; the last row is that of frames of unknown class. NaN where a class's power isn't known.
    """
    own = rates_of(source, np.arange(1)) is not None
    if source.snr_definition == "es_n0" and source.samples_per_symbol is None and not own:
        raise UserError(
            "augmentation.lower_snr: the dataset's SNRs are Es/N0, and without its samples per symbol the noise "
            "to add is unknown; set augmentation.lower_snr=0"
        )
    if len(source.snrs) < 2:
        raise UserError(
            "augmentation.lower_snr: the dataset has no lower SNR to go to; set augmentation.lower_snr=0"
        )
    decibel = torch.tensor(source.snrs, dtype=torch.float64)
    definition = source.snr_definition or "es_n0"
    powers = [class_power(definition, name) for name in source.modulations]
    known = [power.decibel if power is not None and power.measured else math.nan for power in powers]
    known.append(math.nan if definition.startswith("radioml") else 0.0)
    level = decibels_a_label(definition) * decibel + torch.tensor(known, dtype=torch.float64)[:, None]
    oversampling = source.samples_per_symbol if definition == "es_n0" else 1.0
    return decibel, 10 ** (-level / 10), oversampling


def rotated(iq: torch.Tensor, phase: torch.Tensor) -> torch.Tensor:
    """(B, 2, L) times exp(j phase), phase (B, 1) or (B, L) in radian."""
    cosine, sine = phase.cos(), phase.sin()
    return torch.stack([iq[:, 0] * cosine - iq[:, 1] * sine, iq[:, 0] * sine + iq[:, 1] * cosine], 1)


def uniform(batch: Batch, generator: torch.Generator) -> torch.Tensor:
    """One draw from [0, 1) for each frame, (B,)."""
    return torch.rand(len(batch.iq), generator=generator, device=batch.iq.device)


@dataclass(frozen=True)
class Rotation:
    """A uniform phase, and a carrier offset of up to ``offset`` cycles a sample."""

    phase: bool
    offset: float

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        cycles = uniform(batch, generator)[:, None] * float(self.phase)
        n = torch.arange(batch.iq.shape[-1], device=batch.iq.device)
        cycles = cycles + (2 * uniform(batch, generator)[:, None] - 1) * self.offset * n
        return batch._replace(iq=rotated(batch.iq, 2 * math.pi * cycles))


@dataclass(frozen=True)
class TimeShift:
    """A circular shift by up to ``most`` samples either way."""

    most: int

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        length = batch.iq.shape[-1]
        shift = (uniform(batch, generator) * (2 * self.most + 1)).long() - self.most
        index = (torch.arange(length, device=batch.iq.device) - shift[:, None]) % length
        return batch._replace(iq=batch.iq.gather(2, index[:, None].expand_as(batch.iq)))


@dataclass(frozen=True)
class Crop:
    """A stretch of ``length`` samples from a uniform place."""

    length: int

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        start = (uniform(batch, generator) * (batch.iq.shape[-1] - self.length + 1)).long()
        index = start[:, None] + torch.arange(self.length, device=batch.iq.device)
        return batch._replace(iq=batch.iq.gather(2, index[:, None].expand(-1, 2, -1)))


@dataclass(frozen=True, eq=False)
class Conjugation:
    """Q changes its sign in half of the frames of the classes that are ``allowed`` (M,)."""

    allowed: torch.Tensor

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        # A frame of unknown class (-1) stays as it is.
        allowed = self.allowed.to(batch.iq.device)[batch.modulation] & (batch.modulation >= 0)
        sign = torch.where((uniform(batch, generator) < 0.5) & allowed, -1.0, 1.0)
        return batch._replace(iq=torch.stack([batch.iq[:, 0], batch.iq[:, 1] * sign[:, None]], 1))


@dataclass(frozen=True, eq=False)
class LowerSnr:
    """White noise added to a ``share`` of the frames, down to a lower SNR drawn uniformly.

    A frame of power P at noise ratio r holds the signal S = P / (1 + r); the noise to add has power S (r' - r).
    Frames of unknown SNR or signal power, and those at the lowest SNR, stay as they are. The ratios (M + 1, S) are
    to be multiplied by ``oversampling``, or by each frame's own where it is None.
    """

    share: float
    decibel: torch.Tensor
    ratio: torch.Tensor
    oversampling: float | None

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        device = batch.iq.device
        order = self.decibel.argsort().to(device)
        rank = order.argsort()[batch.snr.clamp(min=0)]
        ratio = self.ratio.to(torch.float32).to(device)[batch.modulation]
        chosen = (uniform(batch, generator) < self.share) & (batch.snr >= 0) & (rank > 0)
        chosen &= ratio[:, 0].isfinite()
        lower = order[(uniform(batch, generator) * rank).long()]
        target = torch.where(chosen, lower, batch.snr)
        ratio = ratio.nan_to_num() * self._oversampling(batch)
        before, after = (ratio.gather(1, snr.clamp(min=0)[:, None])[:, 0] for snr in (batch.snr, target))
        signal = batch.iq.square().sum(1).mean(-1) / (1 + before)
        noise = torch.randn(batch.iq.shape, generator=generator, device=device)
        deviation = (signal * (after - before).clamp(min=0) / 2).sqrt() * chosen
        return batch._replace(iq=batch.iq + noise * deviation[:, None, None], snr=target)

    def _oversampling(self, batch: Batch) -> torch.Tensor | float:
        return batch.samples_per_symbol[:, None] if self.oversampling is None else self.oversampling


@dataclass(frozen=True)
class Imbalance:
    """I and Q with differing gains (``gain`` dB apart) and axes that aren't square (``phase`` degrees off)."""

    gain: float
    phase: float

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        options = {"generator": generator, "device": batch.iq.device}
        gain, phase = torch.randn(2, len(batch.iq), 1, **options)
        factor = 10 ** (gain * self.gain / 40)
        angle = phase * math.radians(self.phase)
        i, q = batch.iq[:, 0], batch.iq[:, 1]
        return batch._replace(iq=torch.stack([i * factor, (q * angle.cos() + i * angle.sin()) / factor], 1))
