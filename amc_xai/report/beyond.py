"""Whether anything lies above the limit: it is none then, or what was tested isn't what was simulated."""

from collections.abc import Mapping, Sequence
from typing import Any

from amc_xai.evaluation.limit import ACCURACIES, Limits, Reached, above_limit
from amc_xai.report.anchors import METHODS, AnchorRow
from amc_xai.report.style import decibels


def above_sentence(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], anchors: Sequence[AnchorRow], limits: Limits
) -> str | None:
    """Which accuracies lie above the limit at an SNR, or that none does; None where that can't be told.

    runs: ``by_snr`` of ``metrics.json`` by name; anchors and limits as `read_anchors` and `read_limits` give them.
    """
    reached, whose = [], []
    for run, rows in runs.items():
        for row in rows:
            for name in ACCURACIES:
                if row.get(name) is not None:
                    reached.append(Reached(name, row["snr"], row[name], row["frames"]))
                    whose.append(run)
    for row in anchors:
        reached.append(Reached(f"{row['task']}_accuracy", row["snr"], row["accuracy"], row["frames"]))
        whose.append(METHODS.get(row["method"], row["method"]).partition(":")[0])
    above, compared = above_limit(reached, limits)
    if not compared:
        return None
    together = f"by 95 % intervals that hold for all {compared:,} comparisons together"
    if not above:
        return f"At no SNR does a network or a classical method lie above the limit, {together}."
    places = {id(one): who for one, who in zip(reached, whose, strict=True)}
    told = [f"{places[id(one)]} ({one.name.partition('_')[0]}) at {decibels(one.snr)} dB" for one in above]
    return f"Above the limit, which therefore is none of these frames, {together}: {', '.join(told)}."
