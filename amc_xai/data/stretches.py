"""Where frames lie in the recordings that they were cut from: stretches without a gap, and a look at each."""

from dataclasses import dataclass

import numpy as np
import torch

from amc_xai.data.contracts import FrameSource
from amc_xai.data.spectra import BINS, mean_spectra

COLUMNS = 600


@dataclass(frozen=True)
class Stretch:
    """Frames (n,) of one recording in their order, each beginning at or before the end of the one before it."""

    recording: int
    frames: np.ndarray
    start: np.ndarray
    length: int
    """Samples in a frame."""

    @property
    def stop(self) -> int:
        """The first sample after the stretch."""
        return int(self.start[-1]) + self.length


@dataclass(frozen=True)
class Spectrogram:
    """``power`` (F, T) of one recording over time, in dB; NaN where no frame was cut. Column t covers the samples
    from ``edges[t]`` to ``edges[t + 1]``."""

    power: np.ndarray
    edges: np.ndarray


def is_cut(source: FrameSource) -> bool:
    """Whether the frames of a source are known to be cut from recordings."""
    return source.origin is not None and source.origin.length == source.frame_length


def number_of_recording(source: FrameSource) -> np.ndarray:
    """The recording (N,) of each frame; copies of a recording are recordings of their own here."""
    own = getattr(source, "file_index", None)
    return source.origin.recording if own is None else np.asarray(own)


def stretches_of(source: FrameSource, keep: np.ndarray | None = None) -> list[Stretch]:
    """All stretches of a source that is cut from recordings, of the frames that ``keep`` (N,) bool allows."""
    recording, start, length = number_of_recording(source), source.origin.start, source.origin.length
    order = np.lexsort([start, recording])
    order = order if keep is None else order[keep[order]]
    if not len(order):
        return []
    breaks = (np.diff(recording[order]) != 0) | (np.diff(start[order]) > length)
    return [
        Stretch(int(recording[part[0]]), part, start[part], length)
        for part in np.split(order, np.flatnonzero(breaks) + 1)
    ]


def samples_of(source: FrameSource, stretch: Stretch, most: int | None = None) -> np.ndarray:
    """The samples (2, n) float32 of a stretch, of its middle where it holds more than ``most``."""
    frames = np.arange(len(stretch.frames))
    if most is not None and stretch.stop - stretch.start[0] > most:
        middle = (int(stretch.start[0]) + stretch.stop - most) // 2
        frames = np.flatnonzero((stretch.start + stretch.length > middle) & (stretch.start < middle + most))
    first = int(stretch.start[frames[0]])
    joined = np.empty((2, int(stretch.start[frames[-1]]) + stretch.length - first), np.float32)
    for part in np.array_split(frames, -(-len(frames) // 1024)):
        for k, frame in zip(part, source.read(stretch.frames[part]).numpy(), strict=True):
            joined[:, stretch.start[k] - first : stretch.start[k] - first + stretch.length] = frame
    return joined


def spectrogram(source: FrameSource, frames: np.ndarray, rms: np.ndarray) -> Spectrogram:
    """The spectrogram of the frames (n,) of one recording; where many share a column, of the loudest.

    rms: the amplitude (N,) of all frames; those of 0 or NaN are left out as broken.
    """
    start, length = source.origin.start[frames], source.origin.length
    begin, end = int(start.min()), int(start.max()) + length
    wanted = np.unique(start)
    parts = max(1, min(length // BINS, COLUMNS // len(wanted)))
    columns = min(COLUMNS, max(1, (end - begin) * parts // length))
    edges = np.linspace(begin, end, columns + 1).round().astype(np.int64)
    power = np.full((min(BINS, length // parts), columns), np.nan, np.float32)
    readable = np.isfinite(rms[frames]) & (rms[frames] > 0)
    frames, start = frames[readable], start[readable]
    # Loudest first: the first frame that covers a column has it.
    order = np.argsort(-rms[frames], kind="stable")
    piece = length // parts
    owner = np.full(columns, -1)
    middles = (edges[:-1] + edges[1:]) / 2
    for k in order:
        inside = (middles >= start[k]) & (middles < start[k] + length)
        owner[inside & (owner < 0)] = k
    for k in np.unique(owner[owner >= 0]):
        iq = source.read(frames[k : k + 1])[0]
        mine = np.flatnonzero(owner == k)
        place = np.minimum((middles[mine] - start[k]) // piece, parts - 1).astype(int)
        cut = torch.complex(iq[0], iq[1])[: parts * piece].reshape(parts, piece)
        level = cut.abs().double().square().mean(-1).clamp(min=1e-60)
        shape = mean_spectra(cut / level.sqrt()[:, None].clamp(min=1e-30)).double()
        decibel = 10 * (shape.clamp(min=1e-30) * level[:, None]).log10()
        power[:, mine] = decibel.float().numpy()[place].T
    return Spectrogram(power, edges)
