"""What a source holds: power, dead and broken frames, and whether the classes look like themselves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch

from amc_xai.data.contracts import FrameSource
from amc_xai.errors import UserError
from amc_xai.signal.classes import LINEAR

REAL = ("OOK", "4ASK", "8ASK", "BPSK")
COMPLEX = tuple(name for name in LINEAR if name not in REAL)
# Share of a frame's power in the strongest line of its square: above for real constellations, below for others.
LINE_BOUNDARY = 0.5
# Classes at one SNR whose typical amplitudes differ by more than this factor can be told apart by it.
TELLING_AMPLITUDE = 1.2
AT_ONCE = 1024


@dataclass
class FrameStatistics:
    """Per frame (N,): RMS amplitude, strength of the line of the squared signal, all samples finite, digest."""

    rms: np.ndarray
    line: np.ndarray
    finite: np.ndarray
    digest: np.ndarray

    @property
    def dead(self) -> np.ndarray:
        """Frames of nothing but zeros."""
        return self.finite & (self.rms == 0)

    @property
    def copies(self) -> np.ndarray:
        """Frames that hold the same samples as one before them; those of nothing but zeros are not counted."""
        told = np.flatnonzero(self.finite & (self.rms > 0))
        _, first = np.unique(self.digest[told], return_index=True)
        return np.delete(told, first)


def scan(source: FrameSource, chunks: Iterable[np.ndarray]) -> FrameStatistics:
    """Read every frame of ``chunks`` (index arrays that together hold each frame once)."""
    frames = len(source.modulation_index)
    result = FrameStatistics(
        np.zeros(frames), np.zeros(frames), np.ones(frames, dtype=bool), np.zeros(frames, np.uint64)
    )
    for chunk in chunks:
        for index, iq in read_around_broken(source, chunk):
            if iq is None:
                result.finite[index] = False
                continue
            raw = iq.contiguous().numpy()
            digests = [blake2b(frame, digest_size=8).digest() for frame in raw]
            result.digest[index] = np.frombuffer(b"".join(digests), np.uint64)
            z = torch.complex(iq[:, 0].double(), iq[:, 1].double())
            power = z.abs().square().mean(-1)
            line = torch.fft.fft(z.square()).abs().amax(-1) / z.shape[-1]
            result.rms[index] = power.sqrt().numpy()
            result.line[index] = (line / power.clamp(min=1e-300)).numpy()
    return result


def read_around_broken(source: FrameSource, index: np.ndarray) -> Iterator[tuple[np.ndarray, torch.Tensor | None]]:
    """The frames at ``index`` in halves of halves where a reading fails; None for a single frame that does."""
    try:
        yield index, source.read(index)
    except UserError:
        if len(index) == 1:
            yield index, None
            return
        for half in np.array_split(index, 2):
            yield from read_around_broken(source, half)


def chunks_of(frames: int) -> list[np.ndarray]:
    """All frames in order, ``AT_ONCE`` at a time."""
    return [np.arange(begin, min(begin + AT_ONCE, frames)) for begin in range(0, frames, AT_ONCE)]


def cell_counts(source: FrameSource) -> np.ndarray:
    """Frames of each (modulation, SNR) cell, (M, S); frames with an unknown label are left out."""
    known = (source.modulation_index >= 0) & (source.snr_index >= 0)
    counts = np.zeros((len(source.modulations), len(source.snrs)), dtype=np.int64)
    np.add.at(counts, (source.modulation_index[known], source.snr_index[known]), 1)
    return counts


def warnings_about(source: FrameSource, statistics: FrameStatistics) -> list[str]:
    """Sentences on what would spoil a training, if anything."""
    said = []
    broken, dead = np.flatnonzero(~statistics.finite), np.flatnonzero(statistics.dead)
    for which, what in (
        (broken, "hold NaN or infinite samples"),
        (dead, "hold nothing but zeros"),
        (statistics.copies, "hold the same samples as one before them"),
    ):
        if len(which):
            first = ", ".join(str(k) for k in which[:10])
            said.append(f"{len(which)} frames {what}: {first}{', ...' if len(which) > 10 else ''}")
    alive = statistics.finite & (statistics.rms > 0) & (source.modulation_index >= 0)
    if source.snrs and (source.snr_index >= 0).any():
        # At the highest SNR that frames are labelled with, the classes show best.
        alive &= source.snr_index == int(np.argmax(source.snrs))
    strange, typical = [], {}
    for m, name in enumerate(source.modulations):
        here = alive & (source.modulation_index == m)
        if not here.any():
            continue
        typical[name] = float(np.median(statistics.rms[here]))
        line = float(np.median(statistics.line[here]))
        if (name in REAL and line < LINE_BOUNDARY) or (name in COMPLEX and line > LINE_BOUNDARY):
            looks = "complex" if name in REAL else "real"
            strange.append(f"{name} looks like a {looks} constellation")
    if strange:
        said.append(
            f"the class order looks permuted, or the frames are nearly noise: at the highest SNR "
            f"{'; '.join(strange)}"
        )
    if typical and max(typical.values()) > TELLING_AMPLITUDE * min(typical.values()):
        low, high = min(typical, key=typical.get), max(typical, key=typical.get)
        said.append(
            f"the amplitude gives classes away: at the highest SNR the typical RMS is {typical[low]:.3g} for "
            f"{low} and {typical[high]:.3g} for {high}; keep representation.power_normalise=true"
        )
    return said
