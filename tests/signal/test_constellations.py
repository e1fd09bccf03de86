import math

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


def test_phases_of_dvb_s2_rings():
    # 16APSK: both rings hold pi/4. 32APSK: the outer ring starts on the real axis.
    quarter = torch.exp(torch.tensor(0.25j * math.pi, dtype=torch.complex128))
    sixteen, outer = constellation("16APSK"), constellation("32APSK")[16:]
    for radius in (sixteen.abs().min(), sixteen.abs().max()):
        assert (sixteen - radius * quarter).abs().min().item() < 1e-12
    assert (outer - outer.abs().max()).abs().min().item() < 1e-12


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
