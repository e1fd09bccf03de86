"""Figure of ``task=stress``: a panel for each impairment, what the training knew shaded."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from amc_xai.errors import UserError
from amc_xai.report.style import (
    GRID,
    TASK_COLOURS,
    TASK_MARKERS,
    TASK_NAMES,
    new_figure,
    percent_axis,
    styled,
)

COLUMNS = 3
TITLES = {
    "es_n0": "Es/N0", "carrier_offset": "Carrier offset", "samples_per_symbol": "Samples a symbol",
    "symbol_rate_error": "Symbol rate told wrongly", "roll_off": "Roll-off", "pulse": "Pulse",
    "frame_length": "Frame length", "channel_filter": "Channel filter", "dc": "DC", "iq_gain": "I/Q gain",
    "iq_phase": "I/Q phase", "phase_noise": "Phase noise", "clock_offset": "Clock offset",
    "rayleigh": "Rayleigh fading", "quantisation": "Quantisation",
}  # fmt: skip
SHORT_PULSES = {
    "root_raised_cosine": "root r. c.", "raised_cosine": "raised cos.", "rectangular": "rect.",
    "half_sine": "half sine", "gaussian": "Gauss", "radioml2018": "RadioML",
}  # fmt: skip


def read_stress(path: Path) -> list[dict[str, Any]]:
    """Rows of ``stress.csv``: numbers as floats, ``inside_training`` as True, False or None (not known).

    Raises ``UserError`` for a cell that can't be read.
    """
    rows = []
    with path.open(newline="", encoding="utf-8") as file:
        for number, cells in enumerate(csv.DictReader(file), start=2):
            try:
                row = {name: cells[name] for name in ("impairment", "strength", "unit", "task")}
                row |= {name: float(cells[name]) for name in ("accuracy", "low", "high")}
                row["frames"] = int(cells["frames"])
                row["inside_training"] = {"true": True, "false": False}.get(cells["inside_training"])
            except (KeyError, ValueError, TypeError) as error:
                raise UserError(f"stress: line {number} of '{path}' can't be read ({error}).") from error
            rows.append(row)
    return rows


@styled
def stress_figure(rows: Sequence[dict[str, Any]]) -> Figure:
    """Accuracies with 95 % intervals against the strengths of each impairment, evenly spaced.

    Strengths that the training knew stand on grey. Lines carry the gids ``<impairment>|<task>``.
    """
    names = list(dict.fromkeys(row["impairment"] for row in rows))
    high = -(-len(names) // COLUMNS)
    figure = new_figure(12.0, 0.8 + 2.6 * high)
    for place, name in enumerate(names, start=1):
        mine = [row for row in rows if row["impairment"] == name]
        _panel(figure.add_subplot(high, COLUMNS, place), name, mine)
    tasks = [task for task in TASK_NAMES if any(row["task"] == task for row in rows)]
    handles: list[Any] = [
        Line2D([], [], color=TASK_COLOURS[task], marker=TASK_MARKERS[task], label=TASK_NAMES[task])
        for task in tasks
    ]
    if any(row["inside_training"] for row in rows):
        handles.append(Patch(facecolor=GRID, label="Known from training"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    title = "Accuracy in percent against one impairment at a time, with 95 % intervals"
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    return figure


def _panel(axes: Axes, name: str, rows: list[dict[str, Any]]) -> None:
    strengths = list(dict.fromkeys(row["strength"] for row in rows))
    for place, strength in enumerate(strengths):
        if any(row["inside_training"] for row in rows if row["strength"] == strength):
            axes.axvspan(place - 0.5, place + 0.5, color=GRID, linewidth=0, zorder=0)
    for task in TASK_NAMES:
        points = [(strengths.index(row["strength"]), row) for row in rows if row["task"] == task]
        if not points:
            continue
        places, values = zip(*points, strict=True)
        low, high = ([row[end] for row in values] for end in ("low", "high"))
        axes.fill_between(places, low, high, color=TASK_COLOURS[task], alpha=0.18, linewidth=0)
        axes.plot(
            places, [row["accuracy"] for row in values], color=TASK_COLOURS[task], marker=TASK_MARKERS[task],
            linewidth=1.4, markersize=3.5, gid=f"{name}|{task}",
        )  # fmt: skip
    axes.set_xlim(-0.5, len(strengths) - 0.5)
    axes.set_xticks(range(len(strengths)), [_short(strength) for strength in strengths], fontsize=7.5)
    if name == "pulse":
        axes.tick_params(axis="x", labelrotation=25)
    axes.set_ylim(-0.02, 1.02)
    percent_axis(axes, "y")
    unit = rows[0]["unit"]
    axes.set_title(TITLES.get(name, name) + (f" ({unit})" if unit else ""), fontsize=9.5)


def _short(strength: str) -> str:
    """A strength for an axis: the name of a pulse, or a number to four digits."""
    if strength in SHORT_PULSES:
        return SHORT_PULSES[strength]
    try:
        return f"{float(strength):.4g}"
    except ValueError:
        return strength
