"""What SigMF's metadata say, checked: which bytes are samples of which capture, and what annotations tell.

By the specification 1.2 (sigmf.org). Metadata come from anywhere: every value is held against its type, and what
is wrong with one is said with its key.
"""

import json
import logging
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from amc_xai.data.recordings.recording import LONGEST_LABEL
from amc_xai.errors import UserError, one_line

log = logging.getLogger(__name__)
MOST = 2**62  # of samples and bytes
MOST_DECIBELS = 1000


@dataclass
class Capture:
    """Samples ``first``..``stop`` of a file, from its ``byte`` on: one frequency, one rate, no break."""

    first: int
    stop: int
    byte: int
    frequency: float | None
    rate: float | None


@dataclass
class Annotation:
    """A stretch of a file; ``lower``..``upper`` in Hz are the edges of its band, None where not told."""

    start: int
    stop: int | None
    modulation: str | None
    snr: float | None
    lower: float | None
    upper: float | None


def parse(text: bytes, path: Path) -> tuple[dict, list[dict], list[dict]]:
    """The global object, the captures and the annotations of metadata.

    Raises:
        UserError: if they are no JSON objects of this form.
    """
    try:
        meta = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"dataset.path: {path} is no readable SigMF recording ({one_line(error)})") from error
    parts = []
    for name, kind in (("global", dict), ("captures", list), ("annotations", list)):
        part = meta.get(name, kind()) if isinstance(meta, dict) else None
        if not isinstance(part, kind) or (kind is list and not all(isinstance(entry, dict) for entry in part)):
            raise UserError(f"dataset.path: {path} is no readable SigMF recording (its {name} is none)")
        parts.append(part)
    return tuple(parts)


def whole(node: dict, key: str, path: Path, otherwise: int | None = 0) -> int | None:
    """A whole number of 0 or more; ``otherwise`` where ``node`` lacks it.

    Raises:
        UserError: naming the key, if it is none.
    """
    value = node.get(key)
    if value is None:
        return otherwise
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MOST
    if not fits or value != int(value):
        raise UserError(f"dataset.path: {path} has {key} {value!r:.60}; it must be a whole number of 0 or more")
    return int(value)


def number(node: dict, key: str) -> float | None:
    """A finite number, or None."""
    value = node.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def captures_of(
    about: dict, captures: list[dict], offset: int, sample: int, held: int, path: Path
) -> list[Capture]:
    """The stretches of a data set of ``held`` bytes, ``sample`` bytes a sample; captures that go on are joined.

    Samples are counted from the first of the file on, which the metadata give the number ``offset``.

    Raises:
        UserError: if captures are not in order.
    """
    end = held - whole(about, "core:trailing_bytes", path)
    marks = [(whole(c, "core:sample_start", path, offset) - offset, c) for c in captures] or [(0, {})]
    if marks[0][0] > 0:
        marks.insert(0, (0, {}))
    if any(later < sooner for (sooner, _), (later, _) in pairwise(marks)):
        raise UserError(f"dataset.path: {path} has captures that are not in the order of their core:sample_start")
    found: list[Capture] = []
    byte, previous, expected = 0, 0, None
    for start, capture in marks:
        header = whole(capture, "core:header_bytes", path)
        byte += header + (start - previous) * sample
        # Where the receiver's own count jumps, samples are missing.
        index = whole(capture, "core:global_index", path, start + offset)
        gap = expected is not None and index != expected + start - previous
        rate = positive_rate(capture, "core:sample_rate") or positive_rate(about, "core:sample_rate")
        new = Capture(start, start, byte, number(capture, "core:frequency"), rate)
        if not found or header or gap or (found[-1].frequency, found[-1].rate) != (new.frequency, new.rate):
            found.append(new)
        previous, expected = start, index
    for one, another in pairwise(found):
        one.stop = another.first
    found[-1].stop = MOST
    for capture in found:
        capture.stop = min(capture.stop, capture.first + max(0, end - capture.byte) // sample)
    return [capture for capture in found if capture.stop > capture.first]


def start_of_count(about: dict, captures: list[dict], path: Path) -> int:
    """The number of a file's first sample, ``core:offset``, unless the captures count from 0 all the same."""
    offset = whole(about, "core:offset", path)
    first = min((whole(c, "core:sample_start", path, offset) for c in captures), default=offset)
    if first >= offset:
        return offset
    log.warning(
        "%s: core:offset is %d and a capture begins at %d, before it; samples are taken as counted from the "
        "file's first", path, offset, first,
    )  # fmt: skip
    return 0


def positive_rate(node: dict, key: str) -> float | None:
    """A rate in Hz above 0, or None."""
    rate = number(node, key)
    return rate if rate is not None and rate > 0 else None


def annotations_of(annotations: list[dict], captures: list[dict], offset: int, path: Path) -> list[Annotation]:
    """The annotations in samples of the file; without a count they end with their capture, or where samples do."""
    marks = sorted(whole(c, "core:sample_start", path, offset) - offset for c in captures)
    without_start = sum("core:sample_start" not in note for note in annotations)
    if without_start:
        log.warning("%s: %d annotations say no first sample; taken from the first on", path, without_start)
    found = []
    for note in annotations:
        begin = whole(note, "core:sample_start", path, offset) - offset
        count = whole(note, "core:sample_count", path, None)
        if count is not None:
            stop = begin + count
        elif "core:sample_start" in note:
            stop = next((mark for mark in marks if mark > begin), None)
        else:
            stop = None
        label = note.get("core:label")
        label = one_line(label, LONGEST_LABEL) or None if isinstance(label, str) else None
        lower, upper = number(note, "core:freq_lower_edge"), number(note, "core:freq_upper_edge")
        if lower is None or upper is None or lower >= upper:
            lower = upper = None
        found.append(Annotation(max(begin, 0), stop, label, annotated_snr(note), lower, upper))
    return found


def annotated_snr(note: dict[str, Any]) -> float | None:
    """The SNR in dB of an annotation: ``signal:snr``, or ``snr`` under any other name space."""
    for key in note:
        snr = number(note, key) if key.rpartition(":")[2].lower() in ("snr", "snr_db") else None
        if snr is not None and abs(snr) <= MOST_DECIBELS:
            return snr
    return None
