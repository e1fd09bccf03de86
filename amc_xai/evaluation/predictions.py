"""The predictions table: what a classifier said about every frame, beside what was true."""

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from amc_xai.errors import UserError
from amc_xai.files import replacing

_PROBABILITY_SLACK = 1e-3  # softmax in half precision overshoots 1 by a little


@dataclass(frozen=True, eq=False)
class Predictions:
    """One row a frame; what ``predictions.npz`` holds.

    Shapes: ``modulation_label`` and ``snr_label`` (N,) int64, -1 where unknown; ``modulation_probability``
    (N, M) and ``snr_probability`` (N, S) float32; ``modulations`` (M,) str; ``snrs`` (S,) float64 in dB.
    Arrays are converted to these types. Raises ``UserError`` where shapes, labels or probabilities
    contradict each other.
    """

    modulation_label: np.ndarray
    snr_label: np.ndarray
    modulation_probability: np.ndarray
    snr_probability: np.ndarray
    modulations: np.ndarray
    snrs: np.ndarray

    def __post_init__(self) -> None:
        types = {
            "modulation_label": np.int64,
            "snr_label": np.int64,
            "modulation_probability": np.float32,
            "snr_probability": np.float32,
            "modulations": np.str_,
            "snrs": np.float64,
        }
        for name, dtype in types.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=dtype))
        _check_classes("modulations", self.modulations)
        _check_classes("snrs", self.snrs)
        if not np.isfinite(self.snrs).all():
            raise UserError("predictions: snrs holds a value that is not finite; give every SNR in dB.")
        frames = self.modulation_label.shape[0] if self.modulation_label.ndim else 0
        for task, classes in (("modulation", len(self.modulations)), ("snr", len(self.snrs))):
            _check_labels(f"{task}_label", getattr(self, f"{task}_label"), frames, classes)
            _check_probability(f"{task}_probability", getattr(self, f"{task}_probability"), (frames, classes))

    def __len__(self) -> int:
        return self.modulation_label.shape[0]

    @property
    def modulation_predicted(self) -> np.ndarray:
        """Most probable modulation (N,) int64; the first where several tie."""
        return self.modulation_probability.argmax(axis=1)

    @property
    def snr_predicted(self) -> np.ndarray:
        """Most probable SNR class (N,) int64; the first where several tie."""
        return self.snr_probability.argmax(axis=1)

    def save(self, path: str | Path) -> Path:
        """Write ``predictions.npz`` at ``path`` (which must end in .npz) by write-then-rename; return it."""
        path = Path(path)
        if path.suffix != ".npz":
            raise UserError(f"predictions: the file name '{path.name}' must end in .npz.")
        with replacing(path) as temporary:
            np.savez(temporary, **{field.name: getattr(self, field.name) for field in fields(self)})
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Predictions":
        """Read a table back. Raises ``UserError`` if the file is missing, isn't one, or lacks a field."""
        names = [field.name for field in fields(cls)]
        try:
            with np.load(path, allow_pickle=False) as archive:
                missing = [name for name in names if name not in archive.files]
                if missing:
                    raise UserError(f"predictions: '{path}' lacks {', '.join(missing)}.")
                arrays = {name: archive[name] for name in names}
        except FileNotFoundError as error:
            raise UserError(f"predictions: there is no file '{path}'.") from error
        except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(f"predictions: '{path}' is not a table of predictions (.npz) ({error}).") from error
        return cls(**arrays)


def _check_classes(name: str, classes: np.ndarray) -> None:
    if classes.ndim != 1 or len(classes) == 0 or len(np.unique(classes)) != len(classes):
        raise UserError(f"predictions: {name} must be a list of one or more different classes, got {classes}.")


def _check_labels(name: str, labels: np.ndarray, frames: int, classes: int) -> None:
    if labels.shape != (frames,):
        raise UserError(f"predictions: {name} has shape {labels.shape}, but there are {frames} frames.")
    if frames and (labels.min() < -1 or labels.max() >= classes):
        raise UserError(
            f"predictions: {name} holds labels from {labels.min()} to {labels.max()}; "
            f"allowed are 0 to {classes - 1}, and -1 for unknown."
        )


def _check_probability(name: str, probability: np.ndarray, shape: tuple[int, int]) -> None:
    if probability.shape != shape:
        raise UserError(
            f"predictions: {name} has shape {probability.shape}, expected (frames, classes) = {shape}."
        )
    # Written so that NaN fails too.
    if not ((probability >= 0) & (probability <= 1 + _PROBABILITY_SLACK)).all():
        raise UserError(f"predictions: {name} holds values that are not probabilities (0 to 1).")
