"""What the claims on masking come to: the brightest and the faintest pixels, and how alike regions are ranked."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import combinations, pairwise, product

import numpy as np

from amc_xai.errors import UserError
from amc_xai.explain.over_runs import over_runs, rank_agreement
from amc_xai.explain.perturbed import TASKS, Setting
from amc_xai.report.claims_runs import Masked, Network
from amc_xai.report.claims_table import AS_PUBLISHED, HOW, PERCENTILE, PUBLISHED_DROPS, Row, row_of

Lost = Callable[[Masked], np.ndarray | None]
Scoring = tuple[np.ndarray, np.ndarray]


def masking_rows(network: Network, seed: int) -> list[Row]:
    """The brightest and the faintest pixels: at every fraction, with the study's masks and with exact ones.

    Each way is told over the trainings that were masked so.
    """
    rows, (masked, settings) = [], of_channel(network)
    for fraction in sorted({setting.fraction for setting in settings}):
        drops = {side: PUBLISHED_DROPS.get((side, fraction), {}) for side in ("top", "bottom", "random")}
        for operator, task in product(dict.fromkeys(setting.operator for setting in settings), TASKS):
            of = partial(Setting, operator=operator, channel=network.channel, fraction=fraction)
            published = {side: drop.get(task, math.nan) for side, drop in drops.items()}
            told = {"brightest": published["top"] - published["random"], "faintest": published["bottom"]}
            for claim, how, lost in ways(of, operator, task):
                known = [one.known(task) for one in masked[:1]]
                values = [v[known[0]] for one in masked if (v := lost(one)) is not None]
                if values and known[0].any():
                    found = (over_runs(np.stack(values), seed), len(values), len(values[0]))
                    rows.append(row_of(claim, network.name, how, task, *found, fraction, told[claim]))
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


def of_channel(network: Network) -> tuple[list[Masked], list[Setting]]:
    """The masked trainings of a network and every setting of the channel that counts; none where there is none.

    Raises:
        UserError: they were explained on different frames.
    """
    masked = list(network.masked.values())
    if any(not np.array_equal(one.places, masked[0].places) for one in masked):
        raise UserError(
            f"task.folder: the trainings of {network.name} were explained on different frames; explain all on the "
            "same ones (perturbation.frames=null)"
        )
    every = dict.fromkeys(setting for one in masked for setting in one.settings)
    return masked, [setting for setting in every if setting.channel == network.channel]


def rank_rows(network: Network, seed: int) -> list[Row]:
    """How alike the trainings, and the operators, rank the regions that exact masks take; at every fraction."""
    masked, settings = of_channel(network)
    mine = [s for s in settings if not s.selector.startswith((PERCENTILE, "random"))]
    operators = list(dict.fromkeys(setting.operator for setting in mine))
    regions = list(dict.fromkeys(setting.selector for setting in mine))
    if len(regions) < 3:
        return []
    rows = []
    for fraction, task in product(sorted({setting.fraction for setting in mine}), TASKS):
        of = partial(Setting, channel=network.channel, fraction=fraction)
        asked = {operator: [of(region, operator=operator) for region in regions] for operator in operators}
        scored = {operator: [scoring(one, wanted, task) for one in masked] for operator, wanted in asked.items()}
        groups = {("seeds", HOW.get(o, o)): [[one for one in scored[o] if one is not None]] for o in operators}
        for one, other in combinations(operators, 2):
            both = zip(scored[one], scored[other], strict=True)
            alike = [[a, b] for a, b in both if a is not None and b is not None]
            groups["operators", f"{one} and {other}"] = alike
        for (claim, how), alike in groups.items():
            found = agreement(alike, seed)
            if found is not None:
                runs = len(alike[0]) if claim == "seeds" else len(alike)
                rows.append(row_of(claim, network.name, how, task, found, runs, alike[0][0][0].shape[1], fraction))
    return rows


def agreement(groups: Sequence[Sequence[Scoring]], seed: int) -> tuple[float, float, float] | None:
    """How alike the scorings of each group rank regions; None where no group has two, or no frame counts."""
    flat = [one for group in groups for one in group]
    ends = np.cumsum([0, *map(len, groups)]).tolist()
    places = [range(begin, end) for begin, end in pairwise(ends)]
    pairs = [pair for group in places for pair in combinations(group, 2)]
    if not pairs or not flat[0][0].shape[1]:
        return None
    lost, share = (np.stack(part) for part in zip(*flat, strict=True))
    return rank_agreement(lost, share, pairs, seed)


def scoring(one: Masked, regions: Sequence[Setting], task: str) -> Scoring | None:
    """What each region's mask takes of the answer to each frame, (R, N), and of the lit pixels, (R,)."""
    if any(region not in one.settings for region in regions):
        return None
    known = one.known(task)
    lost = np.stack([(one.clean(task) - one.after(region, task))[known] for region in regions])
    return lost, np.array([one.share(region) for region in regions])
