"""One SigMF recording: its captures cut apart, and each band that annotations mark a recording of its own."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amc_xai.data.recordings.antennas import channel_of
from amc_xai.data.recordings.band import Band
from amc_xai.data.recordings.datatypes import datatype_of, scaling
from amc_xai.data.recordings.reading import Reading
from amc_xai.data.recordings.recording import Label, Recording, interleaved
from amc_xai.data.recordings.sigmf_metadata import (
    Annotation,
    Capture,
    annotations_of,
    captures_of,
    parse,
    start_of_count,
    whole,
)
from amc_xai.errors import UserError

log = logging.getLogger(__name__)
# A band that leaves out less of the spectrum than this share of it is the whole.
WHOLE_BAND = 0.99


@dataclass(frozen=True)
class Held:
    """A data set: ``size`` bytes of ``file`` from ``offset`` on."""

    file: Path
    offset: int
    size: int


def plain_name(name: object, key: str, path: Path) -> str:
    """``name``, if it is that of a file in the same folder.

    Raises:
        UserError: if it leads elsewhere.
    """
    allowed = isinstance(name, str) and name.strip(".") and name.isprintable()
    if not allowed or any(letter in name for letter in "/\\:"):
        raise UserError(
            f"dataset.path: {path} has {key} {name!r:.80}; it must be the name of a file in the same folder"
        )
    return name


def recordings_of(
    text: bytes, path: Path, locate: Callable[[str | None], Held], reading: Reading, clock: str | None
) -> list[Recording]:
    """The recordings of metadata: one for each capture, and one for each band that annotations mark in it.

    Args:
        text: the metadata.
        path: by which the user knows the recording.
        locate: where the data set of a name lies, None = SigMF's own.
        reading: how to read.
        clock: of all of them.

    Raises:
        UserError: if they can't be read.
    """
    about, captures, notes = parse(text, path)
    told = about.get("core:datatype")
    kind = datatype_of(
        told if reading.datatype is None else reading.datatype, f"dataset.path: core:datatype of {path}"
    )
    if reading.datatype is not None and told != reading.datatype:
        log.warning("%s: its header says %s; dataset.datatype=%s wins", path, told, reading.datatype)
    name = about.get("core:dataset")
    held = locate(None if name is None else plain_name(name, "core:dataset", path))
    channels = whole(about, "core:num_channels", path, 1)
    if not 1 <= channels <= 4096:
        raise UserError(f"dataset.path: {path} has core:num_channels {channels}; it must be 1 or more")
    channel = channel_of(path, channels, reading.antenna)
    offset = start_of_count(about, captures, path)
    stretches = captures_of(about, captures, offset, kind.size * channels, held.size, path)
    if not stretches:
        raise UserError(f"dataset.path: {path} holds no samples")
    zero, scale = scaling(kind.dtype, sigmf=True)
    marked = annotations_of(notes, captures, offset, path) if reading.annotations else []
    found = []
    for capture in stretches:
        numbers = interleaved(
            held.file, kind.dtype, held.offset + capture.byte, capture.stop - capture.first, kind.parts, channels,
            channel,
        )  # fmt: skip
        rate = reading.sample_rate or capture.rate
        plain, bands = by_band(marked, capture, rate, reading, path)
        for band, annotations in ((None, plain), *bands.items()):
            if band is None and bands and not annotations:
                continue  # what lies outside of all bands is nobody's
            labels = [label_of(annotation, capture) for annotation in annotations]
            recording = Recording(path, numbers, zero, scale, capture.rate, capture.first, labels, clock=clock)
            if band is not None:
                recording.band = band
                recording.spans = sorted({(label.start, label.stop) for label in labels})
                recording.part = f"{annotations[0].lower:.12g} to {annotations[0].upper:.12g} Hz"
            found.append(recording)
    report(path, stretches, marked, found)
    return found


def label_of(annotation: Annotation, capture: Capture) -> Label:
    """What an annotation says of samples, as far as they are a capture's."""
    stop = capture.stop if annotation.stop is None else min(annotation.stop, capture.stop)
    return Label(max(annotation.start, capture.first), stop, annotation.modulation, annotation.snr)


def by_band(
    annotations: list[Annotation], capture: Capture, rate: float | None, reading: Reading, path: Path
) -> tuple[list[Annotation], dict[Band, list[Annotation]]]:
    """The annotations of a capture that tell no band, and those of each band.

    Raises:
        UserError: if edges are told in Hz, and the sample rate isn't known.
    """
    plain, bands, outside = [], {}, 0
    for annotation in annotations:
        if annotation.start >= capture.stop or (annotation.stop is not None and annotation.stop <= capture.first):
            continue
        if annotation.lower is None or not reading.bands:
            plain.append(annotation)
            continue
        if rate is None:
            raise UserError(
                f"dataset.sample_rate must be given in Hz: annotations of {path} tell bands in Hz, and the file "
                "no rate (dataset.sample_rate=1e6; or dataset.bands=false, to leave the samples as they are)"
            )
        edges = np.array([annotation.lower, annotation.upper])
        # Edges are radio frequencies where the capture's own is told, but some programs write them about it.
        with np.errstate(over="ignore"):
            about = [(edges - middle) / rate for middle in (capture.frequency or 0.0, 0.0)]
        lower, upper = next((e for e in about if e[0] < 0.5 and e[1] > -0.5), (1.0, 1.0))
        lower, upper = float(max(lower, -0.5)), float(min(upper, 0.5))
        if lower >= upper:
            outside += 1
        elif upper - lower > WHOLE_BAND:
            plain.append(annotation)
        else:
            bands.setdefault(Band(lower, upper), []).append(annotation)
    if outside:
        log.warning("%s: %d annotations lie outside of what was recorded, and are left out", path, outside)
    return plain, bands


def report(path: Path, captures: list[Capture], annotations: list[Annotation], found: list[Recording]) -> None:
    """Say in the log how a file was cut, and what of it is missing."""
    end = max(capture.stop for capture in captures)
    last = max((annotation.stop or 0 for annotation in annotations), default=0)
    if last > end:
        log.warning(
            "%s: its samples end at %d, and its annotations at %d; the file seems cut short", path, end, last
        )
    bands = sum(recording.band is not None for recording in found)
    if bands:
        log.info(
            "%s: %d bands that annotations mark are mixed down and filtered, each a recording of its own; frames "
            "are cut within the annotations (dataset.bands=false: leave the samples as they are)", path, bands,
        )  # fmt: skip
    if len(captures) > 1:
        log.info("%s: cut apart into %d captures of other frequency, rate or time", path, len(captures))
