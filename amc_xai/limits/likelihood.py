"""Likelihood of a frame under a class, for unknown independent symbols in white noise. Batched, in torch.

Average likelihood: Wei and Mendel, "Maximum-likelihood classification for digital amplitude-phase
modulations", IEEE Trans. Commun. 48(2), 2000, equation 4. With unknown phase: the survey of Dobre, Abdi, Bar-Ness
and Su, IET Commun. 1(2), 2007, section 3.
"""

import math

import torch

LOWEST = -60.0  # exp of less than -87 is no normal float32, and twenty times as slow
CELLS = 1 << 18  # frames x symbols x points worked on at a time: what a CPU's caches hold


def log_likelihood(symbols: torch.Tensor, points: torch.Tensor, noise: torch.Tensor | float) -> torch.Tensor:
    """Average log-likelihood (B,) float64 of frames, with timing, phase, gain and noise known.

    ``sum_k [ log( (1/M) sum_m exp(-|y_k - a_m|^2 / N0) ) - log(pi N0) ]``

    symbols: matched filter outputs, complex (B, K); points: complex (M,); noise: N0, a number or (B,), in the
    units of ``|y|^2``.
    """
    noise = torch.as_tensor(noise, dtype=torch.float64, device=symbols.device).expand(len(symbols))
    parts = [
        log_sum(y * (1 / n.to(y.real.dtype))[:, None], points, 1 / n) - y.abs().double().square().sum(1) / n
        for y, n in chunks(len(points), symbols, noise)
    ]
    return torch.cat(parts) - symbols.shape[1] * (math.pi * noise).log()


def hybrid_log_likelihood(
    symbols: torch.Tensor, points: torch.Tensor, noise: torch.Tensor | float, phases: int = 64
) -> torch.Tensor:
    """Log-likelihood (B,) with a carrier phase that is unknown, uniform and the same for the whole frame.

    The likelihood is averaged over ``phases`` turns, evenly spread over the angle at which the constellation
    repeats itself. Resolved as long as their distance is below about 2 / sqrt(2 K Es/N0) radian.
    """
    noise = torch.as_tensor(noise, dtype=torch.float64, device=symbols.device).expand(len(symbols))
    sector = 2 * math.pi / rotational_symmetry(points)
    turns = sector * torch.arange(phases, device=symbols.device) / phases
    turned = [
        log_likelihood(symbols * torch.polar(torch.ones_like(t), -t).to(symbols.dtype), points, noise)
        for t in turns
    ]
    return torch.stack(turned).logsumexp(0) - math.log(phases)


def rotational_symmetry(points: torch.Tensor) -> int:
    """The largest n for which a turn by 2 pi / n maps the points (M,) onto themselves."""
    points = points.to(torch.complex128)
    # All but a point in the middle stand in circles of n.
    circling = int((points.abs() > 1e-6).sum())
    for n in (n for n in range(circling, 1, -1) if circling % n == 0):
        turned = points * complex(math.cos(2 * math.pi / n), math.sin(2 * math.pi / n))
        if (turned[:, None] - points[None, :]).abs().amin(1).max() < 1e-6:
            return n
    return 1


def log_sum(scaled: torch.Tensor, points: torch.Tensor, ratio: torch.Tensor) -> torch.Tensor:
    """sum_k log( (1/M) sum_m exp(2 Re(v_k* a_m) - g |a_m|^2) ), float64 (B,).

    scaled: v, complex (B, K); points: a, complex (M,); ratio: g (B,).
    """
    return symbol_log_sum(scaled, points, ratio).double().sum(1)


def symbol_log_sum(scaled: torch.Tensor, points: torch.Tensor, ratio: torch.Tensor) -> torch.Tensor:
    """The terms (B, K) of the sum that `log_sum` gives, with its arguments."""
    exponent = _exponent(scaled, points, ratio)
    top = exponent.amax(-1, keepdim=True)
    mass = exponent.sub_(top).clamp_(min=LOWEST).exp_().sum(-1)
    return (top[:, 0] + (mass / len(points)).log()).view(scaled.shape)


def posterior_moments(
    scaled: torch.Tensor, points: torch.Tensor, ratio: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of 2 Re(v_k* a_m) when m has the weights exp(2 Re(v_k* a_m) - g |a_m|^2).

    Arguments as those of `log_sum`; float64 (B, K) each.
    """
    exponent = _exponent(scaled, points, ratio)
    real, imaginary = _parts(points, exponent)
    table = [torch.ones_like(real), real, imaginary, real.square(), imaginary.square(), real * imaginary]
    weights = exponent.sub_(exponent.amax(-1, keepdim=True)).clamp_(min=LOWEST).exp_()
    sums = (weights @ torch.stack(table, 1)).double().view(*scaled.shape, 6)
    i, q, ii, qq, iq = (sums[..., n] / sums[..., 0] for n in range(1, 6))
    x, y = scaled.real.double(), scaled.imag.double()
    mean = 2 * (x * i + y * q)
    square = 4 * (x.square() * ii + y.square() * qq + 2 * x * y * iq)
    return mean, (square - mean.square()).clamp(min=0)


def _exponent(scaled: torch.Tensor, points: torch.Tensor, ratio: torch.Tensor) -> torch.Tensor:
    """2 Re(v_k* a_m) - g |a_m|^2 as (B * K, M)."""
    own = ratio.to(scaled.real.dtype)[:, None].expand_as(scaled.real)
    features = torch.stack([scaled.real, scaled.imag, own], -1).flatten(0, 1)
    real, imaginary = _parts(points, features)
    return features @ torch.stack([2 * real, 2 * imaginary, -(real.square() + imaginary.square())])


def _parts(points: torch.Tensor, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return points.real.to(like), points.imag.to(like)


def chunks(order: int, symbols: torch.Tensor, *others: torch.Tensor):
    size = max(1, CELLS // (order * symbols.shape[1]))
    return zip(symbols.split(size), *(other.split(size) for other in others), strict=True)
