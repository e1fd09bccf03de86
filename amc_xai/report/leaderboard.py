"""The comparison of a multirun as CSV, Markdown and a figure."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from amc_xai.evaluation.limit import ACCURACIES
from amc_xai.files import replacing
from amc_xai.report.anchors import METHODS, AnchorRow, look_of, methods_of, overall, read_anchors
from amc_xai.report.beyond import above_sentence
from amc_xai.report.limits import LIMIT_NAMES, LIMITS
from amc_xai.report.run_table import HARD_CLASSES, Entry, Run, entries, read_runs, rows, same_frames
from amc_xai.report.style import (
    MARKERS,
    SERIES,
    TASK_NAMES,
    TASKS,
    es_n0_axis,
    es_n0_of,
    new_figure,
    percent_axis,
    snr_label,
    snr_ticks,
    styled,
    write_figure,
)

DASH = "\N{EN DASH}"


def write_leaderboard(folders: Sequence[str | Path], into: Path) -> str:
    """Write ``leaderboard.csv``, ``.md`` and ``.png`` from the runs at or below ``folders``; return the Markdown.

    Runs that differ by ``seed`` alone make one line. Where runs or ``task=limits`` left the classical methods'
    results (``anchors.csv``) there, they stand beside. Raises ``UserError`` if there is no tested run.
    """
    runs, unfinished = read_runs(folders)
    table = entries(runs)
    found = anchor_files(folders)
    anchors = read_anchors(found[0]) if found else []
    lines = [*rows(table), *anchor_lines(anchors)]
    notes = []
    if len(found) > 1:
        notes.append(f"Of {len(found)} different results of classical methods, {found[0]} is shown.")
    if anchors and not same_counts(anchors, runs):
        notes.append("The classical methods were tested on different frames than some of the runs.")
    said = above_sentence(
        {str(run.folder): run.metrics["by_snr"] for run in runs if not run.untrained}, anchors,
        next((run.limits for run in runs if run.limits), {}),
    )  # fmt: skip
    notes += [said] if said else []
    if any(run.untrained for run in runs):
        notes.append(f"{DASH}: a task that the loss left out (weight 0), and what needs it.")
    if not same_frames(runs):
        notes.append(
            "The runs were tested on different frames, which their differences hold as well: give all the same "
            "`dataset` and `split`, with their seeds (`dataset.seed`, `split.seed`)."
        )
    if any(len(entry.runs) == 2 for entry in table):
        notes.append("Two runs are too few for an interval: run three seeds or more, such as `seed=0,1,2`.")
    if unfinished:
        notes.append("Left out, because they have no metrics.json: " + ", ".join(map(str, unfinished)) + ".")
    text = markdown(lines, notes)
    with (
        replacing(into / "leaderboard.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, list(lines[0]), restval="")
        writer.writeheader()
        writer.writerows(lines)
    with replacing(into / "leaderboard.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_figure(leaderboard_figure(table, anchors), into / "leaderboard.png")
    return text


def anchor_files(folders: Sequence[str | Path]) -> list[Path]:
    """Every ``anchors.csv`` at or below ``folders``, by path; one of those with the same content."""
    paths = sorted({path for folder in folders for path in Path(folder).rglob("anchors.csv")}, reverse=True)
    return sorted({path.read_bytes(): path for path in paths}.values())


def anchor_lines(anchors: Sequence[AnchorRow]) -> list[dict[str, Any]]:
    """Lines of the table for the classical methods: each over all its frames, with Wilson's intervals."""
    lines = []
    for method in methods_of(anchors):
        task, accuracy, (low, high) = overall(anchors, method)
        name = f"{task}_accuracy"
        values = {name: accuracy, f"{name}_low": low, f"{name}_high": high}
        lines.append({"name": METHODS.get(method, method), "interval": "frames", **values})
    return lines


def same_counts(anchors: Sequence[AnchorRow], runs: Sequence[Run]) -> bool:
    """Whether every run was tested on as many frames of each SNR as the classical methods."""
    counts: dict[float, float] = {}
    for row in anchors:  # the likelihood judges a part of very many frames, the others all
        counts[row["snr"]] = max(row["frames"], counts.get(row["snr"], 0))
    return all({row["snr"]: row["frames"] for row in run.metrics["by_snr"]} == counts for run in runs)


