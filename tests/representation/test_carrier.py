"""Carrier recovery: from powers of the symbols, from afar by the band, and as OQPSK needs it."""

import math

import numpy as np
import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.representation.synchronisation import (
    Powers,
    Receiver,
    Spectrum,
    carrier_of,
    periods_of,
    recover_carrier,
    spectrum,
    staggered_carrier,
    synchronise,
)
from amc_xai.representation.synchronisation.carrier import lines, strongest_line
from amc_xai.representation.synchronisation.coarse import band_centre, edge_offset, moved
from amc_xai.signal.constellations import constellation
from tests.representation.received import frames, samples, shifted


@pytest.mark.parametrize("cycles_per_symbol", [0.0, 1.3e-3, -7.7e-3, 0.0099])
def test_recovery_puts_qpsk_with_a_known_offset_back_on_four_points(cycles_per_symbol):
    rng = np.random.default_rng(0)
    sent = np.exp(1j * np.pi / 2 * rng.integers(0, 4, (12, 128)))
    phase = rng.uniform(0, 2 * np.pi, (12, 1))
    received = sent * np.exp(1j * (phase + 2 * np.pi * cycles_per_symbol * np.arange(128)))
    found = recover_carrier(torch.from_numpy(received).to(torch.complex64)).numpy()
    turn = found * sent.conj()
    # One constant turn for all symbols of a frame, by a multiple of a quarter. A parabola through three of four
    # points for each bin of the frame is off by less than a fiftieth of a bin: 0.03 radian from end to end, over
    # 4.
    quarter = np.rint(np.angle(turn[:, 64]) / (np.pi / 2))[:, None]
    off = np.angle(turn * np.exp(-1j * np.pi / 2 * quarter))
    assert np.abs(off).max() < 0.02
    np.testing.assert_allclose(np.abs(found), 1, atol=1e-5)


def test_recovery_looks_for_offsets_within_its_reach_alone():
    # An offset of 0.02 cycles a symbol, outside of +-0.01: the points stay spread out.
    sent = np.exp(1j * np.pi / 2 * np.random.default_rng(0).integers(0, 4, (1, 128)))
    received = torch.from_numpy(sent * np.exp(2j * np.pi * 0.02 * np.arange(128))).to(torch.complex64)
    lost = (recover_carrier(received) ** 4).mean().abs()
    found = (recover_carrier(received, reach=0.025) ** 4).mean().abs()
    assert lost < 0.3 and found > 0.98


