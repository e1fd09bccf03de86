"""One recording of complex samples: SigMF, raw interleaved I/Q, ``.npy`` or two-channel WAV, read by stretches."""

import json
import warnings
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from amc_xai.errors import UserError

# Raw formats: the type of one component, what lies at zero, and what is full scale.
RAW = {
    ".cf32": ("<f4", 0.0, 1.0),
    ".cfile": ("<f4", 0.0, 1.0),
    ".complex": ("<f4", 0.0, 1.0),
    ".cs16": ("<i2", 0.0, 32768.0),
    ".cs8": ("i1", 0.0, 128.0),
    # RTL-SDR: 0..255 about 127.5.
    ".cu8": ("u1", 127.5, 127.5),
}
SUFFIXES = (".sigmf-meta", *RAW, ".npy", ".wav")


@dataclass
class Label:
    """What is known of the samples ``start``..``stop``; None = unknown."""

    start: int
    stop: int
    modulation: str | None
    snr: float | None


@dataclass
class Recording:
    """Samples on disk; ``components`` is a map of them, (x - ``zero``) / ``scale`` their value.

    It has the shape (n, 2), or (n, 1) where the samples are real.
    """

    path: Path
    components: np.ndarray
    sample_rate: float | None = None
    zero: float = 0.0
    scale: float = 1.0
    labels: list[Label] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.components)

    def read(self, start: int, count: int) -> np.ndarray:
        """Samples (2, count) float32, channel 0 = I and 1 = Q; the Q of real samples is 0."""
        part = np.asarray(self.components[start : start + count], dtype=np.float32)
        samples = np.zeros((2, len(part)), np.float32)
        samples[: part.shape[1]] = ((part - np.float32(self.zero)) / np.float32(self.scale)).T
        return samples


def open_recording(path: Path) -> Recording:
    """A recording by its ending: one of ``SUFFIXES``.

    Raises:
        UserError: if the file can't be read as what its ending says.
    """
    suffix = path.suffix.lower()
    if suffix == ".sigmf-meta":
        return open_sigmf(path)
    if suffix == ".npy":
        return open_npy(path)
    if suffix == ".wav":
        return open_wav(path)
    component, zero, scale = RAW[suffix]
    size = 2 * np.dtype(component).itemsize
    if path.stat().st_size == 0 or path.stat().st_size % size:
        raise UserError(
            f"dataset.path: {path} has {path.stat().st_size} bytes; {suffix} needs {size} for each sample, and at "
            "least one sample"
        )
    return Recording(path, np.memmap(path, component, "r").reshape(-1, 2), zero=zero, scale=scale)


def open_npy(path: Path) -> Recording:
    """A complex vector, or real numbers (n, 2) or (2, n) as I and Q."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise UserError(f"dataset.path: {path} is no readable .npy file of numbers ({error})") from error
    if array.ndim == 1 and array.dtype.kind == "c" and len(array):
        return Recording(path, array.view(array.real.dtype).reshape(-1, 2))
    if array.ndim == 2 and array.dtype.kind in "fi" and 2 in array.shape and array.size:
        return Recording(path, array if array.shape[1] == 2 else array.T)
    raise UserError(
        f"dataset.path: {path} holds {array.dtype} of shape {array.shape}; it must be a complex vector, or I and "
        "Q as (n, 2)"
    )


def open_wav(path: Path) -> Recording:
    """Two channels, I left and Q right; integers become -1..1."""
    try:
        with warnings.catch_warnings():
            # Chunks beside the samples (a recorder's own notes) are no reason to warn.
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            rate, data = wavfile.read(path, mmap=True)
    except ValueError:
        # 24-bit samples can't be mapped.
        try:
            rate, data = wavfile.read(path)
        except (ValueError, EOFError) as error:
            raise UserError(f"dataset.path: {path} is no readable WAV file ({error})") from error
    if data.ndim != 2 or data.shape[1] != 2:
        raise UserError(
            f"dataset.path: {path} has {1 if data.ndim == 1 else data.shape[1]} channel(s); I/Q needs two"
        )
    if data.dtype.kind == "f":
        return Recording(path, data, float(rate))
    zero = 128.0 if data.dtype.kind == "u" else 0.0
    return Recording(path, data, float(rate), zero, float(2 ** (8 * data.dtype.itemsize - 1)))


def open_sigmf(path: Path) -> Recording:
    """A SigMF recording with its annotations; integers become -1..1 as the ``sigmf`` package scales them."""
    import sigmf
    from sigmf.error import SigMFError

    try:
        json.loads(path.read_text(encoding="utf-8"))
        meta = sigmf.fromfile(path, skip_checksum=True)
        info = sigmf.sigmffile.dtype_info(meta.get_global_field("core:datatype"))
        captures = [meta.get_capture_byte_boundaries(k) for k in range(len(meta.get_captures()))]
        first = meta.get_capture_info(0).get("core:header_bytes", 0) if captures else 0
    except (SigMFError, OSError, ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise UserError(f"dataset.path: {path} is no readable SigMF recording ({error})") from error
    if meta.data_file is None:
        raise UserError(f"dataset.path: {path} has no samples beside it, in a file named .sigmf-data")
    channels = meta.get_global_field("core:num_channels", 1)
    if channels != 1:
        raise UserError(f"dataset.path: {path} holds {channels} channels; frames are cut from one")
    if any(end != begin for (_, end), (begin, _) in pairwise(captures)):
        raise UserError(
            f"dataset.path: {path} has bytes between its captures that are no samples; write each capture as a "
            "recording of its own"
        )
    component, parts = info["component_dtype"], 2 if info["is_complex"] else 1
    size = meta.data_file.stat().st_size - first - meta.get_global_field("core:trailing_bytes", 0)
    whole = size // info["sample_size"]
    if whole < 1:
        raise UserError(f"dataset.path: {path} holds no samples")
    samples = np.memmap(meta.data_file, component, "r", first, (whole, parts))
    full = float(2 ** (8 * component.itemsize - 1)) if component.kind in "iu" else 1.0
    offset = full if component.kind == "u" else 0.0
    rate = meta.get_global_field("core:sample_rate")
    recording = Recording(path, samples, None if rate is None else float(rate), offset, full)
    for note in meta.get_annotations():
        begin = int(note["core:sample_start"])
        stop = begin + int(note.get("core:sample_count", len(samples) - begin))
        recording.labels.append(Label(begin, stop, note.get("core:label"), annotated_snr(note)))
    return recording


def annotated_snr(note: dict) -> float | None:
    """The SNR in dB of an annotation: ``signal:snr``, or ``snr`` under any other name space."""
    for key, value in note.items():
        if key.rpartition(":")[2].lower() in ("snr", "snr_db") and isinstance(value, int | float):
            return float(value)
    return None
