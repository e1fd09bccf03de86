"""Reading the files of attribution: tables as plain rows, curves as arrays."""

import csv
import math
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from amc_xai.errors import UserError

TEXT = (
    "method", "kind", "network", "task", "check", "layer", "a", "b", "selector", "channel", "note", "measure",
    "modulation", "operator", "named", "class", "map",
)  # fmt: skip


class MeanCurve(NamedTuple):
    """A deletion or insertion curve, averaged over frames: ``share`` and ``probability`` (steps + 1,)."""

    measure: str
    method: str
    task: str
    share: np.ndarray
    probability: np.ndarray
    operator: str = "zero"


def read_table(path: Path, needed: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows of a CSV file: names as text, all else as float, NaN where empty.

    Raises ``UserError`` if a needed column is missing or a number isn't one.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in needed if name not in (reader.fieldnames or [])]
        if missing:
            raise UserError(f"'{path}' lacks the columns {', '.join(missing)}.")
        rows = list(reader)
    try:
        return [{k: v if k in TEXT else float(v) if v else math.nan for k, v in row.items()} for row in rows]
    except (ValueError, TypeError) as error:
        raise UserError(f"'{path}' holds a field that is no number ({error}).") from error


def read_curves(path: Path) -> list[MeanCurve]:
    """The curves of ``attribution_curves.npz``. Raises ``UserError`` if it isn't such an archive."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            share = archive["share"]
            found = []
            for name in archive.files:
                if name != "share":
                    measure, method, task, *operator = name.split("|")
                    mean = archive[name].mean(axis=0, dtype=np.float64)
                    found.append(MeanCurve(measure, method, task, share, mean, *operator))
            return found
    except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"'{path}' is not an archive of attribution curves ({error}).") from error


def controls_of(names: list[str]) -> list[str]:
    """Which of these names are controls: they rank pixels without knowing the trained network."""
    return [name for name in names if name in ("random", "brightest") or name.endswith("_untrained")]


def title_of(method: str) -> str:
    """A method's name for people."""
    known = {
        "integrated_gradients": "Integrated Gradients",
        "gradient_shap": "Gradient SHAP",
        "smooth_grad": "SmoothGrad",
        "grad_cam": "Grad-CAM",
        "occlusion": "Occlusion",
        "rise": "RISE",
        "random": "random order",
        "brightest": "brightest first",
    }
    if method.endswith("_untrained"):
        return f"{title_of(method.removesuffix('_untrained'))}, untrained"
    return known.get(method, method.replace("_", " "))
