"""Runs of a multirun side by side: one entry for each setting, its seeds taken together."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from scipy.stats import t as student

from amc_xai.errors import UserError
from amc_xai.evaluation.confusion import divide
from amc_xai.evaluation.limit import ACCURACIES, Limits, read_limits
from amc_xai.evaluation.metrics import load_metrics
from amc_xai.evaluation.predictions import Predictions
from amc_xai.report.run_files import read_history, series

HARD_CLASSES = ("64QAM", "128QAM", "256QAM")
SEED = "seed"
FEWEST = 3  # runs that an interval of their mean takes
# Of a dataset's keys, what leaves the test frames as they are.
NO_OTHER_FRAMES = ("residency", "half_precision", "endless", "frames_per_epoch", "channels")
# Groups whose options are known by their names alone.
SPEAKING = frozenset({"experiment", "dataset", "representation", "backbone"})


@dataclass(frozen=True)
class Run:
    """What the table takes from one run folder. ``overrides`` by key; ``model`` is {} without ``model.json``;
    ``untrained`` are the tasks whose weight in the loss was zero throughout: their head says nothing.
    """

    folder: Path
    overrides: dict[str, str]
    metrics: dict[str, Any]
    model: dict[str, Any]
    frames_per_second: float
    untrained: frozenset[str]
    training_seconds: float = math.nan

    @cached_property
    def limits(self) -> Limits:
        """What is possible at each SNR, {} where that isn't known."""
        path = self.folder / "limits.csv"
        return read_limits(path) if path.exists() else {}

    @cached_property
    def origin(self) -> str | None:
        """The set and the places in it that were tested, by ``provenance.json``; None where that isn't there."""
        path = self.folder / "provenance.json"
        if not path.exists():
            return None
        told = json.loads(path.read_text(encoding="utf-8"))
        made = {k: v for k, v in (told.get("dataset") or {}).items() if k not in NO_OTHER_FRAMES}
        return json.dumps([told.get("test_frames_sha256"), made], sort_keys=True)

    @cached_property
    def predictions(self) -> Predictions | None:
        path = self.folder / "predictions.npz"
        return Predictions.load(path) if path.exists() else None

    def trained(self, name: str) -> bool:
        """Whether the accuracy ``name`` is of something trained; the joint one needs both tasks."""
        task = name.removesuffix("_accuracy")
        return not self.untrained if task == "joint" else task not in self.untrained

    def by_snr(self, name: str) -> dict[float, float]:
        """SNR in dB -> the accuracy ``name`` of ``metrics.json``, where frames of that SNR were tested."""
        rows = self.metrics["by_snr"] if self.trained(name) else []
        return {row["snr"]: row[name] for row in rows if row[name] is not None}

    def class_accuracy(self, modulation: str) -> float:
        """Share of the frames of ``modulation`` that are named right, NaN without such frames."""
        for row in self.metrics["by_class"] if self.trained("modulation_accuracy") else []:
            if row["modulation"] == modulation and row["modulation_accuracy"] is not None:
                return row["modulation_accuracy"]
        return math.nan

    def class_by_snr(self, modulation: str) -> dict[float, float]:
        """SNR in dB -> share of that SNR's frames of ``modulation`` that are named right."""
        table = self.predictions
        if table is None or modulation not in table.modulations or not self.trained("modulation_accuracy"):
            return {}
        index = int(np.flatnonzero(table.modulations == modulation)[0])
        mine = (table.modulation_label == index) & (table.snr_label >= 0)
        snrs = len(table.snrs)
        frames = np.bincount(table.snr_label[mine], minlength=snrs)
        right = np.bincount(table.snr_label[mine & (table.modulation_predicted == index)], minlength=snrs)
        shares = divide(right, frames)
        return {float(table.snrs[i]): float(shares[i]) for i in range(snrs) if frames[i]}


@dataclass(frozen=True)
class Entry:
    """The runs of one setting, which differ by seed alone."""

    name: str
    runs: list[Run]

    def mean_by_snr(self, curves: Sequence[dict[float, float]]) -> tuple[list[float], list[float]]:
        """SNRs in ascending order and the mean over ``curves``, one of each run."""
        snrs = sorted({snr for curve in curves for snr in curve})
        return snrs, [float(np.mean([curve[snr] for curve in curves if snr in curve])) for snr in snrs]

    def accuracy(self, name: str) -> tuple[float, float, float]:
        """Mean over the runs of the accuracy ``name`` and its 95 % interval (see :func:`over_seeds`)."""
        told = [run.metrics for run in self.runs if run.trained(name) and run.metrics[name] is not None]
        if len(told) == 1:
            return (told[0][name], *told[0]["interval95"][name])
        return over_seeds([metrics[name] for metrics in told])


