import math

import pytest
import torch

from amc_xai.limits.density import SymbolDensity, on_grid
from amc_xai.limits.gain import first_guess, gain_free_log_likelihood, kurtosis, tabulated_gain_free
from amc_xai.limits.likelihood import log_sum, posterior_moments, symbol_log_sum
from amc_xai.signal import constellation


def received(points: torch.Tensor, es_n0: float, frames: int = 40, count: int = 128) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    sent = points[torch.randint(len(points), (frames, count), generator=generator)].to(torch.complex64)
    noise = torch.randn(2, frames, count, generator=generator)
    return sent + math.sqrt(0.5 / es_n0) * torch.complex(*noise)


@pytest.mark.parametrize("name", ["BPSK", "8ASK", "32APSK", "64QAM"])
@pytest.mark.parametrize("es_n0_db", [-10.0, 5.0, 15.0])
def test_looked_up_sums_are_those_over_the_points(name, es_n0_db):
    points, es_n0 = constellation(name), 10 ** (es_n0_db / 10)
    y = received(points, es_n0)
    density, ratio = SymbolDensity(points, es_n0), torch.full((len(y),), es_n0)
    difference = density.log_sum(y) - log_sum(es_n0 * y, points, ratio)
    # Classes are told apart by nats of a whole frame, so a bias in the mean counts and not the single symbol.
    assert difference.abs().max() < 0.1
    assert difference.mean().abs() < 0.01
    mean, variance = (part.sum(1) for part in posterior_moments(es_n0 * y, points, ratio))
    torch.testing.assert_close(density.moments(y)[0], mean, rtol=0.002, atol=0.5)
    # Only the curvature rests on the variance, and Newton's steps on the curvature.
    torch.testing.assert_close(density.moments(y)[1], variance, rtol=0.04, atol=0.5)


@pytest.mark.parametrize("name", ["4ASK", "8PSK", "32QAM"])
@pytest.mark.parametrize("es_n0_db", [0.0, 25.0, 45.0])
def test_tables_by_matrix_products_are_those_node_by_node(name, es_n0_db):
    """At 45 dB most nodes lie farther from every point than a product of Gaussians can tell."""
    points, es_n0 = constellation(name), 10 ** (es_n0_db / 10)
    axis = torch.linspace(-1.6, 1.6, 41, dtype=torch.float64)
    scaled = es_n0 * torch.complex(axis.expand(41, 41), axis[:, None].expand(41, 41))
    ratio = torch.full((41,), es_n0, dtype=torch.float64)
    total, mean, variance = on_grid(axis, points, es_n0)
    torch.testing.assert_close(total, symbol_log_sum(scaled, points, ratio), rtol=1e-9, atol=1e-6)
    torch.testing.assert_close(mean, posterior_moments(scaled, points, ratio)[0], rtol=1e-9, atol=1e-6)
    # A variance near 0 is a difference of two squares.
    expected = posterior_moments(scaled, points, ratio)[1]
    torch.testing.assert_close(variance, expected, rtol=1e-6, atol=1e-9 * es_n0**2)


@pytest.mark.parametrize("name", ["QPSK", "16QAM", "128APSK"])
def test_unknown_gain_by_tables_agrees_with_the_sum_over_points(name):
    points, es_n0, samples = constellation(name), 10.0, 1024
    y = 0.6 * received(points, es_n0)
    outside = 0.36 / es_n0 * (samples - y.shape[1]) * torch.ones(len(y), dtype=torch.float64)
    for ratio in (es_n0, 0.8 * es_n0):
        exact = gain_free_log_likelihood(y, outside, samples, points, torch.full((len(y),), ratio))
        level = first_guess(y, outside, samples, kurtosis(points), ratio)
        energy = outside + y.abs().double().square().sum(1)
        found, _ = tabulated_gain_free(y, energy, level, samples, SymbolDensity(points, ratio))
        torch.testing.assert_close(found, exact, rtol=0, atol=0.15)
