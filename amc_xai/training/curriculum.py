"""Which SNRs an epoch trains on: the easy ones first, or more of those where there is something to learn."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from amc_xai.errors import UserError
from amc_xai.ranges import check_range


class SnrCurriculum:
    """Sampling rate of each SNR by epoch, highest SNR first (the original study's curriculum).

    SNRs already introduced have rate 1, the ones that come next ``coming``, all others ``others``. The first
    epoch introduces the highest SNR, and each epoch the next one below.

    Args:
        snrs: the grid (S,) in dB, in any order.
        coming: rates of the SNRs to be introduced next, the nearest first.
        others: rate of those still further away.

    Raises:
        UserError: for a rate outside [0, 1].
    """

    def __init__(self, snrs: Sequence[float], coming: Sequence[float] = (0.5, 0.25, 0.125), others: float = 0.1):
        strange = [rate for rate in (*coming, others) if not 0 <= rate <= 1]
        if strange:
            raise UserError(f"curriculum: rates must lie in [0, 1], not {strange[0]}")
        self.place = np.argsort(np.argsort(-np.asarray(snrs, dtype=float)))
        self.coming, self.others = list(coming), others

    def __call__(self, epoch: int) -> np.ndarray:
        """The rates (S,) float64 of ``epoch``, counted from 0, in the order of the grid."""
        introduced = min(epoch + 1, len(self.place))
        ladder = np.concatenate([np.ones(introduced), self.coming, np.full(len(self.place), self.others)])
        return ladder[self.place]


class SnrFocus:
    """Sampling rate of each SNR: 1 within a range, ``others`` outside it.

    Where classes are told apart without error at most SNRs, frames of those teach nothing, and a training of so
    many frames learns more from the rest. A network learns the rates with the frames: where two SNRs look alike,
    it leans towards the one that it met more often, so the range should end where SNRs are told apart.

    Args:
        snrs: the grid (S,) in dB, in any order.
        low, high: ends of the range in dB; both belong to it.
        others: rate outside.

    Raises:
        UserError: for a rate outside [0, 1], or if no SNR of the grid lies in the range.
    """

    def __init__(self, snrs: Sequence[float], low: float, high: float, others: float = 0.2):
        check_range("[0, 1]", curriculum__others=others)
        grid = np.asarray(snrs, dtype=float)
        within = (grid >= low) & (grid <= high)
        if not within.any():
            ends = f"from {grid.min():g} to {grid.max():g} dB"
            raise UserError(f"curriculum.low={low:g} and curriculum.high={high:g} hold no SNR of the data, {ends}")
        self.rates = np.where(within, 1.0, others)

    def __call__(self, epoch: int) -> np.ndarray:
        """The rates (S,) float64 in the order of the grid, the same in every epoch."""
        return self.rates


def no_curriculum(snrs: Sequence[float]) -> None:
    """Every SNR at the same rate in every epoch."""


def mean_batches(training: Any, epochs: int) -> float:
    """Batches of an epoch on average over all ``epochs``: under a curriculum they differ.

    ``training.batch_sampler`` takes ``epoch`` and has ``rates``, None without a curriculum.
    """
    sampler = training.batch_sampler
    if sampler.rates is None:
        return len(training)
    total = 0
    for sampler.epoch in range(epochs):
        total += len(training)
    sampler.epoch = 0
    return total / epochs
