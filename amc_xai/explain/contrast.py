"""Why this class and not its rival: the lead that a mask costs, and where the answers go. Needs no torch."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from amc_xai.explain.paired import RESAMPLES, mean_difference, mean_interval
from amc_xai.explain.perturbed import PerturbedPredictions, with_discoveries

TASKS = ("modulation", "snr")
Row = dict[str, Any]


def contrast_rows(predictions: PerturbedPredictions, seed: int = 0, resamples: int = RESAMPLES) -> list[Row]:
    """Rows of ``contrast.csv``: what each mask takes of the lead of the class named over its runner-up.

    The lead is the difference of their logits, in nats: the logarithm of how much more probable the one is.
    ``value`` is what is lost of it, the mean over frames (labels play no part) with a bootstrap interval;
    ``control`` the same of the control's masks, ``excess`` the difference of the two, frame by frame. The pair is
    that of the frame as it is.
    """
    rows: list[Row] = []
    for setting, after in predictions.margins.items():
        beside = predictions.control_margins.get(setting)
        for task in TASKS:
            clean = predictions.clean_margins[task].astype(np.float64)
            lost = clean - after[task].mean(0)
            row: Row = {
                "selector": setting.selector,
                "operator": setting.operator,
                "channel": setting.channel,
                "nominal_fraction": setting.fraction,
                "task": task,
                "frames": len(clean),
                **interval_of("value", lost, seed, resamples),
            }
            if beside is not None:
                control = clean - beside[task].mean(0)
                row |= {"control": float(control.mean()), **interval_of("excess", lost - control, seed, resamples)}
            rows.append(row)
    return rows


def interval_of(name: str, values: np.ndarray, seed: int, resamples: int) -> Row:
    """The mean of numbers and its 95 % percentile bootstrap interval, which is unknown where all are equal."""
    ends = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
    if len(values) < 2 or np.ptp(values) == 0:
        mean = float(values.mean()) if len(values) else math.nan
        return {name: mean, **dict.fromkeys(ends, math.nan)}
    mean, low, high = mean_interval(values, seed, resamples)
    return {name: mean, ends[0]: low, ends[1]: high}


def flow_rows(
    predictions: PerturbedPredictions,
    classes: Mapping[str, Sequence],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[Row]:
    """Rows of ``flows.csv``: where answers go under each mask, class by class.

    ``before`` and ``after`` are the shares of all ``frames`` that are named this class, ``value`` their difference
    with its paired interval: above 0 the mask drives frames there; ``q_value`` is the false-discovery rate among
    the rows of one task. ``recall_loss`` is what the class's own ``recall_frames`` lose of their recall: a class
    whose recall rises under a mask, while frames of others come to it, isn't better known; it is where the mask
    drifts to.
    """
    rows: list[Row] = []
    for setting, answers in predictions.answers.items():
        for task in TASKS:
            clean, label, names = predictions.clean_answers[task], predictions.labels[task], classes[task]
            known, count, everyone = label >= 0, len(names), len(clean)
            lost = (1.0 * (clean == label) - (answers[task] == label).mean(0))[known]
            recall_low, recall_high, _ = mean_difference(lost, label[known], count, seed, resamples)
            own = np.bincount(label[known], minlength=count)
            loss = np.bincount(label[known], weights=lost, minlength=count)
            # All classes in one go: each has every frame in a group of its own.
            before = np.stack([1.0 * (clean == k) for k in range(count)])
            after = np.stack([(answers[task] == k).mean(0) for k in range(count)])
            group = np.repeat(np.arange(count), everyone)
            low, high, p = mean_difference((after - before).ravel(), group, count, seed, resamples)
            rows += [
                {
                    "selector": setting.selector,
                    "operator": setting.operator,
                    "channel": setting.channel,
                    "nominal_fraction": setting.fraction,
                    "task": task,
                    "class": str(names[k]),
                    "frames": everyone,
                    "before": float(before[k].mean()),
                    "after": float(after[k].mean()),
                    "value": float((after[k] - before[k]).mean()),
                    "low": float(low[k]),
                    "high": float(high[k]),
                    "p_value": float(p[k]),
                    "recall_frames": int(own[k]),
                    "recall_loss": float(loss[k] / own[k]) if own[k] else math.nan,
                    "recall_low": float(recall_low[k]),
                    "recall_high": float(recall_high[k]),
                }
                for k in range(count)
                if before[k].any() or after[k].any() or own[k]
            ]
    return with_discoveries(rows)
