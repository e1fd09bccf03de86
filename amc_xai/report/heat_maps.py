"""Heat maps by class and by SNR of what masks cost and channels are worth; cells that say little are hatched."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, SymLogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch, Rectangle

from amc_xai.report.attribution_files import read_table
from amc_xai.report.players import EVERYWHERE, TASKS, certain
from amc_xai.report.run_files import PisRow
from amc_xai.report.style import INK, TASK_NAMES, decibels, new_figure, snr_label, styled

UNKNOWN = "#d5d8dd"
HATCH = "////"
Row = dict[str, Any]


def draw_heat(axes: Axes, values: np.ndarray, sure: np.ndarray, norm: Normalize) -> AxesImage:
    """Draw a table; hatch the cells that aren't ``sure``, leave those without a value grey.

    Hatches carry the gid ``uncertain|<row>|<column>``.
    """
    axes.set_facecolor(UNKNOWN)
    image = axes.imshow(values, cmap="RdBu_r", norm=norm, aspect="auto", interpolation="nearest")
    for r, c in np.argwhere(~sure & np.isfinite(values)):
        axes.add_patch(
            Rectangle(
                (c - 0.5, r - 0.5), 1, 1, fill=False, hatch=HATCH, edgecolor="#8a919d", linewidth=0,
                gid=f"uncertain|{r}|{c}",
            )
        )  # fmt: skip
    axes.grid(False)
    axes.tick_params(length=0)
    return image


def legend(figure: Figure) -> None:
    """Say what hatches mean."""
    patch = Patch(fill=False, hatch=HATCH, edgecolor="#8a919d", linewidth=0, label="not told from 0")
    figure.legend(handles=[patch], loc="outside lower right", fontsize=9)


def ordered(rows: Sequence[Row], label: str) -> tuple[list[str], list[str]]:
    """The classes or SNRs of a table in their order, and as they are shown."""
    names = list(dict.fromkeys(row[label] for row in rows))
    if label == "snr":
        names.sort(key=float)
    return names, [decibels(float(name)) if label == "snr" else str(name) for name in names]


@styled
def pis_map(rows: list[PisRow], label: str, axis: str) -> Figure:
    """PIS (drop / share of lit pixels masked) as a heat map: a row a class or SNR, a column a mask.

    A panel a channel; one colour scale, symmetric and logarithmic beyond +-1. Axes carry the gid ``<channel>``;
    a cell whose drop isn't told from 0 (false-discovery rate above 5 %) is hatched.
    """
    channels = list(dict.fromkeys(row["channel"] for row in rows))
    names, shown = ordered(rows, label)
    several = len({row.get("operator", "") for row in rows}) > 1
    masks = {
        channel: list(
            dict.fromkeys(
                (row["selector"], row.get("operator", ""), row["nominal_fraction"])
                for row in sorted(rows, key=lambda row: row["nominal_fraction"])
                if row["channel"] == channel
            )
        )
        for channel in channels
    }
    selectors = list(dict.fromkeys(row["selector"] for row in rows))
    for mine in masks.values():
        mine.sort(key=lambda mask: (selectors.index(mask[0]), mask[1], mask[2]))
    largest = max((abs(row["pis_lit"]) for row in rows if math.isfinite(row["pis_lit"])), default=1.0)
    norm = SymLogNorm(1.0, vmin=-max(largest, 1.01), vmax=max(largest, 1.01))
    counts = [len(masks[channel]) for channel in channels]
    figure = new_figure(max(5.0, 0.3 * sum(counts) + 0.3 * len(channels) + 2.6), 0.24 * len(names) + 2.6)
    grid = figure.subplots(1, len(channels), squeeze=False, sharey=True, width_ratios=counts)[0]
    for axes, channel in zip(grid, channels, strict=True):
        mine = masks[channel]
        values = np.full((len(names), len(mine)), np.nan)
        sure = np.zeros(values.shape, dtype=bool)
        for row in rows:
            if row["channel"] == channel:
                column = mine.index((row["selector"], row.get("operator", ""), row["nominal_fraction"]))
                place = names.index(row[label]), column
                values[place], sure[place] = row["pis_lit"], certain(row)
        image = draw_heat(axes, values, sure, norm)
        axes.set_gid(channel)
        texts = [
            f"{s.replace('_', ' ')}{f', {operator}' if several else ''} {100 * fraction:g} %"
            for s, operator, fraction in mine
        ]
        axes.set_xticks(range(len(mine)), texts, rotation=90, fontsize=8)
        title = "all channels" if channel == EVERYWHERE else channel.replace("_", " ")
        axes.set_title(title, fontsize=9, loc="center")
    grid[0].set_yticks(range(len(names)), shown, fontsize=8)
    grid[0].set_ylabel(axis)
    task = TASK_NAMES[rows[0]["task"]]
    figure.suptitle(
        f"{task} accuracy lost to masks, by {label if label != 'snr' else 'SNR'}", fontsize=12, fontweight="bold"
    )
    figure.colorbar(image, ax=list(grid), shrink=0.8, label="PIS (drop / share masked)")
    legend(figure)
    return figure


@styled
def channel_map(rows: list[Row], label: str, axis: str) -> Figure:
    """What swapping each channel costs, by class or SNR: a panel a task, a column a channel, points in the cells.

    The axes carry the gid ``<task>``; cells that aren't told from 0 are hatched.
    """
    rows = [row for row in rows if row["measure"] == "swap" and row["task"] in TASKS]
    channels = list(dict.fromkeys(row["channel"] for row in rows))
    names, shown = ordered(rows, label)
    largest = max((abs(row["value"]) for row in rows), default=1.0) or 1.0
    figure = new_figure(max(6.4, 1.25 * len(channels) + 2.4), 0.26 * len(names) + 2.0)
    grid = figure.subplots(1, len(TASKS), sharey=True)
    for axes, task in zip(grid, TASKS, strict=True):
        values = np.full((len(names), len(channels)), np.nan)
        sure = np.zeros(values.shape, dtype=bool)
        for row in rows:
            if row["task"] == task:
                place = names.index(row[label]), channels.index(row["channel"])
                values[place], sure[place] = row["value"], certain(row)
        image = draw_heat(axes, 100 * values, sure, Normalize(-100 * largest, 100 * largest))
        axes.set_gid(task)
        for r, c in np.argwhere(sure):
            colour = "white" if abs(values[r, c]) > 0.6 * largest else INK
            text = f"{100 * values[r, c]:.0f}".replace("-", "\N{MINUS SIGN}")
            axes.text(c, r, text, ha="center", va="center", fontsize=7.5, color=colour)
        axes.set_xticks(range(len(channels)), [c.replace("_", " ") for c in channels], rotation=40, ha="right")
        axes.set_title(TASK_NAMES[task], fontsize=10)
    grid[0].set_yticks(range(len(names)), shown, fontsize=8)
    grid[0].set_ylabel(axis)
    figure.suptitle(
        f"Accuracy lost when a channel is another frame's, by {'SNR' if label == 'snr' else label}",
        fontsize=12, fontweight="bold",
    )  # fmt: skip
    figure.colorbar(image, ax=list(grid), shrink=0.8, label="Accuracy lost (points)")
    legend(figure)
    return figure


def channel_maps(folder: Path, definition: str | None = None):
    """Yield (name, figure) for each of the tables of channels by class and by SNR in ``folder``."""
    for name, label in (("channels_by_class", "modulation"), ("channels_by_snr", "snr")):
        path = folder / f"{name}.csv"
        if path.exists():
            rows = read_table(path, (label, "channel", "task", "measure", "value", "low", "high"))
            if len({row["channel"] for row in rows}) > 1:
                axis = "Modulation" if label == "modulation" else snr_label(definition)
                yield name, channel_map(rows, label, axis)
