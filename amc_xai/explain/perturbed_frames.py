"""``perturbed_frames.npz``: frame by frame, in how many draws of each mask the answer is right. Needs no torch.

What compares two masks, two operators or two networks on the same frames needs more than the means of ``pis.csv``.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amc_xai.errors import UserError
from amc_xai.explain.perturbed import TASKS, PerturbedPredictions, Setting
from amc_xai.files import replacing

_ARRAYS = (
    "selector", "operator", "channel", "nominal_fraction", "lit_fraction", "repeats", "places", "known", "clean",
    "right", "control_right",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class PerturbedFrames:
    """Answers to N frames under T settings; tasks in the order of `perturbed.TASKS`.

    Attributes:
        settings: T of them; ``lit_fraction`` float64 (T,) is the mean share of the lit pixels (or of the symbols)
            that each takes.
        repeats: draws of each mask.
        places: int64 (N,), of the frames in their source.
        known, clean: bool (3, N), the label is known, and the answer without a perturbation is right.
        right, control_right: whole numbers (T, 3, N), draws with the right answer under the mask and under its
            control; the latter (0, 3, N) without a control.
    """

    settings: list[Setting]
    lit_fraction: np.ndarray
    repeats: int
    places: np.ndarray
    known: np.ndarray
    clean: np.ndarray
    right: np.ndarray
    control_right: np.ndarray

    def after(self, setting: Setting, task: str, *, control: bool = False) -> np.ndarray:
        """Return float64 (N,), the share of draws of a setting (or of its control) with the right answer."""
        table = self.control_right if control else self.right
        return table[self.settings.index(setting), TASKS.index(task)] / self.repeats


def frames_of(predictions: PerturbedPredictions, places: np.ndarray) -> PerturbedFrames:
    """What a scoring keeps of each frame; ``places`` int (N,) as the frames were scored."""
    settings = list(predictions.answers)
    counts = np.min_scalar_type(predictions.repeats)

    def right(some: list[Setting], *, control: bool) -> np.ndarray:
        table = [[predictions.right(s, task, control=control) for task in TASKS] for s in some]
        return np.asarray(table, counts).reshape(len(some), len(TASKS), len(places))

    return PerturbedFrames(
        settings,
        np.array([predictions.shares[s]["lit_fraction"].mean() for s in settings], np.float64),
        predictions.repeats,
        np.asarray(places, np.int64),
        np.stack([predictions.known[task] for task in TASKS]),
        np.stack([predictions.clean[task] for task in TASKS]),
        right(settings, control=False),
        right(settings if predictions.controls else [], control=True),
    )


def write_perturbed_frames(frames: PerturbedFrames, path: str | Path) -> None:
    """Write ``perturbed_frames.npz``; whole or absent."""
    names = zip(*frames.settings, strict=True)
    arrays = dict(zip(("selector", "operator", "channel", "nominal_fraction"), map(np.array, names), strict=True))
    arrays |= {name: np.asarray(getattr(frames, name)) for name in _ARRAYS if name not in arrays}
    with replacing(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def read_perturbed_frames(path: str | Path) -> PerturbedFrames:
    """Read such a file back.

    Raises:
        UserError: it can't be read, or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not what task=explain leaves of its frames ({error}).") from error
    names = (arrays.pop(name).tolist() for name in ("selector", "operator", "channel", "nominal_fraction"))
    settings = [Setting(*row) for row in zip(*names, strict=True)]
    return PerturbedFrames(settings=settings, repeats=int(arrays.pop("repeats")), **arrays)
