"""From the answers to the frames of one emission to one answer, whose probabilities hold."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

LEAST = 1e-30
# Of two-sided intervals of the SNR.
COVERAGE = 0.95


@dataclass(frozen=True)
class Calibration:
    """How the frames of an emission are counted; all of it fitted on synthetic emissions that no training saw.

    Attributes:
        temperature: what logits are divided by.
        dependence: correlation of what two frames of one emission say, 0..1: n of them count as
            n / (1 + (n - 1) dependence) independent ones (the design effect of clusters, Kish, "Survey Sampling",
            1965, eq. 5.4.2).
        doubt: share of the probability that is spread evenly over the classes.
        snr_dependence: the same of the SNR.
        snr_scale: half the 95 % interval of the SNR over its deviation.
    """

    temperature: float = 1.0
    dependence: float = 0.5
    doubt: float = 0.02
    snr_dependence: float = 0.5
    snr_scale: float = 2.0

    def as_dict(self) -> dict[str, float]:
        """Plain values, as a checkpoint's ``calibration`` holds them."""
        return asdict(self)

    @classmethod
    def of(cls, loaded: dict[str, Any]) -> "Calibration | None":
        """That of a checkpoint's content; None where it has none."""
        stored = loaded.get("calibration")
        return None if stored is None else cls(**{name: float(value) for name, value in stored.items()})

    def modulation(self, probability: np.ndarray) -> np.ndarray:
        """Probabilities (M,) of the classes of an emission whose frames have these (n, M)."""
        joined = pooled(probability, self.dependence, self.temperature)
        return (1 - self.doubt) * joined + self.doubt / len(joined)

    def snr(self, probability: np.ndarray, snrs: np.ndarray) -> tuple[float, float, float]:
        """The SNR of an emission whose frames have probabilities (n, S) of ``snrs`` (S,), and its 95 % interval;
        all three in dB."""
        mean, deviation = snr_moments(probability, snrs, self.snr_dependence)
        half = self.snr_scale * deviation
        return mean, mean - half, mean + half


def effective_count(frames: int, dependence: float) -> float:
    """As how many independent frames so many of one emission count."""
    return frames / (1 + (frames - 1) * dependence)


def pooled(probability: np.ndarray, dependence: float, temperature: float = 1.0) -> np.ndarray:
    """Probabilities (K,) by frames (n, K): the mean of their logarithms, as often as they count; evenly before."""
    logs = np.log(np.maximum(np.asarray(probability, dtype=np.float64), LEAST))
    total = logs.mean(0) * (effective_count(len(logs), dependence) / temperature)
    shares = np.exp(total - total.max())
    return shares / shares.sum()


def snr_moments(probability: np.ndarray, snrs: np.ndarray, dependence: float) -> tuple[float, float]:
    """Mean and standard deviation in dB of the SNR by frames (n, S); a class stands for all nearest to it."""
    share = pooled(probability, dependence)
    mean = float(share @ snrs)
    width = float(np.median(np.diff(np.sort(snrs)))) if len(snrs) > 1 else 0.0
    return mean, float(np.sqrt(share @ np.square(snrs - mean) + width**2 / 12))


def calibration_error(probability: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the most probable classes: their probability (n,) against how often they are
    ``right`` (n,), over equally wide bins (Guo et al., "On calibration of modern neural networks", ICML 2017,
    eq. 3)."""
    place = np.clip(np.ceil(np.asarray(probability) * bins).astype(int) - 1, 0, bins - 1)
    gaps = [abs((probability - right)[place == k].sum()) for k in range(bins)]
    return float(sum(gaps) / len(place))
