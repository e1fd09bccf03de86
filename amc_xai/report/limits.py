"""Figure of what is possible at each SNR, with classical methods beside it; reads the files of ``task=limits``."""

import csv
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from amc_xai.errors import UserError
from amc_xai.evaluation.limit import Limits
from amc_xai.report.style import (
    TASK_COLOURS,
    TASK_NAMES,
    TASKS,
    new_figure,
    percent_axis,
    snr_label,
    snr_ticks,
    styled,
)

METHODS = {
    "cumulants": "Cumulants: modulation",
    "out_of_band": "Out-of-band noise: SNR",
    "m2m4": "M2M4: SNR",
    "cumulants_and_out_of_band": "Cumulants and out-of-band noise: joint",
}
METHOD_MARKERS = {"cumulants": "o", "out_of_band": "s", "m2m4": "x", "cumulants_and_out_of_band": "^"}

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


@styled
def limits_by_snr(limits: Limits, anchors: list[AnchorRow], snr_definition: str | None = None) -> Figure:
    """Limits dashed, with the Monte Carlo band of the modulation; classical methods as thin marked lines.

    The lines carry the gids ``<task>_limit`` and the method's name.
    """
    figure = new_figure(8.2, 5.2)
    axes = figure.add_subplot()
    snrs = sorted(limits)
    for task in TASKS:
        values = [(snr, limits[snr][f"{task}_accuracy"]) for snr in snrs if f"{task}_accuracy" in limits[snr]]
        if values:
            axes.plot(
                *zip(*values, strict=True), color=TASK_COLOURS[task], linestyle=(0, (5, 2)),
                label=f"Limit: {TASK_NAMES[task]}", gid=f"{task}_limit",
            )  # fmt: skip
    band = [
        (snr, limits[snr]["modulation_low"], limits[snr]["modulation_high"])
        for snr in snrs
        if {"modulation_low", "modulation_high"} <= limits[snr].keys()
    ]
    if band:
        axes.fill_between(*zip(*band, strict=True), color=TASK_COLOURS["modulation"], alpha=0.15, linewidth=0)
    for method in dict.fromkeys(row["method"] for row in anchors):
        draw_method(axes, method, anchors)
    percent_axis(axes, "y")
    axes.set_ylim(-0.02, 1.02)
    axes.set(xlabel=snr_label(snr_definition), ylabel="Accuracy (%)")
    snr_ticks(axes, snrs)
    figure.legend(loc="outside lower center", ncols=3)
    axes.set_title("The best possible, and classical methods")
    return figure


def draw_method(axes, method: str, anchors: list[AnchorRow]) -> None:
    """One classical method as a thin line with its 95 % intervals."""
    rows = sorted((row for row in anchors if row["method"] == method), key=lambda row: row["snr"])
    colour = TASK_COLOURS.get(rows[0]["task"], "#6b7280")
    snrs = [row["snr"] for row in rows]
    axes.plot(
        snrs, [row["accuracy"] for row in rows], color=colour, linewidth=1.0, markersize=5,
        marker=METHOD_MARKERS.get(method, "."), markerfacecolor="none", gid=method,
        label=METHODS.get(method, method),
    )  # fmt: skip
    axes.vlines(snrs, [row["low"] for row in rows], [row["high"] for row in rows], color=colour, alpha=0.4)
