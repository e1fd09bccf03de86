"""The Perturbation Impact Score as a number, and ``pis.csv`` as a file. Needs no torch."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from amc_xai.errors import UserError
from amc_xai.files import replacing

Row = dict[str, str | float]

_NAMES = ("selector", "operator", "channel", "task")
_TEXT = (*_NAMES, "interval_note")
_WHOLE = ("frames",)
COLUMNS = (
    "selector",
    "operator",
    "channel",
    "nominal_fraction",
    "lit_fraction",
    "pixel_fraction",
    "mass_fraction",
    "sample_fraction",
    "task",
    "frames",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "drop",
    "drop_low",
    "drop_high",
    "p_value",  # of the drop being 0
    "q_value",  # the false-discovery rate at which the drop is one, among the table's rows of one task
    "pis_nominal",
    "pis_lit",
    "pis_lit_low",
    "pis_lit_high",
    "control_drop",
    "excess",
    "excess_low",
    "excess_high",
    "excess_p_value",
    "interval_note",  # "wide" where the drop's interval spans more than ten points, else empty
)


def impact(drop: np.ndarray | float, fraction: np.ndarray | float) -> np.ndarray:
    """Return the Perturbation Impact Score ``drop / fraction``, accuracy lost per fraction of pixels masked.

    ``drop`` and ``fraction`` broadcast. Where the fraction is 0 nothing was masked, and the score is NaN.
    """
    drop, fraction = np.broadcast_arrays(np.asarray(drop, np.float64), np.asarray(fraction, np.float64))
    return np.divide(drop, fraction, out=np.full(drop.shape, np.nan), where=fraction != 0)


def write_pis_csv(rows: Sequence[Row], path: str | Path) -> None:
    """Write the rows to ``path``: columns in the order of `COLUMNS`, numbers in full precision.

    Columns that no row has are left out. The file is written under another name in the same folder and then
    renamed: it is whole or absent.

    Raises:
        ValueError: there is no row, a row has a column that `COLUMNS` doesn't name, or the rows differ in
            their columns.
    """
    if not rows:
        raise ValueError("there is no row to write")
    columns = [column for column in COLUMNS if column in rows[0]]
    for row in rows:
        if set(row) != set(columns):
            raise ValueError(f"the columns {sorted(set(row) ^ set(columns))} are not in every row, or unknown")
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row, column) for column in columns])


def write_grouped_csv(rows: Sequence[Row], by: str, path: str | Path) -> None:
    """Write the rows of `grouped_rows`: the column ``by``, then those of ``pis.csv``; whole or absent.

    Raises:
        ValueError: there is no row.
    """
    if not rows:
        raise ValueError("there is no row to write")
    columns = [column for column in COLUMNS if column in rows[0]]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([by, *columns])
        writer.writerows([row[by], *(_cell(row, column) for column in columns)] for row in rows)


def _cell(row: Row, column: str) -> str | float | int:
    if column in _TEXT:
        return row[column]
    return int(row[column]) if column in _WHOLE else repr(float(row[column]))


def read_pis_csv(path: str | Path) -> list[Row]:
    """Return the rows of a ``pis.csv``: selector, operator, channel and task as text, the rest as float.

    An empty number is NaN.

    Raises:
        UserError: the file is missing, its columns are not those of a ``pis.csv``, or a number is none.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            table = list(reader)
            columns = set(reader.fieldnames or ())
    except FileNotFoundError:
        raise UserError(f"There is no file {path}; task=explain writes it.") from None
    if not set(_NAMES) <= columns <= set(COLUMNS):
        raise UserError(f"{path} is not a table of scores; its columns must be of {', '.join(COLUMNS)}.")
    for line, row in enumerate(table, start=2):
        # DictReader files surplus fields under None, and fills missing ones with None.
        if None in row or None in row.values():
            raise UserError(f"{path}, line {line}: the row must have {len(columns)} fields, as the header has.")
    return [
        {column: text if column in _TEXT else _number(path, column, text) for column, text in row.items()}
        for row in table
    ]


def _number(path: str | Path, column: str, text: str) -> float:
    try:
        return float(text) if text else float("nan")
    except ValueError:
        raise UserError(f"{path}: {column} is {text!r}, which is not a number.") from None
