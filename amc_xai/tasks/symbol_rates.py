"""Samples a symbol as the signals themselves tell them, by class or by recording, beside what a source states."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from amc_xai.data import FrameSource
from amc_xai.data.inspection import FrameStatistics
from amc_xai.data.stretches import Stretch, is_cut, samples_of, stretches_of
from amc_xai.errors import UserError
from amc_xai.representation.synchronisation import emission_symbol_rate, estimate_symbol_rate
from amc_xai.representation.synchronisation.rate import HIGHEST

# Frames of a class that are asked, recordings that are, and samples of each of them.
FRAMES, RECORDINGS, SAMPLES = 64, 32, 1 << 17
# Of frames that agree to this share of the rate. So many of them must do so to say anything.
ALIKE, LEAST_SHARE = 0.005, 0.5
# A network trained at one rate is told of recordings at another when theirs is off by this share.
OFF, LOOKED_AT_FOR_WORK = 0.02, 4
# From this share of the slowest rate that frames are searched for on they are not believed alone.
END = 0.95
# Of the longest recordings so many samples are looked at where fewer don't tell.
WHOLE, WHOLE_ONES = 1 << 20, 4


@dataclass(frozen=True)
class RateReading:
    """The rate that most of the looks agree on: ``agree`` is their share, ``looks`` how many there were, ``sure``
    how many each by itself told it to 0.1 %."""

    samples_per_symbol: float
    agree: float
    sure: int
    looks: int

    @property
    def told(self) -> bool:
        """Whether it can be relied on."""
        return self.sure > 0 or (self.looks >= 8 and self.agree >= LEAST_SHARE)


def agreed(found: np.ndarray, sure: np.ndarray) -> RateReading:
    """The reading of looks (n,); the sure ones alone decide where there are any."""
    counted = found[sure] if sure.any() else found
    near = np.abs(counted[:, None] / counted - 1) < ALIKE
    best = int(near.sum(1).argmax())
    rate = float(np.median(counted[near[best]]))
    alike = np.abs(found / rate - 1) < ALIKE
    return RateReading(rate, float(alike.mean()), int((alike & sure).sum()), len(found))


def rates_by_class(source: FrameSource, statistics: FrameStatistics) -> dict[str, RateReading]:
    """Of frames of each class at its highest SNR; one entry named ``""`` for a source without labels."""
    readings = {}
    classes = list(enumerate(source.modulations)) or [(-1, "")]
    for m, name in classes:
        mine = np.flatnonzero(statistics.alive & (source.modulation_index == m))
        if not len(mine):
            continue
        levels = np.array([*source.snrs, -np.inf])[source.snr_index[mine]]
        mine = mine[np.argsort(-levels, kind="stable")][:FRAMES]
        of_one = mine if not hasattr(source, "frame_lengths") else mine[longest(source.frame_lengths[mine])]
        told = estimate_symbol_rate(complex_of(source.read(of_one)))
        readings[name] = agreed(told.samples_per_symbol.numpy().astype(float), told.sure.numpy())
    return readings


def longest(lengths: np.ndarray) -> np.ndarray:
    """Which of these are the longest."""
    return lengths == lengths.max()


def rates_by_recording(
    source: FrameSource, keep: np.ndarray | None = None, most: int = RECORDINGS, samples: int = WHOLE
) -> dict[int, RateReading]:
    """Of the longest stretch without a gap of each recording, of the frames that ``keep`` (N,) bool allows.

    Up to ``samples`` of each are looked at. Recordings of which no frame can be read are left out, and so are
    those after the ``most`` longest; {} of a source that isn't cut from any.
    """
    if not is_cut(source):
        return {}
    best: dict[int, Stretch] = {}
    for stretch in stretches_of(source, keep):
        other = best.get(stretch.recording)
        if other is None or len(other.frames) < len(stretch.frames):
            best[stretch.recording] = stretch
    readings = {}
    longest_first = sorted(best, key=lambda k: -len(best[k].frames))[:most]
    for place, number in enumerate(longest_first):
        try:
            readings[number] = rate_of_stretch(source, best[number], samples if place < WHOLE_ONES else SAMPLES)
        except UserError:
            continue  # broken samples, which whoever reads the frames is told of
    return dict(sorted(readings.items()))


def rate_of_stretch(source: FrameSource, stretch: Stretch, most: int) -> RateReading:
    """Of a stretch, or up to ``most`` samples of its middle where fewer don't tell."""
    for samples in (SAMPLES, most):
        z = complex_of(torch.from_numpy(samples_of(source, stretch, samples))[None])
        short = estimate_symbol_rate(z)
        found = emission_symbol_rate(z[0])
        if found.sure or bool(short.sure) or stretch.stop - stretch.start[0] <= samples:
            break
    frame_like = float(short.samples_per_symbol)
    if not bool(short.sure) and np.isfinite(found.samples_per_symbol):
        return RateReading(found.samples_per_symbol, 1.0, int(found.sure), 1)
    # Where both are sure of different things neither is.
    agree = not found.sure or abs(found.samples_per_symbol / frame_like - 1) < ALIKE
    return RateReading(frame_like, 1.0, int(bool(short.sure) and agree), 1)


