"""Limits as files: a cache by configuration, and ``limits.csv``."""

import csv
import hashlib
import json
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from amc_xai.evaluation.intervals import wilson
from amc_xai.files import replacing
from amc_xai.limits.decisions import LimitRow, Settings, find_limits
from amc_xai.signal.constellations import constellation

log = logging.getLogger(__name__)
VERSION = 2  # of the calculation: raise it whenever the same settings would give other numbers
COLUMNS = (
    "snr", "modulation_accuracy", "modulation_low", "modulation_high", "snr_accuracy", "joint_accuracy", "crb_db",
)  # fmt: skip


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/amc_xai``, or ``~/.cache/amc_xai``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "amc_xai"


def cache_key(settings: Settings) -> str:
    """A hash of all that the numbers depend on, the ideal points included, but not of the number of frames."""
    values = asdict(settings) | {"version": VERSION}
    del values["frames_per_cell"]
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for name in settings.judged:
        digest.update(constellation(name).numpy().round(9).tobytes())
    return digest.hexdigest()[:24]


def cached_limits(settings: Settings, progress: Callable | None = None) -> list[LimitRow]:
    """The limits from the cache if it holds them from as many frames or more, else worked out and kept.

    A cache that can't be read or written is passed over.
    """
    path = cache_folder() / f"limits-{cache_key(settings)}.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["frames_per_cell"] >= settings.frames_per_cell:
            return [LimitRow(**row) for row in stored["rows"]]
    except (OSError, ValueError, KeyError, TypeError):
        log.debug("no limits in the cache at %s", path)
    rows = find_limits(settings, *([progress] if progress else []))
    try:
        with replacing(path) as temporary:
            content = {"frames_per_cell": settings.frames_per_cell, "rows": [asdict(row) for row in rows]}
            temporary.write_text(json.dumps(content), encoding="utf-8")
    except OSError as error:
        log.debug("the limits can't be kept at %s: %s", path, error)
    return rows


def interval(row: LimitRow, settings: Settings, right: int) -> tuple[float, float]:
    """95 % Monte Carlo interval of an accuracy; classes that are assumed right add no width."""
    judged, classes = len(settings.judged), len(settings.modulations)
    if not row.frames:
        return 1.0, 1.0
    low, high = wilson(right, row.frames)
    assumed = classes - judged
    return (judged * float(low) + assumed) / classes, (judged * float(high) + assumed) / classes


def write_limits_csv(rows: Sequence[LimitRow], settings: Settings, path: Path) -> Path:
    """Write ``limits.csv``: one row for each SNR, in ascending order."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in sorted(rows, key=lambda row: row.snr):
            low, high = interval(row, settings, row.modulation_right)
            values = {"snr": row.snr, "modulation_low": low, "modulation_high": high}
            values |= {name: getattr(row, name) for name in COLUMNS if hasattr(row, name)}
            writer.writerow({name: f"{value:.6g}" for name, value in values.items()})
    return path


def limits_text(rows: Sequence[LimitRow], settings: Settings) -> str:
    """The limits as aligned lines, with Monte Carlo intervals and the mean over all SNRs."""
    header = ["SNR (dB)", "modulation", "95 % interval", "SNR", "joint", "95 % interval", "bound (dB)"]
    lines = [header]
    for row in sorted(rows, key=lambda row: row.snr):
        spans = [
            "{:.1f} to {:.1f}".format(*(100 * bound for bound in interval(row, settings, right)))
            for right in (row.modulation_right, row.joint_right)
        ]
        shares = [f"{100 * v:.1f} %" for v in (row.modulation_accuracy, row.snr_accuracy, row.joint_accuracy)]
        lines.append([f"{row.snr:g}", shares[0], spans[0], *shares[1:], spans[1], f"{row.crb_db:.2f}"])
    names = ("modulation_accuracy", "snr_accuracy", "joint_accuracy")
    mean = [f"{100 * sum(getattr(r, n) for r in rows) / len(rows):.1f} %" for n in names]
    lines.append(["mean", mean[0], "", *mean[1:], "", ""])
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    text = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    text.insert(1, "-" * max(map(len, text)))
    return "\n".join(text)
