"""What a receiver knows of a frame's carrier before it looks, and what it finds."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

REACH = 4.0  # standard deviations of the carrier offset that are looked at


@dataclass(frozen=True)
class CarrierPrior:
    """What a receiver knows of the carrier before it looks."""

    offset_std: float = 0.0
    """Standard deviation of the normally distributed part of the offset, cycles a symbol."""
    offset_max: float = 0.0
    """Half the range of the uniformly distributed part, cycles a symbol."""
    phase_known: bool = False

    @property
    def reach(self) -> float:
        """The largest offset that is looked at, cycles a symbol."""
        return self.offset_max + REACH * self.offset_std

    def density(self, offsets: torch.Tensor) -> torch.Tensor:
        """Log-density at offsets (F,), cycles a symbol: that of the sum of both parts."""
        if self.offset_max == 0:
            scale = self.offset_std * math.sqrt(2 * math.pi)
            return -0.5 * (offsets / self.offset_std).square() - math.log(scale)
        # A range with hard edges: half of a step beyond them counts, as in the trapezoidal rule.
        soft = max(self.offset_std, 1e-3 * self.offset_max)
        inside = torch.special.ndtr((offsets + self.offset_max) / soft)
        inside = inside - torch.special.ndtr((offsets - self.offset_max) / soft)
        return (inside.clamp(min=1e-30) / (2 * self.offset_max)).log()

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Offset in cycles a symbol and phase in radian, (count, 1) each."""
        offset = self.offset_std * rng.standard_normal((count, 1)) + self.offset_max * rng.uniform(
            -1, 1, (count, 1)
        )
        return offset, 2 * np.pi * rng.random((count, 1)) * (not self.phase_known)


class Carried(NamedTuple):
    """What `CarrierLikelihood` finds of B frames."""

    log_sum: torch.Tensor
    """float64 (B,): log of the mean over the carrier of exp(sum_k T(y_k)), T as in `SymbolDensity`."""
    phase: torch.Tensor
    """float32 (B,): radian at the frame's middle, of the most likely carrier."""
    offset: torch.Tensor
    """float32 (B,): cycles a symbol."""


def without_carrier(symbols: torch.Tensor, carried: Carried, delay: float = 0.0) -> torch.Tensor:
    """Symbols (B, K), ``delay`` symbols late, with the most likely carrier taken out."""
    position = torch.arange(symbols.shape[1]) - (symbols.shape[1] - 1) / 2 + delay
    turn = carried.phase[:, None] + 2 * math.pi * carried.offset[:, None] * position
    return symbols * torch.polar(torch.ones_like(turn), -turn)


def as_sent(modulation: str, symbols: torch.Tensor, late: torch.Tensor) -> torch.Tensor:
    """Matched filter outputs (B, K), and (B, K) half a symbol later, as the class's likelihood wants them."""
    if modulation == "OQPSK":
        # Q is sent half a symbol late: turned by a quarter, it is a line of BPSK like I.
        return torch.cat([symbols, late * -1j], 1)
    return symbols
