"""Pictures of attribution along the samples of a frame, for networks on sequences."""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from amc_xai.report.attribution_files import title_of
from amc_xai.report.attribution_maps import SIGNED, TASKS, signed_brightness
from amc_xai.report.constellations import caption, chosen_frames
from amc_xai.report.gallery import Gallery
from amc_xai.report.style import BLUE, INK, MUTED, VERMILION, new_figure, snr_note, styled

# Samples in a close-up: some thirty symbols, each still told apart.
CLOSE_UP = 256
# A line of no attribution must show on white, as a pixel needn't.
_LINES = LinearSegmentedColormap.from_list("lines", [BLUE, "#c3c8d0", VERMILION])


def strongest_stretch(scores: np.ndarray, length: int) -> slice:
    """The ``length`` neighbouring samples of a map (C, L) with the largest sum of magnitudes."""
    length = min(length, scores.shape[1])
    sums = np.convolve(np.abs(scores).sum(0), np.ones(length), mode="valid")
    # Of stretches that hold the same, the middle one: what stands out isn't left at an edge.
    best = np.flatnonzero(sums >= sums.max() * (1 - 1e-9))
    begin = int(best[len(best) // 2])
    return slice(begin, begin + length)


@styled
def attribution_traces(gallery: Gallery, method: str, *, snr_definition: str | None = None) -> Figure:
    """Rows = frames, a class each; columns = both tasks. The frames are those that ``attribution_grid`` shows.

    In each cell a strip over the whole frame, a row a channel, coloured by the attribution of every sample, and
    below it the channels' traces (one above the other, of one scale) over the stretch of strongest attribution,
    which the strip marks. Every map has its own scale: vermilion speaks for the class that the network named,
    blue against it. The gid of a strip is ``<frame>|<task>``, of a trace ``<frame>|<task>|<channel>``.
    """
    chosen = chosen_frames(gallery)
    names = gallery.channels.tolist()
    figure = new_figure(12.4, 1.75 * len(chosen) + 1.2)
    heights = [0.32, 1.0] * len(chosen)
    grid = figure.subplots(2 * len(chosen), len(TASKS), squeeze=False, gridspec_kw={"height_ratios": heights})
    for row, g in enumerate(chosen):
        for column, (task, name) in enumerate(TASKS):
            scores = signed_brightness(gallery.attributions[f"{method}_{task}"][g])
            window = strongest_stretch(scores, CLOSE_UP)
            strip, traces = grid[2 * row][column], grid[2 * row + 1][column]
            _strip(strip, scores, window, f"{g}|{task}")
            _traces(traces, gallery.image[g], scores, window, names, f"{g}|{task}")
            if row == 0:
                strip.set_title(f"for the {name} named", loc="center")
            if row == len(chosen) - 1:
                traces.set_xlabel("Sample")
        grid[2 * row + 1][0].set_ylabel(
            caption(gallery, g), rotation=0, ha="right", va="center", fontsize=9, labelpad=14
        )
    figure.suptitle(f"What speaks for the answer along the frame: {title_of(method)}", fontweight="bold")
    handles = [
        Line2D([], [], color=VERMILION, linewidth=2.4, label="for the class that was named"),
        Line2D([], [], color=BLUE, linewidth=2.4, label="against it"),
        Line2D([], [], color=INK, linewidth=1, label="strip: the whole frame; box: the stretch drawn below"),
        Line2D([], [], linestyle="none", label=snr_note(snr_definition)),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=9, labelcolor=MUTED)
    return figure


def _strip(axes: Axes, scores: np.ndarray, window: slice, gid: str) -> None:
    channels, length = scores.shape
    # A pixel of the page holds several samples: keep the one that says most, or single ones would fade away.
    shown = _strongest(scores, 480)
    axes.imshow(
        shown, cmap=SIGNED, vmin=-1, vmax=1, aspect="auto", interpolation="nearest", gid=gid,
        extent=(0, length, channels - 0.5, -0.5),
    )  # fmt: skip
    axes.axvspan(window.start, window.stop, facecolor="none", edgecolor=INK, linewidth=1)
    axes.set(xlim=(0, length), yticks=[], xticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#d4d8df", linewidth=0.8)


def _strongest(scores: np.ndarray, most: int) -> np.ndarray:
    """Shrink (C, L) to at most ``most`` samples, keeping each group's value of largest magnitude."""
    group = math.ceil(scores.shape[1] / most)
    padded = np.zeros((len(scores), -(-scores.shape[1] // group) * group))
    padded[:, : scores.shape[1]] = scores
    parts = padded.reshape(len(scores), -1, group)
    return np.take_along_axis(parts, np.abs(parts).argmax(2)[..., None], 2)[..., 0]


def _traces(axes: Axes, frame: np.ndarray, scores: np.ndarray, window: slice, names: list[str], gid: str) -> None:
    span = float(np.abs(frame[:, window]).max()) or 1.0
    time = np.arange(window.start, window.stop)
    for c, name in enumerate(names):
        middle = 2.2 * span * (len(names) - 1 - c)
        points = np.column_stack([time, frame[c, window] + middle])
        pairs = np.stack([points[:-1], points[1:]], 1)
        pairs = np.stack([points[:-1], points[1:]], 1)
        lines = LineCollection(pairs, cmap=_LINES, norm=Normalize(-1, 1), linewidth=1.5, gid=f"{gid}|{name}")
        # A line from one sample to the next says what either does, whichever says more.
        ends = np.stack([scores[c, window][:-1], scores[c, window][1:]])
        lines.set_array(np.take_along_axis(ends, np.abs(ends).argmax(0)[None], 0)[0])
        axes.add_collection(lines)
        axes.axhline(middle, color="#e3e6eb", linewidth=0.8, zorder=0)
        axes.annotate(name, (0, middle), (-4, 0), xycoords=("axes fraction", "data"),
                      textcoords="offset points", ha="right", va="center", fontsize=8, color=MUTED)  # fmt: skip
    axes.set(xlim=(window.start, window.stop - 1), ylim=(-1.15 * span, (2.2 * (len(names) - 1) + 1.15) * span))
    axes.set_yticks([])
    axes.grid(False)
