"""Frames as annotated SigMF recordings (sigmf.org, version 1.2): a cell in each file, or stretches whole."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from amc_xai.data.contracts import FrameSource, rates_of
from amc_xai.data.split_files import cell_path
from amc_xai.data.stretches import Stretch, is_cut, samples_of, stretches_of
from amc_xai.errors import UserError
from amc_xai.files import replacing

META, DATA = ".sigmf-meta", ".sigmf-data"
AT_ONCE = 1024
BYTES = 8  # of a complex float32 sample
# Facts that the standard has no field for.
OWN = "amc_xai"


class SigmfWriter:
    """A recording for each (modulation, SNR): its frames one after the other, an annotation on each."""

    def is_written(self, root: Path, modulation: str, snr: float, frames: int) -> bool:
        return (path := cell_path(root, modulation, snr, META)).is_file() and path.with_suffix(DATA).is_file()

    def write(self, root: Path, modulation: str, snr: float, source: FrameSource, indices: np.ndarray) -> None:
        path, digest, begin = cell_path(root, modulation, snr, META), hashlib.sha512(), 0
        notes = []
        with replacing(path.with_suffix(DATA)) as temporary, temporary.open("wb") as file:
            for part in np.split(indices, range(AT_ONCE, len(indices), AT_ONCE)):
                iq = source.read(part).numpy()
                digest.update(written := interleaved(iq))
                file.write(written)
                rates = rates_of(source, part)
                for k in range(len(part)):
                    note = annotation(begin, iq.shape[2], modulation, snr)
                    notes.append(note if rates is None else note | {f"{OWN}:samples_per_symbol": float(rates[k])})
                    begin += iq.shape[2]
        write_meta(path, source, digest.hexdigest(), notes)


class WholeSigmfWriter:
    """A recording for each stretch without a gap that frames were cut from, annotated where labels are known."""

    def parts(self, source: FrameSource) -> list[tuple[str, float, np.ndarray]]:
        """The stretches, named by their recording and first sample.

        Raises:
            UserError: if the frames of the source are not known to be cut from recordings.
        """
        if not is_cut(source):
            raise UserError(
                "task.whole: the frames of this dataset are not cut from recordings, so there is nothing whole to "
                "write; use task.whole=false"
            )
        return [(f"recording_{s.recording:05d}", float(s.start[0]), s.frames) for s in stretches_of(source)]

    def is_written(self, root: Path, recording: str, first: float, frames: int) -> bool:
        return (path := self._path(root, recording, first)).is_file() and path.with_suffix(DATA).is_file()

    def write(self, root: Path, recording: str, first: float, source: FrameSource, indices: np.ndarray) -> None:
        start, length, digest = source.origin.start[indices], source.origin.length, hashlib.sha512()
        path, begin = self._path(root, recording, first), int(first)
        with replacing(path.with_suffix(DATA)) as temporary, temporary.open("wb") as file:
            told = begin
            for part in np.split(np.arange(len(indices)), range(AT_ONCE, len(indices), AT_ONCE)):
                piece = samples_of(source, Stretch(0, indices[part], start[part], length))
                # Overlapping frames: what the part before has written already.
                fresh = piece[:, told - int(start[part[0]]) :]
                digest.update(written := interleaved(fresh[None]))
                file.write(written)
                told += fresh.shape[1]
        write_meta(path, source, digest.hexdigest(), annotations_of(source, indices, start - begin, length))

    def _path(self, root: Path, recording: str, first: float) -> Path:
        # Zeros in front: in the order of names the stretches stand in their own.
        return root / f"{recording}_from_{int(first):012d}{META}"


def annotations_of(
    source: FrameSource, frames: np.ndarray, start: np.ndarray, length: int
) -> list[dict[str, Any]]:
    """A note for each run of frames (n,) that touch and have the same labels; none where both are unknown."""
    notes: list[dict[str, Any]] = []
    before = None
    for k, frame in enumerate(frames):
        label = int(source.modulation_index[frame]), int(source.snr_index[frame])
        if label == (-1, -1):
            before = None
            continue
        if label == before:
            notes[-1]["core:sample_count"] = int(start[k]) + length - notes[-1]["core:sample_start"]
        else:
            modulation = source.modulations[label[0]] if label[0] >= 0 else None
            snr = source.snrs[label[1]] if label[1] >= 0 else None
            notes.append(annotation(int(start[k]), length, modulation, snr))
        before = label
    return sorted(notes, key=lambda note: note["core:sample_start"])


def annotation(start: int, count: int, modulation: str | None, snr: float | None) -> dict[str, Any]:
    """What the samples from ``start`` on are; the SNR in dB as the source's labels count it."""
    note: dict[str, Any] = {"core:sample_start": start, "core:sample_count": count}
    if modulation is not None:
        note["core:label"] = modulation
    if snr is not None:
        note[f"{OWN}:snr"] = float(snr)
    return note


def interleaved(iq: np.ndarray) -> bytes:
    """Frames (n, 2, L) one after the other as little-endian complex float32."""
    return np.ascontiguousarray(iq.transpose(0, 2, 1), dtype="<f4").tobytes()


def write_meta(path: Path, source: FrameSource, digest: str, notes: list[dict[str, Any]]) -> None:
    """The metadata beside samples that are written already, so that both are there or none counts."""
    about: dict[str, Any] = {
        "core:datatype": "cf32_le",
        "core:version": "1.2.0",
        "core:num_channels": 1,
        "core:sha512": digest,
        "core:recorder": "amc_xai",
        "core:extensions": [{"name": OWN, "version": "1.0.0", "optional": True}],
    }
    if source.sample_rate is not None:
        about["core:sample_rate"] = float(source.sample_rate)
    for fact in ("samples_per_symbol", "snr_definition"):
        if getattr(source, fact) is not None:
            about[f"{OWN}:{fact}"] = getattr(source, fact)
    meta = {"global": about, "captures": [{"core:sample_start": 0}], "annotations": notes}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(meta, indent=1), encoding="utf-8")
