"""Samples a symbol as the signals themselves tell them, by class or by recording, beside what a source states."""

from dataclasses import dataclass

import numpy as np
import torch

from amc_xai.data import FrameSource
from amc_xai.data.inspection import FrameStatistics
from amc_xai.data.stretches import Stretch, is_cut, samples_of, stretches_of
from amc_xai.representation.synchronisation import estimate_symbol_rate

# Frames of a class that are asked, recordings that are, and samples of each of them.
FRAMES, RECORDINGS, SAMPLES = 64, 64, 1 << 17
# Of frames that agree to this share of the rate. So many of them must do so to say anything.
ALIKE, LEAST_SHARE = 0.005, 0.5
# Long stretches tell slower rates than frames do: the slowest has so many symbols in the stretch.
SYMBOLS, SLOWEST = 128, 1024.0
HIGHEST = 16.0


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


def rates_by_recording(source: FrameSource, statistics: FrameStatistics) -> dict[int, RateReading]:
    """Of the longest stretch without a gap of each recording; {} of a source that isn't cut from any."""
    if not is_cut(source):
        return {}
    best: dict[int, Stretch] = {}
    for stretch in stretches_of(source, statistics.alive):
        other = best.get(stretch.recording)
        if other is None or len(other.frames) < len(stretch.frames):
            best[stretch.recording] = stretch
    readings = {}
    for number in sorted(best, key=lambda k: -len(best[k].frames))[:RECORDINGS]:
        samples = torch.from_numpy(samples_of(source, best[number], SAMPLES))[None]
        slowest = min(SLOWEST, max(HIGHEST, samples.shape[-1] / SYMBOLS))
        told = estimate_symbol_rate(complex_of(samples), highest=slowest)
        readings[number] = agreed(told.samples_per_symbol.numpy().astype(float), told.sure.numpy())
    return dict(sorted(readings.items()))


def borne_out(by_class: dict[str, RateReading], by_recording: dict[int, RateReading]) -> dict[str, RateReading]:
    """The readings of classes that a recording agrees with, where recordings tell: long stretches know better."""
    told = [reading.samples_per_symbol for reading in by_recording.values() if reading.told]
    if not told:
        return by_class
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
    if not told or (stated is None and frames_have_own(source)):
        return []
    if stated is None:
        rates = np.array([reading.samples_per_symbol for reading in told.values()])
        middle = float(np.median(rates))
        if np.abs(rates / middle - 1).max() < ALIKE:
            return [f"samples a symbol are not stated; the signals say dataset.samples_per_symbol={middle:.4g}"]
        return []
    off = {what: r for what, r in told.items() if abs(r.samples_per_symbol / stated - 1) > ALIKE}
    if not off or len(off) < len(told) / 2:
        return []
    named = ", ".join(f"{what}: {reading.samples_per_symbol:.4g}" for what, reading in list(off.items())[:4])
    return [
        f"dataset.samples_per_symbol is {stated:g}, but {len(off)} of {len(told)} signals say otherwise ({named})"
    ]


def frames_have_own(source: FrameSource) -> bool:
    """Whether each frame comes with samples a symbol of its own."""
    own = getattr(source, "samples_per_symbol_of", None)
    return own is not None and own(np.zeros(1, np.int64)) is not None
