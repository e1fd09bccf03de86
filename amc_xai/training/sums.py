"""Losses and answers of an epoch, added up in double precision on the CPU without waiting for the device."""

import numpy as np
import torch
from accelerate import Accelerator

from amc_xai.loss import LossTerms, Target
from amc_xai.model import Prediction
from amc_xai.training.parallel import of_all

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


class Named:
    """Whether a network gives every frame one and the same class."""

    def __init__(self) -> None:
        self.bounds: list[torch.Tensor] = []

    @torch.no_grad()
    def add(self, prediction: Prediction) -> None:
        """Take in a batch: the least and the greatest class named, of both tasks; they stay on the device."""
        named = [logits.argmax(-1) for logits in (prediction.modulation, prediction.snr)]
        self.bounds.append(torch.stack([bound for task in named for bound in (task.min(), task.max())]))

    def alone(self, accelerator: Accelerator) -> list[int | None]:
        """The one class of all frames of all processes, for each task; None where there are several or none."""
        mine = torch.stack(self.bounds).cpu().tolist() if self.bounds else []
        rows = [row for process in of_all(mine, accelerator) for row in process]
        pairs = [{value for row in rows for value in row[2 * task : 2 * task + 2]} for task in (0, 1)]
        return [next(iter(values)) if len(values) == 1 else None for values in pairs]


def in_words(alone: list[int | None], modulations: list[str], snrs: list[float]) -> str | None:
    """What is said of a network that names one class alone; None of others, and where there is one to name."""
    found = []
    if alone[0] is not None and len(modulations) > 1:
        found.append(modulations[alone[0]])
    if alone[1] is not None and len(snrs) > 1:
        found.append(f"{snrs[alone[1]]:g} dB")
    if not found:
        return None
    return (
        f"one class for every validation frame: {' at '.join(found)}; a network may begin so, and if it stays, "
        "train longer (trainer.epochs), on more frames, or change optimizer.lr"
    )
