"""Figures of how right a run is: by SNR, by class, and what it takes for what."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from amc_xai.evaluation.confusion import divide
from amc_xai.evaluation.intervals import wilson
from amc_xai.evaluation.limit import Limits
from amc_xai.evaluation.metrics import accuracy_counts_by_snr, chance
from amc_xai.evaluation.predictions import Predictions
from amc_xai.report.anchors import METHODS, AnchorRow, draw_method, look_of, methods_of
from amc_xai.report.limits import LIMIT_NAMES, LIMITS, draw_limits
from amc_xai.report.style import (
    BLUE,
    INK,
    MUTED,
    TASK_COLOURS,
    TASK_MARKERS,
    TASK_NAMES,
    TASKS,
    es_n0_axis,
    new_figure,
    percent_axis,
    snr_label,
    snr_ticks,
    styled,
)

ANNOTATED_CLASSES = 12


@styled
def accuracy_by_snr(
    predictions: Predictions,
    *,
    snr_definition: str | None = None,
    limits: Limits | None = None,
    anchors: Sequence[AnchorRow] = (),
    es_n0_db: Mapping[float, float | None] | None = None,
) -> Figure:
    """Three accuracies against SNR with 95 % Wilson bands; chance dotted, limits dashed where they are known.

    With ``anchors`` each task has a panel of its own, in which its classical methods stand as thin grey lines;
    without, all share one. The lines carry the gids ``<task>``, ``<task>_limit``,
    ``<task>_reachable``, ``<task>_chance`` and the method's name. ``es_n0_db``: label -> Es/N0, for a second axis.
    """
    figure = new_figure(10.6, 4.3) if anchors else new_figure(8.2, 5.0)
    axes_of = _panels(figure, apart=bool(anchors))
    order = np.argsort(predictions.snrs)
    snrs = predictions.snrs[order]
    guess = chance(predictions)
    for task, axes in axes_of.items():
        right, frames = (counts[order] for counts in accuracy_counts_by_snr(predictions)[f"{task}_accuracy"])
        _draw_run(axes, task, snrs, right, frames)
        colour = TASK_COLOURS[task]
        axes.axhline(guess[f"{task}_accuracy"], color=colour, linestyle=":", linewidth=1.2, gid=f"{task}_chance")
    known = draw_limits(axes_of, limits or {})
    for task, axes in axes_of.items():
        for method in methods_of(anchors, task):
            draw_method(axes, method, anchors)

    figure.legend(**_legend(known, methods_of(anchors)), loc="outside lower center", columnspacing=1.6)
    for axes in figure.axes:
        percent_axis(axes, "y")
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(snr_label(snr_definition))
        snr_ticks(axes, snrs, most=9 if anchors else 17)
        es_n0_axis(axes, es_n0_db or {})
    figure.axes[0].set_ylabel("Accuracy (%)")
    return figure


def _panels(figure: Figure, *, apart: bool) -> dict[str, Axes]:
    """The axes of each task: side by side, or one and the same."""
    title = "Accuracy by SNR, with 95 % intervals"
    if not apart:
        axes = figure.add_subplot()
        axes.set_title(title)
        return dict.fromkeys(TASKS, axes)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    axes_of = {task: figure.add_subplot(1, len(TASKS), place) for place, task in enumerate(TASKS, start=1)}
    for task, axes in axes_of.items():
        axes.set_title(TASK_NAMES[task], fontsize=10)
    return axes_of


def _draw_run(axes: Axes, task: str, snrs: np.ndarray, right: np.ndarray, frames: np.ndarray) -> None:
    low, high = wilson(right, frames)
    colour = TASK_COLOURS[task]
    axes.fill_between(snrs, low, high, color=colour, alpha=0.18, linewidth=0)
    if len(snrs) == 1:  # a band over one SNR has no width: show the interval as a bar
        axes.vlines(snrs, low, high, color=colour, alpha=0.5, linewidth=4)
    axes.plot(snrs, divide(right, frames), color=colour, marker=TASK_MARKERS[task], gid=task)


def _legend(known: Sequence[str], methods: Sequence[str]) -> dict[str, Any]:
    """Handles and columns: a row for the run, below it one for the classical methods."""
    handles = [
        Line2D([], [], color=TASK_COLOURS[task], marker=TASK_MARKERS[task], label=TASK_NAMES[task])
        for task in TASKS
    ]
    handles += [Line2D([], [], color=MUTED, **LIMITS[kind][1], label=LIMIT_NAMES[kind]) for kind in known]
    handles.append(Line2D([], [], color=MUTED, linestyle=":", linewidth=1.2, label="Chance"))
    columns = max(len(handles), len(methods))
    below = [Line2D([], [], **look_of(method), label=METHODS.get(method, method)) for method in methods]
    # A legend is filled column by column.
    pairs = zip_longest(handles, below)
    return {"handles": [handle for pair in pairs for handle in pair if handle is not None], "ncols": columns}


@styled
def confusion_figure(counts: np.ndarray, names: list[str], *, title: str, quantity: str) -> Figure:
    """Confusion counts (K, K), rows true, as shares of each row in percent; grey rows have no frame.

    Up to ``ANNOTATED_CLASSES`` classes, every cell carries its share; above that, colour alone. The colour
    goes with share ** 0.6, so that confusions of a few percent can be seen.
    """
    shares = divide(counts, counts.sum(axis=1, keepdims=True))
    classes = len(names)
    side = float(np.clip(2.6 + 0.36 * classes, 4.4, 9.4))
    figure = new_figure(side + 0.8, side)
    axes = figure.add_subplot()
    axes.set_facecolor("#d5d8dd")  # shows through where a row is NaN
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.6, vmin=0, vmax=1), interpolation="nearest")
    size = 9.5 if classes <= 17 else 8
    axes.set_xticks(range(classes), names, rotation=90 if max(map(len, names)) > 3 else 0, fontsize=size)
    axes.set_yticks(range(classes), names, fontsize=size)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
    # Thin rules between the cells let the eye follow a row to its name.
    axes.set_xticks(np.arange(0.5, classes - 1), minor=True)
    axes.set_yticks(np.arange(0.5, classes - 1), minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8)
    axes.tick_params(which="minor", length=0)
    if classes <= ANNOTATED_CLASSES:
        for (row, column), share in np.ndenumerate(shares):
            if share > 0:
                text = "<1" if share < 0.01 else f"{100 * share:.0f}"
                colour = "white" if share > 0.4 else INK
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    axes.set(xlabel=f"Predicted {quantity}", ylabel=f"True {quantity}")
    axes.set_title(title)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=24, pad=0.02, label="Share of the true class (%)")
    percent_axis(bar.ax, "y")
    bar.outline.set_visible(False)
    return figure


@styled
def f1_by_class(metrics: Mapping[str, Any]) -> Figure:
    """F1 of every modulation, best on top, beside the macro mean and its interval; from ``metrics.json``."""
    scored = [row for row in metrics["by_class"] if row["f1"] is not None]
    rows = sorted(scored, key=lambda row: -row["f1"])
    rows += [row for row in metrics["by_class"] if row["f1"] is None]
    figure = new_figure(8.2, 1.5 + 0.27 * len(rows))
    axes = figure.add_subplot()
    macro, interval = (
        metrics.get("modulation_f1_macro"),
        metrics.get("interval95", {}).get("modulation_f1_macro"),
    )
    if interval:
        axes.axvspan(*interval, color="#9aa1ad", alpha=0.35, linewidth=0)
    if macro is not None:
        axes.axvline(macro, color=MUTED, linewidth=1.2)
        axes.text(
            macro,
            1.0,
            f"macro mean {macro:.3f}",
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="bottom",
            color=MUTED,
            fontsize=9,
        )
    values = [row["f1"] or 0.0 for row in rows]
    axes.barh(range(len(rows)), values, color=BLUE, height=0.72)
    for position, row in enumerate(rows):
        text = "no frames" if row["f1"] is None else f"{row['f1']:.3f}"
        inside = values[position] > 0.12  # within the bar, clear of the line of the mean
        axes.text(
            values[position] + (-0.008 if inside else 0.008),
            position,
            text,
            ha="right" if inside else "left",
            va="center",
            fontsize=9,
            color="white" if inside else MUTED,
        )
    axes.set_yticks(range(len(rows)), [row["modulation"] for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("F1 (harmonic mean of precision and recall)")
    axes.set_title("F1 by modulation", pad=18)
    return figure
