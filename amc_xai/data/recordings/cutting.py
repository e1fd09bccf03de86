"""Frames of a recording: where they begin, and what labels they have."""

import logging
from collections.abc import Sequence

import numpy as np

from amc_xai.data.recordings.recording import Label, Recording

log = logging.getLogger(__name__)


def frame_starts(recording: Recording, length: int, hop: int) -> np.ndarray:
    """The first samples (N,) of frames of ``length``, one every ``hop``, in ascending order.

    They are counted from the beginning of the recording, or of each of its spans, on.
    """
    spans = recording.spans or [(recording.first, recording.stop)]
    starts = [starts_within(begin, stop, length, hop) for begin, stop in spans]
    return starts[0] if len(starts) == 1 else np.unique(np.concatenate(starts))


def starts_within(begin: int, stop: int, length: int, hop: int) -> np.ndarray:
    """The first samples (N,) of the frames of ``length``, one every ``hop``, whole in ``begin``..``stop``."""
    return np.arange(begin, stop - length + 1, hop, dtype=np.int64)


def frame_labels(
    start: np.ndarray, labels: Sequence[Label], length: int, modulations: list[str], snrs: list[float]
) -> tuple[np.ndarray, np.ndarray]:
    """The modulation and the SNR (N,) of frames that begin at ``start`` (N,), ascending; -1 = unknown.

    The shortest stretch says most, so it has the last word.
    """
    place_of_modulation = {name: k for k, name in enumerate(modulations)}
    place_of_snr = {level: k for k, level in enumerate(snrs)}
    modulation, snr = np.full(len(start), -1), np.full(len(start), -1)
    for label in sorted(labels, key=lambda label: label.start - label.stop):
        inside = slice(
            int(np.searchsorted(start, label.start)), int(np.searchsorted(start, label.stop - length, "right"))
        )
        if label.modulation is not None:
            modulation[inside] = place_of_modulation.get(label.modulation, -1)
        if label.snr is not None:
            snr[inside] = place_of_snr.get(label.snr, -1)
    return modulation, snr


def report_short(recordings: Sequence[Recording], length: int) -> None:
    """Say in the log how many labelled stretches are too short for a frame: they tell nothing."""
    short = [r for r in recordings for label in r.labels if label.stop - label.start < length]
    if short:
        log.warning(
            "%d labelled stretches are shorter than a frame of %d samples, such as one of %s; a lower "
            "dataset.frame_length would use them", len(short), length, short[0].path,
        )  # fmt: skip
