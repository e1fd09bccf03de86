"""Figures of what masking makes of the confusions, of F1 under it, and of what masks really remove."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from amc_xai.evaluation.confusion import divide
from amc_xai.report.attribution_files import read_table
from amc_xai.report.heat_maps import pis_map
from amc_xai.report.players import MASK, f1_figure, few_fractions
from amc_xai.report.run_files import PisRow, read_pis
from amc_xai.report.style import (
    INK,
    MARKERS,
    SERIES,
    TASK_NAMES,
    decibels,
    new_figure,
    percent_axis,
    snr_label,
    styled,
)

_PERCENTS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_DASHES = ("-", "--", "-.", ":")
_LABELS = {"pis_by_class": ("modulation", "modulation"), "pis_by_snr": ("snr", "snr")}


def perturbation_maps(folder: Path, definition: str | None = None) -> Iterator[tuple[str, Figure]]:
    """Yield (name, figure) for each of the tables by class and by SNR and the confusions that lie in ``folder``.

    ``definition`` is the SNR's, as in ``metrics.json``.
    """
    for name, (label, task) in _LABELS.items():
        if (folder / f"{name}.csv").exists():
            rows = [row for row in read_pis(folder / f"{name}.csv", label) if row["task"] == task]
            if rows:
                axis = "Modulation" if label == "modulation" else snr_label(definition)
                yield name, pis_map(rows, label, axis)
    if (folder / "perturbed_confusions.npz").exists():
        with np.load(folder / "perturbed_confusions.npz") as file:
            arrays = dict(file)
        for task in ("modulation", "snr"):
            if arrays[f"{task}_before"].any():
                yield f"perturbed_confusion_{task}", perturbed_confusions(arrays, task)
    if (folder / "perturbed_f1.csv").exists():
        needed = (*MASK, *(f"{task}_f1_macro{end}" for task in ("modulation", "snr") for end in ("", "_before")))
        rows = read_table(folder / "perturbed_f1.csv", needed)
        yield "perturbed_f1", f1_figure(rows) if few_fractions(rows) else f1_by_fraction(rows)


@styled
def perturbed_confusions(arrays: Mapping[str, np.ndarray], task: str) -> Figure:
    """Confusion of a task without masking, then under the mask of each selector that costs this task most.

    ``arrays`` as ``perturbed_confusions.npz`` holds them; shares of each true class, colour as share ** 0.6. The
    axes carry the gid ``before`` or ``<selector>``.
    """
    counts, names = arrays[task], arrays["modulations" if task == "modulation" else "snrs"].tolist()
    order = np.argsort(names) if task == "snr" else np.arange(len(names))
    names = [decibels(names[k]) for k in order] if task == "snr" else names
    right = np.trace(counts, axis1=1, axis2=2) / np.maximum(counts.sum((1, 2)), 1)
    selectors = list(dict.fromkeys(arrays["selector"].tolist()))
    panels = [("before", "Without masking", arrays[f"{task}_before"])]
    for selector in selectors:
        mine = np.flatnonzero(arrays["selector"] == selector)
        worst = mine[np.argmin(right[mine])]
        fraction, channel = arrays["nominal_fraction"][worst], arrays["channel"][worst]
        panels.append((selector, f"{selector}, {100 * fraction:g} %\n({channel})", counts[worst]))
    columns = min(4, len(panels))
    lines = -(-len(panels) // columns)
    side = float(np.clip(1.3 + 0.17 * len(names), 1.9, 4.6))
    figure = new_figure(side * columns + 1.6, (side + 0.5) * lines)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    for axes, (gid, title, table) in zip(grid.flat, panels, strict=False):
        table = table[np.ix_(order, order)]
        shares = divide(table, table.sum(1, keepdims=True))
        axes.set_gid(gid)
        axes.set_facecolor("#d5d8dd")
        image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.6, vmin=0, vmax=1), interpolation="nearest")
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
        axes.set_yticks(range(len(names)), names, fontsize=7)
        axes.grid(False)
        axes.tick_params(length=0)
        axes.set_title(title, fontsize=9)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel(f"Named {task if task == 'modulation' else 'SNR (dB)'}", fontsize=10)
    figure.supylabel(f"True {task if task == 'modulation' else 'SNR (dB)'}", fontsize=10)
    bar = figure.colorbar(image, ax=grid, shrink=0.7, label="Share of the true class (%)")
    percent_axis(bar.ax, "y", full=False)
    bar.set_ticks([0, 0.2, 0.5, 1])  # more would meet on the short bar of two classes
    return figure


@styled
def f1_by_fraction(rows: list[dict[str, Any]]) -> Figure:
    """Macro F1 of both tasks under every mask against its fraction, from ``perturbed_f1.csv``.

    A row of panels a channel, a column a task; dashed without masking. Bands are 95 % intervals of the loss, below
    what is reached without masking. Lines carry the gid ``<selector>|<task>|<channel>``, with several operators
    ``...|<operator>``.
    """
    channels, selectors, operators = (list(dict.fromkeys(row[name] for row in rows)) for name in MASK[:3])
    fractions = sorted({row["nominal_fraction"] for row in rows})
    figure = new_figure(8.2, 2.3 * len(channels) + 0.9)
    grid = figure.subplots(len(channels), 2, squeeze=False, sharex=True, sharey="col")
    for (c, t), axes in np.ndenumerate(grid):
        task = ("modulation", "snr")[t]
        score = f"{task}_f1_macro"
        axes.axhline(rows[0][f"{score}_before"], color=INK, linewidth=1, linestyle=(0, (2, 2)))
        for s, selector in enumerate(selectors):
            for o, operator in enumerate(operators):
                mask = (channels[c], selector, operator)
                mine = [row for row in rows if tuple(row[key] for key in MASK[:3]) == mask]
                if not mine:
                    continue
                mine.sort(key=lambda row: row["nominal_fraction"])
                x, colour = [fractions.index(row["nominal_fraction"]) for row in mine], SERIES[s % len(SERIES)]
                name, gid = selector.replace("_", " "), f"{selector}|{task}|{channels[c]}"
                axes.plot(
                    x,
                    [row[score] for row in mine],
                    color=colour,
                    marker=MARKERS[s % len(MARKERS)],
                    linestyle=_DASHES[o % len(_DASHES)],
                    label=f"{name}, {operator}" if len(operators) > 1 else name,
                    gid=f"{gid}|{operator}" if len(operators) > 1 else gid,
                )
                band = [
                    [row[f"{score}_before"] - row.get(f"{score}_loss_{end}", math.nan) for row in mine]
                    for end in ("low", "high")
                ]
                axes.fill_between(x, *band, color=colour, alpha=0.16, linewidth=0)
        # Evenly spaced, one tick a fraction: on a logarithmic axis the labels of two neighbours would meet.
        axes.set_xlim(-0.3, len(fractions) - 0.7)
        axes.set_xticks(range(len(fractions)), [f"{100 * fraction:g}" for fraction in fractions])
        if c == 0:
            axes.set_title(TASK_NAMES[task])
        if t == 0:
            axes.set_ylabel(f"F1, macro mean\n({channels[c]})" if len(channels) > 1 else "F1, macro mean")
        if c == len(channels) - 1:
            # Not the figure's own label, over which the legend would lie.
            axes.set_xlabel("Masked share (%)")
    drawn = {line.get_label(): line for axes in grid.flat for line in axes.get_lines() if line.get_gid()}
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=min(4, len(drawn)))
    return figure


@styled
def published_shares(rows: list[PisRow]) -> Figure:
    """What share of the lit pixels each selector's mask really removed, and the score as published, against the
    nominal fraction.

    A column for each channel. Above, on the dashed diagonal a mask removes what its name says; both axes are
    logarithmic. Below the drop divided by the fraction named, of the last task in the file (joint): one that
    grows as 1 / fraction comes of one drop under several names. Lines carry the gid ``<selector>|<channel>`` or
    ``<selector>|<channel>|score``.
    """
    task = rows[-1]["task"]
    channels, selectors = (list(dict.fromkeys(row[name] for row in rows)) for name in ("channel", "selector"))
    figure = new_figure(3.6 * len(channels) + 1.2, 7.0)
    grid = figure.subplots(2, len(channels), squeeze=False, sharey="row", sharex=True)
    fractions = sorted({row["nominal_fraction"] for row in rows})
    removed = [row["lit_fraction"] for row in rows if row["lit_fraction"] > 0]
    for c, channel in enumerate(channels):
        upper, lower = grid[:, c]
        upper.plot(fractions, fractions, color=INK, linewidth=1, linestyle=(0, (2, 2)), marker="", gid="as named")
        lower.axhline(0, color=INK, linewidth=0.8)
        for s, selector in enumerate(selectors):
            mine = [
                row for row in rows if (row["channel"], row["selector"], row["task"]) == (channel, selector, task)
            ]
            mine.sort(key=lambda row: row["nominal_fraction"])
            look = {
                "color": SERIES[s % len(SERIES)],
                "marker": MARKERS[s % len(MARKERS)],
                "linestyle": "-" if selector.startswith("published") else (0, (1, 1)),
            }
            for axes, name, gid in ((upper, "lit_fraction", ""), (lower, "pis_nominal", "|score")):
                known = [row for row in mine if math.isfinite(row.get(name, math.nan))]
                known = [row for row in known if name != "lit_fraction" or row[name] > 0]
                if known:
                    axes.plot(
                        [row["nominal_fraction"] for row in known],
                        [row[name] for row in known],
                        label=selector,
                        gid=f"{selector}|{channel}{gid}",
                        **look,
                    )
        upper.set(xscale="log", yscale="log", title=channel)
        if removed:
            ticks = [tick for tick in _PERCENTS if min(removed) / 2 < tick < 2 * max(removed)]
            upper.set_yticks(ticks, [f"{100 * tick:g}" for tick in ticks])
            upper.set_yticks([], minor=True)
        lower.set_xticks(fractions, [f"{100 * fraction:g}" for fraction in fractions])
        lower.set_xticks([], minor=True)
        lower.set_xlabel("Masked, as named (%)")
    grid[0][0].set_ylabel("Lit pixels really masked (%)")
    name = TASK_NAMES.get(task, task).split(" ")[0].lower() if task != "snr" else "SNR"
    grid[1][0].set_ylabel(f"Score as published, {name}\n(drop / fraction named)")
    drawn = {line.get_label(): line for line in grid[0][0].get_lines() if "|" in (line.get_gid() or "")}
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=min(4, len(drawn)))
    figure.suptitle(
        "What the masks really remove, and what that does to the score", fontsize=12, fontweight="bold"
    )
    return figure
