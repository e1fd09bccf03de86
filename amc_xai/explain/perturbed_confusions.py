"""Confusion matrices and F1 under each perturbation, beside the unperturbed ones. Needs no torch."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from amc_xai.evaluation.confusion import confusion_counts, f1_macro
from amc_xai.explain.perturbed import PerturbedPredictions
from amc_xai.files import replacing


def perturbed_confusions(
    predictions: PerturbedPredictions, modulations: Sequence[str], snrs: Sequence[float]
) -> dict[str, np.ndarray]:
    """Return the arrays of ``perturbed_confusions.npz`` for T settings.

    ``selector``, ``operator``, ``channel`` str (T,), ``nominal_fraction`` float64 (T,); ``modulation`` (T, M, M)
    and ``snr`` (T, S, S) int64, row = true class, column = named one, summed over the draws, of which there are
    ``repeats``; ``modulation_before`` (M, M) and ``snr_before`` (S, S) without a perturbation, one count a
    frame; ``modulations`` (M,) str and ``snrs`` (S,) float64.
    """
    settings = list(predictions.answers)
    arrays = {
        "selector": np.array([s.selector for s in settings]),
        "operator": np.array([s.operator for s in settings]),
        "channel": np.array([s.channel for s in settings]),
        "nominal_fraction": np.array([s.fraction for s in settings], np.float64),
        "repeats": np.int64(predictions.repeats),
        "modulations": np.array(list(modulations)),
        "snrs": np.array(list(snrs), np.float64),
    }
    for task, classes in (("modulation", len(modulations)), ("snr", len(snrs))):
        labels = predictions.labels[task].astype(np.int64)
        arrays[f"{task}_before"] = confusion_counts(labels, predictions.clean_answers[task], classes)
        arrays[task] = np.stack(
            [
                sum(confusion_counts(labels, draw, classes) for draw in predictions.answers[setting][task])
                for setting in settings
            ]
        )
    return arrays


def write_perturbed_confusions(
    predictions: PerturbedPredictions, modulations: Sequence[str], snrs: Sequence[float], folder: str | Path
) -> None:
    """Write ``perturbed_confusions.npz`` and ``perturbed_f1.csv`` into ``folder``; each whole or absent.

    The table has a row for each setting: its names, and for both tasks the F1 (unweighted mean over the classes)
    with it and before it.
    """
    arrays = perturbed_confusions(predictions, modulations, snrs)
    with replacing(Path(folder) / "perturbed_confusions.npz") as temporary:
        np.savez_compressed(temporary, **arrays)
    columns = {name: arrays[name] for name in ("selector", "operator", "channel", "nominal_fraction")}
    for task in ("modulation", "snr"):
        columns[f"{task}_f1_macro"] = f1_macro(arrays[task])
        columns[f"{task}_f1_macro_before"] = np.broadcast_to(
            f1_macro(arrays[f"{task}_before"]), columns["selector"].shape
        )
    with (
        replacing(Path(folder) / "perturbed_f1.csv") as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
