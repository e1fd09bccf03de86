"""Which frames a network got right before and after each perturbation, frame by frame. Needs no torch."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from amc_xai.explain.pis_table import Row, impact

TASKS = ("modulation", "snr", "joint")
SHARES = ("lit_fraction", "pixel_fraction", "mass_fraction", "sample_fraction")


class Setting(NamedTuple):
    """One perturbation: how (operator) and where (selector, channel, nominal fraction of the lit pixels)."""

    selector: str
    operator: str
    channel: str
    fraction: float


@dataclass(frozen=True, eq=False)
class PerturbedPredictions:
    """Correctness of N frames, clean and under each setting; the frames are in one order throughout.

    Attributes:
        known: per task bool (N,), the frames whose label is known; joint needs both.
        clean: per task bool (N,), right without a perturbation; false where unknown.
        perturbed: per setting and task bool (N,), right with it; false where unknown.
        shares: per setting and name in `SHARES` float64 (N,), what was masked of each frame's channel: its
            lit pixels, all its pixels, its summed intensity, its drawn points inside the image (NaN where the
            link from points to pixels is unknown). A frame with nothing to mask has the share 0.
    """

    known: dict[str, np.ndarray]
    clean: dict[str, np.ndarray]
    perturbed: dict[Setting, dict[str, np.ndarray]]
    shares: dict[Setting, dict[str, np.ndarray]]

    def paired(self, setting: Setting, task: str) -> tuple[np.ndarray, np.ndarray]:
        """Return clean and perturbed correctness, bool (n,) each, of the n frames with a known label."""
        known = self.known[task]
        return self.clean[task][known], self.perturbed[setting][task][known]


def score_rows(predictions: PerturbedPredictions) -> list[Row]:
    """Return one row of ``pis.csv`` for each setting and each task with a known label.

    ``drop`` is the clean accuracy less the perturbed one on the same frames, the fractions are means over
    these frames, ``pis_nominal`` is ``drop / nominal_fraction`` and ``pis_lit`` is ``drop / lit_fraction``.
    """
    rows: list[Row] = []
    for setting, shares in predictions.shares.items():
        for task in TASKS:
            known = predictions.known[task]
            if not known.any():
                continue
            clean, perturbed = predictions.paired(setting, task)
            # From whole numbers, so that an unchanged answer is a drop of exactly 0.
            drop = (int(clean.sum()) - int(perturbed.sum())) / clean.size
            fractions = {name: float(share[known].mean()) for name, share in shares.items()}
            rows.append(
                {
                    "selector": setting.selector,
                    "operator": setting.operator,
                    "channel": setting.channel,
                    "nominal_fraction": setting.fraction,
                    **fractions,
                    "task": task,
                    "accuracy": float(perturbed.mean()),
                    "drop": drop,
                    "pis_nominal": float(impact(drop, setting.fraction)),
                    "pis_lit": float(impact(drop, fractions["lit_fraction"])),
                }
            )
    return rows
