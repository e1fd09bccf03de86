"""Confusion counts, and the scores that follow from them alone."""

from typing import NamedTuple

import numpy as np

from amc_xai.evaluation.predictions import Predictions


class ConfusionMatrices(NamedTuple):
    """Counts of frames, row = true class, column = predicted: ``modulation`` (M, M), ``snr`` (S, S) int64."""

    modulation: np.ndarray
    snr: np.ndarray


class ClassScores(NamedTuple):
    """Per class, each (..., K) float64; NaN where a score has no meaning."""

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray


def confusion_counts(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count (true, predicted) pairs: (N,), (N,) -> (K, K) int64. Frames with the label -1 are left out."""
    known = labels >= 0
    pairs = labels[known] * classes + predicted[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def confusion_matrices(predictions: Predictions) -> ConfusionMatrices:
    """Confusion of both tasks, in the order of ``predictions.modulations`` and ``predictions.snrs``."""
    return ConfusionMatrices(
        confusion_counts(
            predictions.modulation_label, predictions.modulation_predicted, len(predictions.modulations)
        ),
        confusion_counts(predictions.snr_label, predictions.snr_predicted, len(predictions.snrs)),
    )


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Quotient in float64, NaN where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotient = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=quotient, where=denominator != 0)


def class_scores(counts: np.ndarray) -> ClassScores:
    """Precision, recall and F1 of every class from confusion counts (..., K, K).

    F1 = 2 TP / (true + predicted), the harmonic mean of precision and recall, so a class that is never
    predicted scores 0. Precision is NaN for a class never predicted; recall and F1 for one without frames.
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    true, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    f1 = divide(2 * right, np.where(true > 0, true + predicted, 0))
    return ClassScores(divide(right, predicted), divide(right, true), f1)


def f1_macro(counts: np.ndarray) -> np.ndarray:
    """Unweighted mean of F1 over the classes that have frames: (..., K, K) -> (...); NaN without any frame.

    A class that no frame belongs to is left out of the mean, even where it is predicted; such mistakes cost
    the classes to which the frames belong.
    """
    f1 = class_scores(counts).f1
    present = ~np.isnan(f1)
    return divide(np.where(present, f1, 0).sum(axis=-1), present.sum(axis=-1))


def mean_absolute_error(counts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean of ``|values[predicted] - values[true]|`` over the frames: (..., K, K), (K,) -> (...)."""
    distance = np.abs(values[:, None] - values[None, :])
    return divide((counts * distance).sum(axis=(-2, -1)), counts.sum(axis=(-2, -1)))
