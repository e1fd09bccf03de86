"""The likelihood of one symbol under a constellation as a table over the I/Q plane.

A lookup costs the same for BPSK and 256QAM, and a table serves every frame of one Es/N0.
"""

import math
from functools import lru_cache

import torch
from torch.nn.functional import grid_sample

from amc_xai.limits.likelihood import posterior_moments, symbol_log_sum
from amc_xai.signal.constellations import constellation

STEPS = 209  # points of a table along each axis, odd so that 0 is one of them
MARGIN = 4.5  # standard deviations of the noise between the outermost point and the table's edge
FARTHEST = -300.0  # exponent of a Gaussian along one axis: the product of two is still a normal number
CHUNK = 1 << 17  # lookups at a time: on a CPU, what its caches hold


class SymbolDensity:
    """Tables of one constellation at one Es/N0, to look up at symbols y in units of the points' amplitude.

    With g = Es/N0 and points a of unit mean power, three values stand at each y:

    - T = log( (1/M) sum_m exp(g (2 Re(y* a_m) - |a_m|^2)) ): the log-density of y is T - g |y|^2 + log(g / pi).
      Without the |y|^2 it is close to linear between two nodes, however strong the signal, so that bilinear
      interpolation errs only where two points compete.
    - mean and variance of 2 g Re(y* a_m) over the posterior of m, what Newton's method wants of the amplitude.

    Args:
        points: complex (M,).
        es_n0: g, a ratio.
        steps: nodes along each axis.
    """

    def __init__(self, points: torch.Tensor, es_n0: float, steps: int = STEPS):
        self.es_n0 = float(es_n0)
        self.half = reach(points, self.es_n0)
        axis = torch.linspace(-self.half, self.half, steps, dtype=torch.float64)
        total, mean, variance = on_grid(axis, points, self.es_n0)
        self.tables = torch.stack([unbent(total), mean, variance]).float()[:, None]

    def log_sum(self, symbols: torch.Tensor) -> torch.Tensor:
        """sum_k T(y_k), float64 (B,), of symbols complex (B, K)."""
        return self._look_up(symbols, slice(0, 1))[0].double().sum(1)

    def moments(self, symbols: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Sums over a frame's symbols (B, K) of the posterior mean and variance, float64 (B,) each."""
        mean, variance = self._look_up(symbols, slice(1, 3))
        return mean.double().sum(1), variance.double().sum(1)

    def _look_up(self, symbols: torch.Tensor, which: slice) -> torch.Tensor:
        tables = self.tables[which].transpose(0, 1).to(symbols.device)
        place = torch.view_as_real(symbols)[None] / self.half
        rows = max(1, CHUNK // symbols.shape[1])
        found = [
            grid_sample(tables, part, mode="bilinear", padding_mode="border", align_corners=True)
            for part in place.float().split(rows, 1)
        ]
        return torch.cat(found, 2)[0]


def reach(points: torch.Tensor, es_n0: float) -> float:
    """Half the width of a table of these points (M,)."""
    return float(points.abs().max()) + MARGIN * math.sqrt(0.5 / es_n0)


def nodes(half: float, steps: int) -> torch.Tensor:
    """The symbols complex64 (steps, steps) of a table; rows are the imaginary part, as grid_sample wants it: its
    first coordinate runs along a row."""
    axis = torch.linspace(-half, half, steps, dtype=torch.float64)
    return torch.complex(axis.expand(steps, steps), axis[:, None].expand(steps, steps)).to(torch.complex64)


def log_sum_table(points: torch.Tensor, es_n0: float, y: torch.Tensor) -> torch.Tensor:
    """T at the nodes y (N, N), to be looked up bilinearly; on y's device."""
    ratio = torch.full((len(y),), es_n0, device=y.device)
    return unbent(symbol_log_sum(es_n0 * y, points, ratio))


def on_grid(axis: torch.Tensor, points: torch.Tensor, es_n0: float) -> torch.Tensor:
    """The three values of `SymbolDensity` at every pair of nodes of a float64 axis (N,): (3, N, N).

    Rows are the imaginary part, as grid_sample wants it: its first coordinate runs along a row. A Gaussian around
    a point is a product of one along each axis, so that all nodes' sums over the points are one matrix product.
    """
    real, imaginary = points.real.double(), points.imag.double()
    across, along = (
        (-es_n0 * (axis[:, None] - part).square()).clamp_(min=FARTHEST).exp_() for part in (real, imaginary)
    )
    features = [torch.ones_like(real), real, imaginary, real.square(), imaginary.square(), real * imaginary]
    mass, i, q, ii, qq, iq = torch.stack([(along * feature) @ across.T for feature in features])
    x, y = axis, axis[:, None]
    total = (mass / len(points)).log() + es_n0 * (x.square() + y.square())
    mean = 2 * es_n0 * (x * i + y * q) / mass
    square = 4 * es_n0**2 * (x.square() * ii + y.square() * qq + 2 * x * y * iq) / mass
    values = torch.stack([total, mean, (square - mean.square()).clamp_(min=0)])
    # Nodes that lie farther from every point than a product can tell: one by one.
    rows, columns = (mass < len(points) * math.exp(FARTHEST) / 1e-9).nonzero(as_tuple=True)
    scaled = es_n0 * torch.complex(axis[columns], axis[rows])[None]
    ratio = torch.tensor([es_n0], dtype=torch.float64)
    values[0, rows, columns] = symbol_log_sum(scaled, points, ratio)[0].double()
    moments = posterior_moments(scaled, points, ratio)
    values[1, rows, columns], values[2, rows, columns] = (part[0] for part in moments)
    return values


def unbent(table: torch.Tensor) -> torch.Tensor:
    """Nodes (N, N) whose bilinear interpolation is right on average over each cell.

    Between two nodes h apart, a chord lies h^2 / 12 f'' above f in the mean: of 128 symbols that makes a sum which
    differs from class to class.
    """
    bend = torch.zeros_like(table)
    bend[1:-1] += table[2:] - 2 * table[1:-1] + table[:-2]
    bend[:, 1:-1] += table[:, 2:] - 2 * table[:, 1:-1] + table[:, :-2]
    return table - bend / 12


@lru_cache(maxsize=1024)
def symbol_density(modulation: str, es_n0: float) -> SymbolDensity:
    """The tables of a class at an Es/N0 (a ratio), made once."""
    return SymbolDensity(constellation(modulation), es_n0)
