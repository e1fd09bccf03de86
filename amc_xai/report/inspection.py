"""Figures of ``task=inspect``: power by class and by frame, the range of values, spectra."""

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from amc_xai.report.inspection_files import Inspection
from amc_xai.report.spectrogram import spectrogram_figure
from amc_xai.report.style import BLUE, GRID, MUTED, SERIES, new_figure, plain, styled

UNKNOWN = "no label"
MOST_POINTS = 6000
COLUMNS = 4
# A source may have a thousand labels; a figure of so many would fill the memory. The tables have all of them.
MOST_CLASSES = 48
# Decibels under the highest point that a spectrum is shown down to.
DEPTH = 80


def inspection_figures(found: Inspection) -> Iterator[tuple[str, Figure]]:
    """(file name without suffix, figure) of all that an inspection has to show."""
    if (found.rms > 0).any():
        yield "inspection_power", power_figure(found)
    if found.value_counts.any():
        yield "inspection_values", values_figure(found)
    if len(found.spectra):
        yield "inspection_spectrum", spectra_figure(found)
    for k, picture in enumerate(found.recordings):
        yield f"inspection_spectrogram_{k}", spectrogram_figure(picture, found.about.get("sample_rate"))


@styled
def power_figure(found: Inspection) -> Figure:
    """Power in dB: above by class (median, half and nine tenths of the frames), below of each frame in its order.

    Points carry the gid ``frames|<class>``, medians ``median|<class>``.
    """
    groups = _groups(found)
    figure = new_figure(9.6, 0.26 * len(groups) + 5.0)
    above, below = figure.subplots(2, 1, height_ratios=[0.26 * len(groups) + 0.6, 3.4])
    decibel = _decibel(found.rms)
    shown = _some_of(np.isfinite(decibel), decibel)
    for row, (name, mine, colour) in enumerate(groups):
        here = decibel[mine & np.isfinite(decibel)]
        if len(here):
            low, first, middle, third, high = np.quantile(here, [0.05, 0.25, 0.5, 0.75, 0.95])
            above.plot([low, high], [row, row], color=colour, linewidth=1.2)
            above.plot([first, third], [row, row], color=colour, linewidth=5, solid_capstyle="butt", alpha=0.45)
            above.plot([middle], [row], "o", color=colour, markersize=4.5, gid=f"median|{name}")
        points = np.flatnonzero(mine & shown)
        below.plot(points, decibel[points], ".", color=colour, markersize=2.5, alpha=0.6, gid=f"frames|{name}")
    above.set_yticks(range(len(groups)), [plain(name) for name, _, _ in groups])
    above.set_ylim(len(groups) - 0.4, -0.6)
    above.set_title("Power by class: median, half of the frames, nine tenths of them")
    above.set_xlabel("Power of a frame (dB)")
    silent = int((found.rms == 0).sum() + (~np.isfinite(found.rms)).sum())
    left_out = f"; {silent:,} frames of zeros or without numbers are left out" if silent else ""
    below.set_title(f"Power of each frame, in the order of the source{left_out}")
    below.set_xlabel("Frame")
    below.set_ylabel("Power (dB)")
    return figure


def _decibel(rms: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.where(rms > 0, rms, np.nan).astype(np.float64))


def _groups(found: Inspection) -> list[tuple[str, np.ndarray, str]]:
    """Name, frames (N,) bool and colour of each class that has frames, and of those without a label."""
    classes = [row["modulation"] for row in found.about["by_class"]]
    named = [(name, found.modulation_label == m) for m, name in enumerate(classes[:MOST_CLASSES])]
    if len(classes) > MOST_CLASSES:
        named.append(("all others", found.modulation_label >= MOST_CLASSES))
    named.append((UNKNOWN, found.modulation_label < 0))
    there = [(name, mine) for name, mine in named if mine.any()]
    colours = (MUTED if name == UNKNOWN else SERIES[k % len(SERIES)] for k, (name, _) in enumerate(there))
    return [(name, mine, colour) for (name, mine), colour in zip(there, colours, strict=True)]


