"""What of a calibration is fitted, on emissions whose truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from amc_xai.verdicts.calibration import COVERAGE, LEAST, Calibration, effective_count, snr_moments


@dataclass(frozen=True)
class Answered:
    """What a network said of the frames of one emission, and the truth: probabilities ``modulation`` (n, M) and
    ``snr`` (n, S), the index of its class, and its SNR in dB."""

    modulation: np.ndarray
    snr: np.ndarray
    label: int
    snr_db: float


def parts_of(answered: Sequence[Answered], counts: Sequence[int]) -> list[Answered]:
    """Of each emission its first few frames, for each of so many ``counts``: short emissions count as well."""
    return [
        Answered(one.modulation[:n], one.snr[:n], one.label, one.snr_db)
        for one in answered
        for n in counts
        if n <= len(one.modulation)
    ]


def fit(answered: Sequence[Answered], snrs: np.ndarray) -> Calibration:
    """The calibration that makes these emissions the most likely, and whose intervals cover 95 % of their SNRs.

    Args:
        answered: emissions of one channel each, as :func:`parts_of` gives them.
        snrs: (S,) dB, of the network.
    """
    temperature, dependence, doubt = fit_modulation(answered)
    snr_dependence = fit_snr_dependence(answered, snrs)
    errors = []
    for one in answered:
        mean, deviation = snr_moments(one.snr, snrs, snr_dependence)
        errors.append(abs(one.snr_db - mean) / max(deviation, 1e-9))
    return Calibration(temperature, dependence, doubt, snr_dependence, float(np.quantile(errors, COVERAGE)))


def fit_modulation(answered: Sequence[Answered]) -> tuple[float, float, float]:
    """Temperature, dependence and doubt by maximum likelihood of the true classes."""
    means = np.stack([np.log(np.maximum(one.modulation, LEAST)).mean(0) for one in answered])
    count = np.array([len(one.modulation) for one in answered])
    label = np.array([one.label for one in answered])
    classes = means.shape[1]

    def loss(free: np.ndarray) -> float:
        temperature, dependence, doubt = settings(free)
        total = means * (effective_count(count, dependence) / temperature)[:, None]
        share = np.exp(total - total.max(1, keepdims=True))
        share = share[np.arange(len(label)), label] / share.sum(1)
        return float(-np.log((1 - doubt) * share + doubt / classes).mean())

    best = min(
        (minimize(loss, [0.0, start, -4.0], method="Nelder-Mead") for start in (-2.0, 0.0, 2.0)),
        key=lambda found: found.fun,
    )
    return settings(best.x)


def settings(free: np.ndarray) -> tuple[float, float, float]:
    """Temperature, dependence and doubt by free numbers: above 0, and within 0..1."""
    share = 1 / (1 + np.exp(-np.clip(free[1:], -12, 12)))
    return float(np.exp(np.clip(free[0], -4, 4))), float(share[0]), float(share[1])


def fit_snr_dependence(answered: Sequence[Answered], snrs: np.ndarray) -> float:
    """Under which a normal distribution of each emission's mean and deviation makes the true SNRs most likely."""

    def loss(dependence: float) -> float:
        total = 0.0
        for one in answered:
            mean, deviation = snr_moments(one.snr, snrs, dependence)
            deviation = max(deviation, 1e-9)
            total += np.log(deviation) + 0.5 * min(((one.snr_db - mean) / deviation) ** 2, 25.0)
        return total

    return float(min((0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0), key=loss))
