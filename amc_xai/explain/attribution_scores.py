"""The table of how faithful each method's maps are, beside orders that know nothing of the trained network."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from amc_xai.explain.attribution.integrated_gradients import IntegratedGradients, completeness
from amc_xai.explain.attribution.method import Method, attribute_input
from amc_xai.explain.attribution.plan import AttributionPlan
from amc_xai.explain.faithfulness import (
    Curves,
    average,
    control_scores,
    curves,
    infidelity,
    sensitivity,
)
from amc_xai.explain.paired import mean_interval
from amc_xai.explain.removal import Remove, emptied

log = logging.getLogger(__name__)
Maps = dict[tuple[str, str], torch.Tensor]
Drawn = dict[str, Curves]  # by operator
METRICS = ("infidelity", "sensitivity")


class Subject(NamedTuple):
    """The frames that are explained: ``x`` as the network sees them and, per task, the class ``target`` (N,).

    ``removals`` are the ways in which curves take pixels away, by the operator's name.
    """

    x: torch.Tensor
    target: dict[str, torch.Tensor]
    removals: dict[str, Remove] = {"zero": emptied}  # noqa: RUF012 (never written to)

    def parts(self, task: str, size: int) -> Iterable[tuple[slice, torch.Tensor, torch.Tensor]]:
        """Yield (place, frames, targets), ``size`` frames at a time."""
        for begin in range(0, len(self.x), size):
            place = slice(begin, begin + size)
            yield place, self.x[place], self.target[task][place]

    def head(self, frames: int) -> "Subject":
        """The first ``frames`` of them."""
        target = {task: target[:frames] for task, target in self.target.items()}
        return Subject(self.x[:frames], target, self.removals)


def maps_of(method: Method, network: nn.Module, subject: Subject, task: str, batch_size: int) -> torch.Tensor:
    """The method's maps of all frames, of the shape of ``subject.x``."""
    parts = subject.parts(task, batch_size)
    return torch.cat([attribute_input(method, network, x, target, task) for _, x, target in parts])


def curves_of(
    network: nn.Module, subject: Subject, scores: torch.Tensor, task: str, plan: AttributionPlan, seed: int
) -> Drawn:
    """Deletion and insertion of all frames, by each operator; the order in which pixels go is the same."""
    drawn = {}
    for name, remove in subject.removals.items():
        generator = torch.Generator().manual_seed(seed)
        found = [
            curves(
                network, x, scores[place], target, task, plan.curve_steps, generator,
                lambda x, keep, place=place, remove=remove: remove(x, keep, place),
            )
            for place, x, target in subject.parts(task, plan.batch_size)
        ]  # fmt: skip
        drawn[name] = Curves(*(np.concatenate(column) for column in zip(*found, strict=True)))
    return drawn


def averaged(draw: Callable[[int], Drawn], times: int) -> Drawn:
    """The mean of several draws, by operator."""
    drawn = [draw(k) for k in range(times)]
    return {name: average(lambda k, name=name: drawn[k][name], times) for name in drawn[0]}


def rows_of(method: str, kind: str, judge: str, task: str, drawn: Drawn, seed: int) -> list[dict]:
    """The rows of ``attribution.csv``, one for each operator, from the curves of N frames."""
    return [row_of(method, kind, judge, task, name, found, seed) for name, found in drawn.items()]


def row_of(method: str, kind: str, judge: str, task: str, operator: str, found: Curves, seed: int) -> dict:
    """One row of ``attribution.csv`` from the curves of N frames."""
    areas = found.areas()
    numbers: dict[str, float] = {}
    for name in ("deletion_auc", "insertion_auc", "difference"):
        numbers |= with_interval(name, areas[name], seed)
    return {
        "method": method,
        "kind": kind,
        "network": judge,
        "task": task,
        "operator": operator,
        "frames": len(found.share),
        **numbers,
        **dict.fromkeys((f"{name}{end}" for name in METRICS for end in ("", "_low", "_high")), float("nan")),
        "metric_frames": 0,
        "completeness_error": float("nan"),
        "empty_maps": 0,
    }


