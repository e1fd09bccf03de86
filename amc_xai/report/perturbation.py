"""The figure of what masking costs, from ``pis.csv``."""

import math
from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from amc_xai.report.run_files import PisRow
from amc_xai.report.style import (
    INK,
    MARKERS,
    MUTED,
    SERIES,
    TASK_NAMES,
    TASKS,
    new_figure,
    percent_axis,
    styled,
)

_DASHES = ("-", "--", "-.", (0, (3, 1, 1, 1, 1, 1)))


@styled
def pis_by_fraction(rows: list[PisRow]) -> Figure:
    """Accuracy after masking and the Perturbation Impact Score against the masked fraction.

    A column a task; for every channel one row of panels for the accuracy and one for the score. A line is one
    selector (colour) with one operator (dashes); bands are 95 % intervals where the file has them. The score
    is ``pis_lit`` (drop / fraction of lit pixels really masked), or ``pis_nominal`` in a file without it.
    Lines carry the gid ``<selector>|<operator>|<task>|<channel>|accuracy`` or ``...|pis``; the dashed line is
    the accuracy before masking.
    """
    tasks = sorted(_seen(rows, "task"), key=lambda task: TASKS.index(task) if task in TASKS else len(TASKS))
    channels, selectors, operators = (_seen(rows, name) for name in ("channel", "selector", "operator"))
    score = "pis_lit" if any(math.isfinite(row.get("pis_lit", math.nan)) for row in rows) else "pis_nominal"
    figure = new_figure(3.3 * len(tasks) + 0.6, 4.9 * len(channels) + 0.7)
    grid = figure.subplots(2 * len(channels), len(tasks), squeeze=False, sharex=True, sharey="row")
    fractions = sorted({row["nominal_fraction"] for row in rows})
    for c, channel in enumerate(channels):
        for t, task in enumerate(tasks):
            here = [row for row in rows if (row["channel"], row["task"]) == (channel, task)]
            upper, lower = grid[2 * c][t], grid[2 * c + 1][t]
            for s, selector in enumerate(selectors):
                for o, operator in enumerate(operators):
                    mine = [row for row in here if (row["selector"], row["operator"]) == (selector, operator)]
                    mine.sort(key=lambda row: row["nominal_fraction"])
                    look = {
                        "color": SERIES[s % len(SERIES)],
                        "marker": MARKERS[s % len(MARKERS)],
                        "linestyle": _DASHES[o % len(_DASHES)],
                    }
                    # One fraction alone: side by side, or the intervals would hide each other.
                    place = s * len(operators) + o - (len(selectors) * len(operators) - 1) / 2
                    shift = 0.1 * place * fractions[0] if len(fractions) == 1 else 0.0
                    gid = f"{selector}|{operator}|{task}|{channel}"
                    _line(upper, mine, "accuracy", look, f"{gid}|accuracy", shift)
                    _line(lower, mine, score, look, f"{gid}|pis", shift)
            _finish(upper, lower, here, fractions)
            if t == 0:
                of = f" ({channel})" if len(channels) > 1 else ""
                upper.set_ylabel(f"Accuracy after\nmasking (%){of}")
                divisor = "share of lit pixels masked" if score == "pis_lit" else "nominal fraction"
                lower.set_ylabel(f"PIS{of}\n(drop / {divisor})")
            if c == 0:
                upper.set_title(TASK_NAMES.get(task, task))
            if c == len(channels) - 1:
                lower.set_xlabel("Masked share of lit pixels (%)")
    known = any(math.isfinite(row.get("drop_low", math.nan)) for row in rows)
    title = "What masking costs" + (", with 95 % intervals" if known else "")
    figure.suptitle(title, fontsize=12, fontweight="bold")
    handles = [
        Line2D([], [], color=SERIES[s % len(SERIES)], marker=MARKERS[s % len(MARKERS)], label=selector)
        for s, selector in enumerate(selectors)
    ]
    if len(operators) > 1:
        handles += [
            Line2D([], [], color=MUTED, linestyle=_DASHES[o % len(_DASHES)], label=operator)
            for o, operator in enumerate(operators)
        ]
    handles.append(Line2D([], [], color=INK, linewidth=1, linestyle=(0, (2, 2)), label="before masking"))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(5, len(handles)))
    return figure


def _seen(rows: Iterable[PisRow], name: str) -> list[str]:
    return list(dict.fromkeys(row[name] for row in rows))


def _line(axes: Axes, rows: list[PisRow], column: str, look: dict, gid: str, shift: float) -> None:
    points = [row for row in rows if math.isfinite(row.get(column, math.nan))]
    if not points:
        return
    x = [row["nominal_fraction"] + shift for row in points]
    y = [row[column] for row in points]
    axes.plot(x, y, gid=gid, **look)
    intervals = [_interval(row, column) for row in points]
    banded = [(a, *b) for a, b in zip(x, intervals, strict=True) if all(map(math.isfinite, b))]
    if len(banded) > 1:
        axes.fill_between(*zip(*banded, strict=True), color=look["color"], alpha=0.16, linewidth=0)
    elif banded:  # a band over one fraction has no width
        axes.vlines(*banded[0], color=look["color"], alpha=0.5, linewidth=3)


def _interval(row: PisRow, column: str) -> tuple[float, float]:
    return row.get(f"{column}_low", math.nan), row.get(f"{column}_high", math.nan)


def _finish(upper: Axes, lower: Axes, rows: list[PisRow], fractions: list[float]) -> None:
    before = [row["accuracy"] + row.get("drop", math.nan) for row in rows]
    before = [value for value in before if math.isfinite(value)]
    if before:
        upper.axhline(before[0], color=INK, linewidth=1, linestyle=(0, (2, 2)), gid="before")
    percent_axis(upper, "y")
    upper.set_ylim(-0.02, 1.02)
    lower.axhline(0, color=INK, linewidth=0.8)
    for axes in (upper, lower):
        if fractions[0] > 0 and fractions[-1] / fractions[0] >= 8:
            axes.set_xscale("log")
        if len(fractions) <= 8:
            axes.set_xticks(fractions, [f"{100 * fraction:g}" for fraction in fractions])
            axes.set_xticks([], minor=True)
        else:
            percent_axis(axes, "x", full=False)
