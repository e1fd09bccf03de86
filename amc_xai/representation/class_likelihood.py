"""How likely each class is by a frame's symbols, with the carrier averaged over: channels of `Points`.

As in `limits.carrier`: around a circle the log-density of a symbol is a short Fourier series, so that the
log-likelihood of a frame at one offset of the carrier is such a series in the carrier's phase. Its coefficients
are sums over the symbols; the average is over a few offsets and all phases. (Dobre, Abdi, Bar-Ness and Su, "Survey
of automatic modulation classification techniques", IET Commun. 1(2), 2007, section 3.)
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch

from amc_xai.errors import UserError, guess
from amc_xai.representation.synchronisation.carrier import squared
from amc_xai.signal.classes import DIGITAL_17, LINEAR
from amc_xai.signal.constellations import UNIPOLAR, constellation

STAGGERED = "OQPSK"
# Es/N0 of the tables, dB, each used to the nearest. Above, all classes are told apart without error, and the front
# end itself leaves more than the noise.
LEVELS = range(-10, 21)
RADII = 65  # nodes of a table over the radius
MARGIN = 4.5  # standard deviations of the noise between the outermost point and the table's edge
HIGHEST = 40  # harmonic of a turn: the next ones change no decision up to 16 dB
OFFSET_TURN = 0.08  # cycles over a frame between two offsets that are looked at
MOST_REACH = 1 / 32  # cycles a symbol: offsets are looked at one by one
REACH_DEVIATIONS = 3.75  # standard deviations of the carrier offset in its reach
FLOOR_DB = 22.0  # noise is taken as no less than this below the signal
LEAST_SIGNAL = 0.05  # of the power, as `Points` has it
LEAST_LOG = -20.0  # nats behind all classes together, below which nothing more is told
ROWS, GPU_ROWS = 16, 1024  # frames at a time: on a CPU, what its caches hold; a GPU has memory for more


class Outputs(NamedTuple):
    """What a receive filter gives of B frames: symbols complex (B, K), and the variance (B, 1) of their noise."""

    symbols: torch.Tensor
    noise: torch.Tensor


class _Tables(NamedTuple):
    """Series of the log-densities of classes that look the same after a turn by 1 / ``step``."""

    classes: list[int]
    step: int
    values: torch.Tensor
    """float32 (levels x RADII, H, C): of cos(h ``step`` angle), h = 0 ... H - 1, half of it for h above 0."""
    half: torch.Tensor
    """float32 (levels,): the largest radius."""


def check_classes(classes: str | Sequence[str]) -> tuple[str, ...]:
    """Their names; ``digital`` means the 17. Raises UserError unless each has a constellation."""
    names = DIGITAL_17 if classes == "digital" else tuple([classes] if isinstance(classes, str) else classes)
    allowed = (*LINEAR, *UNIPOLAR.values())
    unknown = [name for name in names if name not in allowed]
    if unknown or len(names) < 2 or len(set(names)) < len(names):
        wrong = "name two classes or more, each once"
        if unknown:
            wrong = f"{unknown[0]!r} has no constellation{guess(unknown[0], allowed)}"
        raise UserError(f"representation.classes: {wrong}; choose from {', '.join(allowed)}, or digital")
    return names


def log_posterior(
    classes: tuple[str, ...],
    plain: Outputs,
    staggered: Sequence[Outputs],
    carrier_reach: float,
    valid: torch.Tensor | None = None,
) -> torch.Tensor:
    """Log-probability of each class, float32 (B, C), with equal priors.

    plain: at the symbol instants; staggered: at OQPSK's, and half a symbol later. The carrier's offset is normal,
    of ``carrier_reach`` / 3.75 cycles a symbol, its phase uniform; the gain is what the mean power tells. valid:
    bool (B, K), which are symbols of the frame.
    """
    count, device = plain.symbols.shape[1], plain.symbols.device
    many = 2 * max(1, math.ceil(carrier_reach * count / OFFSET_TURN)) + 1
    offsets = torch.linspace(-carrier_reach, carrier_reach, many, device=device)
    prior = -0.5 * (offsets * (REACH_DEVIATIONS / carrier_reach)).square()
    known = torch.ones_like(plain.symbols.real) if valid is None else valid.to(plain.symbols.real.dtype)
    power = (squared(plain.symbols) * known).sum(1, keepdim=True) / known.sum(1, keepdim=True).clamp(min=1)
    floor = (10 ** (-FLOOR_DB / 10) * power).clamp(min=1e-20)
    noise = plain.noise + floor
    signal = torch.maximum(power - noise, LEAST_SIGNAL * power).clamp(min=1e-20)
    level = (10 * torch.log10(signal / noise))[:, 0].round().clamp(LEVELS[0], LEVELS[-1]).long() - LEVELS[0]
    position = torch.arange(count, device=device) - (count - 1) / 2
    # Both filters' outputs in one unit of the noise.
    early, late = (
        part.symbols * (noise / (part.noise + floor) / signal).sqrt() for part in staggered or (plain, plain)
    )
    # Q is sent half a symbol late: turned by a quarter, it is a line of BPSK like I.
    line = (torch.cat([early, late * -1j], 1), torch.cat([position, position + 0.5]), torch.cat([known, known], 1))
    own = (plain.symbols * signal.rsqrt(), position, known)
    found = plain.symbols.real.new_zeros(len(level), len(classes))
    rows = ROWS if device.type == "cpu" else GPU_ROWS
    for tables in _tables(classes, device):
        z, place, weight = line if classes[tables.classes[0]] == STAGGERED else own
        turns = 2 * math.pi * offsets[:, None] * place
        turns = torch.polar(torch.ones_like(turns), -turns)
        parts = zip(z.split(rows), weight.split(rows), level.split(rows), strict=True)
        found[:, tables.classes] = torch.cat([_averaged(tables, *part, turns, prior) for part in parts])
    return found.log_softmax(1)


def scaled(log: torch.Tensor) -> torch.Tensor:
    """Log-probabilities as channels: 0 becomes 1, and -20 or less -1."""
    return 1 - log.clamp(min=LEAST_LOG) / (LEAST_LOG / 2)


def _averaged(
    tables: _Tables,
    z: torch.Tensor,
    weight: torch.Tensor,
    level: torch.Tensor,
    turns: torch.Tensor,
    prior: torch.Tensor,
) -> torch.Tensor:
    """Log of the mean likelihood (B, C) over the carrier, of symbols (B, K) at unit power of the signal.

    turns: complex (J, K), which take each offset back; prior: (J,), logarithms up to a constant.
    """
    radius = z.abs()
    place = (radius * ((RADII - 1) / tables.half[level])[:, None]).clamp(max=RADII - 1)
    left = place.long().clamp(max=RADII - 2)
    node, share = level[:, None] * RADII + left, (place - left)[..., None, None]
    series = torch.lerp(tables.values[node], tables.values[node + 1], share) * weight[..., None, None]
    turned = (z / torch.where(radius > 0, radius, 1))[:, None] * turns
    step = _power(turned, tables.step)
    cosine, sine = step.real.contiguous(), step.imag.contiguous()
    power, sums = torch.stack([torch.ones_like(cosine), torch.zeros_like(sine)], 1), []
    for harmonic in series.unbind(2):
        sums.append(power.flatten(1, 2) @ harmonic)
        real, imaginary = power.unbind(1)
        power = torch.stack([real * cosine - imaginary * sine, real * sine + imaginary * cosine], 1)
    # (B, H, 2, J, C) to log-likelihoods (B, phases, J, C).
    sums = torch.stack(sums, 1).unflatten(2, (2, -1))
    flat = sums.flatten(3).flatten(1, 2)
    log = (_basis(sums.shape[1], z.device) @ flat).unflatten(2, sums.shape[3:])
    return (log + prior[:, None]).logsumexp((1, 2)) - math.log(log.shape[1])


def _power(z: torch.Tensor, exponent: int) -> torch.Tensor:
    for _ in range(exponent.bit_length() - 1):  # 1, 2 or 4
        z = z * z
    return z


@lru_cache(maxsize=32)
def _basis(harmonics: int, device: torch.device) -> torch.Tensor:
    """What makes values at 4 H phases of a real series: float32 (4 H, 2 H), cosines and sines by turns."""
    angle = math.pi / (2 * harmonics) * torch.arange(4 * harmonics)[:, None] * torch.arange(harmonics)
    twice = torch.where(torch.arange(harmonics) > 0, 2.0, 1.0)
    return (torch.stack([angle.cos(), -angle.sin()], 2) * twice[:, None]).flatten(1).to(device)


@lru_cache(maxsize=8)
def _tables(classes: tuple[str, ...], device: torch.device) -> list[_Tables]:
    points = {name: constellation(name) for name in classes if name != STAGGERED}
    groups = [(1, {}), (2, {}), (4, {}), (2, {})]
    for name, own in points.items():
        groups[2 if _repeats(own, 4) else 1 if _repeats(own, 2) else 0][1][name] = own
    if STAGGERED in classes:
        groups[3][1][STAGGERED] = torch.tensor([1, -1], dtype=torch.complex128) / math.sqrt(2)
    made = []
    for step, own in groups:
        if own:
            values, half = _series(list(own.values()), step)
            made.append(_Tables([classes.index(n) for n in own], step, values.to(device), half.to(device)))
    return made


def _repeats(points: torch.Tensor, times: int) -> bool:
    turned = points * complex(math.cos(2 * math.pi / times), math.sin(2 * math.pi / times))
    return bool((turned[:, None] - points).abs().amin(1).max() < 1e-6)


def _series(points: Sequence[torch.Tensor], step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Values and largest radii of `_Tables`. All points are mirrored about the real axis: the series is even."""
    harmonics = HIGHEST // step + 1
    around = 2 * harmonics
    angle = math.pi / step / around * torch.arange(around + 1, dtype=torch.float64)
    furthest = max(float(own.abs().max()) for own in points)
    values, half = [], []
    for level in LEVELS:
        ratio = 10 ** (level / 10)
        half.append(furthest + MARGIN * math.sqrt(0.5 / ratio))
        radius = torch.linspace(0, half[-1], RADII, dtype=torch.float64)[:, None]
        plane = torch.stack([radius * angle.cos(), radius * angle.sin()], -1).float()
        columns = []
        for own in points:
            exponent = plane @ torch.view_as_real(own).T.float() * (2 * ratio) - ratio * own.abs().square().float()
            log = exponent.double().logsumexp(-1) - math.log(len(own))
            # A chord of a convex function lies above it, by a twelfth of the second difference in the mean.
            log[1:-1] -= (log[2:] - 2 * log[1:-1] + log[:-2]) / 12
            circle = torch.cat([log, log[:, 1:-1].flip(1)], 1)
            columns.append(torch.fft.rfft(circle, dim=1, norm="forward").real[:, :harmonics])
        values.append(torch.stack(columns, 2).float())
    return torch.cat(values), torch.tensor(half)
