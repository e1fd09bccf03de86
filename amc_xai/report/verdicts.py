"""Verdicts on the emissions of recordings: their table, spectrograms with them below, symbols by what they say."""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from amc_xai.errors import UserError
from amc_xai.report.inspection_files import RecordingPicture
from amc_xai.report.page_parts import DASH, table
from amc_xai.report.spectrogram import spectrogram_figure
from amc_xai.report.style import BLUE, GRID, MUTED, SIGNED_POINTS, VERMILION, new_figure, plain, styled

VERDICTS, PICTURES = "verdicts.jsonl", "verdicts.npz"
OF_RECORDINGS = ("power", "edges", "cut_start", "cut_stop", "cut_label")
OF_EMISSIONS = ("symbols", "worth")
MOST_ROWS, COLUMNS = 100, 3
LARGEST = 0.98  # quantile of what symbols say that has the full colour
Row = dict[str, Any]


def read_verdicts(folder: Path) -> list[Row]:
    """The lines of ``verdicts.jsonl``.

    Raises:
        UserError: if it is broken.
    """
    path = folder / VERDICTS
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise UserError(f"verdicts: '{path}' can't be read ({error}).") from error


def verdict_figures(folder: Path) -> Iterator[tuple[str, Figure]]:
    """(file name without suffix, figure) of all that ``verdicts.npz`` holds."""
    if not (folder / PICTURES).exists():
        return
    with np.load(folder / PICTURES, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    rate = float(arrays["sample_rate"]) or None
    for k, name in enumerate(arrays["recording_names"].tolist()):
        picture = RecordingPicture(name, *(arrays[f"{part}_{k}"] for part in OF_RECORDINGS))
        yield f"verdicts_{k + 1}", spectrogram_figure(picture, rate)
    titles = arrays["titles"].tolist()
    if titles:
        parts = [tuple(arrays[f"{part}_{k}"] for part in OF_EMISSIONS) for k in range(len(titles))]
        yield "symbols_of_verdicts", symbols_figure(titles, parts)


@styled
def symbols_figure(titles: list[str], parts: list[tuple[np.ndarray, np.ndarray]]) -> Figure:
    """A panel for each emission: symbols (K,) complex of one frame, coloured by what each is ``worth`` (K,) to the
    answer against the runner-up; grey where that isn't known. The gid of the points is ``symbols``."""
    wide = min(len(parts), COLUMNS)
    high = -(-len(parts) // COLUMNS)
    figure = new_figure(3.1 * wide + 0.4, 3.1 * high)
    panels = figure.subplots(high, wide, squeeze=False)
    for axes, title, (symbols, worth) in zip(panels.flat, titles, parts, strict=False):
        reach = float(np.quantile(np.abs(worth), LARGEST)) if np.isfinite(worth).all() and len(worth) else 0.0
        colours = {"c": worth, "cmap": SIGNED_POINTS, "vmin": -reach, "vmax": reach} if reach > 0 else {"c": MUTED}
        axes.scatter(symbols.real, symbols.imag, s=12, linewidths=0.3, edgecolors=MUTED, gid="symbols", **colours)
        largest = 1.1 * float(np.abs(symbols).max(initial=1e-6))
        axes.set(xlim=(-largest, largest), ylim=(-largest, largest), aspect="equal", xticks=[], yticks=[])
        axes.axhline(0, color=GRID, linewidth=0.8, zorder=0)
        axes.axvline(0, color=GRID, linewidth=0.8, zorder=0)
        axes.set_title(plain(title), fontsize=9)
    for axes in list(panels.flat)[len(parts) :]:
        axes.set_visible(False)
    handles = [
        axes.scatter([], [], color=colour, s=20, label=label)
        for colour, label in ((VERMILION, "for the answer"), (BLUE, "for the runner-up"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8.5)
    return figure


def verdict_table(folder: Path) -> str:
    """The verdicts as an HTML table; nothing where there are none."""
    if not (folder / VERDICTS).exists():
        return ""
    rows = read_verdicts(folder)
    header = ["Recording", "Verdict", "From sample", "To", "Frames", "Probability", "Then", "SNR (dB)", "Interval",
              "Samples a symbol", "Symbols a second"]  # fmt: skip
    body = [cells(row) for row in rows[:MOST_ROWS]]
    more = f"<p>{len(rows) - MOST_ROWS:,} more are in {escape(VERDICTS)}.</p>" if len(rows) > MOST_ROWS else ""
    return table(header, body, text_columns=2) + more if rows else "<p>No emission was found.</p>"


def cells(row: Row) -> list[str]:
    """One verdict, in the columns of the table."""
    known = row["out_of_scope"] is None
    said = row["modulation"] if known else f"out of scope: {row['out_of_scope']}"
    others = ", ".join(f"{name} {100 * share:.0f} %" for name, share in row["top"][1:] if share >= 0.005)
    snr, low, high = (
        f"{row[key]:.0f}".replace("-", "\N{MINUS SIGN}") for key in ("snr_db", "snr_low", "snr_high")
    )
    return [
        row["recording"], said, f"{row['start']:,}", f"{row['stop']:,}", str(row["frames"]),
        f"{100 * row['probability']:.1f} %" if known else DASH,
        (others or DASH) if known else DASH,
        snr if known else DASH,
        f"{low} to {high}" if known else DASH,
        DASH if row["samples_per_symbol"] is None else f"{row['samples_per_symbol']:.4g}",
        DASH if row["symbol_rate"] is None else f"{row['symbol_rate']:,.0f}",
    ]  # fmt: skip
