"""Dot plots of what each channel, and each set of symbols or pixels, is worth; with intervals."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from amc_xai.report.run_files import PisRow
from amc_xai.report.style import BLUE, INK, MUTED, TASK_NAMES, VERMILION, new_figure, styled

Row = dict[str, Any]
TASKS = ("modulation", "snr")
# In the tables, the channel of what is taken from all of them.
EVERYWHERE = "all"
# And of pixels that are masked in all of them at once.
TOGETHER = "together"
# What names a mask in the tables.
MASK = ("channel", "selector", "operator", "nominal_fraction")
# Above this false-discovery rate an effect isn't told from none.
SURE = 0.05


class Dots(NamedTuple):
    """One kind of marks of a dot plot: its name, its look, and what a row's value, interval and certainty are."""

    name: str
    gid: str
    look: dict[str, Any]
    of: Callable[[Any, str], tuple[float, float, float, bool] | None]


def certain(row: Row) -> bool:
    """Whether a row's effect is told from none: its false-discovery rate, else its interval, says so."""
    if math.isfinite(q := row.get("q_value", math.nan)):
        return q < SURE
    low, high = (row.get(f"drop_{end}", row.get(end, math.nan)) for end in ("low", "high"))
    return math.isfinite(low) and (low > 0 or high < 0)


def dot_plot(labels: Sequence[str], items: Sequence[Any], kinds: Sequence[Dots], title: str, label: str) -> Figure:
    """A line of the plot for each item, a panel a task; marks that are not told from 0 are hollow.

    Marks carry the gid ``<kind>|<label>|<task>``, intervals the same with ``|interval``.
    """
    figure = new_figure(8.2, 1.5 + 0.19 * (len(items) + 1) * max(1.0, 0.72 * len(kinds)))
    grid = figure.subplots(1, len(TASKS), sharey=True, sharex=True)
    for axes, task in zip(grid, TASKS, strict=True):
        for k, kind in enumerate(kinds):
            shift = (k - (len(kinds) - 1) / 2) * 0.3
            for y, item in enumerate(items):
                found = kind.of(item, task)
                if found is None or not math.isfinite(found[0]):
                    continue
                value, low, high, sure = found
                gid = f"{kind.gid}|{labels[y]}|{task}"
                colour = kind.look["color"]
                if math.isfinite(low) and math.isfinite(high):
                    lines = axes.hlines(y + shift, 100 * low, 100 * high, color=colour, linewidth=2, alpha=0.5)
                    lines.set_gid(f"{gid}|interval")
                axes.plot(
                    [100 * value], [y + shift], linestyle="none", gid=gid, zorder=3, markersize=5.5,
                    markerfacecolor=colour if sure else "white", markeredgecolor=colour, markeredgewidth=1.2,
                    **kind.look,
                )  # fmt: skip
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_title(TASK_NAMES[task])
        axes.set_xlabel(label)
        axes.set_ylim(len(items) - 0.4, -0.6)
        # None at the ends, where the labels of two panels would meet.
        axes.xaxis.set_major_locator(MaxNLocator(6, prune="both"))
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}".replace("-", "\N{MINUS SIGN}"))
    grid[0].set_yticks(range(len(items)), labels)
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    dot = {"linestyle": "none", "markersize": 5.5}
    handles = [Line2D([], [], label=kind.name, **kind.look, **dot) for kind in kinds]
    handles.append(
        Line2D([], [], marker="o", color=MUTED, markerfacecolor="white", label="hollow: not told from 0", **dot)
    )
    figure.legend(handles=handles, loc="outside lower center", ncols=2 if len(handles) > 3 else 3, fontsize=9)
    return figure