def borne_out(by_class: dict[str, RateReading], by_recording: dict[int, RateReading]) -> dict[str, RateReading]:
    """The readings of classes that a recording agrees with, where recordings tell: long stretches know better.

    Where none tells, readings at the end of what frames are searched for are left out: slower rates gather there.
    """
    told = [reading.samples_per_symbol for reading in by_recording.values() if reading.told]
    if not told:
        slowest = END * HIGHEST if by_recording else np.inf
        return {name: reading for name, reading in by_class.items() if reading.samples_per_symbol < slowest}
    return {
        name: reading
        for name, reading in by_class.items()
        if min(abs(reading.samples_per_symbol / rate - 1) for rate in told) < ALIKE
    }


def complex_of(iq: torch.Tensor) -> torch.Tensor:
    """Frames (n, 2, L) as complex numbers of unit power: large samples would leave float32's range."""
    z = torch.complex(iq[:, 0].double(), iq[:, 1].double())
    return (z / z.abs().square().mean(-1, keepdim=True).sqrt().clamp(min=1e-300)).to(torch.complex64)


def sentences(
    source: FrameSource, by_class: dict[str, RateReading], by_recording: dict[int, RateReading]
) -> list[str]:
    """What the readings say against the samples a symbol that the source states, or where it states none."""
    stated = source.samples_per_symbol
    told = {f"recording {k}": r for k, r in by_recording.items() if r.told} or {
        f"{name} frames" if name else "frames": r for name, r in by_class.items() if r.told
    }
    if stated is None:
        return [] if frames_have_own(source) else [*not_stated(told, by_recording or by_class)]
    if not told:
        return []
    off = {what: r for what, r in told.items() if abs(r.samples_per_symbol / stated - 1) > ALIKE}
    if not off or len(off) < len(told) / 2:
        return []
    named = ", ".join(f"{what}: {reading.samples_per_symbol:.4g}" for what, reading in list(off.items())[:4])
    return [
        f"dataset.samples_per_symbol is {stated:g}, but {len(off)} of {len(told)} signals say otherwise ({named})"
    ]


def not_stated(told: dict[str, RateReading], looked_at: dict) -> Iterator[str]:
    """What to say of the samples a symbol that nobody states: ``told`` are the readings that can be relied on."""
    rates = np.array([reading.samples_per_symbol for reading in told.values()])
    middle = float(np.median(rates)) if len(rates) else 0.0
    if len(rates) and np.abs(rates / middle - 1).max() < ALIKE:
        yield f"samples a symbol are not stated; the signals say dataset.samples_per_symbol={middle:.4g}"
    elif len(rates):
        named = ", ".join(f"{what}: {reading.samples_per_symbol:.4g}" for what, reading in list(told.items())[:4])
        yield (
            f"samples a symbol are not stated, and the signals have different ones ({named}): read those of one "
            "rate by themselves, or resample them, and say dataset.samples_per_symbol"
        )
    elif looked_at:
        guesses = [f"{reading.samples_per_symbol:.4g}" for reading in list(looked_at.values())[:4]]
        yield (
            f"samples a symbol are not stated, and the signals don't tell them (perhaps {', '.join(guesses)}): "
            "say dataset.samples_per_symbol, the sample rate over the symbol rate, if the signals have symbols"
        )


def said_before_work(source: FrameSource, trained: float | None) -> str | None:
    """What to say of recordings whose samples a symbol nobody states, before a network sees their frames.

    Args:
        source: the frames; those of other sources, or with samples a symbol of their own, are passed by.
        trained: the samples a symbol that a network was trained at; None = not known, or none was.
    """
    if source.samples_per_symbol is not None or not is_cut(source) or frames_have_own(source):
        return None
    told = rates_by_recording(source, most=LOOKED_AT_FOR_WORK, samples=SAMPLES)
    sure = [reading.samples_per_symbol for reading in told.values() if reading.told]
    off = [rate for rate in sure if trained is not None and abs(rate / trained - 1) > OFF]
    if off:
        return (
            f"dataset.samples_per_symbol is not given; the signals say about {off[0]:.4g}, and the network was "
            f"trained at {trained:g}, so its answers aren't proven: resample them by {trained / off[0]:.4g}, or "
            "train on such"
        )
    if sure and trained is not None:
        return None
    if sure:
        return f"dataset.samples_per_symbol is not given; the signals say about {np.median(sure):.4g}: say so"
    taken = "each frame is searched for it" if trained is None else f"{trained:g}, of the training, is taken"
    return (
        f"dataset.samples_per_symbol is not given, and the signals don't tell it; {taken}: say it if it is known "
        "(the sample rate over the symbol rate); task=inspect shows the signals"
    )


def frames_have_own(source: FrameSource) -> bool:
    """Whether each frame comes with samples a symbol of its own."""
    own = getattr(source, "samples_per_symbol_of", None)
    return own is not None and own(np.zeros(1, np.int64)) is not None
