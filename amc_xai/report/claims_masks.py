"""What the claims on masking come to: the brightest and the faintest pixels, and how alike regions are ranked."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

import numpy as np

from amc_xai.errors import UserError
from amc_xai.explain.over_runs import over_runs, rank_agreement
from amc_xai.explain.perturbed import TASKS, Setting
from amc_xai.report.claims_runs import Masked, Network
from amc_xai.report.claims_table import AS_PUBLISHED, HOW, PERCENTILE, PUBLISHED_DROPS, Row, row_of

Lost = Callable[[Masked], np.ndarray | None]


def masking_rows(network: Network, seed: int) -> list[Row]:
    """The brightest and the faintest pixels: at every fraction, with the study's masks and with exact ones."""
    networks, channel = common(network), network.channel
    if not networks or channel is None:
        return []
    settings = [setting for setting in networks[0].settings if setting.channel == channel]
    rows = []
    for fraction in sorted({setting.fraction for setting in settings}):
        drops = {side: PUBLISHED_DROPS.get((side, fraction), {}) for side in ("top", "bottom", "random")}
        for operator in dict.fromkeys(setting.operator for setting in settings):

            def of(selector: str, operator: str = operator, fraction: float = fraction) -> Setting:
                return Setting(selector, operator, channel, fraction)

            for task in TASKS:
                published = {side: drop.get(task, math.nan) for side, drop in drops.items()}
                told = {"brightest": published["top"] - published["random"], "faintest": published["bottom"]}
                for claim, how, lost in ways(of, operator, task):
                    values = over_known(networks, task, lost)
                    if values is not None:
                        found = over_runs(values, seed)
                        rows.append(
                            row_of(claim, network.name, how, task, found, *values.shape, fraction, told[claim])
                        )
    return rows


def ways(of: Callable[[str], Setting], operator: str, task: str) -> Iterable[tuple[str, str, Lost]]:
    """The claim, the way in words, and what a network loses of each frame, (N,), for the masks of an operator."""

    def less(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
        return None if one is None or other is None else one - other

    if operator == "zero":
        top, bottom, random = (of(f"{PERCENTILE}_{side}") for side in ("top", "bottom", "random"))
        yield "brightest", AS_PUBLISHED, lambda m: less(m.after(random, task), m.after(top, task))
        yield "faintest", AS_PUBLISHED, lambda m: less(m.clean(task), m.after(bottom, task))
    how = HOW.get(operator, f"exact masks, {operator}")
    yield "brightest", how, lambda m: less(m.after(of("top"), task, control=True), m.after(of("top"), task))
    yield "faintest", how, lambda m: less(m.clean(task), m.after(of("bottom"), task))


def common(network: Network) -> list[Masked]:
    """The masked trainings of a network, on the same frames.

    Raises:
        UserError: they were explained on different ones.
    """
    masked = list(network.masked.values())
    if any(not np.array_equal(one.places, masked[0].places) for one in masked):
        raise UserError(
            f"task.folder: the trainings of {network.name} were explained on different frames; explain all on the "
            "same ones (perturbation.frames=null)"
        )
    return masked


def over_known(networks: Sequence[Masked], task: str, lost: Lost) -> np.ndarray | None:
    """What every training loses of each frame with a known label, (runs, N); None where one has no such mask."""
    values = [lost(one) for one in networks]
    known = networks[0].known(task)
    return np.stack(values)[:, known] if all(v is not None for v in values) and known.any() else None


def rank_rows(network: Network, seed: int) -> list[Row]:
    """How alike the trainings, and the operators, rank the regions that exact masks take; at every fraction."""
    networks, channel = common(network), network.channel
    if not networks or channel is None:
        return []
    mine = [s for s in networks[0].settings if s.channel == channel and not s.selector.startswith(PERCENTILE)]
    operators = list(dict.fromkeys(setting.operator for setting in mine))
    regions = [name for name in dict.fromkeys(s.selector for s in mine) if not name.startswith("random")]
    runs, rows = len(networks), []
    for fraction in sorted({setting.fraction for setting in mine}):
        table = [[[Setting(r, o, channel, fraction) for r in regions] for o in operators] for _ in networks]
        if len(regions) < 3 or any(s not in one.settings for one in networks for o in table[0] for s in o):
            continue
        share = np.array([[[one.share(s) for s in o] for o in table[0]] for one in networks])
        for task in TASKS:
            known = networks[0].known(task)
            lost = np.array(
                [
                    [[(one.clean(task) - one.after(s, task))[known] for s in o] for o in table[0]]
                    for one in networks
                ]
            )
            if not known.any():
                continue
            frames = int(known.sum())
            for place, operator in enumerate(operators):
                pairs = list(combinations(range(runs), 2))
                if pairs:
                    found = rank_agreement(lost[:, place], share[:, place], pairs, seed)
                    how = HOW.get(operator, operator)
                    rows.append(row_of("seeds", network.name, how, task, found, runs, frames, fraction))
            for one, other in combinations(range(len(operators)), 2):
                # Each training's own pair of operators: places in the flat list of (training, operator).
                pairs = [(r * 2, r * 2 + 1) for r in range(runs)]
                both = [part[:, [one, other]] for part in (lost, share)]
                found = rank_agreement(
                    both[0].reshape(-1, *lost.shape[2:]), both[1].reshape(-1, len(regions)), pairs, seed
                )
                how = f"{operators[one]} and {operators[other]}"
                rows.append(row_of("operators", network.name, how, task, found, runs, frames, fraction))
    return rows
