"""Random numbers of a frame's own: whatever its neighbours, its batch or its device."""

import torch

# SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): the step
# between two states and the two multipliers of the finaliser, as signed 64-bit numbers.
_STEP = 0x9E3779B97F4A7C15 - 2**64
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64


def frame_seeds(frames: int, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Return int64 (frames,) on ``device``: a number a frame from ``generator`` (on the CPU), in order."""
    return torch.randint(-(2**63), 2**63 - 1, (frames,), generator=generator).to(device)


def random_bits(seed: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Return the 64-bit output at ``position`` of the SplitMix64 stream from ``seed``; they broadcast."""
    # Shifts of a signed number drag the sign along; the bitwise ands make them logical.
    state = seed + (position + 1) * _STEP
    state = (state ^ ((state >> 30) & (2**34 - 1))) * _FIRST
    state = (state ^ ((state >> 27) & (2**37 - 1))) * _SECOND
    return state ^ ((state >> 31) & (2**33 - 1))


def uniform(seed: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Return float32 in [0, 1), multiples of 2^-24, at ``position`` of the streams of ``seed``; they broadcast."""
    return ((random_bits(seed, position) >> 40) & (2**24 - 1)).to(torch.float32) * 2.0**-24


def normal(seed: torch.Tensor, position: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two independent standard normal numbers for each position (Box and Muller, 1958)."""
    # 1 - u lies in (0, 1]: its logarithm is finite.
    radius = (-2 * (1 - uniform(seed, 2 * position)).log()).sqrt()
    angle = 2 * torch.pi * uniform(seed, 2 * position + 1)
    return radius * angle.cos(), radius * angle.sin()
