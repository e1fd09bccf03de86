"""What a network answered before and after each perturbation, frame by frame. Needs no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from amc_xai.evaluation.intervals import wilson
from amc_xai.explain.paired import RESAMPLES, difference, false_discovery, note
from amc_xai.explain.pis_table import Row, impact

TASKS = ("modulation", "snr", "joint")
SHARES = ("lit_fraction", "pixel_fraction", "mass_fraction", "sample_fraction")


class Setting(NamedTuple):
    """One perturbation: how (operator) and where (selector, channel, nominal fraction of the lit pixels)."""

    selector: str
    operator: str
    channel: str
    fraction: float


Answers = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class PerturbedPredictions:
    """Answers on N frames, clean and under each setting; the frames are in one order throughout.

    Attributes:
        labels: ``modulation`` and ``snr``, int (N,), -1 = unknown.
        clean_answers: per task int (N,), the class named without a perturbation.
        answers: per setting and task int (R, N), the class named in each of R draws of the mask.
        shares: per setting and name in `SHARES` float64 (N,), what was masked of each frame's channel (mean of
            the draws): its lit pixels, all its pixels, its summed intensity, its drawn points inside the image
            (NaN where the link from points to pixels is unknown). A frame with nothing to mask has the share 0.
        controls: as ``answers``, under the control's masks; empty where there was no control.
        clean_margins, margins, control_margins: as the answers, float (N,) or (R, N), how far the class that is
            named without a perturbation is ahead of its runner-up, in nats; empty where nobody asked.
    """

    labels: Answers
    clean_answers: Answers
    answers: Mapping[Setting, Answers]
    shares: Mapping[Setting, Answers]
    controls: Mapping[Setting, Answers] = field(default_factory=dict)
    clean_margins: Answers = field(default_factory=dict)
    margins: Mapping[Setting, Answers] = field(default_factory=dict)
    control_margins: Mapping[Setting, Answers] = field(default_factory=dict)

    @property
    def repeats(self) -> int:
        """How many draws of each mask there are."""
        return next((len(answers["modulation"]) for answers in self.answers.values()), 1)

    @cached_property
    def known(self) -> dict[str, np.ndarray]:
        """Per task bool (N,), the frames whose label is known; joint needs both."""
        return _with_joint({task: label >= 0 for task, label in self.labels.items()})

    @cached_property
    def clean(self) -> dict[str, np.ndarray]:
        """Per task bool (N,), right without a perturbation; false where the label is unknown."""
        return _with_joint({task: self.clean_answers[task] == label for task, label in self.labels.items()})

    def right(self, setting: Setting, task: str, *, control: bool = False) -> np.ndarray:
        """Return int (N,), in how many draws of ``setting`` (or of its control) the answer is right."""
        answers = (self.controls if control else self.answers)[setting]
        right = _with_joint({name: answers[name] == label for name, label in self.labels.items()})
        return right[task].sum(0)

    def paired(self, setting: Setting, task: str) -> tuple[np.ndarray, np.ndarray]:
        """Return clean bool (n,) and perturbed correctness (draws right, n) of the n frames with a known label."""
        known = self.known[task]
        return self.clean[task][known], self.right(setting, task)[known]


def _with_joint(by_task: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {**by_task, "joint": by_task["modulation"] & by_task["snr"]}


def score_rows(predictions: PerturbedPredictions, resamples: int = RESAMPLES, seed: int = 0) -> list[Row]:
    """Return one row of ``pis.csv`` for each setting and each task with a known label.

    ``drop`` is the clean accuracy less the perturbed one on the same frames (mean of the draws), the fractions
    are means over these frames, ``pis_nominal`` is ``drop / nominal_fraction`` and ``pis_lit`` is
    ``drop / lit_fraction``. With a control, ``excess`` is the drop less the control's, a paired difference of its
    own. Intervals and ``p_value`` are those of `paired.difference`; that of ``pis_lit`` takes the mean fraction as
    given; that of the accuracy is Wilson's, which for an average of draws is rather too wide. ``q_value`` is the
    false-discovery rate among the table's rows of one task.
    """
    rows: list[Row] = []
    for setting in predictions.shares:
        for task in TASKS:
            if predictions.known[task].any():
                everyone = np.zeros(predictions.known[task].shape, np.int64)
                rows += _rows(predictions, setting, task, everyone, 1, resamples, seed)
    for row in rows:
        del row["group"]
    return with_discoveries(rows)


def grouped_rows(
    predictions: PerturbedPredictions, by: str, names: Sequence, resamples: int = RESAMPLES, seed: int = 0
) -> list[Row]:
    """Return the rows of `score_rows` for the frames of each label of ``by`` ("modulation" or "snr") apart.

    Each row has one column more: ``by``, with the label's entry of ``names``. Labels without a frame have no row.
    """
    rows: list[Row] = []
    for setting in predictions.shares:
        for task in TASKS:
            rows += [
                {by: names[row.pop("group")], **row}
                for row in _rows(predictions, setting, task, predictions.labels[by], len(names), resamples, seed)
            ]
    return with_discoveries(rows)


def with_discoveries(rows: list[Row]) -> list[Row]:
    """Add ``q_value`` to rows with ``p_value``: the false-discovery rate among those of one ``task``."""
    for task in {row["task"] for row in rows}:
        mine = [row for row in rows if row["task"] == task]
        for row, q in zip(mine, false_discovery(np.array([row["p_value"] for row in mine])), strict=True):
            row["q_value"] = float(q)
    return rows


def _rows(
    predictions: PerturbedPredictions,
    setting: Setting,
    task: str,
    group: np.ndarray,
    groups: int,
    resamples: int,
    seed: int,
) -> list[Row]:
    """Return a row for each group with a frame whose label is known for the task."""
    known = predictions.known[task] & (group >= 0)
    group, repeats = group[known], predictions.repeats
    clean, right = predictions.clean[task][known].astype(np.int64), predictions.right(setting, task)[known]
    frames = np.bincount(group, minlength=groups)
    within = {"group": group, "groups": groups, "seed": seed, "resamples": resamples}
    low, high, p = difference(clean, right, (1, repeats), **within)

    def total(numbers: np.ndarray) -> np.ndarray:
        return np.bincount(group, weights=numbers, minlength=groups)

    # Sums of whole numbers, so that an unchanged answer is a drop of exactly 0.
    before, after = repeats * total(clean), total(right)
    sure = wilson(after / repeats, frames)
    if controlled := setting in predictions.controls:
        control = predictions.right(setting, task, control=True)[known]
        beside = total(control)
        excess = difference(control, right, (repeats, repeats), **within)
    sums = {name: total(share[known]) for name, share in predictions.shares[setting].items()}
    rows: list[Row] = []
    for g in np.flatnonzero(frames):
        draws = repeats * frames[g]
        drop = (before[g] - after[g]) / draws
        fractions = {name: float(column[g] / frames[g]) for name, column in sums.items()}
        lit = fractions["lit_fraction"]
        row: Row = {
            "group": int(g),
            "selector": setting.selector,
            "operator": setting.operator,
            "channel": setting.channel,
            "nominal_fraction": setting.fraction,
            **fractions,
            "task": task,
            "frames": int(frames[g]),
            "accuracy": float(after[g] / draws),
            "accuracy_low": float(sure[0][g]),
            "accuracy_high": float(sure[1][g]),
            "drop": float(drop),
            "drop_low": float(low[g]),
            "drop_high": float(high[g]),
            "p_value": float(p[g]),
            "pis_nominal": float(impact(drop, setting.fraction)),
            "pis_lit": float(impact(drop, lit)),
            "pis_lit_low": float(impact(low[g], lit)),
            "pis_lit_high": float(impact(high[g], lit)),
        }
        if controlled:
            row |= {
                "control_drop": float((before[g] - beside[g]) / draws),
                "excess": float((beside[g] - after[g]) / draws),
                "excess_low": float(excess[0][g]),
                "excess_high": float(excess[1][g]),
                "excess_p_value": float(excess[2][g]),
            }
        rows.append(row | {"interval_note": note(low[g], high[g])})
    return rows
