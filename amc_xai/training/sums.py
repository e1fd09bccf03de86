"""Losses and right answers of an epoch, added up in double precision on the CPU without waiting for the device."""

import numpy as np
import torch

from amc_xai.loss import LossTerms, Target
from amc_xai.model import Prediction

NAMES = ("loss", "modulation_loss", "snr_loss", "modulation_correct", "snr_correct", "joint_correct", "frames")


class Sums:
    """Sums over the frames of an epoch so far, in the order of its batches.

    A batch leaves six numbers in float32 on the device, where nothing else can be taken for granted (MPS has no
    float64) and where reading them would wait for the batch. :meth:`settle` fetches those of many batches at once
    and adds them up one by one in float64, so that the sums don't depend on when it is called.
    """

    def __init__(self, so_far: dict[str, float] | None = None):
        self.total = np.array([(so_far or {}).get(name, 0.0) for name in NAMES])
        self.waiting: list[tuple[torch.Tensor, int]] = []

    @torch.no_grad()
    def add(self, terms: LossTerms, prediction: Prediction, target: Target) -> None:
        """Take in the mean losses of a batch, times its frames, and its right answers."""
        modulation = prediction.modulation.argmax(-1) == target.modulation
        snr = prediction.snr.argmax(-1) == target.snr
        right = (modulation.sum(), snr.sum(), (modulation & snr).sum())
        row = torch.stack([value.float() for value in (terms.total, terms.modulation, terms.snr, *right)])
        self.waiting.append((row, len(target.modulation)))

    def settle(self) -> dict[str, float]:
        """The sums over every batch so far."""
        if self.waiting:
            rows, frames = zip(*self.waiting, strict=True)
            self.waiting = []
            for row, count in zip(torch.stack(rows).cpu().double().numpy(), frames, strict=True):
                # Losses are means over the batch, the rest are counts.
                self.total += np.append(row * [count, count, count, 1, 1, 1], count)
        return dict(zip(NAMES, self.total.tolist(), strict=True))
