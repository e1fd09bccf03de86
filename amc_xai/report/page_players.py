"""The tables of ``report.html`` on channels, on contrasts and flows, and on the optimal observer's evidence."""

import math
from pathlib import Path
from typing import Any

from amc_xai.report.attribution_files import read_table
from amc_xai.report.evidence import evidence_table, read_evidence
from amc_xai.report.page_parts import DASH, number, table
from amc_xai.report.players import MASK, certain
from amc_xai.report.style import TASK_NAMES, decibels
from amc_xai.report.table import percent

Row = dict[str, Any]
# Of the flows that masks drive so many are shown: a page tells the large ones, the file has all.
MOST_FLOWS = 12
MEASURES = {"swap": "Swapped alone", "shapley": "Shapley value"}


def player_sections(folder: Path) -> list[tuple[str, str]]:
    """(title, HTML) of each table that the files in ``folder`` allow."""
    sections = []
    if (folder / "channels.csv").exists():
        needed = ("channel", "task", "measure", "frames", "value", "low", "high")
        rows = read_table(folder / "channels.csv", needed)
        if rows:
            sections.append(("What each channel is worth", _channels(rows)))
    if (folder / "contrast.csv").exists():
        needed = ("selector", "operator", "channel", "nominal_fraction", "task", "frames", "value", "low", "high")
        sections.append(
            ("Why this class and not its rival", _contrast(read_table(folder / "contrast.csv", needed)))
        )
    if rows := read_evidence(folder):
        sections.append(("Beside the optimal observer", evidence_table(rows)))
    return sections


def _channels(rows: list[Row]) -> str:
    """A row for each task and channel, the measures beside each other."""
    found = {(row["task"], row["channel"], row["measure"]): row for row in rows}
    measures = [measure for measure in MEASURES if any(row["measure"] == measure for row in rows)]
    body = []
    for task, channel in dict.fromkeys((row["task"], row["channel"]) for row in rows):
        mine = [found.get((task, channel, measure)) for measure in measures]
        frames = next(row["frames"] for row in mine if row is not None)
        cells = [TASK_NAMES.get(task, task), channel.replace("_", " "), f"{int(frames):,}"]
        body.append(cells + [DASH if row is None else with_bounds(row) for row in mine])
    note = (
        "<p>Accuracy lost when a channel is another frame's, the others staying as they are; and its Shapley "
        "value, its part of the accuracy over that of another frame's answer, in which channels that say the "
        "same share. Brackets hold 95 % intervals; * not told from 0 (false-discovery rate above 5 %).</p>"
    )
    header = ["Task", "Channel", "Frames", *(MEASURES[measure] for measure in measures)]
    return note + table(header, body, text_columns=2)


def _contrast(rows: list[Row]) -> str:
    """A row for each mask, what it takes of both tasks' leads beside each other."""
    keys = ("channel", "selector", "operator", "nominal_fraction")
    masks = list(dict.fromkeys(tuple(row[key] for key in keys) for row in rows))
    found = {(*(row[key] for key in keys), row["task"]): row for row in rows}
    body = []
    for mask in masks:
        cells = [mask[0], mask[1].replace("_", " "), mask[2], f"{100 * mask[3]:g} %"]
        for task in ("modulation", "snr"):
            row = found[(*mask, task)]
            cells.append(f"{number(row['value'], 2)} ({number(row['low'], 2)} to {number(row['high'], 2)})")
            low, high = row.get("excess_low", math.nan), row.get("excess_high", math.nan)
            cells.append(
                f"{number(row['excess'], 2)} ({number(low, 2)} to {number(high, 2)})"
                if math.isfinite(low)
                else DASH
            )
        body.append(cells)
    note = (
        "<p>What each mask takes of the lead of the class named over its runner-up, in nats (e-folds of the ratio "
        "of their probabilities), and how much more that is than as many at random take. Brackets hold 95 % "
        f"intervals; {int(rows[0]['frames']):,} frames.</p>"
    )
    header = ["Channel", "Mask", "Operator", "Share", "Modulation", "beyond random", "SNR", "beyond random"]
    return note + table(header, body, text_columns=3)


def flow_table(folder: Path) -> str:
    """HTML: from ``flows.csv`` the classes to and from which masks drive frames, the largest flows first.

    Only rows whose interval excludes 0, and at most `MOST_FLOWS`; a sentence where there are none, nothing where
    there is no file.
    """
    if not (folder / "flows.csv").exists():
        return ""
    rows = read_table(folder / "flows.csv", (*MASK, "task", "class", "frames", "value", "low", "high"))
    if not rows:
        return ""
    flowing = [row for row in rows if row["low"] > 0 or row["high"] < 0]
    flowing.sort(key=lambda row: -abs(row["value"]))
    frames = f"{int(rows[0]['frames']):,} frames"
    if not flowing:
        return (
            "<h3>Where masks drive answers</h3><p>No mask drives frames to a class or away from one as far as "
            f"{frames} can tell: every interval of the net flow holds 0.</p>"
        )
    shown = f"; the {MOST_FLOWS} largest are shown" if len(flowing) > MOST_FLOWS else ""
    note = (
        "<h3>Where masks drive answers</h3><p>Net flow: the share of all frames that is named this class under "
        "the mask, less that without it; beside it what the class's own frames lose of their recall. A class to "
        "which frames flow isn't better known for that. "
        f"Of {len(rows):,} flows ({frames}) {len(flowing):,} have an interval that excludes 0{shown}. Brackets "
        "hold 95 % intervals; * not told from 0 among so many (false-discovery rate above 5 %).</p>"
    )
    several = len({row["operator"] for row in rows}) > 1
    body = [_flow(row, several) for row in flowing[:MOST_FLOWS]]
    return note + table(["Task", "Class", "Mask", "Net flow", "Recall lost"], body, text_columns=3)


def _flow(row: Row, several: bool) -> list[str]:
    """The cells of a flow; the operator is told where there are ``several``."""
    name = row["class"] if row["task"] == "modulation" else f"{decibels(float(row['class']))} dB"
    mask = [row["channel"].replace("_", " "), row["selector"].replace("_", " "), *[row["operator"]] * several]
    told = f"{', '.join(mask)} {100 * row['nominal_fraction']:g} %"
    lost, low, high = (row.get(f"recall_{end}", math.nan) for end in ("loss", "low", "high"))
    recall = {"value": lost, "low": low, "high": high}
    recall_told = with_bounds(recall, star=False) if math.isfinite(lost) else DASH
    return [TASK_NAMES[row["task"]], name, told, with_bounds(row), recall_told]


def with_bounds(row: Row, *, star: bool = True) -> str:
    """A share with its interval, where ``star`` starred if it isn't told from 0."""
    low, high = (percent(row[end]).removesuffix(" %") for end in ("low", "high"))
    return f"{percent(row['value'])} ({low} to {high}){'*' if star and not certain(row) else ''}"
