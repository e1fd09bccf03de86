"""Labels from a CSV file, and SNRs put into bins."""

import csv
import logging
import math
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from amc_xai.data.recordings.recording import LONGEST_LABEL, Label, Recording
from amc_xai.errors import UserError, one_line

log = logging.getLogger(__name__)
CSV_COLUMNS = ("file", "start", "stop", "modulation", "snr")
# An SNR is a class of its own; more of them than this were measured, not chosen.
MANY_SNRS = 64
MOST_DECIBELS = 1000


class Named(NamedTuple):
    """A file's parts below the folder of all, and from the root on, and the recordings in it."""

    below: tuple[str, ...]
    whole: tuple[str, ...]
    held: list[Recording]


def read_labels(path: Path, recordings: list[Recording], root: Path) -> None:
    """Give the recordings the labels of a CSV file, whose files are named by their paths below ``root``.

    Less than the whole path, or a name without its ending, does where only one recording fits it.

    Raises:
        UserError: if it is absent, lacks a column, or a line names no file, several, or a number that is none.
    """
    if not path.is_file():
        raise UserError(f"dataset.labels: there is no file {path}")
    named = names_of(recordings, root)
    for recording in recordings:
        recording.labels = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head = file.readline()
            file.seek(0)
            reader = csv.DictReader(file, delimiter=next((d for d in ",;\t" if d in head), ","))
            missing = [c for c in CSV_COLUMNS if c not in (reader.fieldnames or [])]
            if missing:
                raise UserError(
                    f"dataset.labels: {path} lacks the column {missing[0]}; it needs {', '.join(CSV_COLUMNS)}"
                )
            for row in reader:
                where = f"dataset.labels: line {reader.line_num} of {path}"
                add_row({c: (row[c] or "").strip() for c in CSV_COLUMNS}, named, where)
    except (csv.Error, UnicodeError, OSError) as error:
        raise UserError(f"dataset.labels: {path} is no readable CSV file ({one_line(error)})") from error


def names_of(recordings: list[Recording], root: Path) -> dict[str, list[Named]]:
    """The files of recordings by their names, with ending and without."""
    of_file: dict[Path, list[Recording]] = {}
    for recording in recordings:
        of_file.setdefault(recording.path, []).append(recording)
    folder = root.parent if root.is_file() and root not in of_file and root.suffix != ".sigmf" else root
    named: dict[str, list[Named]] = {}
    for path, held in of_file.items():
        below = path.relative_to(folder).parts[:-1] if path != folder and path.is_relative_to(folder) else ()
        names = [path.name, path.stem]
        if path.suffix == ".sigmf-meta":
            names.append(path.with_suffix(".sigmf-data").name)
        for name in dict.fromkeys(names):
            named.setdefault(name, []).append(Named((*below, name), (*path.absolute().parts[:-1], name), held))
    return named


def add_row(row: dict[str, str], named: dict[str, list[Named]], where: str) -> None:
    """Give the recordings of a file the label of one line.

    Raises:
        UserError: beginning with ``where``.
    """
    parts = tuple(p for p in PurePosixPath(row["file"].replace("\\", "/")).parts if p != ".")
    alike = named.get(parts[-1], []) if parts else []
    fit = [file for file in alike if file.below == parts] or [f for f in alike if f.whole[-len(parts) :] == parts]
    found = list({id(file.held): file.held for file in fit}.values())
    if not found:
        hint = f"; {alike[0].held[0].path} is: write its path below dataset.path" if alike else ""
        raise UserError(f"{where} names {one_line(row['file']) or 'no file'}, which isn't there{hint}")
    if len(found) > 1:
        which = ", ".join(sorted(str(held[0].path) for held in found)[:3])
        raise UserError(
            f"{where} names {one_line(row['file'])}, which may be {which}; write its path below dataset.path"
        )
    (held,) = found
    end = max(recording.stop for recording in held)
    start, stop = (sample(row[c], none, f"{where}: {c}") for c, none in (("start", 0), ("stop", end)))
    if not 0 <= start < stop or start >= end:
        raise UserError(f"{where} labels the samples {start} to {stop}; {held[0].path} has the samples 0 to {end}")
    snr = decibels(row["snr"], where) if row["snr"] else None
    for recording in held:
        recording.labels.append(Label(start, stop, one_line(row["modulation"], LONGEST_LABEL) or None, snr))


def sample(text: str, otherwise: int, where: str) -> int:
    """A whole number, which spreadsheets may have written as 1000.0 or 1e3."""
    try:
        value = float(text) if text else float(otherwise)
        if value != int(value):
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise UserError(f"{where} must be a whole number of samples, not {text!r:.60}") from error
    return int(text) if text.isdigit() else int(value)


def decibels(text: str, where: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= MOST_DECIBELS:
        raise UserError(f"{where}: snr must be a number of dB, not {text!r:.60}")
    return value


def settle_snrs(recordings: list[Recording], step: float | None) -> list[float]:
    """The SNRs that labels hold, in ascending order, each rounded to a multiple of ``step`` if that is given."""
    labels = [label for recording in recordings for label in recording.labels if label.snr is not None]
    for label in labels:
        if step is not None:
            # Of two multiples equally near the upper; adding 0 takes the sign from -0.
            label.snr = round(math.floor(label.snr / step + 0.5) * step, 9) + 0.0
    levels = sorted({label.snr for label in labels})
    if len(levels) > MANY_SNRS:
        log.warning(
            "the labels hold %d different SNRs, %g to %g dB, each a class of its own; dataset.snr_step=2 puts "
            "them into bins of 2 dB", len(levels), levels[0], levels[-1],
        )  # fmt: skip
    return levels
