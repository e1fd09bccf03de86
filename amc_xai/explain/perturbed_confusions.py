"""Confusion matrices and F1 under each perturbation, beside the unperturbed ones. Needs no torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import ndtr

from amc_xai.evaluation.confusion import class_scores, confusion_counts, f1_macro
from amc_xai.explain.paired import RESAMPLES, false_discovery, mean_difference
from amc_xai.explain.perturbed import PerturbedPredictions
from amc_xai.explain.table_files import write_rows
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


def f1_influence(label: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """What each frame contributes to F1 (unweighted mean over the classes): float64 (N,), whose mean is F1.

    The score and its derivative with respect to each frame's weight, times N: the empirical influence values of
    A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application (1997), section 2.7.2.

    Args:
        label: int (N,) in 0..classes-1.
        answers: int (R, N), the class named in each of R draws; F1 is that of the counts of all draws.
    """
    frames, draws, own = len(label), len(answers), np.arange(len(label))
    true = np.zeros((frames, classes))
    true[own, label] = 1
    named = np.zeros((frames, classes))
    for draw in answers:
        named[own, draw] += 1 / draws
    counts = true.T @ named
    f1 = class_scores(counts).f1
    present = ~np.isnan(f1)
    both = (true.sum(0) + named.sum(0))[present]
    step = (2 * true * named - np.where(present, f1, 0) * (true + named))[:, present] / both
    return f1[present].mean() + frames * step.mean(1)


def f1_losses(
    predictions: PerturbedPredictions, task: str, classes: int, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, np.ndarray]:
    """Return ``loss``, ``loss_low``, ``loss_high`` and ``loss_q_value`` of F1, (T,) each, one a setting.

    The loss is F1 before less F1 after on the same frames, q the false-discovery rate among the settings. NaN
    without a frame with a label.
    """
    names = ("loss", "loss_low", "loss_high", "loss_q_value")
    known, settings = predictions.known[task], list(predictions.answers)
    if not known.any():
        return {name: np.full(len(settings), np.nan) for name in names}
    label, clean = predictions.labels[task][known].astype(np.int64), predictions.clean_answers[task][known]
    answers = [predictions.answers[setting][task][:, known] for setting in settings]
    before = f1_influence(label, clean[None], classes)
    of_f1 = np.stack([before - f1_influence(label, after, classes) for after in answers])
    of_accuracy = np.stack([1.0 * (clean == label) - (after == label).mean(0) for after in answers])
    low, high, p = stretched_interval(of_f1, of_accuracy, seed, resamples)
    return dict(zip(names, (of_f1.mean(1), low, high, false_discovery(p)), strict=True))


def stretched_interval(
    values: np.ndarray, accuracy: np.ndarray, seed: int, resamples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return low, high and p-value (T,) of the means of ``values`` (T, N), from what ``accuracy`` (T, N) lost.

    The interval of the accuracy lost, `mean_difference`, as far around the mean of the values as their standard
    error is larger (two frames that changed count with both): the same frames decide over both, and where no
    answer changed it has a width.
    """
    group = np.repeat(np.arange(len(values)), values.shape[1])
    low, high, _ = mean_difference(accuracy.ravel(), group, len(values), seed, resamples)
    of, middle = values.mean(1), accuracy.mean(1)
    stretch = np.sqrt((values.var(1) * values.shape[1] + 2) / (accuracy.var(1) * values.shape[1] + 2))
    squares = (values**2).sum(1)
    z = values.sum(1) / np.sqrt(np.where(squares > 0, squares, 1))
    return of - stretch * (middle - low), of + stretch * (high - middle), 2 * ndtr(-np.abs(z))


def write_perturbed_confusions(
    predictions: PerturbedPredictions,
    modulations: Sequence[str],
    snrs: Sequence[float],
    folder: str | Path,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> None:
    """Write ``perturbed_confusions.npz`` and ``perturbed_f1.csv`` into ``folder``; each whole or absent.

    The table has a row for each setting: its names, and for both tasks the F1 (unweighted mean over the classes)
    with it and before it, over how many frames, and what `f1_losses` has of the difference.
    """
    arrays = perturbed_confusions(predictions, modulations, snrs)
    with replacing(Path(folder) / "perturbed_confusions.npz") as temporary:
        np.savez_compressed(temporary, **arrays)
    columns = {name: arrays[name] for name in ("selector", "operator", "channel", "nominal_fraction")}
    for task, classes in (("modulation", len(modulations)), ("snr", len(snrs))):
        everywhere = columns["selector"].shape
        columns[f"{task}_frames"] = np.broadcast_to(predictions.known[task].sum(), everywhere)
        columns[f"{task}_f1_macro"] = f1_macro(arrays[task])
        columns[f"{task}_f1_macro_before"] = np.broadcast_to(f1_macro(arrays[f"{task}_before"]), everywhere)
        losses = f1_losses(predictions, task, classes, seed, resamples)
        columns |= {f"{task}_f1_macro_{name}": column for name, column in losses.items()}
    lines = zip(*(column.tolist() for column in columns.values()), strict=True)
    write_rows([dict(zip(columns, line, strict=True)) for line in lines], Path(folder) / "perturbed_f1.csv")
