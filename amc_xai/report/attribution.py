"""Figures of how far attribution can be trusted, from the tables that task=explain leaves."""

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from amc_xai.report.attribution_files import MeanCurve, controls_of, title_of
from amc_xai.report.style import INK, MARKERS, MUTED, SERIES, TASK_NAMES, new_figure, percent_axis, styled

Row = dict[str, Any]
TASKS = ("modulation", "snr")


def _look(names: list[str]) -> dict[str, dict]:
    """A colour for each method; its untrained twin shares it, dotted; other controls are grey."""
    methods = [name for name in names if name not in controls_of(names)]
    looks = {name: {"color": SERIES[i % len(SERIES)], "linestyle": "-"} for i, name in enumerate(methods)}
    for name in controls_of(names):
        twin = looks.get(name.removesuffix("_untrained"))
        if twin is not None:
            looks[name] = {"color": twin["color"], "linestyle": ":", "linewidth": 1.4}
        else:
            looks[name] = {"color": INK if name == "random" else MUTED, "linestyle": "--", "linewidth": 1.4}
    return looks


@styled
def faithfulness_curves(curves: list[MeanCurve], *, title: str = "Deletion and insertion") -> Figure:
    """Mean probability of the explained class as pixels go (above) or come (below), a column a task.

    Lines carry the gid ``<measure>|<method>|<task>``.
    """
    names = list(dict.fromkeys(curve.method for curve in curves))
    looks = _look(names)
    figure = new_figure(8.6, 6.6 + 0.22 * math.ceil(len(names) / 3))
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    for r, (measure, text) in enumerate((("deletion", "deleted"), ("insertion", "inserted"))):
        for c, task in enumerate(TASKS):
            axes = grid[r][c]
            for curve in curves:
                if (curve.measure, curve.task) == (measure, task):
                    gid = f"{measure}|{curve.method}|{task}"
                    axes.plot(curve.share, curve.probability, gid=gid, **looks[curve.method])
            percent_axis(axes, "x")
            percent_axis(axes, "y")
            axes.set_ylim(-0.02, 1.02)
            axes.set_xlabel(f"Lit pixels {text}, most relevant first (%)")
            axes.xaxis.set_tick_params(labelbottom=True)
            if c == 0:
                better = "lower is better" if measure == "deletion" else "higher is better"
                axes.set_ylabel(f"Probability of the class (%)\n{better}")
            if r == 0:
                axes.set_title(TASK_NAMES[task])
    figure.suptitle(title, fontsize=12, fontweight="bold")
    handles = [Line2D([], [], label=title_of(name), **looks[name]) for name in names]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(3, len(handles)), fontsize=9)
    return figure


