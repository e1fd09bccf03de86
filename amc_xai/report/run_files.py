"""Reading what a run left behind: the text files of a run folder as plain values."""

import csv
import json
import math
from pathlib import Path
from typing import Any

from amc_xai.errors import UserError

TEXT_COLUMNS = ("selector", "operator", "channel", "task")
NOTE = "interval_note"  # "wide" or empty

PisRow = dict[str, Any]


def run_folder_of(path: str | Path) -> Path:
    """The folder as a ``Path``. Raises ``UserError`` if there is none."""
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(f"run_folder: there is no folder '{folder}'.")
    return folder


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read ``history.jsonl``: one object an epoch, in the order of the file.

    A broken last line is what a killed run leaves and is passed over; one before it raises ``UserError``.
    """
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    epochs = []
    for number, line in enumerate(lines, start=1):
        try:
            epochs.append(json.loads(line))
        except ValueError as error:
            if number < len(lines):
                raise UserError(f"history: line {number} of '{path}' is not JSON ({error}).") from error
    return epochs


def series(epochs: list[dict[str, Any]], name: str) -> tuple[list[float], list[float]]:
    """Epochs and values of one field, where it is a finite number."""
    points = [
        (epoch.get("epoch", index), epoch[name])
        for index, epoch in enumerate(epochs)
        if isinstance(epoch.get(name), (int, float)) and math.isfinite(epoch[name])
    ]
    return [x for x, _ in points], [y for _, y in points]


def read_pis(path: Path, label: str | None = None) -> list[PisRow]:
    """Read ``pis.csv``, or with ``label`` its table by that label ("modulation" or "snr").

    Text columns are str ("" where left out), the label's among them; all others float, NaN where empty.

    Raises ``UserError`` if ``selector``, ``task``, ``nominal_fraction`` or ``accuracy`` is missing, or a
    number isn't one.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        needed = ("selector", "task", "nominal_fraction", "accuracy")
        missing = [name for name in needed if name not in (reader.fieldnames or [])]
        if missing:
            raise UserError(f"pis: '{path}' lacks the columns {', '.join(missing)}.")
        rows = []
        for number, cells in enumerate(reader, start=2):
            try:
                row: PisRow = {name: float(cell) if cell else math.nan for name, cell in _numbers(cells, label)}
            except ValueError as error:
                raise UserError(f"pis: line {number} of '{path}' holds no number ({error}).") from error
            rows.append(row | {name: cells.get(name) or "" for name in _text(label)})
    return rows


def _text(label: str | None) -> tuple[str, ...]:
    return (*TEXT_COLUMNS, NOTE, *([label] if label else []))


def _numbers(cells: dict[str, str], label: str | None) -> list[tuple[str, str]]:
    return [(name, cell) for name, cell in cells.items() if name is not None and name not in _text(label)]
