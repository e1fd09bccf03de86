"""The figure and the table of docs/results.md: runs on the twin by label, beside the published curve.

    python docs/scripts/twin_figure.py OUT.png "points=RUN" "pictures=RUN" "original way=RUN" ...

Each RUN is a folder with metrics.json; all must have been tested on the same frames. ``limits.csv`` and
``anchors.csv`` of the first one that has them are drawn too. The table is printed.
"""

import sys
from pathlib import Path

from amc_xai.report.anchors import METHODS, AnchorRow, draw_method, methods_of, overall, read_anchors
from amc_xai.report.leaderboard import count, duration
from amc_xai.report.limits import LIMITS
from amc_xai.report.run_table import Entry, Run, read_run, rows, same_frames
from amc_xai.report.style import MARKERS, SERIES, TASK_NAMES, TASKS, new_figure, percent_axis, styled, write_figure

# ResNet50 on log histograms of 224 px, RadioML 2018.01A, 17 digital classes, 111,412 test frames: what was
# published for each label from 0 to 30 dB (modulation, SNR) and over all of them.
PUBLISHED = {
    "modulation": (
        *(0.298, 0.441, 0.564, 0.644, 0.736, 0.780, 0.796, 0.825),
        *(0.861, 0.879, 0.896, 0.895, 0.896, 0.903, 0.902, 0.908),
    ),
    "snr": (
        *(0.932, 0.869, 0.885, 0.884, 0.874, 0.890, 0.912, 0.910),
        *(0.853, 0.740, 0.560, 0.333, 0.259, 0.304, 0.367, 0.423),
    ),
}
PUBLISHED_NAME = "published, true frames (ResNet50, 224 px)"
BOUND_NAMES = {"limit": "matched-filter bound, carrier known", "reachable": "the same, carrier unknown"}
PUBLISHED_OVERALL = {"modulation": 0.7639, "snr": 0.6871, "joint": 0.5126}
LABELS = tuple(range(0, 31, 2))


def read(arguments: list[str]) -> dict[str, Run]:
    runs = {}
    for argument in arguments:
        name, _, folder = argument.partition("=")
        runs[name] = read_run(Path(folder))
    if not same_frames(list(runs.values())):
        raise SystemExit("the runs were tested on different frames")
    return runs


@styled
def figure(runs: dict[str, Run]):
    drawn = new_figure(13, 4.8)
    panels = drawn.subplots(1, 3, sharey=True)
    limits = next((run.limits for run in runs.values() if run.limits), {})
    anchors = anchors_of(runs)
    for axes, task in zip(panels, TASKS, strict=True):
        for index, (name, run) in enumerate(runs.items()):
            curve = run.by_snr(f"{task}_accuracy")
            look = {"color": SERIES[index % len(SERIES)], "marker": MARKERS[index % len(MARKERS)], "markersize": 4}
            axes.plot(list(curve), list(curve.values()), label=name, **look)
        if task in PUBLISHED:
            axes.plot(LABELS, PUBLISHED[task], color="black", linestyle=":", linewidth=1.8, label=PUBLISHED_NAME)
        for kind, (prefix, look) in LIMITS.items():
            column = f"{prefix}{task}_accuracy"
            if bound := [(label, limit[column]) for label, limit in limits.items() if column in limit]:
                axes.plot(*zip(*bound, strict=True), color="black", **look, label=BOUND_NAMES[kind])
        for method in methods_of(anchors, task):
            draw_method(axes, method, anchors)
        axes.set_title(TASK_NAMES[task])
        axes.set_xlabel("label (dB)")
        percent_axis(axes, "y")
    known = {}
    for axes in panels:
        handles, names = axes.get_legend_handles_labels()
        known |= dict(zip(names, handles, strict=True))
    drawn.legend(known.values(), known, loc="outside lower center", ncols=4)
    return drawn


def anchors_of(runs: dict[str, Run]) -> list[AnchorRow]:
    return next((read_anchors(p) for run in runs.values() if (p := run.folder / "anchors.csv").is_file()), [])


def table(runs: dict[str, Run]) -> str:
    lines = [
        "| | parameters | training time | modulation | SNR | joint (95 % interval) |",
        "|---|---|---|---|---|---|",
    ]
    for name, run in runs.items():
        (row,) = rows([Entry(name, [run])])
        shares = [100 * row[f"{task}_accuracy"] for task in TASKS]
        low, high = 100 * row["joint_accuracy_low"], 100 * row["joint_accuracy_high"]
        lines.append(
            f"| {name} | {count(row['parameters'])} | {duration(row['training_seconds'])} "
            f"| {shares[0]:.1f} % | {shares[1]:.1f} % | {shares[2]:.1f} % ({low:.1f} to {high:.1f}) |"
        )
    anchors = anchors_of(runs)
    for method in methods_of(anchors):
        task, accuracy, _ = overall(anchors, method)
        shares = " | ".join(f"{100 * accuracy:.1f} %" if task == one else "" for one in TASKS)
        lines.append(f"| no learning: {METHODS.get(method, method)} | | | {shares} |")
    published = " | ".join(f"{100 * PUBLISHED_OVERALL[task]:.1f} %" for task in TASKS)
    return "\n".join([*lines, f"| {PUBLISHED_NAME} | | | {published} |"])


if __name__ == "__main__":
    tested = read(sys.argv[2:])
    write_figure(figure(tested), Path(sys.argv[1]))
    print(table(tested))