def markdown(lines: Sequence[dict[str, Any]], notes: Sequence[str] = ()) -> str:
    """The table as Markdown, with what its numbers mean below it. Accuracies in percent."""
    hard = [name for name in HARD_CLASSES if any(line.get(f"accuracy_{name}") is not None for line in lines)]
    header = [
        "",
        "runs",
        "parameters",
        "multiply-adds",
        "frames/s",
        "training",
        "modulation",
        "SNR",
        "joint",
        *hard,
    ]
    body = [
        [
            line["name"],
            str(line.get("runs", DASH)),
            count(line.get("parameters")),
            count(line.get("multiply_adds")),
            DASH if line.get("frames_per_second") is None else f"{line['frames_per_second']:,.0f}",
            duration(line.get("training_seconds")),
            *(with_interval(line, name) for name in ACCURACIES),
            *(share(line.get(f"accuracy_{name}")) for name in hard),
        ]
        for line in lines
    ]
    text = ["| " + " | ".join(row) + " |" for row in (header, ["---"] + ["---:"] * (len(header) - 1), *body)]
    kinds = sorted({line["interval"] for line in lines} - {"none"})
    meaning = {
        "seeds": "of the mean over runs with different seeds (Student's t)",
        "frames": "of one run over its test frames (Wilson)",
    }
    devices = sorted({line["device"] for line in lines if line.get("device")})
    intervals = f"; 95 % intervals {', or '.join(meaning[k] for k in kinds)}" if kinds else ""
    text += ["", f"Accuracies in percent{intervals}."]
    text += [
        "Multiply-adds of one frame; frames/s of training, and its time with validation"
        + (f" on {', '.join(devices)}." if devices else ".")
    ]
    return "\n".join([*text, *notes]) + "\n"


def count(value: int | None) -> str:
    """A count in thousands, millions or billions, to three digits: ``4.92 M``."""
    if value is None:
        return DASH
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return str(value)


def duration(seconds: float | None) -> str:
    """A time for people: ``48 s``, ``8 min 52 s``, ``3 h 05 min``."""
    if seconds is None:
        return DASH
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def share(value: float | None) -> str:
    return DASH if value is None else f"{100 * value:.1f}"


def with_interval(line: dict[str, Any], name: str) -> str:
    low, high = line.get(f"{name}_low"), line.get(f"{name}_high")
    return share(line.get(name)) + ("" if low is None else f" ({share(low)} to {share(high)})")


@styled
def leaderboard_figure(table: Sequence[Entry], anchors: Sequence[AnchorRow] = ()) -> Figure:
    """Accuracy by SNR, a line for each entry (mean over its runs): three tasks, then 64, 128 and 256QAM.

    A class that no run was tested on has no panel. The lines carry the gids ``<entry>|<task or class>``; what is
    possible on these frames, where a run knows it, is dotted with the carrier known (``limit|<task>``) and dashed
    with it unknown (``reachable|<task>``); classical methods are thin and grey in their task's panel
    (``<method>|<task>``).
    """
    known: dict[str, Line2D] = {}
    limits = next((run.limits for entry in table for run in entry.runs if run.limits), {})
    panels: list[tuple[str, str, list]] = []
    for task in TASKS:
        curves = [entry.mean_by_snr([run.by_snr(f"{task}_accuracy") for run in entry.runs]) for entry in table]
        panels.append((TASK_NAMES[task], task, curves))
    for modulation in HARD_CLASSES:
        curves = [entry.mean_by_snr([run.class_by_snr(modulation) for run in entry.runs]) for entry in table]
        if any(snrs for snrs, _ in curves):
            panels.append((f"{modulation} named right", modulation, curves))
    rows_of_panels = 2 if len(panels) > 3 else 1
    figure = new_figure(
        13.0, 3.7 * rows_of_panels + 0.3 + 0.2 * -(-(len(table) + len(METHODS) * bool(anchors)) // 4)
    )
    definition = table[0].runs[0].metrics.get("snr_definition")
    looks = [
        {
            "color": SERIES[i % len(SERIES)],
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": ("-", "--", ":", "-.")[i // len(SERIES) % 4],
        }
        for i in range(len(table))
    ]
    for index, (title, key, curves) in enumerate(panels):
        axes = figure.add_subplot(rows_of_panels, 3, index + 1)
        for entry, look, (snrs, values) in zip(table, looks, curves, strict=True):
            axes.plot(snrs, values, **look, linewidth=1.6, markersize=4, gid=f"{entry.name}|{key}")
        percent_axis(axes, "y")
        axes.set_ylim(-0.02, 1.02)
        snr_ticks(axes, sorted({snr for snrs, _ in curves for snr in snrs}))
        axes.set(xlabel=snr_label(definition), title=title)
        es_n0_axis(axes, es_n0_of(table[0].runs[0].metrics))
        for kind, (prefix, look) in LIMITS.items():
            column = f"{prefix}{key}_accuracy"
            if possible := [(snr, limit[column]) for snr, limit in limits.items() if column in limit]:
                axes.plot(*zip(*possible, strict=True), color="black", **look, gid=f"{kind}|{key}")
                known[kind] = Line2D([], [], color="black", **look, label=LIMIT_NAMES[kind])
        for method in methods_of(anchors, key):
            points = sorted((row["snr"], row["accuracy"]) for row in anchors if row["method"] == method)
            axes.plot(*zip(*points, strict=True), **look_of(method), gid=f"{method}|{key}")
        if index % 3 == 0:
            axes.set_ylabel("Accuracy (%)")
    handles = [Line2D([], [], **look, label=entry.name) for entry, look in zip(table, looks, strict=True)]
    for method in methods_of(anchors):
        handles.append(Line2D([], [], **look_of(method), label=METHODS.get(method, method)))
    handles += known.values()
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(4, len(handles)), fontsize=9, handlelength=3.2
    )
    return figure
