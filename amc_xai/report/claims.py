"""What was claimed of masking and of joint learning, and whether it holds for the networks of some run folders."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from amc_xai.errors import UserError
from amc_xai.explain.over_runs import over_runs
from amc_xai.explain.table_files import write_rows
from amc_xai.files import replacing
from amc_xai.report.claims_figure import claims_figure, line_of
from amc_xai.report.claims_masks import masking_rows, rank_rows
from amc_xai.report.claims_runs import Network, read_networks
from amc_xai.report.claims_table import CLAIMS, PUBLISHED_DROPS, STABLE, Row, row_of, told_rows
from amc_xai.report.run_table import Run, same_frames
from amc_xai.report.style import write_figure


def write_claims(folders: Sequence[str | Path], into: Path, seed: int = 0) -> str:
    """Write ``claims.csv``, ``.md`` and ``.png`` from the runs at or below ``folders``; return the Markdown.

    Raises:
        UserError: as `read_networks` and `claim_rows` do.
    """
    rows = claim_rows(read_networks(folders), seed)
    text = markdown(rows)
    write_rows(rows, into / "claims.csv")
    with replacing(into / "claims.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_figure(claims_figure(rows), into / "claims.png")
    return text


def claim_rows(networks: Sequence[Network], seed: int = 0) -> list[Row]:
    """Rows of ``claims.csv``: a claim, a network, a way to mask and a task each; what is not there is left out.

    ``value`` with its 95 % interval is in accuracy (0..1), or a rank correlation; over the trainings (``runs``)
    and their common frames as `over_runs` and `rank_agreement` have it. ``bound`` is what the interval must lie
    beyond.

    Raises:
        UserError: nothing can be tried, or trainings of a network were tested on different frames.
    """
    rows = []
    for network in networks:
        rows += [*masking_rows(network, seed), *joint_rows(network, seed), *rank_rows(network, seed)]
    if not rows:
        raise UserError(
            "task.folder: no claim can be tried on these runs; it takes trainings of experiment=claims with all "
            "three losses, or explanations of them (task=explain experiment=claims_masks)"
        )
    order = list(CLAIMS)
    return sorted(rows, key=lambda row: order.index(row["claim"]))


def joint_rows(network: Network, seed: int) -> list[Row]:
    """Each task learned with the other and alone, the trainings paired by seed.

    Raises:
        UserError: the trainings were tested on different frames.
    """
    rows = []
    for task, alone in network.single.items():
        seeds = [s for s in network.joint if s in alone]
        pairs = [(network.joint[s], alone[s]) for s in seeds]
        if not pairs or any(run.predictions is None for pair in pairs for run in pair):
            continue
        if not same_frames([run for pair in pairs for run in pair]):
            raise UserError(f"task.folder: the trainings of {network.name} were tested on different frames")
        values = np.stack([right(joint, task) - right(single, task) for joint, single in pairs])
        rows.append(row_of("joint", network.name, "three losses", task, over_runs(values, seed), *values.shape))
    return rows


def right(run: Run, task: str) -> np.ndarray:
    """float64 (n,), 1 where a run names ``task`` right, of the frames whose label is known."""
    table = run.predictions
    label = getattr(table, f"{task}_label")
    return 1.0 * (getattr(table, f"{task}_predicted") == label)[label >= 0]


def published_text(claim: str, fraction: float) -> str:
    """What was published of a claim, for the table."""
    drops = {side: PUBLISHED_DROPS.get((side, fraction), {}).get("joint") for side in ("top", "bottom", "random")}
    if claim == "brightest" and drops["top"] is not None:
        more = drops["top"] - drops["random"]
        return f"yes: {_points(drops['top'])} points of joint accuracy, {_points(more)} more than at random"
    if claim == "faintest" and drops["bottom"] is not None:
        return f"no: {_points(drops['bottom'])} points of joint accuracy"
    return {"joint": "no number known", "seeds": "one training", "operators": "emptied alone"}.get(claim, "")


def markdown(rows: Sequence[Row]) -> str:
    """The table as Markdown: a line for each claim and network, every way with its interval and verdict."""
    told = told_rows(list(rows))
    most = max(row["runs"] for row in told)
    lines = ["| claim | published | network | what holds here |", "|---|---|---|---|"]
    for claim, text in CLAIMS.items():
        for network in dict.fromkeys(row["network"] for row in told):
            mine = [row for row in told if (row["claim"], row["network"]) == (claim, network)]
            if mine:
                share = mine[0]["fraction"]
                of = f" ({100 * share:g} %)" if math.isfinite(share) else ""
                cells = (text.statement + of, published_text(claim, share), f"`{network}`", here(mine, most))
                lines.append("| " + " | ".join(cells) + " |")
    frames = " or ".join(f"{count:,}" for count in sorted({row["frames"] for row in told}))
    return "\n".join(
        [
            *lines, "",
            f"95 % intervals over {trainings(most)}, where not said otherwise, and {frames} frames. Points are "
            "of the accuracy; what is masked is the given share of the lit pixels of every channel, and where no "
            "task is named, right means both answers. A claim holds, or "
            "doesn't, where the whole interval lies on one side of the bound: one point for pixels, 0 for joint "
            f"learning, {STABLE:g} for Spearman's rank correlation over the regions that were masked.",
        ]
    ) + "\n"  # fmt: skip


def here(rows: Sequence[Row], most: int) -> str:
    """A cell of the table: each way to mask, or task, with its value, its interval and its verdict.

    And the number of trainings, where they are fewer than ``most``.
    """
    parts = []
    for row in rows:
        show = _points if CLAIMS[row["claim"]].unit else _plain
        value, low, high = (show(row[name]) for name in ("value", "low", "high"))
        unit = f" {CLAIMS[row['claim']].unit}" if CLAIMS[row["claim"]].unit else ""
        fewer = f"; {trainings(row['runs'])}" if row["runs"] < most else ""
        parts.append(f"{line_of(row)}: {value}{unit} ({low} to {high}{fewer}), **{row['verdict']}**")
    return "<br>".join(parts)


def trainings(count: int) -> str:
    return f"{count} training{'s' * (count > 1)}"


def _points(share: float) -> str:
    return f"{100 * share:.1f}".replace("-", "\N{MINUS SIGN}")


def _plain(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
