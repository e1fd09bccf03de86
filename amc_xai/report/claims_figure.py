"""The figure of ``task=claims``: each claim's effects with their intervals, and the bound that decides."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from amc_xai.report.claims_table import AS_PUBLISHED, CLAIMS, Row, told_rows
from amc_xai.report.style import INK, MARKERS, MUTED, SERIES, TASK_NAMES, new_figure, plain, styled

UNDECIDED = "not decided"


@styled
def claims_figure(rows: Sequence[Row]) -> Figure:
    """A panel a claim, a line a way to mask, a task or a pair of operators, a colour a network.

    Marks carry the gid ``<claim>|<network>|<how>|<task>``, intervals the same with ``|interval``; hollow marks are
    not decided. A black diamond is what was published, the dashed line the bound.
    """
    rows = told_rows(list(rows))
    names = list(dict.fromkeys(row["network"] for row in rows))
    claims = [claim for claim in CLAIMS if any(row["claim"] == claim for row in rows)]
    lines = {claim: list(dict.fromkeys(line_of(row) for row in rows if row["claim"] == claim)) for claim in claims}
    heights = [len(lines[claim]) + 1.6 for claim in claims]
    figure = new_figure(9.0, 0.9 + 0.34 * sum(heights) + 0.35 * len(claims))
    grid = figure.subplots(len(claims), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, claim in zip(grid, claims, strict=True):
        _panel(axes, claim, [row for row in rows if row["claim"] == claim], lines[claim], names)
    dot = {"linestyle": "none", "markersize": 6}
    handles = [
        Line2D([], [], color=SERIES[k], marker=MARKERS[k], label=f"experiment={name}", **dot)
        for k, name in enumerate(names)
    ]
    if any(is_published(row) for row in rows):
        handles.append(Line2D([], [], color=INK, marker="D", label="published", **dot))
    handles.append(Line2D([], [], color=INK, linestyle=(0, (4, 2)), linewidth=1, label="bound of the verdict"))
    if any(row["verdict"] == UNDECIDED for row in rows):
        hollow = {"marker": "o", "color": MUTED, "markerfacecolor": "white"}
        handles.append(Line2D([], [], label=f"hollow: {UNDECIDED}", **hollow, **dot))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))
    return figure


def line_of(row: Row) -> str:
    """What a row stands for within its claim."""
    return TASK_NAMES[row["task"]] if row["claim"] == "joint" else row["how"]


def is_published(row: Row) -> bool:
    """Whether the published number is of the same masks."""
    return row["how"] == AS_PUBLISHED and math.isfinite(row["published"])


def _panel(axes: Axes, claim: str, rows: list[Row], lines: list[str], names: list[str]) -> None:
    told, scale = CLAIMS[claim], 100 if CLAIMS[claim].unit else 1
    for row in rows:
        k = names.index(row["network"])
        y = lines.index(line_of(row)) + (k - (len(names) - 1) / 2) * 0.3
        gid = "|".join((claim, row["network"], row["how"], row["task"]))
        colour, decided = SERIES[k % len(SERIES)], row["verdict"] != UNDECIDED
        if math.isfinite(row["low"]) and math.isfinite(row["high"]):
            drawn = axes.hlines(y, scale * row["low"], scale * row["high"], color=colour, linewidth=2, alpha=0.5)
            drawn.set_gid(f"{gid}|interval")
        axes.plot(
            [scale * row["value"]], [y], linestyle="none", marker=MARKERS[k % len(MARKERS)], markersize=6,
            zorder=3, color=colour, markerfacecolor=colour if decided else "white", gid=gid,
        )  # fmt: skip
        if is_published(row):
            at = lines.index(line_of(row))
            axes.plot([scale * row["published"]], [at], color=INK, marker="D", markersize=6, zorder=2)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.axvline(scale * told.bound, color=INK, linewidth=1, linestyle=(0, (4, 2)), gid=f"{claim}|bound")
    axes.set_yticks(range(len(lines)), [plain(line) for line in lines])
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xlabel(told.measured + (f" ({told.unit})" if told.unit else ""))
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}".replace("-", "\N{MINUS SIGN}"))
    shares = sorted({row["fraction"] for row in rows if math.isfinite(row["fraction"])})
    axes.set_title(told.statement + "".join(f" ({100 * share:g} % of the lit pixels)" for share in shares))
