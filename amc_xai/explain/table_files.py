"""Tables of plain values as CSV files. Needs no torch."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amc_xai.files import replacing


def write_rows(rows: Sequence[dict[str, Any]], path: str | Path) -> None:
    """Write rows of one set of columns: numbers in full precision, NaN as an empty field.

    The file is written under another name and then renamed: it is whole or absent.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: "" if _unknown(value) else value for name, value in row.items()})


def _unknown(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