def with_interval(name: str, values: np.ndarray, seed: int) -> dict[str, float]:
    """The mean over frames of a column, and its 95 % interval in ``<name>_low`` and ``<name>_high``."""
    mean, low, high = mean_interval(values, seed)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def method_scores(
    network: nn.Module, subject: Subject, name: str, method: Method, task: str, plan: AttributionPlan, seed: int
) -> tuple[list[dict], torch.Tensor, Drawn]:
    """A method's rows (one for each operator), maps (N, ...) and curves for one task."""
    maps = maps_of(method, network, subject, task, plan.batch_size)
    found = curves_of(network, subject, maps, task, plan, seed)
    rows = rows_of(name, "method", "trained", task, found, seed)
    # What follows belongs to the map alone, whatever the curves put in a pixel's place.
    row: dict = {"empty_maps": int((maps.flatten(1).abs().amax(1) == 0).sum())}
    if row["empty_maps"]:
        log.info(
            "%s, %s: %d of %d maps are empty: nothing speaks for the class",
            name, task, row["empty_maps"], len(maps),
        )  # fmt: skip
    if plan.metric_frames:
        few = subject.head(plan.metric_frames)
        few_maps = maps[: len(few.x)]
        unfaithful, shaky, missed = [], [], []
        for place, x, target in few.parts(task, plan.batch_size):
            unfaithful.append(infidelity(network, x, few_maps[place], target, task, seed, method.unit))
            shaky.append(sensitivity(method, network, x, target, task, seed))
            if isinstance(method, IntegratedGradients):
                missed.append(completeness(network, x, few_maps[place], target, task).numpy())
        row |= with_interval("infidelity", np.concatenate(unfaithful), seed)
        row |= with_interval("sensitivity", np.concatenate(shaky), seed)
        row["metric_frames"] = len(few.x)
        if missed:
            # The median: where the logit hardly differs from the empty image's, any share of it is huge.
            row["completeness_error"] = float(np.median(np.concatenate(missed)))
    return [one | row for one in rows], maps, found


def control_rows(
    network: nn.Module,
    untrained: nn.Module,
    subject: Subject,
    methods: Mapping[str, Method],
    task: str,
    plan: AttributionPlan,
    seed: int,
) -> tuple[list[dict], dict[str, Drawn]]:
    """Rows and curves of what a method has to beat.

    ``random`` (the mean of ``plan.random_orders`` orders), ``brightest`` first, and ``<method>_untrained``: the
    maps of a network that has learned nothing, judged by the one that has.
    """
    found: dict[str, Drawn] = {}
    for name, scores in control_scores(subject.x).items():
        times = plan.random_orders if name == "random" else 1
        found[name] = averaged(
            lambda i, scores=scores: curves_of(network, subject, scores, task, plan, seed + i), times
        )
    for name, method in methods.items():
        scores = maps_of(method, untrained, subject, task, plan.batch_size)
        found[f"{name}_untrained"] = curves_of(network, subject, scores, task, plan, seed)
    rows = [row for n, these in found.items() for row in rows_of(n, "control", "trained", task, these, seed)]
    return rows, found


def robust_rows(
    robust: nn.Module, subject: Subject, maps: Maps, plan: AttributionPlan, seed: int
) -> tuple[list[dict], dict[tuple[str, str], Drawn]]:
    """The same maps and controls, judged by a copy of the network that knows masked images.

    Zheng et al., "F-Fidelity: a robust framework for faithfulness evaluation of explainable AI" (2024): the
    original network's probability also falls because masked images are strange to it; the copy's doesn't.
    """
    rows, found = [], {}
    for task in subject.target:
        scored = {name: scores for (name, of), scores in maps.items() if of == task}
        for name, scores in {**scored, **control_scores(subject.x)}.items():
            times = plan.random_orders if name == "random" else 1
            these = averaged(
                lambda i, scores=scores, task=task: curves_of(robust, subject, scores, task, plan, seed + i), times
            )
            kind = "method" if name in scored else "control"
            rows += rows_of(name, kind, "robust", task, these, seed)
            found[name, task] = these
    return rows, found