def over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean of n runs and its 95 % interval, mean -+ t(n - 1) s / sqrt(n) with Student's t, within 0..1.

    The interval is of the mean over seeds: it holds the scatter of training together with that of the test
    frames. NaN bounds for fewer than ``FEWEST`` values: of two, t is 12.7, and the interval says nothing.
    """
    if not values:
        return math.nan, math.nan, math.nan
    mean = float(np.mean(values))
    if len(values) < FEWEST:
        return mean, math.nan, math.nan
    half = student.ppf(0.975, len(values) - 1) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def read_runs(folders: Iterable[str | Path]) -> tuple[list[Run], list[Path]]:
    """All tested runs at or below ``folders``, in the order of their names, and the folders of unfinished ones.

    Raises:
        UserError: if a folder is missing, or none holds a tested run.
    """
    runs, unfinished = [], []
    roots = [Path(folder) for folder in folders]
    for root in roots:
        if not root.is_dir():
            raise UserError(
                f"task.folder: there is no folder '{root}'; name a multirun folder, multirun/DATE/TIME"
            )
        found = sorted({path.parent.parent for path in root.rglob(".hydra/overrides.yaml")}, key=natural)
        for folder in found:
            if (folder / "metrics.json").exists():
                runs.append(read_run(folder))
            elif (folder / "history.jsonl").exists():
                unfinished.append(folder)
    if not runs:
        shown = ", ".join(map(str, roots))
        raise UserError(
            f"task.folder: no run at or below {shown} has a metrics.json; name a folder of tested runs"
        )
    return runs, unfinished


def natural(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts job 2 before job 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in path.parts]


def read_run(folder: Path) -> Run:
    """One run folder; the speed is the median over epochs."""
    given = OmegaConf.to_container(OmegaConf.load(folder / ".hydra" / "overrides.yaml"), resolve=False)
    overrides = dict(str(entry).lstrip("+").partition("=")[::2] for entry in given)
    model, history = folder / "model.json", folder / "history.jsonl"
    epochs = read_history(history) if history.exists() else []
    speeds = series(epochs, "frames_per_second")[1]
    weights = {task: series(epochs, f"weight_{task}")[1] for task in ("modulation", "snr")}
    return Run(
        folder,
        overrides,
        load_metrics(folder / "metrics.json"),
        json.loads(model.read_text(encoding="utf-8")) if model.exists() else {},
        float(np.median(speeds)) if speeds else math.nan,
        frozenset(task for task, found in weights.items() if found and not any(found)),
        sum(series(epochs, "seconds")[1]) or math.nan,
    )


def entries(runs: Sequence[Run]) -> list[Entry]:
    """Runs that differ by seed alone, together; named by the overrides that differ, best joint accuracy first."""
    keys = sorted({key for run in runs for key in run.overrides} - {SEED})
    telling = [key for key in keys if len({run.overrides.get(key) for run in runs}) > 1]
    groups: dict[tuple, list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(run.overrides.get(key) for key in telling), []).append(run)
    found = [Entry(name_of(telling, values), together) for values, together in groups.items()]
    return sorted(found, key=lambda entry: -np.nan_to_num(entry.accuracy("joint_accuracy")[0], nan=-1.0))


def name_of(keys: list[str], values: tuple) -> str:
    """The value alone if one key tells the settings apart, else a part for each that is given.

    Such a part is ``key=value``, or the value alone for networks, pictures, datasets and experiments.
    """
    if len(keys) == 1:
        return values[0] if values[0] is not None else f"default {keys[0]}"
    given = [(k, v) for k, v in zip(keys, values, strict=True) if v is not None]
    return ", ".join(v if k in SPEAKING else f"{k}={v}" for k, v in given) or "defaults"


def same_frames(runs: Sequence[Run]) -> bool:
    """Whether all runs were tested on the same frames, as far as their origin is known, and their labels."""
    origins = {run.origin for run in runs}
    if len(origins - {None}) > 1:
        return False
    tables = [run.predictions for run in runs]
    if any(table is None for table in tables):
        return len({run.metrics["frames"] for run in runs}) == 1
    first = tables[0]
    return all(
        np.array_equal(first.modulation_label, table.modulation_label)
        and np.array_equal(first.snr_label, table.snr_label)
        for table in tables[1:]
    )


def rows(table: Sequence[Entry]) -> list[dict[str, Any]]:
    """One row for each entry, as ``leaderboard.csv`` has it; None where a number isn't known."""
    result = []
    for entry in table:
        row: dict[str, Any] = {"name": entry.name, "runs": len(entry.runs)}
        for key in ("parameters", "multiply_adds"):
            row[key] = entry.runs[0].model.get(key)
        for key in ("frames_per_second", "training_seconds"):
            row[key] = float(np.mean([getattr(run, key) for run in entry.runs]))
        for name in ACCURACIES:
            for suffix, value in zip(("", "_low", "_high"), entry.accuracy(name), strict=True):
                row[name + suffix] = value
        for modulation in HARD_CLASSES:
            values = [run.class_accuracy(modulation) for run in entry.runs]
            row[f"accuracy_{modulation}"] = float(np.mean(values))
        row["interval"] = {1: "frames", 2: "none"}.get(len(entry.runs), "seeds")
        row["device"] = entry.runs[0].model.get("device")
        result.append({k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()})
    return result
