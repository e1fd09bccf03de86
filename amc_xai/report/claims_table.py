"""The claims in words, what was published of them, and how an interval decides one."""

import math
from typing import Any, NamedTuple

Row = dict[str, Any]
COLUMNS = (
    "claim", "network", "how", "task", "runs", "frames", "fraction", "published", "value", "low", "high", "bound",
    "verdict",
)  # fmt: skip
# An effect of a point is one; and ranks that agree better than this are called stable.
POINT, STABLE = 0.01, 0.8
# What the study masked, of which it reports the answers: drops of the accuracy (0..1) by side and fraction.
PUBLISHED_DROPS = {
    ("top", 0.01): {"joint": 0.1175, "modulation": 0.0435, "snr": 0.1065},
    ("top", 0.05): {"joint": 0.2035, "modulation": 0.1035, "snr": 0.2270},
    ("bottom", 0.01): {"joint": 0.4867, "modulation": 0.6118, "snr": 0.5934},
    ("bottom", 0.05): {"joint": 0.4860, "modulation": 0.6115, "snr": 0.5935},
    ("random", 0.01): {"joint": -0.0367, "modulation": -0.0375, "snr": -0.0211},
    ("random", 0.05): {"joint": 0.0435, "modulation": -0.0120, "snr": 0.0600},
}
PERCENTILE = "published"
AS_PUBLISHED = "percentile masks, emptied"
HOW = {
    "zero": "exact masks, emptied",
    "resample": "exact masks, filled up from the frame",
    "swap": "exact masks, another frame's pixels",
}


class Claim(NamedTuple):
    """A claim in words; ``above`` says whether it holds above the bound or below; what is measured, in a unit."""

    statement: str
    measured: str
    unit: str
    bound: float
    above: bool = True


CLAIMS = {
    "brightest": Claim(
        "The brightest pixels are critical", "what they cost more than as many random ones", "points", POINT
    ),
    "faintest": Claim("The faintest pixels are irrelevant", "what they cost", "points", POINT, above=False),
    "joint": Claim("Joint learning beats each task alone", "joint less alone", "points", 0.0),
    "seeds": Claim(
        "The score ranks regions alike, whatever the training's seed", "Spearman's coefficient", "", STABLE
    ),
    "operators": Claim(
        "The score ranks regions alike, whatever masked pixels become", "Spearman's coefficient", "", STABLE
    ),
}


def verdict(value: float, low: float, high: float, claim: Claim) -> str:
    """``holds`` or ``does not hold`` where the whole interval lies on one side of the bound."""
    if not all(map(math.isfinite, (value, low, high))):
        return "not decided"
    if low > claim.bound:
        return "holds" if claim.above else "does not hold"
    if high < claim.bound:
        return "does not hold" if claim.above else "holds"
    return "not decided"


def row_of(
    claim: str, network: str, how: str, task: str, found: tuple[float, float, float], runs: int, frames: int,
    fraction: float = math.nan, published: float = math.nan,
) -> Row:  # fmt: skip
    """A row of the table, its verdict from the interval."""
    told = (
        claim, network, how, task, runs, frames, fraction, published, *found, CLAIMS[claim].bound,
        verdict(*found, CLAIMS[claim]),
    )  # fmt: skip
    return dict(zip(COLUMNS, told, strict=True))


def told_rows(rows: list[Row]) -> list[Row]:
    """The rows that a table or figure of a page has room for; ``claims.csv`` has all.

    Masks: both tasks right, at the smallest fraction, which comes nearest to the published ones; ranks at the
    largest, where regions differ most.
    """
    told = []
    for row in rows:
        if row["claim"] == "joint":
            told.append(row)
            continue
        pick = max if row["claim"] in ("seeds", "operators") else min
        alike = [other["fraction"] for other in rows if other["claim"] == row["claim"]]
        if row["task"] == "joint" and row["fraction"] == pick(alike):
            told.append(row)
    return told
