"""One look for every figure: colours, labels, and how a figure is made and written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from amc_xai.files import replacing
from amc_xai.signal.snr import decibels_a_label

DPI = 130
INK = "#1f2430"
MUTED = "#6b7280"
GRID = "#e3e6eb"
LOUD = (1.0, 0.16, 0.75)  # masked pixels: the one hue in a grey picture

# Okabe and Ito's colours, told apart with every common form of colour blindness.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
# Points that speak against and for an answer; one that says nothing must show on white.
SIGNED_POINTS = LinearSegmentedColormap.from_list("signed_points", [BLUE, "#d3d7de", VERMILION])
SERIES = (BLUE, VERMILION, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C7A00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # one fewer than colours, so that pairs repeat late
TASKS = ("modulation", "snr", "joint")
TASK_COLOURS = dict(zip(TASKS, (BLUE, VERMILION, GREEN), strict=True))
TASK_MARKERS = dict(zip(TASKS, MARKERS, strict=False))
TASK_NAMES = {"modulation": "Modulation", "snr": "SNR", "joint": "Joint (both right)"}

_RC = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9aa1ad",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2.0,
    "lines.markersize": 5.0,
    "legend.frameon": False,
    "figure.facecolor": "white",
}

P = ParamSpec("P")


@contextmanager
def look() -> Iterator[None]:
    """This look for the length of a block, from matplotlib's own defaults: no matplotlibrc changes it.

    Matplotlib's global settings are as before afterwards.
    """
    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}
    with matplotlib.rc_context(defaults | _RC):
        yield


def styled(build: Callable[P, Figure]) -> Callable[P, Figure]:
    """Let ``build`` make its figure in this look."""

    @wraps(build)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with look():
            return build(*args, **kwargs)

    return wrapper


def new_figure(width: float, height: float) -> Figure:
    """An empty figure (inches) on an Agg canvas, laid out so that no label is cut off."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_figure(figure: Figure, path: Path) -> Path:
    """Write a PNG, cut to what is drawn, by write-then-rename; the same figure gives the same bytes."""
    with look(), replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, bbox_inches="tight", pad_inches=0.12, metadata={"Software": None})
    return path


SNR_NAMES = {
    "es_n0": "Es/N0",
    "sample": "SNR per sample",
    "radioml2018": "RadioML 2018.01A label",
    "radioml2016": "RML2016.10 label",
}


def snr_name(definition: str | None) -> str:
    """What the labels of an SNR are, without their unit; ``definition`` as in ``metrics.json``."""
    return SNR_NAMES.get(definition or "", "SNR")


def snr_label(definition: str | None) -> str:
    """The name of an SNR axis with its unit."""
    return f"{snr_name(definition)} ({'2 dB each' if decibels_a_label(definition) == 2 else 'dB'})"


def snr_note(definition: str | None) -> str:
    """What the "dB" beside a frame counts, for a legend."""
    if decibels_a_label(definition) == 2:
        return f"numbers in dB: {snr_name(definition)}, which counts 2 dB each"
    return f"numbers in dB: {snr_name(definition)}"


def es_n0_of(metrics: Mapping[str, Any] | None) -> dict[float, float | None]:
    """Es/N0 in dB of each SNR label of ``metrics.json``; None where it isn't known or differs between classes."""
    return {row["snr"]: row.get("es_n0_db") for row in (metrics or {}).get("by_snr", [])}


def es_n0_axis(axes: Axes, es_n0_db: Mapping[float, float | None]) -> None:
    """Es/N0 on a second axis above an axis of SNR labels; none where it isn't one number, or is the label itself.

    es_n0_db: label -> Es/N0 in dB, a straight line; None where classes of one label differ.
    """
    known = sorted(es_n0_db.items())
    if len(known) < 2 or any(value is None for _, value in known):
        return
    (first, low), (last, high) = known[0], known[-1]
    step = (high - low) / (last - first)
    if abs(step - 1) < 1e-9 and abs(low - first) < 1e-9:
        return
    above = axes.secondary_xaxis(
        "top",
        functions=(lambda s: low + step * (np.asarray(s) - first), lambda e: first + (np.asarray(e) - low) / step),
    )
    above.set_xlabel(SNR_NAMES["es_n0"] + " (dB)")
    above.spines["top"].set_visible(True)


def plain(text: str) -> str:
    """A label from a file as text that matplotlib doesn't take for a formula, which may be none it can read."""
    return text.replace("$", r"\$")


def decibels(value: float) -> str:
    """An SNR as a tick label: ``-4``, ``2.5``, with a true minus sign."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def snr_ticks(axes: Axes, snrs: Sequence[float], most: int = 17) -> None:
    """A tick at each SNR of an SNR axis (every second, third ... where there are more than ``most``)."""
    shown = snrs[:: -(-len(snrs) // most)] if len(snrs) else snrs
    axes.set_xticks(shown, [decibels(snr) for snr in shown])


def in_words(name: str) -> str:
    """The name of a field as a label: ``low_snr`` -> ``Low SNR``."""
    text = name.replace("_", " ").replace("snr", "SNR")
    return text[:1].upper() + text[1:]


def percent_axis(axes: Axes, which: str, *, full: bool = True) -> None:
    """Label shares 0..1 on axis ``which`` ("x" or "y") in percent; ``full`` shows all of 0 to 100 %."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(lambda share, _: f"{100 * share:.3g}".replace("-", "\N{MINUS SIGN}"))
    if full:
        axes.set(**{f"{which}lim": (0, 1), f"{which}ticks": [0, 0.2, 0.4, 0.6, 0.8, 1.0]})
