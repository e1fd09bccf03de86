"""Pictures of attribution on the points of a constellation, for networks that see points instead of pixels."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from amc_xai.report.attribution_files import title_of
from amc_xai.report.attribution_maps import TASKS, signed_brightness
from amc_xai.report.constellations import caption, chosen_frames
from amc_xai.report.gallery import Gallery
from amc_xai.report.style import BLUE, MUTED, SIGNED_POINTS, VERMILION, new_figure, snr_note, styled

SHOWN = 3  # constellations a task


def constellations_of(channels: list[str]) -> dict[str, tuple[int, int]]:
    """Name -> places of its I and Q among ``channels``: the pairs ``<name> I``, ``<name> Q``."""
    names = [channel.removesuffix(" I") for channel in channels if channel.endswith(" I")]
    return {n: (channels.index(f"{n} I"), channels.index(f"{n} Q")) for n in names if f"{n} Q" in channels}


def shares_of(scores: np.ndarray, pairs: dict[str, tuple[int, int]]) -> dict[str, float]:
    """How much of a map's magnitude, maps (G, C, K), lies on each constellation; the largest first."""
    size = np.abs(scores).sum((0, 2))
    total = float(size.sum()) or 1.0
    shares = {name: float(size[list(pair)].sum()) / total for name, pair in pairs.items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


@styled
def attribution_points(gallery: Gallery, method: str, *, snr_definition: str | None = None) -> Figure:
    """Rows = frames, a class each; columns = for each task, the constellations that hold most of the maps.

    A point is a symbol, coloured by the attribution of its I and Q together: vermilion speaks for the class that
    the network named, blue against it. All constellations of a map have one scale. The gid of the points is
    ``<frame>|<task>|<constellation>``.
    """
    pairs = constellations_of(gallery.channels.tolist())
    chosen = chosen_frames(gallery)
    columns = []
    for task, name in TASKS:
        shares = shares_of(gallery.attributions[f"{method}_{task}"], pairs)
        columns += [(task, name, constellation, shares[constellation]) for constellation in list(shares)[:SHOWN]]
    inch = float(np.clip(11.0 / len(columns), 1.2, 1.9))
    figure = new_figure(inch * len(columns) + 1.7, (inch + 0.06) * len(chosen) + 1.6)
    grid = figure.subplots(len(chosen), len(columns), squeeze=False)
    for row, g in enumerate(chosen):
        for axes, (task, name, constellation, share) in zip(grid[row], columns, strict=True):
            maps = gallery.attributions[f"{method}_{task}"][g]
            scores = signed_brightness(np.stack([maps[list(pair)].sum(0) for pair in pairs.values()]))
            scores = scores[list(pairs).index(constellation)]
            gid = f"{g}|{task}|{constellation}"
            _points(axes, gallery.image[g, list(pairs[constellation])], scores, gid)
            if row == 0:
                text = f"for the {name}:\n{constellation.replace('_', ' ')}\n{100 * share:.0f} % of the maps"
                axes.set_title(text, loc="center", fontsize=9)
        grid[row][0].set_ylabel(caption(gallery, g), rotation=0, ha="right", va="center", fontsize=9, labelpad=8)
    figure.suptitle(f"Which symbols speak for the answer: {title_of(method)}", fontweight="bold")
    dot = {"linestyle": "none", "marker": "o", "markersize": 6}
    handles = [
        Line2D([], [], color=VERMILION, label="for the class that was named", **dot),
        Line2D([], [], color=BLUE, label="against it", **dot),
        Line2D([], [], linestyle="none", label=snr_note(snr_definition)),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=9, labelcolor=MUTED)
    return figure


def _points(axes: Axes, points: np.ndarray, scores: np.ndarray, gid: str) -> None:
    """Draw points (2, K) in the order of their attribution's magnitude, so that none hides what says more."""
    order = np.argsort(np.abs(scores), kind="stable")
    axes.scatter(
        *points[:, order],
        c=scores[order],
        cmap=SIGNED_POINTS,
        vmin=-1,
        vmax=1,
        s=9,
        linewidths=0,
        gid=gid,
        rasterized=True,
    )
    # The outermost hundredth of the points is left out where it would make all others small.
    reach = 1.1 * float(np.quantile(np.abs(points).max(0), 0.99)) or 1.0
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[], aspect="equal")
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#d4d8df", linewidth=0.8)
