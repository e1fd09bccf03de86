"""The figure of how a training went, from ``history.jsonl``."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from amc_xai.report.run_files import series
from amc_xai.report.style import (
    INK,
    MUTED,
    SERIES,
    TASK_COLOURS,
    TASK_NAMES,
    TASKS,
    VERMILION,
    in_words,
    new_figure,
    percent_axis,
    styled,
)

_PANELS: tuple[tuple[str, str, dict[str, tuple[str, str, str]]], ...] = (
    (
        "Loss",
        "Loss",
        {"train_loss": ("Training", MUTED, "--"), "validation_loss": ("Validation", INK, "-")},
    ),
    (
        "Validation accuracy",
        "Accuracy (%)",
        {f"validation_{t}_accuracy": (TASK_NAMES[t], TASK_COLOURS[t], "-") for t in TASKS},
    ),
    (
        "Weight of each task in the loss",
        "Normalised weight",
        {f"weight_{t}": (TASK_NAMES[t], TASK_COLOURS[t], "-") for t in TASKS[:2]},
    ),
    ("Learning rate", "Learning rate", {"learning_rate": ("Learning rate", INK, "-")}),
)
# Of what a part adds, by first word: the panel's title and the name of its axis, of shares from 0 to 1.
_SHARES = {"gate": ("Share of each expert in the gate", "Mean share")}
# Not drawn: what a clock says is no course of a training.
_SILENT = ("epoch", "seconds", "frames_per_second")


@styled
def training_curves(epochs: list[dict[str, Any]]) -> Figure:
    """Losses, validation accuracies, normalised loss weights and learning rate by epoch.

    A panel is there if the history holds one of its fields; each line's gid is its field. Numbers that a part
    adds (``gate_low``, ``curriculum_share``) follow, one panel for those that begin with the same word. The epoch
    of the lowest validation loss is marked in every panel.
    """
    panels = [panel for panel in _PANELS if any(series(epochs, name)[1] for name in panel[2])]
    panels += _further_panels(epochs)
    columns = min(2, len(panels)) or 1
    rows = math.ceil(len(panels) / columns) or 1
    figure = new_figure(4.9 * columns, 3.2 * rows + 0.3)
    best = _best_epoch(epochs)
    for index, (title, label, lines) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, index + 1)
        for name, (text, colour, dashes) in lines.items():
            x, y = series(epochs, name)
            if y:
                marker = "o" if len(y) < 4 else None
                axes.plot(x, y, color=colour, linestyle=dashes, label=text, marker=marker, gid=name)
        if best is not None:
            axes.axvline(best, color=VERMILION, linewidth=1, linestyle=":", gid="best")
        axes.set_title(title)
        axes.set(xlabel="Epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        _scale(axes, title)
        if len(axes.get_legend_handles_labels()[0]) > 1:
            axes.legend(fontsize=9 if len(lines) < 5 else 7, loc="best", ncols=1 + len(lines) // 7)
    if best is not None:
        figure.supxlabel(f"Dotted: epoch {best:g}, the lowest validation loss", fontsize=9, color=MUTED)
    return figure


def _further_panels(epochs: list[dict[str, Any]]) -> list[tuple[str, str, dict[str, tuple[str, str, str]]]]:
    """Panels for the numeric fields that no panel above draws, in the order in which they first appear."""
    drawn = {name for panel in _PANELS for name in panel[2]} | set(_SILENT)
    names = dict.fromkeys(name for epoch in epochs for name in epoch if name not in drawn)
    words: dict[str, list[str]] = {}
    for name in names:
        if series(epochs, name)[1]:
            words.setdefault(name.partition("_")[0], []).append(name)
    panels = []
    for word, fields in words.items():
        lines = {
            name: (
                in_words(name.removeprefix(f"{word}_")),
                SERIES[index % len(SERIES)] if len(fields) > 1 else INK,
                ("-", "--", ":", "-.")[index // len(SERIES) % 4],
            )
            for index, name in enumerate(fields)
        }
        title = in_words(word if len(fields) > 1 else fields[0])
        panels.append((*_SHARES.get(word, (title, "Value")), lines))
    return panels


def _best_epoch(epochs: list[dict[str, Any]]) -> float | None:
    x, y = series(epochs, "validation_loss")
    return x[int(np.argmin(y))] if y else None


def _scale(axes: Axes, title: str) -> None:
    values = np.concatenate([line.get_ydata() for line in axes.get_lines() if line.get_gid() != "best"])
    if title == "Validation accuracy":
        percent_axis(axes, "y")
        axes.set_ylim(-0.02, 1.02)
    elif title in ("Weight of each task in the loss", *(title for title, _ in _SHARES.values())):
        axes.set_ylim(0, max(1.0, 1.05 * values.max()))
    elif values.min() > 0 and values.max() / values.min() > 30:
        axes.set_yscale("log")
    else:
        axes.set_ylim(0 if values.min() >= 0 else None, None)
    if title == "Learning rate" and axes.get_yscale() == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(lambda rate, _: f"{rate:g}")
