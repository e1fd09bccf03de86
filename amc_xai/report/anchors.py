"""Classical methods beside a network or the limit: reading ``anchors.csv``, names, and how they are drawn."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from amc_xai.errors import UserError
from amc_xai.evaluation.intervals import wilson
from amc_xai.report.attribution_files import read_table
from amc_xai.report.style import MUTED

METHODS = {
    "cumulants": "Cumulants: modulation",
    "out_of_band": "Out-of-band noise: SNR",
    "m2m4": "M2M4: SNR",
    "cumulants_and_out_of_band": "Cumulants and out-of-band noise: joint",
    "likelihood": "Blind likelihood: modulation",
    "likelihood_and_out_of_band": "Blind likelihood and out-of-band noise: joint",
}
METHOD_MARKERS = {
    "cumulants": "o", "out_of_band": "s", "m2m4": "x", "cumulants_and_out_of_band": "^", "likelihood": "D",
    "likelihood_and_out_of_band": "v",
}  # fmt: skip

AnchorRow = dict[str, Any]


def read_anchors(path: Path) -> list[AnchorRow]:
    """Read ``anchors.csv``: ``method`` and ``task`` as str, the numbers as float.

    Rows without frames are left out. Raises ``UserError`` for a missing column or a cell that is no number.
    """
    rows = []
    with path.open(newline="", encoding="utf-8") as file:
        for number, cells in enumerate(csv.DictReader(file), start=2):
            try:
                if not cells["accuracy"]:
                    continue
                values = {name: float(cells[name]) for name in ("snr", "frames", "accuracy", "low", "high")}
                rows.append(values | {"method": cells["method"], "task": cells["task"]})
            except (KeyError, ValueError, TypeError) as error:
                raise UserError(f"anchors: line {number} of '{path}' can't be read ({error}).") from error
    return rows


def methods_of(anchors: Sequence[AnchorRow], task: str | None = None) -> list[str]:
    """The methods in the order of the file; with ``task`` those of that task alone."""
    return list(dict.fromkeys(row["method"] for row in anchors if task in (None, row["task"])))


def overall(anchors: Sequence[AnchorRow], method: str) -> tuple[str, float, tuple[float, float]]:
    """Task, accuracy over all frames, and its 95 % Wilson interval."""
    rows = [row for row in anchors if row["method"] == method]
    frames = round(sum(row["frames"] for row in rows))
    right = round(sum(row["frames"] * row["accuracy"] for row in rows))
    low, high = wilson(right, frames)
    return rows[0]["task"], right / frames, (float(low), float(high))


def gain_sentence(folder: Path, task: str) -> str | None:
    """Whether learning beats the best classical method of a task, on the same frames (``gains.csv``)."""
    if not (folder / "gains.csv").exists():
        return None
    needed = ("method", "task", "frames", "learned", "classical", "value", "low", "high")
    rows = [row for row in read_table(folder / "gains.csv", needed) if row["task"] == task]
    if not rows:
        return None
    best = max(rows, key=lambda row: row["classical"])
    verdict = "Learning beats" if best["low"] > 0 else "Learning does not beat"
    name = METHODS.get(best["method"], best["method"]).partition(":")[0]
    name = name if name.isupper() else name[0].lower() + name[1:]
    value, low, high = (
        f"{100 * best[key]:+.1f}".replace("-", "\N{MINUS SIGN}") for key in ("value", "low", "high")
    )
    return (
        f"{verdict} the best classical method, {name}: {task.replace('snr', 'SNR')} {100 * best['learned']:.1f} % "
        f"against {100 * best['classical']:.1f} % of the same {best['frames']:,.0f} frames, a difference of "
        f"{value} points (95 %: {low} to {high})."
    )


def look_of(method: str, colour: str = MUTED) -> dict[str, Any]:
    """The look of a method's line: thin, with hollow marks, so that it stands behind a network's."""
    marker = METHOD_MARKERS.get(method, ".")
    return {"color": colour, "linewidth": 0.9, "marker": marker, "markersize": 4, "markerfacecolor": "none"}


def draw_method(axes: Axes, method: str, anchors: Sequence[AnchorRow], colour: str = MUTED) -> None:
    """One classical method with its 95 % intervals, below the lines of ``axes``; its gid is the method's name."""
    rows = sorted((row for row in anchors if row["method"] == method), key=lambda row: row["snr"])
    snrs, accuracy, low, high = ([row[name] for row in rows] for name in ("snr", "accuracy", "low", "high"))
    below = {"zorder": 1.5}
    axes.plot(snrs, accuracy, **look_of(method, colour), **below, gid=method, label=METHODS.get(method, method))
    axes.vlines(snrs, low, high, color=colour, linewidth=0.9, alpha=0.4, **below)
