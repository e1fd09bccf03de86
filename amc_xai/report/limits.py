"""Figure of what is possible at each SNR, with classical methods beside it; reads the files of ``task=limits``."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from amc_xai.evaluation.limit import Limits
from amc_xai.report.anchors import AnchorRow, draw_method, methods_of
from amc_xai.report.style import (
    BLUE,
    MUTED,
    TASK_COLOURS,
    TASK_NAMES,
    TASKS,
    es_n0_axis,
    new_figure,
    percent_axis,
    snr_label,
    snr_ticks,
    styled,
)

# What is possible: with all but the symbols known, and with the carrier unknown too. Prefix of the columns, look.
LIMITS = {
    "limit": ("", {"linestyle": (0, (1, 1.6)), "linewidth": 1.3}),
    "reachable": ("reachable_", {"linestyle": (0, (5, 2)), "linewidth": 1.5}),
}
LIMIT_NAMES = {"limit": "Limit, carrier known", "reachable": "Limit, carrier unknown"}


def draw_limits(axes_of: Mapping[str, Axes], limits: Limits) -> list[str]:
    """Draw what is possible, and return the names of the kinds that are known."""
    drawn = []
    for kind, (prefix, look) in LIMITS.items():
        for task, axes in axes_of.items():
            name = f"{prefix}{task}_accuracy"
            points = [(snr, values[name]) for snr, values in sorted(limits.items()) if name in values]
            if points:
                drawn += [kind] if kind not in drawn else []
                axes.plot(*zip(*points, strict=True), color=TASK_COLOURS[task], **look, gid=f"{task}_{kind}")
    # The band goes with the closest limit that is known.
    prefix = LIMITS[drawn[-1]][0] if drawn else ""
    ends = (f"{prefix}modulation_low", f"{prefix}modulation_high")
    band = [(snr, *(values[end] for end in ends)) for snr, values in sorted(limits.items()) if ends[0] in values]
    if band:
        axes_of["modulation"].fill_between(*zip(*band, strict=True), color=BLUE, alpha=0.10, linewidth=0)
    return drawn


@styled
def limits_by_snr(limits: Limits, anchors: list[AnchorRow], snr_definition: str | None = None) -> Figure:
    """Limits dashed, with the Monte Carlo band of the modulation; classical methods as thin marked lines.

    The lines carry the gids ``<task>_limit``, ``<task>_reachable`` and the method's name.
    """
    figure = new_figure(8.2, 5.2)
    axes = figure.add_subplot()
    snrs = sorted(limits)
    known = draw_limits(dict.fromkeys(TASKS, axes), limits)
    for task in TASKS:
        for method in methods_of(anchors, task):
            draw_method(axes, method, anchors, TASK_COLOURS[task])
    percent_axis(axes, "y")
    axes.set_ylim(-0.02, 1.02)
    axes.set(xlabel=snr_label(snr_definition), ylabel="Accuracy (%)")
    snr_ticks(axes, snrs)
    es_n0_axis(axes, {snr: limits[snr].get("es_n0_db") for snr in snrs})
    lines = [Line2D([], [], color=TASK_COLOURS[task], label=TASK_NAMES[task]) for task in TASKS]
    lines += [Line2D([], [], color=MUTED, **LIMITS[kind][1], label=LIMIT_NAMES[kind]) for kind in known]
    methods, names = axes.get_legend_handles_labels()
    names = [*(line.get_label() for line in lines), *names]
    figure.legend([*lines, *methods], names, loc="outside lower center", ncols=3)
    axes.set_title("The best possible, and classical methods")
    return figure
