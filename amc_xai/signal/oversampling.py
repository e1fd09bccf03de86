"""The periodic block that a frame is cut from: how many symbols, how many samples."""

import math
from fractions import Fraction
from functools import lru_cache

import torch

from amc_xai.errors import UserError

GUARD_SYMBOLS = 16
Oversampling = float | tuple[float, float]
"""Samples a symbol: one number, or a range (low, high) of which every frame draws its own."""


@lru_cache
def block_size(frame_length: int, samples_per_symbol: Oversampling) -> tuple[int, int]:
    """Symbols K and samples N = K * samples_per_symbol of the periodic block that a frame is cut from.

    K is even, at least GUARD_SYMBOLS above what the frame spans (so that the frame's two ends are far apart
    on the circle), without prime factors above 7 (for the FFT), and such that N is a whole number. For a range of
    samples a symbol, N serves all of it and K is the most symbols that a frame can hold.

    Raises UserError if frame_length is below 1, or samples_per_symbol is not a fraction with a denominator
    up to 64.
    """
    if frame_length < 1:
        raise UserError(f"frame_length: {frame_length} is not allowed, it must be at least 1 sample")
    if isinstance(samples_per_symbol, tuple):
        return _block_of_range(frame_length, *samples_per_symbol)
    if not (math.isfinite(samples_per_symbol) and samples_per_symbol >= 1):
        raise UserError(f"samples_per_symbol: {samples_per_symbol} is not allowed, it must be at least 1")
    ratio = Fraction(samples_per_symbol).limit_denominator(64)
    if abs(float(ratio) - samples_per_symbol) > 1e-9:
        raise UserError(
            f"samples_per_symbol: {samples_per_symbol} is not allowed, it must be a fraction p/q with q up to 64"
        )
    step = math.lcm(2, ratio.denominator)
    count = -(-(math.ceil(frame_length / ratio) + GUARD_SYMBOLS) // step) * step
    while not _smooth(count // ratio.denominator):
        count += step
    return count, int(count * ratio)


def _block_of_range(frame_length: int, low: float, high: float) -> tuple[int, int]:
    if not (math.isfinite(high) and 1 <= low < high):
        raise UserError(
            f"samples_per_symbol: {[low, high]} is not allowed, it must be a range from 1 up, the low end first"
        )
    samples = frame_length + math.ceil(GUARD_SYMBOLS * high)
    samples += samples % 2
    while not _smooth(samples):
        samples += 2
    return 2 * math.floor(samples / low / 2), samples


def symbol_counts(uniform: torch.Tensor, frame_length: int, low: float, high: float) -> torch.Tensor:
    """Symbols (B,) int64 in each frame's block, for samples a symbol between low and high: uniform (B,) in 0..1.

    The samples a symbol, N over this count, are spread evenly over their logarithm, on the grid that even counts
    leave: within 1/K of any value.
    """
    most, samples = block_size(frame_length, (low, high))
    fewest = 2 * math.ceil(samples / high / 2)
    wanted = samples / (low * (high / low) ** uniform)
    return (2 * (wanted / 2).round().long()).clamp(fewest, most)


def _smooth(number: int) -> bool:
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1
