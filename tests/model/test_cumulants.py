"""Cumulants against theory, and against the sum over all partitions."""

from math import factorial

import pytest
import torch

from amc_xai.model import Cumulants
from amc_xai.model.cumulants import NAMES, cumulants
from amc_xai.signal import Channel, constellation, draw_fresh, synthesise

# Swami and Sadler, IEEE Trans. Commun. 48(3), 2000, table I (C20, C40, C42); sixth order from the same points.
THEORY = {
    "BPSK": {"C20": 1, "C21": 1, "C40": -2, "C41": -2, "C42": -2, "C60": 16, "C61": 16, "C62": 16, "C63": 16},
    "QPSK": {"C20": 0, "C21": 1, "C40": 1, "C41": 0, "C42": -1, "C60": 0, "C61": 4, "C62": 0, "C63": 4},
    "8PSK": {"C20": 0, "C21": 1, "C40": 0, "C41": 0, "C42": -1, "C60": 0, "C61": 0, "C62": 0, "C63": 4},
    "4ASK": {"C20": 1, "C21": 1, "C40": -1.36, "C41": -1.36, "C42": -1.36, "C60": 8.32, "C63": 8.32},
    "16QAM": {"C20": 0, "C21": 1, "C40": -0.68, "C41": 0, "C42": -0.68, "C60": 0, "C61": 2.08, "C63": 2.08},
    "64QAM": {"C20": 0, "C40": -13 / 21, "C42": -13 / 21, "C61": 1.7972, "C63": 1.7972},
}


@pytest.mark.parametrize("name", THEORY)
def test_cumulants_of_constellations_are_those_of_theory(name):
    found = dict(zip(NAMES, cumulants(constellation(name)[None])[0].abs().tolist(), strict=True))
    expected = {key: abs(value) for key, value in THEORY[name].items()}
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=5e-5)


def partitions(items):
    """All partitions of a list into blocks."""
    if not items:
        yield []
        return
    first, *rest = items
    for partition in partitions(rest):
        yield [[first], *partition]
        for k, block in enumerate(partition):
            yield [*partition[:k], [first, *block], *partition[k + 1 :]]


def test_cumulants_are_the_sum_over_partitions():
    """Each partition into b blocks counts (-1)^(b-1) (b-1)! times the product of the blocks' moments."""
    torch.manual_seed(0)
    half = torch.randn(40, dtype=torch.complex128) ** 3 + torch.randn(40)
    z = torch.cat([half, -half])  # symmetric: every odd moment is zero, as the formulas suppose
    scale = z.abs().square().mean()
    found = cumulants(z[None])[0]
    for name, value in zip(NAMES, found, strict=True):
        order, conjugated = int(name[1]), int(name[2])
        factors = [z] * (order - conjugated) + [z.conj()] * conjugated
        expected = 0
        for partition in partitions(list(range(order))):
            moments = [torch.stack([factors[k] for k in block]).prod(0).mean() for block in partition]
            expected += (-1) ** (len(partition) - 1) * factorial(len(partition) - 1) * torch.stack(moments).prod()
        torch.testing.assert_close(value, expected / scale ** (order // 2))


def test_statistics_do_not_change_as_frame_turns_or_grows():
    torch.manual_seed(0)
    network = Cumulants((2, 256), samples_per_symbol=8)
    z = torch.randn(3, 256, dtype=torch.complex64)
    turned = 5 * z * torch.exp(torch.tensor(0.7j))
    first, second = (network.statistics(torch.stack([f.real, f.imag], 1)) for f in (z, turned))
    assert first.shape == (3, 16)
    torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-3)


def test_a_silent_frame_gives_zeros():
    assert Cumulants((2, 32)).statistics(torch.zeros(2, 2, 32)).tolist() == [[0.0] * 8] * 2


def test_symbols_of_a_clean_frame_have_the_cumulants_of_theory():
    """QPSK pulses at 8 samples a symbol: the symbol-rate half of the statistics is that of the constellation."""
    torch.manual_seed(0)
    channel = Channel(roll_off=[0.25, 0.25], carrier_offset_std=0.0)
    shape = (["QPSK"], 2048, 8.0, channel)
    draws = draw_fresh(8, *shape, torch.Generator().manual_seed(1), torch.device("cpu"))
    iq = synthesise(torch.zeros(8, dtype=torch.int64), torch.full((8,), 30.0), draws, *shape).iq
    c40, c42 = Cumulants((2, 2048), samples_per_symbol=8).statistics(iq)[:, [9, 11]].mean(0)
    assert c40.item() == pytest.approx(1, abs=0.05)
    assert c42.item() == pytest.approx(1, abs=0.05)
