import math

import numpy as np
import pytest
import torch

from amc_xai.representation.synchronisation import (
    fast_length,
    matched_filter,
    recover_carrier,
    sample_at,
    staggered_carrier,
    symbol_timing,
    symbols,
    unit_power,
)
from amc_xai.signal import Channel, draw_fresh, synthesise
from amc_xai.signal.filters import root_raised_cosine_taps

SPS = 8


def frames(name, count, length, snr_db=300.0, seed=0, **channel):
    channel = Channel(**{"roll_off": (0.25, 0.25), "carrier_offset_std": 0.0, "random_phase": False, **channel})
    draws = draw_fresh(count, [name], length, SPS, channel, torch.Generator().manual_seed(seed))
    zero = torch.zeros(count, dtype=torch.long)
    made = synthesise(zero, torch.full((count,), snr_db), draws, [name], length, SPS, channel)
    return torch.complex(made.iq[:, 0], made.iq[:, 1]), made


def test_the_matched_filter_is_a_convolution_of_the_same_length():
    signal = torch.randn(3, 100, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    taps = root_raised_cosine_taps(0.3, SPS, 4).numpy()
    filtered = matched_filter(signal, SPS, 0.3, span=4)
    for row, expected in zip(filtered, signal.numpy(), strict=True):
        np.testing.assert_allclose(row.numpy(), np.convolve(expected, taps, "same"), atol=1e-5)


def test_fast_lengths_have_no_prime_factor_above_five():
    allowed = sorted(2**a * 3**b * 5**c for a in range(11) for b in range(7) for c in range(5))
    for length in range(1, 600):
        assert fast_length(length) == next(n for n in allowed if n >= length)


def test_the_blind_chain_returns_the_sent_qpsk_points_of_a_clean_frame():
    # Known phase and no carrier offset: filter and timing alone must bring back each symbol. The pulse of 8
    # symbols, the timing's own noise over 256 symbols and the linear interpolation leave an EVM of a few percent.
    signal, made = frames("QPSK", 16, 2048)
    found = symbols(matched_filter(signal, SPS, 0.25), SPS)
    assert found.shape == (16, 255)
    torch.testing.assert_close(found.abs().square().mean(-1), torch.ones(16))
    errors = []
    for row in range(16):
        sent = made.symbols[row]
        # The first instant is counted modulo a symbol, so the two sequences may be one symbol apart.
        shifts = [(sent[1 + k : 252 + k], found[row, 1:252]) for k in (-1, 0, 1)]
        inner = slice(6, -6)
        errors.append(min(float((a - b)[inner].abs().square().mean().sqrt()) for a, b in shifts))
    assert max(errors) < 0.06, errors
    assert sum(errors) / 16 < 0.04, errors


def test_timing_finds_the_first_symbol_instant():
    # Oerder and Meyr's estimate over 512 symbols at 30 dB: within a tenth of a sample.
    signal, made = frames("QPSK", 32, 4096, snr_db=30.0, roll_off=(0.35, 0.35))
    found = symbol_timing(matched_filter(signal, SPS, 0.35), SPS)
    assert ((found >= 0) & (found < SPS)).all()
    error = (found - made.first_symbol + SPS / 2) % SPS - SPS / 2
    assert error.square().mean().sqrt() < 0.1
    assert error.mean().abs() < 0.05
    assert made.first_symbol.std() > 1.5


def test_timing_of_a_pure_line_is_exact():
    n = torch.arange(400)
    for first in (0.0, 1.3, 4.0, 7.9):
        envelope = (1 + 0.8 * torch.cos(2 * math.pi * (n - first) / SPS)).sqrt()
        found = symbol_timing(torch.complex(envelope, torch.zeros(400))[None], SPS).item()
        assert abs((found - first + 4) % SPS - 4) < 1e-3


def test_interpolation_of_a_linear_ramp_is_the_ramp():
    ramp = torch.complex(torch.arange(50.0), 3 - 2 * torch.arange(50.0)).repeat(3, 1)
    first = torch.tensor([0.0, 0.25, 6.5])
    found = sample_at(ramp, first, 4.75, 9)
    position = first[:, None] + 4.75 * torch.arange(9)
    torch.testing.assert_close(found, torch.complex(position, 3 - 2 * position))


def test_interpolation_beyond_the_ends_holds_the_end():
    ramp = torch.complex(torch.arange(5.0), torch.zeros(5))[None]
    assert sample_at(ramp, torch.tensor([3.0]), 1.0, 4).real.tolist() == [[3.0, 4.0, 4.0, 4.0]]
    assert sample_at(ramp[:, :1], torch.tensor([0.0]), 1.0, 2).real.tolist() == [[0.0, 0.0]]


def test_unit_power_leaves_zeros():
    z = torch.tensor([[3 + 4j, 0j], [0j, 0j]])
    torch.testing.assert_close(unit_power(z), torch.tensor([[3 + 4j, 0j], [0j, 0j]]) * math.sqrt(2) / 5)


@pytest.mark.parametrize("cycles_per_symbol", [0.0, 1.3e-3, -7.7e-3, 0.0099])
def test_recovery_puts_qpsk_with_a_known_offset_back_on_four_points(cycles_per_symbol):
    rng = np.random.default_rng(0)
    sent = np.exp(1j * np.pi / 2 * rng.integers(0, 4, (12, 128)))
    phase = rng.uniform(0, 2 * np.pi, (12, 1))
    received = sent * np.exp(1j * (phase + 2 * np.pi * cycles_per_symbol * np.arange(128)))
    found = recover_carrier(torch.from_numpy(received).to(torch.complex64)).numpy()
    turn = found * sent.conj()
    # One constant turn for all symbols of a frame, by a multiple of a quarter: the spectrum's 2048 points leave at
    # most half a bin over 128 symbols, a quarter of that after the fourth root.
    residual = 2 * np.pi * 0.5 / 2048 / 4 * 128
    quarter = np.rint(np.angle(turn[:, 64]) / (np.pi / 2))[:, None]
    off = np.angle(turn * np.exp(-1j * np.pi / 2 * quarter))
    assert np.abs(off).max() < residual
    np.testing.assert_allclose(np.abs(found), 1, atol=1e-5)


def test_recovery_looks_for_offsets_within_its_reach_alone():
    # An offset of 0.02 cycles a symbol, outside of +-0.01: the points stay spread out.
    sent = np.exp(1j * np.pi / 2 * np.random.default_rng(0).integers(0, 4, (1, 128)))
    received = torch.from_numpy(sent * np.exp(2j * np.pi * 0.02 * np.arange(128))).to(torch.complex64)
    lost = (recover_carrier(received) ** 4).mean().abs()
    found = (recover_carrier(received, reach=0.025) ** 4).mean().abs()
    assert lost < 0.3 and found > 0.98


@pytest.mark.parametrize(("name", "order", "snr_db"), [("8PSK", 8, 14.0), ("16PSK", 16, 20.0)])
def test_higher_orders_find_the_carrier_of_denser_psk(name, order, snr_db):
    iq, _ = frames(name, 64, 1024, snr_db, carrier_offset_std=1e-4, random_phase=True, random_timing=True)
    received = symbols(matched_filter(iq, SPS), SPS)

    def line(z: torch.Tensor) -> torch.Tensor:
        """1 where all phases are multiples of 2 pi / order, about 0.09 where they are anywhere."""
        return torch.polar(torch.ones(z.shape), order * z.angle()).mean(-1).abs()

    phase_noise = math.exp(-(order**2) * 10 ** (-snr_db / 10) / 4)
    assert line(recover_carrier(received, order)).mean() > 0.8 * phase_noise
    assert line(recover_carrier(received, 4)).mean() < 0.4 * phase_noise


@pytest.mark.parametrize("first", [0.0, 1.3, 3.9])
@pytest.mark.parametrize("offset", [0.0, 7e-4])
def test_staggered_carrier_of_pure_lines_is_exact(first, offset):
    # The square is exp(2j phase) cos(2 pi (n - first) / T), turning by twice the offset.
    n, phase = torch.arange(1024, dtype=torch.float64), 0.4
    beat = torch.cos(2 * math.pi * (n - first) / SPS).to(torch.complex128).sqrt()
    frame = beat * torch.exp(1j * (phase + 2 * math.pi * offset / SPS * n))
    found, carrier = staggered_carrier(frame.to(torch.complex64)[None], SPS, points=1 << 17)
    assert carrier.offset.item() == pytest.approx(offset, abs=SPS / 2**18)
    error = (found.item() - first + SPS / 4) % (SPS / 2) - SPS / 4
    assert abs(error) < 0.02
    # Half a symbol off, I and Q change places: the phase is a quarter turn off.
    halves = round((found.item() - first) / (SPS / 2))
    expected = phase + 2 * math.pi * offset * found.item() / SPS + halves * math.pi / 2
    assert math.sin(carrier.phase.item() - expected) == pytest.approx(0, abs=0.02)
    assert carrier.strength.item() == pytest.approx(0.5 / beat.abs().square().mean().item(), rel=0.01)


@pytest.mark.parametrize("snr_db", [4.0, 30.0])
def test_staggered_carrier_of_oqpsk_frames(snr_db):
    signal, made = frames("OQPSK", 64, 2048, snr_db=snr_db, roll_off=(0.35, 0.35), random_phase=True)
    filtered = matched_filter(signal, SPS, 0.35)
    first, carrier = staggered_carrier(filtered, SPS, reach=0.003)
    # In samples, modulo half a symbol: I and Q are alike. Instants drawn at random are 1.15 off.
    error = (first - made.first_symbol + SPS / 4) % (SPS / 2) - SPS / 4
    assert error.square().mean().sqrt() < (0.6 if snr_db < 10 else 0.35)
    i = carrier.removed(sample_at(filtered, first, SPS, 200)).real
    q = carrier.removed(sample_at(filtered, first + SPS / 2, SPS, 200), delay=0.5).imag
    # Both lie on two levels: without noise |I| and |Q| would not vary at all. An eighth of a turn off, they spread
    # by 0.72 of their mean at 4 dB and by 0.65 at 30 dB.
    spread = torch.cat([i, q], 1)[:, 8:-8].abs()
    noise = 10 ** (-snr_db / 20)
    assert (spread.std(1) / spread.mean(1)).median() < 0.95 * noise + 0.04
