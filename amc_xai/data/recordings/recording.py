"""Samples in a file, read by stretches: where their numbers lie, what these mean, and what is known of them."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from amc_xai.data.recordings.band import Band
from amc_xai.errors import UserError

LONGEST_LABEL = 300  # letters
PACKED_24 = "i3"  # integers of three bytes, least first, which NumPy has no type for
MAPS = 128  # each takes a file handle, of which a process has about a thousand


@dataclass
class Label:
    """What is known of the samples ``start``..``stop`` of a file; None = unknown."""

    start: int
    stop: int
    modulation: str | None
    snr: float | None


@dataclass(frozen=True)
class Numbers:
    """Where the samples lie in ``file``; a plain description, by which each process maps them for itself.

    ``shape`` is (samples, parts), 2 parts for I and Q and 1 for real samples; ``strides`` are the bytes from a
    sample, and from a part, to the next; ``dtype`` is NumPy's name of one number's type, or ``PACKED_24``.
    """

    file: Path
    dtype: str
    offset: int
    shape: tuple[int, int]
    strides: tuple[int, int]

    def read(self, start: int, count: int) -> np.ndarray:
        """The numbers (count, parts) as they are in the file, from the sample ``start`` of these on.

        Raises:
            UserError: if the file is gone, or shorter than it was when it was opened.
        """
        packed = self.dtype == PACKED_24
        size = 3 if packed else np.dtype(self.dtype).itemsize
        end = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True)) + size
        try:
            now = self.file.stat()
            if now.st_size < end:
                raise UserError(f"dataset.path: {self.file} has become shorter while it is read")
            whole = mapped(str(self.file), now.st_mtime_ns, now.st_size)
        except OSError as error:
            raise UserError(f"dataset.path: {self.file} can't be read ({error.strerror})") from error
        if not packed:
            return np.ndarray(self.shape, self.dtype, whole, self.offset, self.strides)[start : start + count]
        raw = np.ndarray((*self.shape, 3), "u1", whole, self.offset, (*self.strides, 1))[start : start + count]
        low, middle, high = np.moveaxis(raw.astype(np.int32), -1, 0)
        return (high ^ 0x80) - 0x80 << 16 | middle << 8 | low


@lru_cache(maxsize=MAPS)
def mapped(file: str, changed: int, size: int) -> np.ndarray:
    """All bytes of a file, as they were at its last change."""
    return np.memmap(file, np.uint8, "r", shape=(size,))


def interleaved(
    file: Path, dtype: str, offset: int, samples: int, parts: int, channels: int, channel: int
) -> Numbers:
    """Samples of one of several channels, all parts of all of them following each other."""
    size = 3 if dtype == PACKED_24 else np.dtype(dtype).itemsize
    step = size * parts * channels
    return Numbers(file, dtype, offset + channel * parts * size, (samples, parts), (step, size))


@dataclass
class Recording:
    """A stretch of samples that frames are cut from; (number - ``zero``) / ``scale`` is the value of a number.

    Samples are counted from the first of the file on, whatever part of it this is.

    Attributes:
        path: by which the user knows it.
        first: its first sample.
        sample_rate: in Hz; None = not known.
        spans: the stretches (start, stop) in which frames are cut; None = all of it.
        band: what it is mixed down and filtered to; None = as it is.
        part: what it is of the file, in words; "" = all.
        clock: recordings of one clock hold the same instants at the same samples; None = this one alone.
    """

    path: Path
    numbers: Numbers
    zero: float = 0.0
    scale: float = 1.0
    sample_rate: float | None = None
    first: int = 0
    labels: list[Label] = field(default_factory=list)
    spans: list[tuple[int, int]] | None = None
    band: Band | None = None
    part: str = ""
    clock: str | None = None

    def __len__(self) -> int:
        return self.numbers.shape[0]

    @property
    def name(self) -> str:
        """The file's, and which part of it this is."""
        return f"{self.path.name} ({self.part})" if self.part else self.path.name

    @property
    def stop(self) -> int:
        return self.first + len(self)

    @property
    def real(self) -> bool:
        """Whether its samples are real numbers, not I and Q."""
        return self.numbers.shape[1] == 1

    def read(self, start: int, count: int) -> np.ndarray:
        """Samples (2, count) float32 from ``start`` on, channel 0 = I and 1 = Q; the Q of real samples is 0.

        Of a recording with a band the samples about them are read too: they pass through the filter.
        """
        if self.band is None:
            return self._values(start, count)
        margin = self.band.margin
        begin, end = max(self.first, start - margin), min(self.stop, start + count + margin)
        around = np.zeros((2, count + 2 * margin), np.float32)
        place = begin - (start - margin)
        around[:, place : place + end - begin] = self._values(begin, end - begin)
        return self.band.filtered(around, start - margin)

    def _values(self, start: int, count: int) -> np.ndarray:
        # What float32 can't hold becomes infinite, and what is no number stays none: the source names both.
        with np.errstate(over="ignore", invalid="ignore"):
            part = self.numbers.read(start - self.first, count).astype(np.float32)
            values = np.zeros((2, len(part)), np.float32)
            values[: part.shape[1]] = ((part - np.float32(self.zero)) / np.float32(self.scale)).T
        return values
