"""The noise inside the band: by how symbols scatter around the points of some constellation."""

import math
from functools import lru_cache
from typing import NamedTuple

import torch

from amc_xai.signal.constellations import constellation

# Constellations whose amplitudes differ; all PSK have one.
RINGS = ("QPSK", "16QAM", "32QAM", "64QAM", "128QAM", "256QAM", "16APSK", "32APSK", "64APSK", "128APSK")
# Levels of I and Q in square constellations.
LEVELS = (2, 4, 8, 16)
# Es/N0 that are tried, dB. Above the last, what the front end itself leaves is more than the noise.
GRID_DB = (*range(0, 32, 2), 34, 37, 40)
# I and Q depend on the carrier, which dense constellations give badly: they are asked where amplitudes say little.
LATTICE_DB = tuple(range(0, 17, 2))
# The mean power of few symbols isn't that of the constellation.
SCALES = (-0.06, -0.03, 0.0, 0.03, 0.06)
BINS, LARGEST = 160, 2.0
# Above this standard deviation, dB, a reading is none.
SURE_DB = 2.5


class InsideNoise(NamedTuple):
    """What the symbols of B frames tell, (B, 1) each."""

    es_n0_db: torch.Tensor
    """float32: Es/N0, 0 to 40 dB; 0 where not told."""
    told: torch.Tensor
    """bool: whether symbols gather around points, so that their scatter can be read."""


@lru_cache(maxsize=4)
def _tables(device: torch.device) -> tuple[torch.Tensor, ...]:
    """Log-densities of amplitudes and of |I|, |Q| in their bins, float32 (BINS, N) each, and their Es/N0 (N,)."""
    width = LARGEST / BINS
    # Three places in a bin: densities are narrower than that at high Es/N0.
    x = (torch.arange(3 * BINS, dtype=torch.float64) + 0.5)[:, None] * (width / 3)

    def binned(density: torch.Tensor) -> torch.Tensor:
        return (density.unflatten(0, (BINS, 3)).mean(1) + 1e-3).log()

    rings, lattice, grids = [], [], ([], [])
    for db in GRID_DB:
        noise = 10 ** (-db / 10)
        for scale in SCALES:
            unit = (1 + scale) / math.sqrt(1 + noise)
            variance = noise * unit**2 / 2
            for name in RINGS:
                radius, count = torch.unique((constellation(name).abs() * 1e6).round(), return_counts=True)
                radius, share = radius * 1e-6 * unit, count / count.sum()
                turned = torch.special.i0e(x * radius / variance)
                rice = x / variance * torch.exp(-(x - radius).square() / (2 * variance)) * turned
                rings.append(binned((rice * share).sum(1)))
                grids[0].append(db)
            for levels in LEVELS if db in LATTICE_DB else ():
                level = torch.arange(1 - levels, levels, 2, dtype=torch.float64)
                level = level / (2 * level.square().mean()).sqrt() * unit
                near = torch.exp(-(x - level).square() / (2 * variance)).mean(1)
                lattice.append(binned(near / math.sqrt(2 * math.pi * variance)))
                grids[1].append(db)
    values = (torch.stack(rings, 1), torch.stack(lattice, 1), torch.tensor(grids[0]), torch.tensor(grids[1]))
    return tuple(v.to(device, torch.float32) for v in values)


def inside_noise(
    z: torch.Tensor, recovered: torch.Tensor, highest_db: torch.Tensor, valid: torch.Tensor | None = None
) -> InsideNoise:
    """Es/N0 of symbols (B, K) by a likelihood over constellations, Es/N0 and scales, without their names.

    recovered: the same with the carrier taken out by the fourth power; highest_db: (B, 1), above which it can't
    lie: noise that came with the signal is inside as it is outside, and a filter takes it away outside only. The
    reading is the mean over what is likely, and none where that is wide. Amplitudes tell first, since they need
    no carrier; where they say little, I and Q after the fourth power.
    """
    weight = torch.ones_like(z.real) if valid is None else valid.to(z.real.dtype)
    amplitude = z.abs()
    power = (amplitude.square() * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)
    scale = torch.where(power > 0, power, 1).rsqrt()
    rings, lattice, ring_db, lattice_db = _tables(z.device)
    mean, spread = _mean(_counts(amplitude * scale, weight) @ rings, ring_db, highest_db)
    turned = recovered * (scale * math.sqrt(0.5))
    parts = torch.cat([turned.real - turned.imag, turned.real + turned.imag], 1).abs()
    other, wide = _mean(_counts(parts, torch.cat([weight, weight], 1)) @ lattice, lattice_db, highest_db)
    by_lattice = (wide < spread) & (spread > 1) & (other < LATTICE_DB[-1] - 1)
    mean, spread = torch.where(by_lattice, other, mean), torch.where(by_lattice, wide, spread)
    told = (spread < SURE_DB) & (power > 0)
    return InsideNoise(torch.where(told, mean, 0), told)


def _counts(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    bins = (x * (BINS / LARGEST)).long().clamp(0, BINS - 1)
    return torch.zeros(x.shape[0], BINS, device=x.device).scatter_add_(1, bins, weight)


def _mean(
    likelihood: torch.Tensor, db: torch.Tensor, highest_db: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (B, 1), dB, over what is likely."""
    share = torch.softmax(likelihood.masked_fill(db > highest_db.clamp(min=GRID_DB[1]), -1e9), 1)
    mean = (share * db).sum(1, keepdim=True)
    return mean, (share * (db - mean).square()).sum(1, keepdim=True).sqrt()