@pytest.mark.parametrize("reach", [0.01, 0.3])
def test_few_bins_and_many_are_the_same_transform(reach):
    signal = torch.randn(2, 60, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    found, frequencies = lines(signal, reach)
    assert (frequencies.abs() <= reach + 1 / 240).all() and len(frequencies) == 2 * int(reach * 240) + 3
    turns = torch.arange(60).double()[:, None] * frequencies.double()
    expected = signal.to(torch.complex128) @ torch.exp(-2j * math.pi * turns)
    torch.testing.assert_close(found.to(torch.complex128), expected, atol=1e-4, rtol=0)


def test_a_pure_line_is_found_between_the_bins():
    k = torch.arange(100)
    for cycles in (-0.04123, 0.0, 0.0007, 0.0251):
        frequency, line = strongest_line(torch.exp(1j * (2 * math.pi * cycles * k + 0.7))[None], 0.05)
        assert frequency.item() == pytest.approx(cycles, abs=1e-4)
        assert line.abs().item() == pytest.approx(100, rel=1e-3)
        # The phase is that at the first symbol: an error of frequency tells over half of the frame.
        assert line.angle().item() == pytest.approx(0.7, abs=0.05)


def test_powers_are_those_of_phase_and_magnitude():
    z = torch.randn(3, 20, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    powers = Powers(z)
    for order, weight in ((2, 2), (4, 12), (12, 8), (16, 4), (20, 4), (32, 1)):
        expected = torch.polar(z.abs() ** weight, order * z.angle())
        torch.testing.assert_close(powers(order, weight), expected, rtol=1e-3, atol=1e-3)
    assert (Powers(torch.zeros(1, 4, dtype=torch.complex64))(4, 4) == 0).all()


@pytest.mark.parametrize(
    ("name", "order", "weight", "snr_db"),
    [
        ("8PSK", 8, 4, 14.0), ("16PSK", 16, 4, 20.0), ("16APSK", 12, 4, 16.0), ("64APSK", 20, 4, 22.0),
        ("32PSK", 32, 4, 30.0), ("32QAM", 12, 8, 24.0),
    ],
)  # fmt: skip
def test_each_constellation_has_a_power_that_finds_its_carrier(name, order, weight, snr_db):
    """Offsets within 0.003 cycles a symbol: found to a third of what noise spread over the reach would give."""
    made = frames(name, 64, 1024, 8, snr_db)
    truth = torch.linspace(-0.0025, 0.0025, 64)
    z = synchronise(shifted(samples(made), truth / 8), 8.0).symbols
    found = carrier_of(Powers(z), order, weight, 0.003).offset[:, 0]
    # 1 radian of phase from end to end of the frame, at the outer points' spacing of 2 pi / order.
    near = (found - truth).abs() < 1 / order / 126
    assert near.float().mean() > 0.9


@pytest.mark.parametrize("name", ["QPSK", "16QAM"])
def test_the_band_tells_large_offsets(name):
    made = frames(name, 64, 1024, 8, 15.0, roll_off=(0.15, 0.35))
    truth = torch.linspace(-0.39, 0.39, 64)
    signal = shifted(samples(made), truth / 8)
    offset = band_centre(signal, 8.0, 0.4)
    first = (offset[:, 0] - truth).abs()
    for _ in range(2):
        offset = offset + edge_offset(spectrum(moved(signal, 8.0, offset), 8.0, periods_of(1024, 8.0)))
    second = (offset[:, 0] - truth).abs()
    # The band's power alone: 0.02 as a standard deviation; its edges, which the message moves alike: a third.
    assert first.quantile(0.9) < 0.05 and second.quantile(0.9) < 0.016
    assert second.mean() < 0.6 * first.mean()


def test_moved_frames_lose_the_offset():
    tone = shifted(torch.ones(1, 64, dtype=torch.complex64), 0.02)
    torch.testing.assert_close(moved(tone, 4.0, torch.tensor([[0.08]])), torch.ones_like(tone), atol=1e-5, rtol=0)


@pytest.mark.parametrize("first", [0.0, 0.1625, 0.4875])
@pytest.mark.parametrize("offset", [0.0, 7e-4])
def test_staggered_carrier_of_pure_lines_is_exact(first, offset):
    # The square is exp(2j phase) cos(2 pi (t - first)), turning by twice the offset: two lines of a half.
    periods, phase = 128, 0.4
    t = torch.arange(4 * periods, dtype=torch.float64) / 4
    square = torch.exp(2j * (phase + 2 * math.pi * offset * t)) * torch.cos(2 * math.pi * (t - first))

    class Given(Spectrum):
        def oversampled(self, factor):
            return square.sqrt().to(torch.complex64)[None]

    found, carrier = staggered_carrier(Given(torch.zeros(1, 2 * periods - 1), periods))
    assert carrier.offset.item() == pytest.approx(offset, abs=3e-5)
    error = (found.item() - first + 0.25) % 0.5 - 0.25
    assert abs(error) < 0.003
    # Half a symbol off, I and Q change places: the phase is a quarter turn off.
    halves = round((found.item() - first) / 0.5)
    expected = phase + 2 * math.pi * offset * found.item() + halves * math.pi / 2
    assert math.sin(carrier.phase.item() - expected) == pytest.approx(0, abs=0.02)
    assert carrier.strength.item() == pytest.approx(0.5 / square.abs().mean().item(), rel=0.01)


def test_how_far_a_receiver_looks():
    near, far = Receiver(carrier_reach=0.01), Receiver(carrier_reach=0.4)
    assert not near.coarse and near.fine_reach(4) == 0.01
    # Lines of the 32nd power repeat every 1/32; what the coarse search leaves is looked for.
    assert far.coarse and far.fine_reach(32) == 1 / 64 and far.fine_reach(2) == 1 / 16
    with pytest.raises(UserError, match=r"representation.carrier_reach must lie above 0 and up to 0.4 cycles"):
        Receiver(carrier_reach=0.5)


def test_constellations_that_turn_into_themselves_hold_their_power():
    """The weighted powers of the ideal points, over what all points together could give."""
    for name, order, weight in (("16APSK", 12, 2), ("64APSK", 20, 2), ("32PSK", 32, 4), ("32QAM", 12, 8)):
        powers = Powers(constellation(name).to(torch.complex64)[None])
        assert powers(order, weight).mean().abs() / powers.weights(weight).mean() > 0.25, name
