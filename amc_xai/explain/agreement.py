"""Whether attribution maps and the Perturbation Impact Score say the same: ranks and their agreement.

Two questions, two definitions:

- Do two maps order the pixels alike? Spearman's correlation of their values over each frame's lit pixels (of all
  channels), averaged over frames.
- Does a map foretell what masking costs? For each masking (selector, channel) at one fraction, the map's
  forecast is the share of its positive attribution to lit pixels that the mask takes, averaged over frames.
  Forecast and measured drop are both ranked over the maskings of that fraction, and Kendall's tau-b and
  Spearman's correlation compare the two. Within one fraction only: across fractions any map would agree, since
  a larger mask takes more of everything.
"""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau, rankdata, spearmanr

from amc_xai.explain.faithfulness import unit_scores, units
from amc_xai.explain.paired import mean_interval
from amc_xai.explain.sanity import spearman

Row = dict[str, Any]
Key = tuple[str, str, float]  # selector, channel, nominal fraction


def pixel_agreement(x: torch.Tensor, maps: Mapping[str, torch.Tensor], task: str) -> list[Row]:
    """One row for each pair of maps (N, ...) of one task: mean rank correlation over lit pixels."""
    rows = []
    for a, b in combinations(maps, 2):
        found = spearman(unit_scores(maps[a]), unit_scores(maps[b]), units(x))
        known = found[np.isfinite(found)]
        rows.append(
            {
                "task": task,
                "kind": "pixels",
                "a": a,
                "b": b,
                "nominal_fraction": float("nan"),
                "items": len(known),
                "spearman": (mean := mean_interval(known, 0))[0],
                "spearman_low": mean[1],
                "spearman_high": mean[2],
                "kendall": float("nan"),
                "kendall_low": float("nan"),
                "kendall_high": float("nan"),
                "note": "" if len(known) == len(found) else f"{len(found) - len(known)} maps have no ranks",
            }
        )
    return rows


def rank_agreement(values: np.ndarray, measured: np.ndarray, seed: int, resamples: int = 400) -> Row:
    """Spearman's and Kendall's correlation of two columns, with 95 % bootstrap intervals over their items."""
    names = {"spearman": spearmanr, "kendall": kendalltau}
    unknown = dict.fromkeys((f"{name}{end}" for name in names for end in ("", "_low", "_high")), float("nan"))
    if len(values) < 2 or np.ptp(values) == 0 or np.ptp(measured) == 0:
        what = "forecasts" if len(values) > 1 and np.ptp(values) == 0 else "drops"
        return {**unknown, "note": f"all {what} are equal" if len(values) > 1 else "one masking alone"}
    drawn = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    varied = [k for k in drawn if np.ptp(values[k]) > 0 and np.ptp(measured[k]) > 0]
    found: Row = {}
    for name, correlation in names.items():
        again = [correlation(values[k], measured[k]).statistic for k in varied]
        low, high = np.percentile(again, [2.5, 97.5]) if again else (float("nan"), float("nan"))
        found[name] = float(correlation(values, measured).statistic)
        found |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    return {**found, "note": ""}


def forecast(scores: torch.Tensor, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The share of a map's positive attribution to lit pixels that lies under ``mask``: (N,) float64, on the CPU.

    All three (N, C, H, W). A map without positive attribution foretells nothing: 0.
    """
    positive = (scores.clamp(min=0) * (image > 0)).cpu().double()
    whole = positive.flatten(1).sum(1)
    taken = (positive * mask.cpu()).flatten(1).sum(1)
    return torch.where(whole > 0, taken / whole.clamp(min=torch.finfo(torch.float64).tiny), 0.0)


def compare_with_pis(
    drops: Mapping[Key, float], forecasts: Mapping[str, Mapping[Key, float]], task: str, seed: int = 0
) -> tuple[list[Row], list[Row]]:
    """Rows of ``pis_vs_attribution.csv`` and of ``attribution_agreement.csv`` for one task.

    ``forecasts`` gives each method's forecast for each masking of ``drops``. In the ranks 1 is the largest, and
    ties share their mean rank. Where all drops or all forecasts of a fraction tie, the agreement is NaN, and
    ``note`` says so.
    """
    table: list[Row] = []
    agreement: list[Row] = []
    for fraction in sorted({key[2] for key in drops}):
        keys = [key for key in drops if key[2] == fraction]
        measured = np.array([drops[key] for key in keys])
        ranks = {"drop_rank": rankdata(-measured)}
        for method, foretold in forecasts.items():
            values = np.array([foretold[key] for key in keys])
            ranks[f"rank_{method}"] = rankdata(-values)
            agreement.append(
                {
                    "task": task,
                    "kind": "drops",
                    "a": method,
                    "b": "pis",
                    "nominal_fraction": fraction,
                    "items": len(keys),
                    **rank_agreement(values, measured, seed),
                }
            )
        for i, (selector, channel, _) in enumerate(keys):
            row = {
                "task": task,
                "selector": selector,
                "channel": channel,
                "nominal_fraction": fraction,
                "drop": drops[keys[i]],
            }
            row |= {f"share_{method}": foretold[keys[i]] for method, foretold in forecasts.items()}
            table.append(row | {name: float(values[i]) for name, values in ranks.items()})
    return table, agreement


def drops_of(rows: Iterable[Row], task: str, operator: str) -> dict[Key, float]:
    """The drop of each masking in the rows of a ``pis.csv``."""
    return {
        (row["selector"], row["channel"], float(row["nominal_fraction"])): float(row["drop"])
        for row in rows
        if row["task"] == task and row["operator"] == operator and np.isfinite(float(row["drop"]))
    }
