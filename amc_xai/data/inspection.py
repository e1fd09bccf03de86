"""What a source holds, read once: power, range, DC, clipping, copies, dead and broken frames, spectra."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import torch

from amc_xai.data.contracts import FrameSource, lengths_of
from amc_xai.data.spectra import BINS, mean_spectra
from amc_xai.errors import UserError

AT_ONCE = 1024
# Magnitudes of I and Q are counted in steps of a twentieth of a decade, from here to the end of float32.
LEAST_DECADE, DECADES, STEPS = -46, 85, 20
# Clipped: so many samples and so large a share of them stand at one value at an end of the frame's range, clearly
# more than just below it, where the samples of a converter with room are the more. Few values in all are no
# clipping: a coarse converter, or pure levels.
LEAST_PILED, SHARE_PILED, BELOW, MORE, FEW_LEVELS = 4, 0.002, 0.95, 1.25, 16


@dataclass
class FrameStatistics:
    """Per frame (N,): ``rms`` amplitude; ``line``, the share of power in the strongest line of the squared signal;
    ``variation``, the variance of the power over its mean squared; ``dc``, the mean sample over the RMS, complex;
    ``low`` and ``high``, the least and largest value of I and Q; ``clipped``, the share of values piled up at an
    end of the range; ``levels``, how many values I and Q take where they are few, else 0; ``finite``,
    whether it can be used; ``digest``.

    ``values``: how often a magnitude of I or Q fell into each step (0 is counted nowhere). ``spectra``
    (M + 1, S + 1, F): sums of mean spectra of unit power over each cell, the last row and column unknown labels.
    """

    rms: np.ndarray
    line: np.ndarray
    variation: np.ndarray
    dc: np.ndarray
    low: np.ndarray
    high: np.ndarray
    clipped: np.ndarray
    levels: np.ndarray
    finite: np.ndarray
    digest: np.ndarray
    values: np.ndarray
    spectra: np.ndarray
    reason: str | None = None
    """Why the first frame that can't be used can't."""

    @classmethod
    def empty(cls, source: FrameSource) -> "FrameStatistics":
        frames, lengths = len(source.modulation_index), lengths_of(source)
        shortest = source.frame_length if lengths is None else int(lengths.min())
        spectra = np.zeros((len(source.modulations) + 1, len(source.snrs) + 1, min(BINS, shortest)))
        numbers = (np.zeros(frames) for _ in range(3))
        return cls(
            *numbers, np.zeros(frames, complex), *(np.zeros(frames) for _ in range(3)), np.zeros(frames, int),
            np.ones(frames, dtype=bool), np.zeros(frames, np.uint64), np.zeros(DECADES * STEPS, int), spectra,
        )  # fmt: skip

    @property
    def dead(self) -> np.ndarray:
        """Frames of nothing but zeros."""
        return self.finite & (self.rms == 0)

    @property
    def alive(self) -> np.ndarray:
        """Frames that can be read and hold something."""
        return self.finite & (self.rms > 0)

    @property
    def copies(self) -> np.ndarray:
        """Frames that hold the same samples as one before them; those of nothing but zeros are not counted."""
        told = np.flatnonzero(self.alive)
        _, first = np.unique(self.digest[told], return_index=True)
        return np.delete(told, first)

    @property
    def largest(self) -> np.ndarray:
        """The largest magnitude of I and Q in each frame (N,)."""
        return np.maximum(self.high, -self.low)


def scan(source: FrameSource, chunks: Iterable[np.ndarray]) -> FrameStatistics:
    """Read every frame of ``chunks`` (index arrays that together hold each frame once)."""
    result = FrameStatistics.empty(source)
    for chunk in chunks:
        for index, iq in read_around_broken(source, chunk):
            if isinstance(iq, str):
                result.finite[index] = False
                result.reason = result.reason or iq
            else:
                look(result, source, index, iq.contiguous())
    return result


def look(result: FrameStatistics, source: FrameSource, index: np.ndarray, iq: torch.Tensor) -> None:
    """Write down what the frames ``iq`` (n, 2, L) at ``index`` hold."""
    digests = [blake2b(frame, digest_size=8).digest() for frame in iq.numpy()]
    result.digest[index] = np.frombuffer(b"".join(digests), np.uint64)
    flat = iq.flatten(1)
    result.low[index], result.high[index] = flat.amin(1).numpy(), flat.amax(1).numpy()
    count_values(result.values, flat)
    # In double precision: squares of large values leave float32's range.
    z = torch.complex(iq[:, 0].double(), iq[:, 1].double())
    power = z.real.square() + z.imag.square()
    rms = power.mean(-1).sqrt()
    z = z / rms.clamp(min=1e-300)[:, None]
    power = power / rms.square().clamp(min=1e-300)[:, None]
    result.rms[index] = rms.numpy()
    result.line[index] = (torch.fft.fft(z.square()).abs().amax(-1) / z.shape[-1]).numpy()
    result.variation[index] = power.var(-1, correction=0).numpy()
    result.dc[index] = z.mean(-1).numpy()
    alive = np.flatnonzero(rms.numpy() > 0)
    if len(alive):
        spectra = mean_spectra(z[alive].to(torch.complex64)).numpy()
        if spectra.shape[1] != result.spectra.shape[2]:  # the shortest frames have fewer bins
            spectra = pooled(spectra, result.spectra.shape[2])
        np.add.at(result.spectra, (source.modulation_index[index[alive]], source.snr_index[index[alive]]), spectra)
    for k, (share, levels) in piled(flat.numpy()):
        result.clipped[index[k]], result.levels[index[k]] = share, levels


def pooled(spectra: np.ndarray, bins: int) -> np.ndarray:
    """Spectra (n, F) in fewer bins."""
    return torch.nn.functional.adaptive_avg_pool1d(torch.from_numpy(spectra)[:, None], bins)[:, 0].numpy()


def count_values(counts: np.ndarray, values: torch.Tensor) -> None:
    """Add the magnitudes of ``values`` to the counts by step."""
    step = ((values[values != 0].abs().double().log10() - LEAST_DECADE) * STEPS).long()
    counts += torch.bincount(step.clamp(0, len(counts) - 1), minlength=len(counts)).numpy()


def piled(values: np.ndarray) -> Iterator[tuple[int, tuple[float, int]]]:
    """Of rows of values (n, K): (row, (share clipped, values taken where they are few)) of those that pile up."""
    low, high = values.min(1, keepdims=True), values.max(1, keepdims=True)
    at_end = (values == low).sum(1) + (values == high).sum(1)
    for k in np.flatnonzero((at_end >= max(2 * LEAST_PILED, SHARE_PILED * values.shape[1])) & (low < high)[:, 0]):
        row = values[k]
        levels, counts = np.unique(row, return_counts=True)
        if len(levels) <= FEW_LEVELS:
            yield int(k), (0.0, len(levels))
            continue
        middle = (levels[0] + levels[-1]) / 2
        share = 0.0
        # Of each end: its levels from there inwards, those near it and the next one in any case.
        for inwards, often in ((levels, counts), (levels[::-1], counts[::-1])):
            near = max(2, int(((inwards - middle) / (inwards[0] - middle) >= BELOW).sum()))
            if often[0] >= LEAST_PILED + MORE * often[1:near].sum():
                share += often[0] / len(row)
        if share >= SHARE_PILED:
            yield int(k), (share, 0)


def read_around_broken(source: FrameSource, index: np.ndarray) -> Iterator[tuple[np.ndarray, torch.Tensor | str]]:
    """The frames at ``index`` in halves of halves where a reading fails; of a single one that does, why."""
    try:
        yield index, source.read(index)
    except UserError as error:
        if len(index) == 1:
            yield index, str(error)
            return
        for half in np.array_split(index, 2):
            yield from read_around_broken(source, half)


def chunks_of(source: FrameSource) -> list[np.ndarray]:
    """All frames in order, at most ``AT_ONCE`` at a time, all of one length."""
    frames, lengths = len(source.modulation_index), lengths_of(source)
    turns = [] if lengths is None else np.flatnonzero(np.diff(lengths)) + 1
    ends = sorted({*range(0, frames, AT_ONCE), *(int(turn) for turn in turns), frames})
    return [np.arange(begin, end) for begin, end in pairwise(ends)]


def cell_counts(source: FrameSource) -> np.ndarray:
    """Frames of each (modulation, SNR) cell, (M, S); frames with an unknown label are left out."""
    known = (source.modulation_index >= 0) & (source.snr_index >= 0)
    counts = np.zeros((len(source.modulations), len(source.snrs)), dtype=np.int64)
    np.add.at(counts, (source.modulation_index[known], source.snr_index[known]), 1)
    return counts
