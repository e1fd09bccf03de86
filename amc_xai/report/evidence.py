"""Whether the network finds its evidence where the optimal observer does: sentence, table and figure."""

import math
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from amc_xai.report.attribution_files import read_table, title_of
from amc_xai.report.page_parts import DASH, number, table
from amc_xai.report.style import INK, MARKERS, MUTED, SERIES, decibels, new_figure, snr_label, snr_ticks, styled

Row = dict[str, Any]
CONTROLS = ("uniform", "random")
# What an observer as good reaches that isn't told the phase.
PHASELESS = "phaseless"
NEEDED = ("map", "modulation", "snr_low", "snr_high", "frames", "value", "low", "high")
NAMES = {
    "own": "the network's own symbol scores",
    "uniform": "uniform map",
    "random": "random map",
    "phaseless": "the observer without the phase",
}


def read_evidence(folder: Path) -> list[Row]:
    """The rows of ``evidence.csv``; none where it isn't there."""
    path = folder / "evidence.csv"
    return read_table(path, NEEDED) if path.exists() else []


def name_of_map(name: str) -> str:
    """A map's name for people."""
    return NAMES.get(name, title_of(name))


def band_of(rows: list[Row]) -> tuple[float, float]:
    """The SNRs over which the rows of all classes together are taken."""
    wide = max(
        (row for row in rows if row["modulation"] == "all"), key=lambda row: row["snr_high"] - row["snr_low"]
    )
    return wide["snr_low"], wide["snr_high"]


def evidence_sentence(rows: list[Row]) -> str | None:
    """Whether the network's own symbol scores follow the log-likelihood ratios; beside what knows nothing."""
    if not rows:
        return None
    band = band_of(rows)
    whole = {
        row["map"]: row for row in rows if row["modulation"] == "all" and (row["snr_low"], row["snr_high"]) == band
    }
    own = whole.get("own")
    if own is None or not math.isfinite(own["low"]):
        return None
    controls = [whole[name] for name in CONTROLS if name in whole]
    best = max((row["high"] for row in controls if math.isfinite(row["high"])), default=0.0)
    at = f"At {decibels(band[0])} to {decibels(band[1])} dB" if band[0] < band[1] else f"At {decibels(band[0])} dB"
    bounds = f"{number(own['value'], 2)} ({number(own['low'], 2)} to {number(own['high'], 2)})"
    beside = " and ".join(f"a {row['map']} map {number(row['value'], 2)}" for row in controls)
    if PHASELESS in whole:
        reached = f"an observer as good that isn't told the phase {number(whole[PHASELESS]['value'], 2)}"
        beside = f"{beside}, {reached}" if beside else reached
    beside = f"; {beside}" if beside else ""
    end = f"{beside} ({int(own['frames']):,} frames)."
    if own["low"] > max(best, 0.0):
        # As strong a word as the lower bound bears.
        how = "follows" if own["low"] >= 0.5 else "partly follows" if own["low"] >= 0.2 else "only faintly follows"
    elif own["high"] < 0.2:
        how = "hardly follows"
    else:
        return None
    return (
        f"{at} what single symbols add to its lead {how} the evidence that an optimal observer finds in them: "
        f"rank correlation {bounds}{end}"
    )


def evidence_table(rows: list[Row]) -> str:
    """A row for each class in the band and each SNR, a column a map."""
    if not rows:
        return ""
    maps, band = list(dict.fromkeys(row["map"] for row in rows)), band_of(rows)
    found = {(row["modulation"], row["snr_low"], row["snr_high"], row["map"]): row for row in rows}
    body = []
    for label, low, high in dict.fromkeys((row["modulation"], row["snr_low"], row["snr_high"]) for row in rows):
        mine = [found.get((label, low, high, name)) for name in maps]
        span = decibels(low) if low == high else f"{decibels(low)} to {decibels(high)}"
        cells = [
            DASH if row is None
            else f"{number(row['value'], 2)} ({number(row['low'], 2)} to {number(row['high'], 2)})"
            for row in mine
        ]  # fmt: skip
        frames = max(int(row["frames"]) for row in mine if row is not None)
        body.append(["all classes" if label == "all" else label, span, f"{frames:,}", *cells])
    note = (
        "<p>Spearman's correlation over the symbols of a frame between each map, brought to symbols, and the "
        "log-likelihood ratio of each symbol between the modulation that the network names and its runner-up, as "
        "an observer has it that knows phase, carrier and noise. A network has to infer these from all symbols, "
        "so 1 is out of reach: the observer without the phase, who knows all but that, shows by what each symbol "
        f"adds to its own ratio how far even it gets. Classes over {decibels(band[0])} to {decibels(band[1])} dB; "
        "brackets hold 95 % intervals over frames.</p>"
    )
    header = ["Modulation", "SNR (dB)", "Frames", *(name_of_map(name) for name in maps)]
    return note + table(header, body)


@styled
def evidence_figure(rows: list[Row], definition: str | None = None) -> Figure:
    """Agreement with the optimal observer at each SNR, with 95 % intervals; a line a map with that gid."""
    rows = [row for row in rows if row["modulation"] == "all" and row["snr_low"] == row["snr_high"]]
    figure = new_figure(8.2, 4.6)
    axes = figure.add_subplot()
    coloured = 0
    for name in dict.fromkeys(row["map"] for row in rows):
        mine = sorted((row for row in rows if row["map"] == name), key=lambda row: row["snr_low"])
        if name == PHASELESS:
            look = {"color": INK, "linestyle": "--", "marker": ""}
        elif name in CONTROLS:
            look = {"color": MUTED, "linestyle": ":" if name == "random" else "--", "marker": ""}
        else:
            look = {"color": SERIES[coloured % len(SERIES)], "marker": MARKERS[coloured % len(MARKERS)]}
            coloured += 1
        snrs = [row["snr_low"] for row in mine]
        axes.plot(snrs, [row["value"] for row in mine], label=name_of_map(name), gid=name, **look)
        axes.fill_between(
            snrs, [row["low"] for row in mine], [row["high"] for row in mine], color=look["color"], alpha=0.13,
            linewidth=0,
        )  # fmt: skip
    axes.axhline(0, color=INK, linewidth=0.8)
    snr_ticks(axes, sorted({row["snr_low"] for row in rows}))
    axes.set(xlabel=snr_label(definition), ylabel="Rank correlation over symbols")
    axes.set_title("Is the evidence where an optimal observer finds it?")
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure
