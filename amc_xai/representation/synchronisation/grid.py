"""Frames of one batch whose symbols last differently: which of them share a grid."""

import math

import torch

from amc_xai.representation.synchronisation.spectrum import GUARD, fast_length

# Symbols at each end of a frame whose pulses it cuts.
ENDS = 1


def symbol_count(length: int, samples_per_symbol: float) -> int:
    """How many symbols a frame of ``length`` samples gives: those that it holds, without those at its ends."""
    return max(1, int(length // samples_per_symbol) - 2 * ENDS)


def symbol_counts(length: int, samples_per_symbol: torch.Tensor) -> torch.Tensor:
    """The same of each frame: int64 (B,)."""
    return (torch.div(length, samples_per_symbol, rounding_mode="floor").long() - 2 * ENDS).clamp(min=1)


def widest_symbol(length: int, periods: int) -> float:
    """Samples that a symbol can last in frames on this grid of :func:`grid_periods`."""
    return length / max(1.0, periods / 1.2 - GUARD - 1)


def shared_grids(length: int, samples_per_symbol: torch.Tensor) -> list[tuple[torch.Tensor, int]]:
    """Rows of a batch that share a grid, int64 (n,), and its periods."""
    periods = grid_periods(length, samples_per_symbol)
    return [((periods == size).nonzero()[:, 0], size) for size in periods.unique().tolist()]


def grid_periods(length: int, samples_per_symbol: torch.Tensor) -> torch.Tensor:
    """Periods of the grid for each frame, int64 (B,): by the frame's own symbols alone, in steps of a fifth.

    Frames on one grid are worked on together; what comes out of a frame doesn't hang on its company.
    """
    needed = (length / samples_per_symbol).ceil().long() + GUARD
    sizes = [fast_length(2 * GUARD)]
    while sizes[-1] < int(needed.max()):
        sizes.append(fast_length(math.ceil(1.2 * sizes[-1])))
    steps = torch.tensor(sizes, device=needed.device)
    return steps[torch.searchsorted(steps, needed)]
