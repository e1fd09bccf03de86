"""Ideal points of the linearly modulated classes, with unit mean energy."""

import math
from collections.abc import Sequence
from functools import cache

import torch

from amc_xai.errors import UserError
from amc_xai.signal.classes import LINEAR

MAX_ORDER = 256
UNIPOLAR = {"4ASK": "unipolar 4ASK", "8ASK": "unipolar 8ASK"}
"""What `constellation` calls these classes' points where all levels have one sign."""

# Rings of the APSK constellations, as (points, radius, phase of the first point in units of pi).
# 16APSK: EN 302 307-1 clause 5.4.3, code rate 2/3. 32APSK: clause 5.4.4, code rate 3/4.
# 64APSK: EN 302 307-2 (DVB-S2X), 8+16+20+20, code rates 7/9 and 4/5.
_RINGS = {
    "16APSK": ((4, 1.0, 1 / 4), (12, 3.15, 1 / 12)),
    "32APSK": ((4, 1.0, 1 / 4), (12, 2.84, 1 / 12), (16, 5.27, 0.0)),
    "64APSK": ((8, 1.0, 1 / 8), (16, 2.2, 1 / 16), (20, 3.6, 1 / 20), (20, 5.2, 1 / 20)),
}

# 128APSK of EN 302 307-2 (DVB-S2X), code rate 135/180: per ring the radius and the phases of the points
# in the first quadrant in units of pi/5040; the other quadrants mirror them about both axes.
_128APSK = (
    (1.0, (332, 927, 1593, 2187)),
    (1.715, (242, 1017, 1503, 2278)),
    (2.118, (414, 845, 1673, 2106)),
    (2.681, (427, 834, 1686, 2094)),
    (2.75, (133, 1126, 1393, 2387)),
    (3.819, (111, 330, 528, 732, 929, 1149, 1372, 1590, 1789, 1993, 2190, 2408)),
)


def constellation(name: str) -> torch.Tensor:
    """Ideal points of one class: complex128 (M,), mean of ``|point|^2`` equal to 1.

    - OOK {0, sqrt(2)}; BPSK {+1, -1}; QPSK and OQPSK at odd multiples of pi/4 (for OQPSK the two coordinates
      belong to instants half a symbol apart); 8/16/32PSK with a point on the real axis.
    - 4ASK and 8ASK are bipolar, levels -(M-1), ..., -1, 1, ..., M-1: the M-ary amplitude shift keying (PAM)
      of Proakis and Salehi, Digital Communications, section 3.2, and of the likelihood classifiers. As
      ``unipolar 4ASK`` and ``unipolar 8ASK`` their levels are 0, 1, ..., M-1. (So the frames of RadioML 2018.01A
      look: scaled to unit variance the RMS would be sqrt(14/5) = 1.67 and sqrt(10/3) = 1.83, and theirs is 1.59
      and 1.74, both 0.95 of it.)
    - 16/32APSK as in DVB-S2 (ETSI EN 302 307-1) at code rates 2/3 and 3/4; 64APSK (8+16+20+20, rates 7/9 and
      4/5) and 128APSK (rate 135/180) as in DVB-S2X (ETSI EN 302 307-2).
    - 16/64/256QAM square; 32/128QAM cross, that is the 6x6 (12x12) grid less its corner points (2x2 corners).

    The order of points within a class is fixed but carries no bit labelling.

    Raises UserError for a class without a constellation.
    """
    return _points(name).clone()


def padded_constellations(
    names: Sequence[str], device: torch.device | str = "cpu"
) -> tuple[torch.Tensor, torch.Tensor]:
    """Constellations of several classes in one table.

    Returns points complex64 (C, 256), where row c holds its M points first and zeros after them, and
    orders int64 (C,) with each M. Raises UserError for a class without a constellation.
    """
    table = torch.zeros(len(names), MAX_ORDER, dtype=torch.complex64)
    orders = torch.zeros(len(names), dtype=torch.int64)
    for row, name in enumerate(names):
        points = _points(name)
        table[row, : len(points)] = points.to(torch.complex64)
        orders[row] = len(points)
    return table.to(device), orders.to(device)


@cache
def _points(name: str) -> torch.Tensor:
    if name not in LINEAR and name not in UNIPOLAR.values():
        raise UserError(f"modulation: {name!r} has no constellation, allowed are {', '.join(LINEAR)}")
    if name == "OOK":
        points = torch.tensor([0.0, 1.0], dtype=torch.complex128)
    elif name in ("QPSK", "OQPSK"):
        points = _ring(4, 1.0, 1 / 4)
    elif name == "BPSK":
        points = torch.tensor([1.0, -1.0], dtype=torch.complex128)
    elif name in _RINGS:
        points = torch.cat([_ring(*ring) for ring in _RINGS[name]])
    elif name == "128APSK":
        points = torch.cat([_mirrored(radius, phases) for radius, phases in _128APSK])
    elif name.endswith("PSK"):
        points = _ring(int(name.removesuffix("PSK")), 1.0, 0.0)
    elif name.endswith("ASK"):
        levels = _levels(int(name.removeprefix("unipolar ").removesuffix("ASK")))
        points = (levels - levels[0] if name in UNIPOLAR.values() else levels).to(torch.complex128)
    else:
        points = _qam(int(name.removesuffix("QAM")))
    return points / points.abs().square().mean().sqrt()


def _levels(count: int) -> torch.Tensor:
    return torch.arange(1 - count, count, 2, dtype=torch.float64)


def _ring(count: int, radius: float, first_phase: float) -> torch.Tensor:
    phases = math.pi * (first_phase + 2 * torch.arange(count, dtype=torch.float64) / count)
    return radius * torch.exp(1j * phases)


def _mirrored(radius: float, phases: tuple[int, ...]) -> torch.Tensor:
    quadrant = radius * torch.exp(1j * math.pi / 5040 * torch.tensor(phases, dtype=torch.float64))
    return torch.cat([quadrant, -quadrant.conj(), -quadrant, quadrant.conj()])


def _qam(order: int) -> torch.Tensor:
    cross = order in (32, 128)
    side = {16: 4, 32: 6, 64: 8, 128: 12, 256: 16}[order]
    axis = _levels(side)
    grid = (axis[None, :] + 1j * axis[:, None]).flatten()
    if cross:
        inner = side - side // 3  # |level| below this is inside the arms of the cross
        grid = grid[(grid.real.abs() < inner) | (grid.imag.abs() < inner)]
    return grid
