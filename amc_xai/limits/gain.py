"""Likelihood of a frame that comes at an unknown gain: the noise level is integrated over."""

import math
from collections.abc import Callable

import torch

from amc_xai.limits.density import SymbolDensity
from amc_xai.limits.likelihood import chunks, log_sum, posterior_moments

STEPS = 2  # of Newton's method; the first guess is right within a few percent


def gain_free_log_likelihood(
    symbols: torch.Tensor, outside: torch.Tensor, samples: int, points: torch.Tensor, es_n0: torch.Tensor
) -> torch.Tensor:
    """Log-likelihood (B,) float64 of frames received at an unknown gain, up to a constant of the frame.

    symbols: y, complex (B, K), times any gain; outside: energy (B,) outside the symbols' space, times the gain
    squared; samples: L; es_n0: the ratio g (B,) that the hypothesis states. With N the unknown noise level, of
    which the prior is flat in u = log N (the one that is blind to scale), this is the logarithm of

    ``integral du N^-L exp(-outside / N) prod_k (1/M) sum_m exp(-|y_k - sqrt(g N) a_m|^2 / N)``

    by Newton's method and Laplace's approximation, whose error falls as one over the number of symbols. Together
    with g, this is all that a classifier can go by that scales each frame to unit power.
    """
    energy = outside + symbols.abs().double().square().sum(1)
    start = first_guess(symbols, outside, samples, kurtosis(points), es_n0.double()[:, None])
    parts = []
    for y, total, level, ratio in chunks(len(points), symbols, energy, start, es_n0.double()):

        def moments(u: torch.Tensor, y=y, ratio=ratio) -> tuple[torch.Tensor, torch.Tensor]:
            return tuple(part.sum(1) for part in posterior_moments(_scaled(y, ratio, u), points, ratio))

        def total_log_sum(u: torch.Tensor, y=y, ratio=ratio) -> torch.Tensor:
            return log_sum(_scaled(y, ratio, u), points, ratio)

        parts.append(_laplace(moments, total_log_sum, total, level, ratio, samples, y.shape[1])[0])
    return torch.cat(parts)


def tabulated_gain_free(
    symbols: torch.Tensor, energy: torch.Tensor, level: torch.Tensor, samples: int, density: SymbolDensity
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same by a class's tables, at the one Es/N0 that they stand for: (log-likelihood, best log N), (B,) each.

    energy: of the whole frame (B,); level: the first guess of log N (B,).
    """
    ratio = torch.full_like(level, density.es_n0)
    return _laplace(
        lambda u: density.moments(at_unit_gain(symbols, u, density.es_n0)),
        lambda u: density.log_sum(at_unit_gain(symbols, u, density.es_n0)),
        energy, level, ratio, samples, symbols.shape[1],
    )  # fmt: skip


def at_unit_gain(symbols: torch.Tensor, level: torch.Tensor, es_n0: float) -> torch.Tensor:
    """Symbols (B, K) in units of the points' amplitude, if the noise level is exp(level) (B,)."""
    return symbols * ((-level / 2).exp() / math.sqrt(es_n0)).to(symbols.real.dtype)[:, None]


def _laplace(
    moments: Callable,
    total_log_sum: Callable,
    energy: torch.Tensor,
    level: torch.Tensor,
    ratio: torch.Tensor,
    samples: int,
    count: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logarithm of the integral over the level, and where its integrand is largest."""
    # Expected curvature when symbols are known; stands in where the true one isn't that of a maximum.
    expected = samples + count * ratio / 2
    for _ in range(STEPS):
        mean, variance = moments(level)
        inverse = energy * (-level).exp()
        bend = inverse - (mean + variance) / 4
        bend = torch.where(bend > 0.2 * expected, bend, expected)
        level = level + ((inverse - samples - mean / 2) / bend).clamp(-0.2, 0.2)
    peak = total_log_sum(level) - energy * (-level).exp() - samples * level
    return peak + 0.5 * (2 * math.pi / bend).log(), level


def _scaled(symbols: torch.Tensor, ratio: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    return symbols * (ratio.sqrt() * (-level / 2).exp()).to(symbols.real.dtype)[:, None]


def first_guess(
    symbols: torch.Tensor, outside: torch.Tensor, samples: int, kurtosis: float, ratio: torch.Tensor | float
) -> torch.Tensor:
    """log N (B,) from the energy outside the band and from that inside it, weighed by their variances.

    ratio: Es/N0, a number or (B, 1).
    """
    count = symbols.shape[1]
    free = outside.clamp(min=1e-30).log() - math.log(samples - count)
    held, variance = inside_level(symbols, torch.as_tensor(ratio, dtype=torch.float64).view(-1, 1), kurtosis)
    held, variance = held[:, 0], variance[:, 0]
    weight = variance * (samples - count)
    return (free * weight + held) / (weight + 1)


def inside_level(symbols: torch.Tensor, ratio: torch.Tensor, kurtosis: float) -> tuple[torch.Tensor, torch.Tensor]:
    """log N (B, S) from the symbols' mean energy if Es/N0 is ``ratio`` (B, S) or (1, S), and its variance."""
    count = symbols.shape[1]
    power = symbols.abs().double().square().mean(1, keepdim=True).clamp(min=1e-30)
    level = power.log() - (1 + ratio).log()
    return level, ((kurtosis - 1) * ratio.square() + 2 * ratio + 1) / (count * (1 + ratio).square())


def kurtosis(points: torch.Tensor) -> float:
    """E|a|^4 / (E|a|^2)^2 of the points (M,)."""
    power = points.abs().double().square()
    return float(power.square().mean() / power.mean().square())
