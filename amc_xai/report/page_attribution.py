"""The tables of attribution on ``report.html``: how faithful the maps are, and how they sit with PIS."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from amc_xai.report.attribution_files import controls_of, read_table, title_of
from amc_xai.report.page_parts import number, table
from amc_xai.report.style import TASK_NAMES
from amc_xai.report.table import percent

Row = dict[str, Any]


def attribution_sections(folder: Path) -> list[tuple[str, str]]:
    """(title, HTML) of each table that the files in ``folder`` allow; none without attribution."""
    sections = []
    if (folder / "attribution.csv").exists():
        needed = ("method", "kind", "network", "task", "deletion_auc", "insertion_auc", "difference")
        sections.append(
            ("How faithful the maps are", _faithfulness(read_table(folder / "attribution.csv", needed)))
        )
    agreement = folder / "attribution_agreement.csv"
    if not agreement.exists():
        return sections
    ranks = read_table(agreement, ("task", "kind", "a", "b", "nominal_fraction", "spearman", "kendall"))
    against = folder / "pis_vs_attribution.csv"
    if against.exists():
        rows = read_table(against, ("task", "selector", "channel", "nominal_fraction", "drop", "drop_rank"))
        body = _agreement([row for row in ranks if row["kind"] == "drops"]) + _ranks(rows)
        sections.append(("PIS against attribution methods", body))
    if any(row["kind"] == "pixels" for row in ranks):
        sections.append(("Do the maps agree?", _pixels([row for row in ranks if row["kind"] == "pixels"])))
    return sections


def _faithfulness(rows: list[Row]) -> str:
    names = list(dict.fromkeys(row["method"] for row in rows))
    order = [name for name in names if name not in controls_of(names)] + controls_of(names)
    tasks, judges = (list(dict.fromkeys(row[key] for row in rows)) for key in ("task", "network"))
    several, operators = len(judges) > 1, list(dict.fromkeys(row.get("operator", "zero") for row in rows))
    rows = sorted(rows, key=lambda row: (tasks.index(row["task"]), order.index(row["method"])))
    # What no row knows (infidelity of controls, completeness of other methods) is no column.
    numbers = [
        (name, label)
        for name, label in (
            ("deletion_auc", "Deletion area"),
            ("insertion_auc", "Insertion area"),
            ("difference", "Insertion less deletion"),
            ("infidelity", "Infidelity"),
            ("sensitivity", "Sensitivity"),
            ("completeness_error", "Completeness error"),
        )
        if any(math.isfinite(row.get(name, math.nan)) for row in rows)
    ]
    body = []
    for row in rows:
        cells = [TASK_NAMES[row["task"]], title_of(row["method"])] + ([row["network"]] if several else [])
        cells += [row["operator"]] if len(operators) > 1 else []
        for name, _ in numbers:
            text = number(row.get(name, math.nan))
            low, high = row.get(f"{name}_low", math.nan), row.get(f"{name}_high", math.nan)
            if math.isfinite(low) and math.isfinite(high):
                text += f" ({number(low)} to {number(high)})"
            cells.append(text)
        body.append(cells)
    note = (
        "<p>A faithful map has a small area of deletion, a large one of insertion, and beats its controls (random "
        "order, brightest first, the map of an untrained network). Brackets hold 95 % intervals over frames.</p>"
    )
    header = ["Task", "Map", *(["Judged by"] if several else []), *(["Removed by"] if len(operators) > 1 else [])]
    return note + table([*header, *(label for _, label in numbers)], body, text_columns=len(header))


def _agreement(rows: list[Row]) -> str:
    """A row for each task and method: Kendall's tau at each fraction, and the means of tau and rho."""
    fractions = sorted({row["nominal_fraction"] for row in rows})
    body = []
    for task, method in dict.fromkeys((row["task"], row["a"]) for row in rows):
        mine = {row["nominal_fraction"]: row for row in rows if (row["task"], row["a"]) == (task, method)}
        taus = [mine[f]["kendall"] if f in mine else math.nan for f in fractions]
        means = [_mean(taus), _mean([row["spearman"] for row in mine.values()])]
        body.append([TASK_NAMES[task], title_of(method), *(number(value, 2) for value in (*taus, *means))])
    note = (
        "<p>Does a map foretell what masking costs? Maskings of one fraction are ranked by the share of the map "
        "that they take, and by the drop in accuracy. Agreement is 1 where both orders are the same, "
        "0 where they have nothing in common, \N{MINUS SIGN}1 where they are opposite.</p>"
    )
    taus = [f"τ at {100 * fraction:g} %" for fraction in fractions]
    return note + table(["Task", "Map", *taus, "Mean τ", "Mean ρ"], body, text_columns=2)


def _ranks(rows: list[Row]) -> str:
    """A row for each masking: the drop and the share of each map under the mask, with their ranks."""
    methods = [name.removeprefix("share_") for name in rows[0] if name.startswith("share_")] if rows else []
    body = [
        [
            TASK_NAMES[row["task"]],
            row["selector"],
            row["channel"],
            f"{100 * row['nominal_fraction']:g} %",
            _ranked(row["drop"], row["drop_rank"]),
            *(_ranked(row[f"share_{method}"], row[f"rank_{method}"]) for method in methods),
        ]
        for row in sorted(rows, key=lambda row: (row["task"], row["nominal_fraction"], row["drop_rank"]))
    ]
    note = (
        "<p>Each masking's drop, and the share of each map's positive attribution that it takes; in brackets the "
        "rank among maskings of that fraction, 1 the largest.</p>"
    )
    header = ["Task", "Selector", "Channel", "Masked", "Drop (rank)", *(f"{title_of(m)} (rank)" for m in methods)]
    return note + table(header, body, text_columns=3)


def _pixels(rows: list[Row]) -> str:
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    found = {(row["task"], row["a"], row["b"]): row["spearman"] for row in rows}
    body = [
        [title_of(a), title_of(b), *(number(found.get((task, a, b)), 2) for task in tasks)]
        for a, b in dict.fromkeys((row["a"], row["b"]) for row in rows)
    ]
    note = "<p>Mean rank correlation of two maps over the lit pixels (or instants) of a frame.</p>"
    return note + table(["Map", "Other map", *(TASK_NAMES[task] for task in tasks)], body, text_columns=2)


def _ranked(value: float, rank: float) -> str:
    return f"{percent(value)} ({rank:g})"


def _mean(values: list[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan
