"""The figure of which expert a mixture listens to, from ``gates.csv``."""

from matplotlib.figure import Figure

from amc_xai.evaluation.gates import GateShares
from amc_xai.report.style import MARKERS, SERIES, in_words, new_figure, percent_axis, snr_label, snr_ticks, styled


@styled
def gate_by_snr(gates: GateShares, *, snr_definition: str | None = None) -> Figure:
    """Mean share of each expert against SNR; each line's gid is the expert's name."""
    figure = new_figure(8.2, 4.2)
    axes = figure.add_subplot()
    for k, expert in enumerate(gates.experts):
        look = {"color": SERIES[k % len(SERIES)], "marker": MARKERS[k % len(MARKERS)]}
        axes.plot(gates.snrs, gates.shares[:, k], label=in_words(expert), gid=expert, **look)
    percent_axis(axes, "y")
    axes.set(xlabel=snr_label(snr_definition), ylabel="Mean share of the gate (%)", ylim=(-0.02, 1.02))
    snr_ticks(axes, gates.snrs)
    axes.legend(loc="best")
    axes.set_title("Which expert the network listens to")
    return figure
