"""Likelihood of a frame under a class, for unknown independent symbols in white noise. Batched, in torch.

Average likelihood: Wei and Mendel, "Maximum-likelihood classification for digital amplitude-phase
modulations", IEEE Trans. Commun. 48(2), 2000, equation 4. With unknown phase: the survey of Dobre, Abdi, Bar-Ness
and Su, IET Commun. 1(2), 2007, section 3.
"""

import math

import torch

LOWEST = -60.0  # exp of less than -87 is no normal float32, and twenty times as slow
STEPS = 2  # of Newton's method; the first guess is right within a few percent
CELLS = 1 << 18  # frames x symbols x points worked on at a time: what a CPU's caches hold


def log_likelihood(symbols: torch.Tensor, points: torch.Tensor, noise: torch.Tensor | float) -> torch.Tensor:
    """Average log-likelihood (B,) float64 of frames, with timing, phase, gain and noise known.

    sum_k [ log( (1/M) sum_m exp(-|y_k - a_m|^2 / N0) ) - log(pi N0) ]

    symbols: matched filter outputs, complex (B, K); points: complex (M,); noise: N0, a number or (B,), in the
    units of |y|^2.
    """
    noise = torch.as_tensor(noise, dtype=torch.float64, device=symbols.device).expand(len(symbols))
    parts = [
        log_sum(y * (1 / n.to(y.real.dtype))[:, None], points, 1 / n) - y.abs().double().square().sum(1) / n
        for y, n in _chunks(len(points), symbols, noise)
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
    for n in range(len(points), 1, -1):
        turned = points * complex(math.cos(2 * math.pi / n), math.sin(2 * math.pi / n))
        if (turned[:, None] - points[None, :]).abs().amin(1).max() < 1e-6:
            return n
    return 1


def gain_free_log_likelihood(
    symbols: torch.Tensor, outside: torch.Tensor, samples: int, points: torch.Tensor, es_n0: torch.Tensor
) -> torch.Tensor:
    """Log-likelihood (B,) float64 of frames received at an unknown gain, up to a constant of the frame.

    symbols: y, complex (B, K), times any gain; outside: energy (B,) outside the symbols' space, times the gain
    squared; samples: L; es_n0: the ratio g (B,) that the hypothesis states. With N the unknown noise level, of
    which the prior is flat in u = log N (the one that is blind to scale), this is the logarithm of

        integral du N^-L exp(-outside / N) prod_k (1/M) sum_m exp(-|y_k - sqrt(g N) a_m|^2 / N)

    by Newton's method and Laplace's approximation, whose error falls as one over the number of symbols. Together
    with g, this is all that a classifier can go by that scales each frame to unit power.
    """
    energy = outside + symbols.abs().double().square().sum(1)
    start = _first_guess(symbols, outside, samples, points, es_n0)
    arguments = (symbols, energy, start, es_n0.double())
    return torch.cat([_laplace(*part, samples, points) for part in _chunks(len(points), *arguments)])


def _laplace(
    symbols: torch.Tensor,
    energy: torch.Tensor,
    level: torch.Tensor,
    ratio: torch.Tensor,
    samples: int,
    points: torch.Tensor,
) -> torch.Tensor:
    # Expected curvature when symbols are known; stands in where the true one isn't that of a maximum.
    expected = samples + symbols.shape[1] * ratio / 2
    for _ in range(STEPS):
        mean, variance = posterior_moments(_scaled(symbols, ratio, level), points, ratio)
        inverse = energy * (-level).exp()
        bend = inverse - (mean + variance).sum(1) / 4
        bend = torch.where(bend > 0.2 * expected, bend, expected)
        level = level + ((inverse - samples - mean.sum(1) / 2) / bend).clamp(-0.2, 0.2)
    peak = log_sum(_scaled(symbols, ratio, level), points, ratio) - energy * (-level).exp() - samples * level
    return peak + 0.5 * (2 * math.pi / bend).log()


def _scaled(symbols: torch.Tensor, ratio: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    return symbols * (ratio.sqrt() * (-level / 2).exp()).to(symbols.real.dtype)[:, None]


def _first_guess(
    symbols: torch.Tensor, outside: torch.Tensor, samples: int, points: torch.Tensor, es_n0: torch.Tensor
) -> torch.Tensor:
    """log N from the energy outside the band and from that inside it, weighed by their variances."""
    count = symbols.shape[1]
    ratio = es_n0.double()
    free = outside.clamp(min=1e-30).log() - math.log(samples - count)
    held, variance = inside_level(symbols, ratio[:, None], kurtosis(points))
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


def log_sum(scaled: torch.Tensor, points: torch.Tensor, ratio: torch.Tensor) -> torch.Tensor:
    """sum_k log( (1/M) sum_m exp(2 Re(v_k* a_m) - g |a_m|^2) ), float64 (B,).

    scaled: v, complex (B, K); points: a, complex (M,); ratio: g (B,).
    """
    exponent = _exponent(scaled, points, ratio)
    top = exponent.amax(-1, keepdim=True)
    mass = exponent.sub_(top).clamp_(min=LOWEST).exp_().sum(-1)
    return (top[:, 0] + (mass / len(points)).log()).view(scaled.shape).double().sum(1)


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


def _chunks(order: int, symbols: torch.Tensor, *others: torch.Tensor):
    size = max(1, CELLS // (order * symbols.shape[1]))
    return zip(symbols.split(size), *(other.split(size) for other in others), strict=True)
