"""A recording over time: its spectrogram, and the stretches of it that became frames."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from amc_xai.report.inspection_files import RecordingPicture
from amc_xai.report.style import GRID, MUTED, SERIES, new_figure, plain, styled

COLORMAP = "viridis"
# The darkest colour stands so little below the median, the lightest at the highest values.
FAINT, STRONG = 0.02, 0.999
MOST_NAMED = 12
NO_LABEL = "no label"


@styled
def spectrogram_figure(picture: RecordingPicture, sample_rate: float | None) -> Figure:
    """Frequency upwards, time to the right; grey where nothing was cut. Below it a bar for each cut, by label.

    Bars carry the gid ``cut|<label>``.
    """
    figure = new_figure(9.6, 3.9)
    axes, bar = figure.subplots(2, 1, sharex=True, height_ratios=[1, 0.07])
    time, unit = time_unit(picture.edges, sample_rate)
    frequency, of_frequency = (sample_rate / 1e3, "kHz") if sample_rate else (1.0, "cycles a sample")
    known = picture.power[np.isfinite(picture.power)]
    low, high = np.quantile(known, [FAINT, STRONG]) if len(known) else (-1.0, 0.0)
    image = axes.imshow(
        np.ma.masked_invalid(picture.power), origin="lower", aspect="auto", interpolation="nearest",
        cmap=colormaps[COLORMAP].with_extremes(bad=GRID), vmin=low, vmax=max(high, low + 1),
        extent=(picture.edges[0] * time, picture.edges[-1] * time, -0.5 * frequency, 0.5 * frequency),
        gid="spectrogram",
    )  # fmt: skip
    axes.grid(False)
    axes.set_ylabel(f"Frequency ({of_frequency})")
    axes.set_title(plain(picture.name))
    figure.colorbar(image, ax=[axes, bar], label="Power density (dB)", fraction=0.04, pad=0.01)
    _cuts(bar, picture, time)
    bar.set_xlabel(f"Time ({unit})")
    return figure


def _cuts(axes: Axes, picture: RecordingPicture, time: float) -> None:
    labels = list(dict.fromkeys(sorted(picture.cut_label.tolist())))
    named = [label for label in labels if label][:MOST_NAMED]
    colours = {label: SERIES[k % len(SERIES)] for k, label in enumerate(named)}
    for label in labels:
        mine = picture.cut_label == label
        spans = np.stack([picture.cut_start[mine], picture.cut_stop[mine] - picture.cut_start[mine]], 1) * time
        axes.broken_barh(
            [tuple(span) for span in spans], (0, 1), color=colours.get(label, MUTED), linewidth=0,
            gid=f"cut|{label}",
        )  # fmt: skip
    axes.set(ylim=(0, 1), yticks=[])
    axes.set_ylabel("cut", rotation=0, ha="right", va="center", fontsize=9)
    axes.grid(False)
    handles = [Patch(color=colours[label], label=plain(label)) for label in named]
    if len(named) < len(labels):
        handles.append(Patch(color=MUTED, label=NO_LABEL if "" in labels else "other labels"))
    axes.figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=8.5)


def time_unit(edges: np.ndarray, sample_rate: float | None) -> tuple[float, str]:
    """What a sample is on a time axis of so many, and the unit there."""
    if not sample_rate:
        return 1.0, "samples"
    seconds = (edges[-1] - edges[0]) / sample_rate
    return (1e3 / sample_rate, "ms") if seconds < 1 else (1 / sample_rate, "s")
