"""What a network answered before and after each perturbation, frame by frame. Needs no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from amc_xai.explain.bootstrap import RESAMPLES, intervals, note, outcome_counts
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
    """

    labels: Answers
    clean_answers: Answers
    answers: Mapping[Setting, Answers]
    shares: Mapping[Setting, Answers]
    controls: Mapping[Setting, Answers] = field(default_factory=dict)

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
    ``drop / lit_fraction``. With a control, ``excess`` is the drop less the control's. Intervals are paired
    bootstraps over frames (`bootstrap.intervals`); that of ``pis_lit`` takes the mean fraction as given.
    """
    rows: list[Row] = []
    for setting in predictions.shares:
        for task in TASKS:
            if predictions.known[task].any():
                everyone = np.zeros(predictions.known[task].shape, np.int64)
                rows += _rows(predictions, setting, task, everyone, 1, resamples, seed)
    return rows


def grouped_rows(
    predictions: PerturbedPredictions, by: str, names: Sequence, resamples: int = RESAMPLES, seed: int = 0
) -> list[Row]:
    """Return the rows of `score_rows` for the frames of each label of ``by`` ("modulation" or "snr") apart.

    Each row has two columns more: ``by`` with the label's entry of ``names``, and ``frames``. Labels without a
    frame have no row.
    """
    rows: list[Row] = []
    for setting in predictions.shares:
        for task in TASKS:
            rows += [
                {by: names[row.pop("group")], "frames": row.pop("frames"), **row}
                for row in _rows(
                    predictions, setting, task, predictions.labels[by], len(names), resamples, seed, keep=True
                )
            ]
    return rows


def _rows(
    predictions: PerturbedPredictions,
    setting: Setting,
    task: str,
    group: np.ndarray,
    groups: int,
    resamples: int,
    seed: int,
    *,
    keep: bool = False,
) -> list[Row]:
    """Return a row for each group with a frame whose label is known for the task."""
    known = predictions.known[task] & (group >= 0)
    group, repeats = group[known], predictions.repeats
    clean, right = predictions.clean[task][known], predictions.right(setting, task)[known]
    controlled = setting in predictions.controls
    control = predictions.right(setting, task, control=True)[known] if controlled else np.zeros_like(right)
    counts, values = outcome_counts(clean, right, control, repeats, group, groups)
    low, high = intervals(counts, values, seed, resamples)
    frames = counts.sum(1)

    def total(numbers: np.ndarray) -> np.ndarray:
        return np.bincount(group, weights=numbers, minlength=groups)

    # Sums of whole numbers, so that an unchanged answer is a drop of exactly 0.
    before, after, beside = repeats * total(clean), total(right), total(control)
    sums = {name: total(share[known]) for name, share in predictions.shares[setting].items()}
    rows: list[Row] = []
    for g in np.flatnonzero(frames):
        draws = repeats * frames[g]
        drop = (before[g] - after[g]) / draws
        fractions = {name: float(column[g] / frames[g]) for name, column in sums.items()}
        lit = fractions["lit_fraction"]
        row: Row = {"group": int(g), "frames": int(frames[g])} if keep else {}
        row |= {
            "selector": setting.selector,
            "operator": setting.operator,
            "channel": setting.channel,
            "nominal_fraction": setting.fraction,
            **fractions,
            "task": task,
            "accuracy": float(after[g] / draws),
            "drop": float(drop),
            "drop_low": float(low[g, 0]),
            "drop_high": float(high[g, 0]),
            "pis_nominal": float(impact(drop, setting.fraction)),
            "pis_lit": float(impact(drop, lit)),
            "pis_lit_low": float(impact(low[g, 0], lit)),
            "pis_lit_high": float(impact(high[g, 0], lit)),
        }
        if controlled:
            row |= {
                "control_drop": float((before[g] - beside[g]) / draws),
                "excess": float((beside[g] - after[g]) / draws),
                "excess_low": float(low[g, 2]),
                "excess_high": float(high[g, 2]),
            }
        rows.append(row | {"interval_note": note(int(frames[g]), drop)})
    return rows