@styled
def faithfulness_scores(rows: list[Row], *, title: str = "How faithful each map is") -> Figure:
    """Insertion less deletion area of every method and control, with 95 % intervals, a column a task.

    Points carry the gid ``<network>|<method>|<task>``.
    """
    names = list(dict.fromkeys(row["method"] for row in rows))
    names = [name for name in names if name not in controls_of(names)] + controls_of(names)
    judges = list(dict.fromkeys(row["network"] for row in rows))
    figure = new_figure(8.6, 1.7 + 0.3 * len(names))
    grid = figure.subplots(1, 2, sharey=True, sharex=True)
    for axes, task in zip(grid, TASKS, strict=True):
        for row in rows:
            if row["task"] != task:
                continue
            j = judges.index(row["network"])
            y = names.index(row["method"]) + (j - (len(judges) - 1) / 2) * 0.26
            colour = SERIES[j] if row["kind"] == "method" else MUTED
            axes.plot(
                [row["difference"]], [y], color=colour, marker=MARKERS[j], linestyle="none",
                gid=f"{row['network']}|{row['method']}|{task}",
            )  # fmt: skip
            if math.isfinite(row["difference_low"]):
                axes.hlines(
                    y, row["difference_low"], row["difference_high"], color=colour, linewidth=2.2, alpha=0.55
                )
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(names)), [title_of(name) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_title(TASK_NAMES[task])
        axes.set_xlabel("Area under insertion less deletion")
    figure.suptitle(title, fontsize=12, fontweight="bold")
    if len(judges) > 1:
        texts = {"trained": "judged by the network itself", "robust": "by a copy trained on masked images"}
        handles = [
            Line2D([], [], color=SERIES[j], marker=MARKERS[j], linestyle="none", label=texts.get(name, name))
            for j, name in enumerate(judges)
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


@styled
def sanity_by_layer(rows: list[Row]) -> Figure:
    """Rank correlation with the trained network's map as its layers are randomised from the top.

    A star at the right is a network trained on shuffled labels. Lines carry the gid ``<method>|<task>``.
    """
    names = list(dict.fromkeys(row["method"] for row in rows))
    looks = _look(names)
    figure = new_figure(8.6, 4.2)
    grid = figure.subplots(1, 2, sharey=True, sharex=True)
    for axes, task in zip(grid, TASKS, strict=True):
        for i, name in enumerate(names):
            mine = [row for row in rows if (row["method"], row["task"]) == (name, task)]
            weights = [row for row in mine if row["check"] == "weights"]
            axes.plot(
                [row["share_randomised"] for row in weights], [row["spearman"] for row in weights],
                marker=MARKERS[i % len(MARKERS)], gid=f"{name}|{task}", **looks[name],
            )  # fmt: skip
            for row in mine:
                if row["check"] == "labels":
                    axes.plot([1.06], [row["spearman"]], marker="*", markersize=11, color=looks[name]["color"])
        axes.axhline(0, color=INK, linewidth=0.8)
        percent_axis(axes, "x", full=False)
        axes.set(ylim=(-1.05, 1.05), title=TASK_NAMES[task], xlabel="Layers randomised, from the top (%)")
    grid[0].set_ylabel("Rank correlation with the\ntrained network's map")
    figure.suptitle("Does the map depend on what was learned? It should fall to 0", fontsize=12, fontweight="bold")
    handles = [
        Line2D([], [], marker=MARKERS[i % len(MARKERS)], label=title_of(name), **looks[name])
        for i, name in enumerate(names)
    ]
    if any(row["check"] == "labels" for row in rows):
        handles.append(Line2D([], [], marker="*", color=MUTED, linestyle="none", label="shuffled labels"))
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)), fontsize=9)
    return figure


@styled
def pis_against_attribution(rows: list[Row], agreement: list[Row]) -> Figure:
    """What masking cost against the share of a map that the mask took; a row a task, a column a method.

    A point is a masking (selector, channel, fraction), its colour the selector. In each panel stands the mean
    of Kendall's tau over the fractions, each over the maskings of that fraction. Points carry the gid
    ``<method>|<task>|<selector>``.
    """
    methods = [name.removeprefix("share_") for name in rows[0] if name.startswith("share_")]
    selectors = list(dict.fromkeys(row["selector"] for row in rows))
    figure = new_figure(max(2.3 * len(methods) + 0.8, 5.2), 5.9)
    grid = figure.subplots(2, len(methods), squeeze=False, sharex=True, sharey="row")
    for r, task in enumerate(TASKS):
        for c, method in enumerate(methods):
            axes = grid[r][c]
            for s, selector in enumerate(selectors):
                mine = [row for row in rows if (row["task"], row["selector"]) == (task, selector)]
                axes.plot(
                    [row[f"share_{method}"] for row in mine], [row["drop"] for row in mine], linestyle="none",
                    marker=MARKERS[s % len(MARKERS)], color=SERIES[s % len(SERIES)], alpha=0.75,
                    gid=f"{method}|{task}|{selector}",
                )  # fmt: skip
            taus = [
                row["kendall"]
                for row in agreement
                if (row["kind"], row["a"], row["task"]) == ("drops", method, task)
                and math.isfinite(row["kendall"])
            ]
            tau = f"{np.mean(taus):.2f}".replace("-", "\N{MINUS SIGN}") if taus else "unknown"
            axes.set_title(f"τ = {tau}", loc="right", fontsize=9, fontweight="normal", color=MUTED)
            axes.axhline(0, color=INK, linewidth=0.8)
            percent_axis(axes, "x", full=False)
            percent_axis(axes, "y", full=False)
            if r == 0:
                axes.set_title(title_of(method), fontsize=9)
            else:
                axes.set_xlabel("Share of the map\nunder the mask (%)", fontsize=9)
            if c == 0:
                axes.set_ylabel(f"Drop in accuracy (points)\n{TASK_NAMES[task]}")
    figure.suptitle("PIS against attribution", fontsize=12, fontweight="bold")
    handles = [
        Line2D(
            [], [], color=SERIES[s % len(SERIES)], marker=MARKERS[s % len(MARKERS)], linestyle="none", label=name
        )
        for s, name in enumerate(selectors)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)), fontsize=9)
    return figure