def _some_of(there: np.ndarray, value: np.ndarray) -> np.ndarray:
    """At most about ``MOST_POINTS`` of the true ones, (N,) bool: evenly many, the least and largest among them."""
    places = np.flatnonzero(there)
    if len(places) <= MOST_POINTS:
        return there
    chosen = np.zeros(len(there), bool)
    chosen[places[:: -(-len(places) // MOST_POINTS)]] = True
    by_value = places[np.argsort(value[places])]
    chosen[by_value[:100]] = chosen[by_value[-100:]] = True
    return chosen


@styled
def values_figure(found: Inspection) -> Figure:
    """How often I and Q have which magnitude, both axes logarithmic; the bars carry the gid ``values``."""
    used = np.flatnonzero(found.value_counts)
    first, last = max(0, used[0] - 2), min(len(found.value_counts), used[-1] + 3)
    edges, counts = 10.0 ** found.value_edges[first : last + 1], found.value_counts[first:last]
    figure = new_figure(9.6, 3.2)
    axes = figure.add_subplot()
    axes.stairs(counts, edges, fill=True, color=BLUE, alpha=0.75, gid="values", baseline=0.5)
    axes.set(xscale="log", yscale="log", xlim=(edges[0], edges[-1]), ylim=(0.5, None))
    axes.set_xlabel("Magnitude of I and Q")
    axes.set_ylabel("How often")
    axes.set_title("Range of the samples")
    return figure


@styled
def spectra_figure(found: Inspection) -> Figure:
    """The mean spectrum of each class at its highest SNR, with the occupied band; lines have the class as gid."""
    rate, names = found.about.get("sample_rate"), found.spectrum_names.tolist()[:MOST_CLASSES]
    scale, unit = frequency_unit(rate)
    high = -(-len(names) // COLUMNS)
    wide = min(len(names), COLUMNS)
    figure = new_figure(max(2.9 * wide, 4.5), 1.9 * high + 0.9)
    panels = figure.subplots(high, wide, squeeze=False, sharex=True, sharey=True)
    decibel = 10 * np.log10(np.maximum(found.spectra, 1e-30))
    top = decibel.max()
    bands = {row["modulation"] or UNKNOWN: row for row in [*found.about["by_class"], *_unlabelled(found)]}
    for axes, name, line in zip(panels.flat, names, decibel, strict=False):
        band = bands.get(name, {})
        if band.get("band_width") is not None:
            _shade(axes, band["band_centre"], band["band_width"], scale)
        axes.plot(found.frequency * scale, line, color=BLUE, linewidth=1.2, gid=name)
        axes.set_title(plain(name), fontsize=9.5)
    for axes in list(panels.flat)[len(names) :]:
        axes.set_visible(False)
    panels[0][0].set_xlim(-0.5 * scale, 0.5 * scale)
    panels[0][0].set_ylim(max(decibel.min(), top - DEPTH) - 3, top + 3)
    figure.supxlabel(f"Frequency ({unit})", fontsize=10)
    figure.supylabel("Power density (dB of the mean)", fontsize=10)
    return figure


def _unlabelled(found: Inspection) -> list[dict]:
    row = found.about.get("unlabelled")
    return [row] if row else []


def _shade(axes: Axes, centre: float, width: float, scale: float) -> None:
    """Shade a band, in two parts where it goes round the end of the sampled one."""
    low, high = centre - width / 2, centre + width / 2
    for shift in (-1, 0, 1):
        left, right = max(low + shift, -0.5), min(high + shift, 0.5)
        if left < right:
            axes.axvspan(left * scale, right * scale, color=GRID, linewidth=0, zorder=0)


def frequency_unit(sample_rate: float | None) -> tuple[float, str]:
    """What a cycle a sample is on a frequency axis, and the unit there."""
    if not sample_rate:
        return 1.0, "cycles a sample"
    for size, unit in ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz")):
        if sample_rate >= size:
            return sample_rate / size, unit
    return sample_rate, "Hz"
