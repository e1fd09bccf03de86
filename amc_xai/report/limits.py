"""Figure of what is possible at each SNR, with classical methods beside it; reads the files of ``task=limits``."""

from matplotlib.figure import Figure

from amc_xai.evaluation.limit import Limits
from amc_xai.report.anchors import AnchorRow, draw_method, methods_of
from amc_xai.report.style import (
    TASK_COLOURS,
    TASK_NAMES,
    TASKS,
    new_figure,
    percent_axis,
    snr_label,
    snr_ticks,
    styled,
)


@styled
def limits_by_snr(limits: Limits, anchors: list[AnchorRow], snr_definition: str | None = None) -> Figure:
    """Limits dashed, with the Monte Carlo band of the modulation; classical methods as thin marked lines.

    The lines carry the gids ``<task>_limit`` and the method's name.
    """
    figure = new_figure(8.2, 5.2)
    axes = figure.add_subplot()
    snrs = sorted(limits)
    for task in TASKS:
        values = [(snr, limits[snr][f"{task}_accuracy"]) for snr in snrs if f"{task}_accuracy" in limits[snr]]
        if values:
            axes.plot(
                *zip(*values, strict=True), color=TASK_COLOURS[task], linestyle=(0, (5, 2)),
                label=f"Limit: {TASK_NAMES[task]}", gid=f"{task}_limit",
            )  # fmt: skip
    band = [
        (snr, limits[snr]["modulation_low"], limits[snr]["modulation_high"])
        for snr in snrs
        if {"modulation_low", "modulation_high"} <= limits[snr].keys()
    ]
    if band:
        axes.fill_between(*zip(*band, strict=True), color=TASK_COLOURS["modulation"], alpha=0.15, linewidth=0)
    for task in TASKS:
        for method in methods_of(anchors, task):
            draw_method(axes, method, anchors, TASK_COLOURS[task])
    percent_axis(axes, "y")
    axes.set_ylim(-0.02, 1.02)
    axes.set(xlabel=snr_label(snr_definition), ylabel="Accuracy (%)")
    snr_ticks(axes, snrs)
    figure.legend(loc="outside lower center", ncols=3)
    axes.set_title("The best possible, and classical methods")
    return figure