@styled
def channels_figure(rows: list[Row]) -> Figure:
    """What each channel is worth, from ``channels.csv``: by swapping it alone, and by Shapley's value."""
    found = {(row["channel"], row["task"], row["measure"]): row for row in rows}
    worth = {channel: 0.0 for channel in dict.fromkeys(row["channel"] for row in rows)}
    for channel in worth:
        mine = [row["value"] for row in rows if row["channel"] == channel and row["task"] in TASKS]
        worth[channel] = max(mine, default=0.0)
    names = sorted(worth, key=lambda channel: -worth[channel])

    def of(measure: str) -> Callable[[str, str], tuple[float, float, float, bool] | None]:
        def read(channel: str, task: str) -> tuple[float, float, float, bool] | None:
            row = found.get((channel, task, measure))
            return None if row is None else (row["value"], row["low"], row["high"], certain(row))

        return read

    kinds = [Dots("swapped alone for another frame's", "swap", {"color": BLUE, "marker": "o"}, of("swap"))]
    if any(row["measure"] == "shapley" for row in rows):
        look = {"color": VERMILION, "marker": "s"}
        kinds.append(Dots("its share of the whole (Shapley value)", "shapley", look, of("shapley")))
    return dot_plot(
        [name.replace("_", " ") for name in names], names, kinds, "What each channel is worth",
        "Accuracy (points)",
    )  # fmt: skip


@styled
def drops_figure(rows: list[PisRow], title: str) -> Figure:
    """What each mask of ``pis.csv`` costs, and its control beside it: a line for each mask, ordered by channel."""
    masks, labels = _masks(rows)
    found = {(*(row[key] for key in MASK), row["task"]): row for row in rows}

    def drop(mask: tuple, task: str) -> tuple[float, float, float, bool] | None:
        row = found.get((*mask, task))
        if row is None:
            return None
        value, low, high = (row.get(name, math.nan) for name in ("drop", "drop_low", "drop_high"))
        return value, low, high, certain(row)

    def control(mask: tuple, task: str) -> tuple[float, float, float, bool] | None:
        row = found.get((*mask, task), {})
        return row.get("control_drop", math.nan), math.nan, math.nan, True

    kinds = [Dots("this mask", "mask", {"color": BLUE, "marker": "o"}, drop)]
    if any(math.isfinite(row.get("control_drop", math.nan)) for row in rows):
        kinds.append(Dots("as many at random", "control", {"color": MUTED, "marker": "D"}, control))
    return dot_plot(labels, masks, kinds, title, "Accuracy lost (points)")


@styled
def f1_figure(rows: list[Row]) -> Figure:
    """What each mask of ``perturbed_f1.csv`` costs of F1: a line for each mask, ordered by channel."""
    masks, labels = _masks(rows)
    found = {tuple(row[key] for key in MASK): row for row in rows}

    def loss(mask: tuple, task: str) -> tuple[float, float, float, bool] | None:
        row, name = found[mask], f"{task}_f1_macro"
        # Tables of earlier versions have no intervals.
        low, high, q = (row.get(f"{name}_loss_{end}", math.nan) for end in ("low", "high", "q_value"))
        return row[f"{name}_before"] - row[name], low, high, certain({"low": low, "high": high, "q_value": q})

    kinds = [Dots("this mask", "mask", {"color": BLUE, "marker": "o"}, loss)]
    return dot_plot(labels, masks, kinds, "What masking costs of F1", "F1 lost (points)")


def _masks(rows: Sequence[Row]) -> tuple[list[tuple], list[str]]:
    """The masks of a table, ordered by channel, and what each is called."""
    masks = list(dict.fromkeys(tuple(row[key] for key in MASK) for row in rows))
    channels, selectors, operators = (list(dict.fromkeys(mask[k] for mask in masks)) for k in range(3))
    masks.sort(key=lambda m: (channels.index(m[0]), selectors.index(m[1]), m[3], operators.index(m[2])))
    labels = [
        ", ".join([m[0]] * (len(channels) > 1) + [m[1].replace("_", " ")] + [m[2]] * (len(operators) > 1))
        + f" {100 * m[3]:g} %"
        for m in masks
    ]
    return masks, labels


def by_symbols(rows: list[PisRow]) -> tuple[list[PisRow], list[PisRow]]:
    """The rows of a ``pis.csv`` that take symbols out of all channels, and those that mask pixels of one."""
    symbols = [row for row in rows if row["channel"] == EVERYWHERE]
    return symbols, [row for row in rows if row["channel"] != EVERYWHERE]


def few_fractions(rows: list[PisRow]) -> bool:
    """Whether so few shares were masked that dots say more than lines."""
    return len(np.unique([row["nominal_fraction"] for row in rows])) < 4
