import math
from fractions import Fraction

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.signal.classes import LINEAR
from amc_xai.signal.constellations import constellation, padded_constellations

ORDERS = {"OOK": 2, "BPSK": 2, "QPSK": 4, "OQPSK": 4} | {
    name: int("".join(filter(str.isdigit, name))) for name in LINEAR if name[0].isdigit()
}

# Ring radii over the innermost and points per ring: ETSI EN 302 307-1 tables 9 and 10, EN 302 307-2 for
# 64APSK (8+16+20+20) and 128APSK.
RINGS = {
    "16APSK": ([1, 3.15], [4, 12]),
    "32APSK": ([1, 2.84, 5.27], [4, 12, 16]),
    "64APSK": ([1, 2.2, 3.6, 5.2], [8, 16, 20, 20]),
    "128APSK": ([1, 1.715, 2.118, 2.681, 2.75, 3.819], [16, 16, 16, 16, 16, 48]),
}


def smallest_distance(points):
    distance = (points[:, None] - points[None, :]).abs()
    return distance[~torch.eye(len(points), dtype=bool)].min().item()


@pytest.mark.parametrize("name", LINEAR)
def test_order_and_unit_energy(name):
    points = constellation(name)
    assert points.dtype == torch.complex128 and len(points) == ORDERS[name]
    assert points.abs().square().mean().item() == pytest.approx(1.0, abs=1e-14)
    assert smallest_distance(points) > 0.01
    assert points.mean().abs().item() == pytest.approx(math.sqrt(0.5) if name == "OOK" else 0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "squared"),
    # d_min^2 over mean energy: 4 sin^2(pi/M) for PSK, 12/(M^2-1) for ASK, 6/(M-1) for square QAM, 4/20 and
    # 4/82 for the crosses (mean energies 20 and 82 on odd levels), 2 for OOK.
    [("OOK", 2.0), ("BPSK", 4.0), ("QPSK", 2.0), ("OQPSK", 2.0)]
    + [(f"{m}PSK", 4 * math.sin(math.pi / m) ** 2) for m in (8, 16, 32)]
    + [(f"{m}ASK", 12 / (m * m - 1)) for m in (4, 8)]
    + [(f"{m}QAM", 6 / (m - 1)) for m in (16, 64, 256)]
    + [("32QAM", 4 / 20), ("128QAM", 4 / 82)],
)
def test_minimum_distance(name, squared):
    assert smallest_distance(constellation(name)) ** 2 == pytest.approx(squared, rel=1e-12)


@pytest.mark.parametrize("name", RINGS)
def test_rings_follow_the_standard(name):
    ratios, counts = RINGS[name]
    radius = constellation(name).abs()
    rings = (radius[:, None] / radius.min() - torch.tensor(ratios, dtype=torch.float64)).abs() < 1e-9
    assert rings.sum(0).tolist() == counts
    assert bool(rings.any(1).all())


@pytest.mark.parametrize("name", RINGS)
def test_apsk_is_symmetric_about_both_axes(name):
    points = constellation(name)
    for image in (points.conj(), -points.conj()):
        assert (points[:, None] - image[None, :]).abs().min(0).values.max().item() < 1e-12


# Phases of the points in the first quadrant as the standard prints them, in units of pi, per ring from the inside.
# 16APSK and 32APSK: ETSI EN 302 307-1, figures 11 and 12. 64APSK (8+16+20+20) and 128APSK: the bit mappings of
# ETSI EN 302 307-2, clause 5.4, whose other quadrants are 1 - phase, 1 + phase and 2 - phase.
PHASES = {
    "16APSK": ["1/4", "1/12 1/4 5/12"],
    "32APSK": ["1/4", "1/12 1/4 5/12", "0 1/8 1/4 3/8"],
    "64APSK": [
        "1/8 3/8", "1/16 3/16 5/16 7/16", "1/20 3/20 1/4 7/20 9/20", "1/20 3/20 1/4 7/20 9/20",
    ],
    "128APSK": [
        "83/1260 103/560 177/560 243/560",
        "121/2520 113/560 167/560 1139/2520",
        "23/280 169/1008 239/720 117/280",
        "61/720 139/840 281/840 349/840",
        "19/720 563/2520 199/720 341/720",
        "37/1680 11/168 11/105 61/420 929/5040 383/1680 49/180 53/168 1789/5040 1993/5040 73/168 43/90",
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", RINGS)
def test_phases_follow_the_standard(name):
    points = constellation(name)
    innermost = points.abs().min().item()
    for radius, printed in zip(RINGS[name][0], PHASES[name], strict=True):
        ring = points[(points.abs() / innermost - radius).abs() < 1e-9]
        found = sorted(ring[(ring.real > 1e-9) & (ring.imag > -1e-9)].angle().tolist())
        expected = sorted(math.pi * Fraction(phase) for phase in printed.split())
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("name", "side", "absent"), [("32QAM", 6, 1), ("128QAM", 12, 2)])
def test_cross_qam_lacks_its_corners(name, side, absent):
    points = constellation(name)
    levels = (points * 2 / smallest_distance(points)).resolve_conj()
    grid = {(round(p.real), round(p.imag)) for p in levels.tolist()}
    axis = range(1 - side, side, 2)
    corner = set(axis[:absent]) | set(axis[-absent:])
    assert grid == {(i, q) for i in axis for q in axis if not (i in corner and q in corner)}


def test_bipolar_ask_levels():
    levels = constellation("4ASK") * math.sqrt(5)
    torch.testing.assert_close(levels.real, torch.tensor([-3.0, -1, 1, 3], dtype=torch.float64))
    assert constellation("8ASK").imag.abs().max().item() == 0


def test_padded_rows_hold_the_points_and_zeros():
    points, orders = padded_constellations(["256QAM", "QPSK"])
    assert points.shape == (2, 256) and points.dtype == torch.complex64
    assert orders.tolist() == [256, 4]
    torch.testing.assert_close(points[1, :4], constellation("QPSK").to(torch.complex64))
    assert points[1, 4:].abs().max().item() == 0
    torch.testing.assert_close(points[0], constellation("256QAM").to(torch.complex64))


def test_result_is_the_callers_own():
    constellation("BPSK").zero_()
    assert constellation("BPSK").real.tolist() == [1.0, -1.0]


@pytest.mark.parametrize("name", ["GMSK", "FM", "4QAM"])
def test_no_constellation(name):
    with pytest.raises(UserError, match=name):
        constellation(name)
