"""The numbers of a run, each headline number with its 95 % interval: what ``metrics.json`` holds."""

import json
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from amc_xai.errors import UserError
from amc_xai.evaluation.confusion import (
    class_scores,
    confusion_matrices,
    divide,
    f1_macro,
    mean_absolute_error,
)
from amc_xai.evaluation.intervals import bootstrap, wilson
from amc_xai.evaluation.limit import ACCURACIES, share_of_limit
from amc_xai.evaluation.predictions import Predictions
from amc_xai.files import replacing
from amc_xai.signal.snr import check_definition, class_power, decibels_a_label, es_n0_offset_db


def metrics(
    predictions: Predictions,
    *,
    snr_definition: str,
    samples_per_symbol: float | None = None,
    limit: Mapping[float, Mapping[str, float]] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Work out ``metrics.json`` as plain Python values; ``None`` for a number that no frame supports.

    - Accuracies are shares of the frames whose label is known (joint: both labels known, both right); their
      intervals are Wilson's. ``frames`` counts every row of the table, labelled or not.
    - ``*_f1_macro`` is the mean F1 over the classes present among the labels; ``snr_mae_db`` is the mean
      distance in dB of the labels between the most probable SNR class and the true one, ``snr_mae_es_n0_db`` the
      same in dB of Es/N0, there where each class's power is known. Their intervals are percentile
      bootstraps over frames (``intervals.RESAMPLES`` resamples, from ``seed``).
    - ``by_snr`` follows ``predictions.snrs`` and ``by_class`` ``predictions.modulations``; their ``frames``
      count the frames labelled so. In ``by_class``, ``modulation_accuracy`` is the accuracy among the frames
      of that class, which is its recall; ``precision`` is ``None`` for a class never predicted.
    - ``es_n0_offset_db`` of a class is its Es/N0 less what the label itself counts (1 or 2 dB each), and
      ``es_n0_db`` of an SNR its Es/N0; ``None`` where it isn't known, or not one number for all classes tested.
    - ``share_of_limit`` ``{name: share}`` is there when ``limit`` (SNR in dB -> accuracies, from
      ``read_limits``) covers an SNR of the table; see ``limit.share_of_limit``.

    Raises ``UserError`` for an unknown ``snr_definition``.
    """
    check_definition(snr_definition, "snr_definition")
    offsets = [es_n0_offset_db(snr_definition, str(name), samples_per_symbol) for name in predictions.modulations]
    headline: dict[str, Any] = {"frames": len(predictions)}
    intervals: dict[str, Any] = {}
    for name, (known, right) in _outcomes(predictions).items():
        n, k = int(known.sum()), int(right.sum())
        headline[name] = k / n if n else None
        intervals[name] = [float(bound) for bound in wilson(k, n)] if n else None

    counts = confusion_matrices(predictions)
    error = partial(mean_absolute_error, values=predictions.snrs)
    # Separate streams, so that one task's interval doesn't depend on the other task's classes.
    modulation_seed, snr_seed = np.random.SeedSequence(seed).spawn(2)
    bounds = bootstrap(counts.modulation, f1_macro, seed=modulation_seed)
    bounds += bootstrap(counts.snr, f1_macro, error, seed=snr_seed)
    values = (f1_macro(counts.modulation), f1_macro(counts.snr), error(counts.snr))
    names = ("modulation_f1_macro", "snr_f1_macro", "snr_mae_db")
    for name, value, bound in zip(names, values, bounds, strict=True):
        headline[name] = _plain(float(value))
        intervals[name] = None if headline[name] is None else list(bound)
    if _all_measured(predictions, snr_definition) and headline["snr_mae_db"] is not None:
        # A class's own power drops out of the difference of two of its SNRs.
        step, name = decibels_a_label(snr_definition), "snr_mae_es_n0_db"
        headline[name] = step * headline["snr_mae_db"]
        intervals[name] = [step * bound for bound in intervals["snr_mae_db"]]

    result = {
        **headline,
        "interval95": intervals,
        "by_snr": _by_snr(predictions, snr_definition, offsets),
        "by_class": _by_class(predictions, counts.modulation, offsets),
        "snr_definition": snr_definition,
    }
    if limit is not None:
        shares = share_of_limit(accuracy_counts_by_snr(predictions), predictions.snrs, limit)
        if shares:
            result["share_of_limit"] = shares
    return result


def chance(source: Predictions | Mapping[str, Any]) -> dict[str, float]:
    """Accuracies of a uniform guess, 1/M, 1/S and 1/(M S), from a table or from what ``metrics`` gave."""
    if isinstance(source, Predictions):
        modulations, snrs = len(source.modulations), len(source.snrs)
    else:
        modulations, snrs = len(source["by_class"]), len(source["by_snr"])
    return dict(zip(ACCURACIES, (1 / modulations, 1 / snrs, 1 / (modulations * snrs)), strict=True))


def accuracy_counts_by_snr(predictions: Predictions) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each accuracy and every SNR: (frames right (S,), frames with known labels (S,)) int64.

    Frames whose SNR is unknown belong to no SNR and are left out.
    """
    classes = len(predictions.snrs)
    counts = {}
    for name, (known, right) in _outcomes(predictions).items():
        placed = known & (predictions.snr_label >= 0)
        label = predictions.snr_label
        counts[name] = (
            np.bincount(label[placed & right], minlength=classes),
            np.bincount(label[placed], minlength=classes),
        )
    return counts


def save_metrics(values: Mapping[str, Any], path: str | Path) -> Path:
    """Write ``metrics.json`` by write-then-rename; a number that isn't finite becomes ``null``."""
    path = Path(path)
    text = json.dumps(_plain(values), indent=2, allow_nan=False, ensure_ascii=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return path


def load_metrics(path: str | Path) -> dict[str, Any]:
    """Read ``metrics.json``. Raises ``UserError`` if the file is missing or isn't JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"metrics: there is no file '{path}'.") from error
    except ValueError as error:
        raise UserError(f"metrics: '{path}' is not JSON ({error}).") from error


def _outcomes(predictions: Predictions) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each accuracy, over the frames: (label known (N,), known and right (N,))."""
    modulation_known = predictions.modulation_label >= 0
    snr_known = predictions.snr_label >= 0
    modulation_right = predictions.modulation_predicted == predictions.modulation_label
    snr_right = predictions.snr_predicted == predictions.snr_label
    # A label of -1 equals no class, so "right" implies "known".
    return {
        "modulation_accuracy": (modulation_known, modulation_right),
        "snr_accuracy": (snr_known, snr_right),
        "joint_accuracy": (modulation_known & snr_known, modulation_right & snr_right),
    }


def _all_measured(predictions: Predictions, snr_definition: str) -> bool:
    """Whether the power that each class with frames has under this definition is known."""
    present = np.unique(predictions.modulation_label[predictions.modulation_label >= 0])
    powers = [class_power(snr_definition, str(predictions.modulations[m])) for m in present]
    return all(power is not None and power.measured for power in powers)


def _by_snr(predictions: Predictions, snr_definition: str, offsets: list[float | None]) -> list[dict[str, Any]]:
    present = np.unique(predictions.modulation_label[predictions.modulation_label >= 0])
    different = {None if offsets[m] is None else round(offsets[m], 6) for m in present}
    one = offsets[present[0]] if len(different) == 1 else None
    step = decibels_a_label(snr_definition)
    counts = accuracy_counts_by_snr(predictions)
    accuracy = {name: divide(right, frames) for name, (right, frames) in counts.items()}
    frames = counts["snr_accuracy"][1]
    return [
        {"snr": float(snr), "frames": int(frames[i]), "es_n0_db": None if one is None else step * float(snr) + one}
        | {name: _plain(float(accuracy[name][i])) for name in ACCURACIES}
        for i, snr in enumerate(predictions.snrs)
    ]


def _by_class(predictions: Predictions, counts: np.ndarray, offsets: list[float | None]) -> list[dict[str, Any]]:
    scores = class_scores(counts)
    rows = []
    for i, modulation in enumerate(predictions.modulations):
        recall = _plain(float(scores.recall[i]))
        rows.append(
            {
                "modulation": str(modulation),
                "frames": int(counts[i].sum()),
                "precision": _plain(float(scores.precision[i])),
                "recall": recall,
                "f1": _plain(float(scores.f1[i])),
                "modulation_accuracy": recall,
                "es_n0_offset_db": offsets[i],
            }
        )
    return rows


def _plain(value: Any) -> Any:
    """The same value in types that JSON has; ``None`` for a float that isn't finite."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
