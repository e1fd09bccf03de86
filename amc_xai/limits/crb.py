"""Cramer-Rao bounds for the SNR of a frame, and the accuracy that they allow on a grid of SNRs.

Unknown are the gain and the noise level; timing, phase and carrier are known. A frame holds K symbols and
L >= K complex samples, of which L - K dimensions carry noise alone.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import ndtr

from amc_xai.limits.likelihood import rotational_symmetry

DECIBELS = 10 / math.log(10)  # of one unit of the natural logarithm of a power
NODES = 24


def data_aided_db(es_n0_db: float, symbols: int, samples: int) -> float:
    """Bound of the standard deviation in dB with known symbols: (10 / ln 10) sqrt(2 / (K g) + 1 / L), g = Es/N0.

    Pauluzzi and Beaulieu, "A comparison of SNR estimation techniques for the AWGN channel", IEEE Trans. Commun.
    48(10), 2000, section IV; Alagha, "Cramer-Rao bounds of SNR estimates for BPSK and QPSK modulated signals",
    IEEE Commun. Lett. 5(1), 2001, equation 3 (there L = K).
    """
    ratio = 10 ** (es_n0_db / 10)
    return DECIBELS * math.sqrt(2 / (symbols * ratio) + 1 / samples)


def non_data_aided_db(points: torch.Tensor, es_n0_db: float, symbols: int, samples: int) -> float:
    """Bound of the standard deviation in dB with unknown independent symbols from ``points``, complex (M,).

    From the information matrix of (ln A, ln N0), y = A a + n: Alagha 2001 for BPSK and QPSK, Gappmair,
    "Cramer-Rao lower bound for non-data-aided SNR estimation of linear modulation schemes", IEEE Trans. Commun.
    56(5), 2008, for any constellation. The expectation over y is taken by Gauss-Hermite quadrature about each
    point; the dimensions outside the band add L - K to the information on ln N0.
    """
    ratio = 10 ** (es_n0_db / 10)
    points = points.to(torch.complex128)
    position, weight = (torch.from_numpy(v) for v in np.polynomial.hermite.hermgauss(NODES))
    noise = (position[:, None] + 1j * position[None, :]).flatten()
    weights = (weight[:, None] * weight[None, :]).flatten() / math.pi
    # Points that a turn maps onto each other have the same expectation: one of each circle stands for all.
    turns = rotational_symmetry(points)
    sector = (points.angle() + 1e-6).remainder(2 * math.pi) < 2 * math.pi / turns - 1e-9
    sent = points[sector | (points.abs() < 1e-6)]
    share = torch.where(sent.abs() < 1e-6, 1, turns).double() / len(points)
    # In units of sqrt(N0): y = sqrt(g) a + n, with E|n|^2 = 1.
    y = math.sqrt(ratio) * sent[:, None] + noise[None, :]
    mean, power = _posterior_means(y, points, ratio)
    # Scores: d/d ln A = 2 <Re(A a* (y - A a))> / N0 and d/d ln N0 = <|y - A a|^2> / N0 - 1.
    gain = mean - 2 * power
    level = y.abs().square() - mean + power - 1
    information = np.zeros((2, 2))
    for row, column, product in ((0, 0, gain**2), (0, 1, gain * level), (1, 1, level**2)):
        information[row, column] = information[column, row] = float(share @ (product @ weights))
    information *= symbols
    information[1, 1] += samples - symbols
    direction = np.array([2.0, -1.0])  # ln g = 2 ln A - ln N0
    return DECIBELS * math.sqrt(direction @ np.linalg.solve(information, direction))


def _posterior_means(y: torch.Tensor, points: torch.Tensor, ratio: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Posterior means of 2 sqrt(g) Re(y* a) and of g |a|^2 for each y (R, N), float64 of its shape."""
    own = ratio * (points.real.square() + points.imag.square())
    features = torch.stack([y.real, y.imag, torch.ones_like(y.real)], -1)
    twice = 2 * math.sqrt(ratio)
    exponent = features @ torch.stack([twice * points.real, twice * points.imag, -own])
    weights = exponent.softmax(-1)
    i, q, power = (weights @ torch.stack([points.real, points.imag, own], 1)).unbind(-1)
    return twice * (y.real * i + y.imag * q), power


def accuracy_on_grid(deviation_db: np.ndarray, snrs: Sequence[float]) -> np.ndarray:
    """Share (S,) of frames that an unbiased Gaussian estimate puts nearest to their own SNR of the grid.

    deviation_db: standard deviation (S,) at each SNR of ``snrs`` (dB, in any order). The lowest and the highest
    can only be missed on one side.
    """
    grid = np.asarray(snrs, dtype=float)
    order = np.argsort(grid)
    half = np.diff(grid[order]) / 2
    deviation = np.asarray(deviation_db, dtype=float)[order]
    above = np.append(half, np.inf)
    below = np.append(np.inf, half)
    share = np.empty(len(grid))
    share[order] = ndtr(above / deviation) - ndtr(-below / deviation)
    return share
