import math

import pytest
import torch

from amc_xai.signal.classes import ANALOG
from amc_xai.signal.constellations import constellation
from amc_xai.signal.filters import root_raised_cosine_spectrum
from amc_xai.signal.modulators import MODULATION_DEPTH, analog_block, gmsk_block, linear_block
from amc_xai.signal.pulses import Pulses


def random_symbols(name, batch, count, seed=0):
    points = constellation(name).to(torch.complex64)
    generator = torch.Generator().manual_seed(seed)
    return points[torch.randint(len(points), (batch, count), generator=generator)]


def pulse(time, roll_off):
    """Root-raised-cosine pulse at any time (symbols), by quadrature over its spectrum."""
    frequency = torch.linspace(0, (1 + roll_off) / 2, 4001, dtype=torch.float64)
    shape = root_raised_cosine_spectrum(frequency, roll_off)
    wave = shape * torch.cos(2 * math.pi * time[..., None] * frequency)
    return 2 * torch.trapezoid(wave, frequency, dim=-1)


def matched(block, roll_off, samples_per_symbol):
    """Matched filter over the whole period; at the right instants its output is the symbol."""
    frequency = torch.fft.fftfreq(block.shape[1]) * samples_per_symbol
    spectrum = torch.fft.fft(block) * root_raised_cosine_spectrum(frequency, roll_off)
    return torch.fft.ifft(spectrum)


def shaped(symbols, roll_off, timing, samples_per_symbol, staggered=None):
    batch, count = symbols.shape
    samples = round(count * samples_per_symbol)
    pulses = cosine_pulses(torch.full((batch,), roll_off))
    return linear_block(symbols, staggered, pulses, torch.full((batch,), timing), samples)


def cosine_pulses(roll_off):
    widest = (1 + roll_off.max().item()) / 2
    return Pulses(("root_raised_cosine",), None, roll_off, widest, gaussian_bt=0.5)


@pytest.mark.parametrize("samples_per_symbol", [8, 2.5])
def test_linear_block_is_the_sum_of_shifted_pulses(samples_per_symbol):
    symbols = random_symbols("16QAM", 1, 16)
    block = shaped(symbols, 0.35, 1.3, samples_per_symbol)[0]
    time = (torch.arange(len(block), dtype=torch.float64) - 1.3) / samples_per_symbol
    expected = torch.zeros(len(block), dtype=torch.complex128)
    for n, symbol in enumerate(symbols[0].tolist()):
        for period in range(-3, 4):
            expected += symbol * pulse(time - n - 16 * period, 0.35)
    torch.testing.assert_close(block.to(torch.complex128), expected, atol=2e-3, rtol=0)


def test_no_intersymbol_interference_after_the_matched_filter():
    symbols = random_symbols("64QAM", 4, 32)
    for roll_off in (0.1, 0.4, 1.0):
        received = matched(shaped(symbols, roll_off, 3.0, 8), roll_off, 8)
        torch.testing.assert_close(received[:, 3::8], symbols, atol=1e-5, rtol=0)


def test_band_ends_at_the_roll_off():
    block = shaped(random_symbols("QPSK", 8, 160), 0.25, 2.7, 8)
    power = torch.fft.fft(block).abs().square().mean(0)
    frequency = torch.fft.fftfreq(1280).abs()
    assert power[frequency > 1.25 / 16].max() / power.max() < 1e-9


def test_each_row_has_its_own_roll_off_and_timing():
    symbols = random_symbols("8PSK", 2, 32)
    both = linear_block(symbols, None, cosine_pulses(torch.tensor([0.1, 0.4])), torch.tensor([0.5, 6.0]), 256)
    for row, (roll_off, timing) in enumerate([(0.1, 0.5), (0.4, 6.0)]):
        alone = shaped(symbols[row : row + 1], roll_off, timing, 8)
        torch.testing.assert_close(both[row : row + 1], alone, atol=2e-6, rtol=0)


def test_offset_qpsk_delays_q_by_half_a_symbol():
    symbols = random_symbols("OQPSK", 3, 48)
    block = shaped(symbols, 0.3, 2.0, 8, staggered=torch.tensor([0, 2]))
    received = matched(block, 0.3, 8)
    for row in (0, 2):
        torch.testing.assert_close(received[row, 2::8].real, symbols[row].real, atol=1e-5, rtol=0)
        torch.testing.assert_close(received[row, 6::8].imag, symbols[row].imag, atol=1e-5, rtol=0)
    torch.testing.assert_close(received[1, 2::8], symbols[1], atol=1e-5, rtol=0)
    assert received[0, 2::8].real.abs().sub(math.sqrt(0.5)).abs().max() < 1e-5


def test_offset_qpsk_stays_clear_of_the_origin():
    symbols = random_symbols("OQPSK", 16, 160)
    plain = shaped(symbols, 0.4, 0.0, 8).abs()
    offset = shaped(symbols, 0.4, 0.0, 8, staggered=torch.arange(16)).abs()
    assert plain.min() < 0.02
    assert offset.min() > 0.3


def test_gmsk_matches_integration_of_the_filtered_pulse():
    # Twin: a rectangle of one symbol, convolved with the Gaussian and integrated on a fine grid.
    bits = torch.tensor([[0, 1, 1, 0, 1, 0, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0]])
    assert int((1 - 2 * bits).sum()) % 4 == 0
    fine = 200
    sigma = math.sqrt(math.log(2)) / (2 * math.pi * 0.3)
    at = torch.arange(-4 * fine, 4 * fine + 1, dtype=torch.float64) / fine
    gauss = torch.exp(-0.5 * (at / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
    signs = (1 - 2 * bits[0]).double()
    rectangles = signs.repeat(3).repeat_interleave(fine)  # symbol n spans n - 1/2 .. n + 1/2
    frequency = torch.nn.functional.conv1d(rectangles[None, None], gauss[None, None] / fine, padding=4 * fine)[
        0, 0
    ]
    phase = torch.cumsum(frequency, 0) / fine * math.pi / 2
    start = 20 * fine + fine // 2  # symbol 0 of the middle period
    # Entry k of the sum has integrated up to the end of cell k.
    expected = phase[start - 1 + torch.arange(0, 20 * fine, fine // 8)]
    found = torch.angle(gmsk_block(bits, torch.zeros(1), 160))[0].double()
    difference = torch.exp(1j * (found - expected))
    # A common phase is free.
    torch.testing.assert_close(difference, difference[:1].expand(160), atol=2e-4, rtol=0)


def test_gmsk_envelope_and_phase_steps():
    generator = torch.Generator().manual_seed(3)
    bits = torch.randint(0, 2, (20, 144), generator=generator)
    block = gmsk_block(bits, 8 * torch.rand(20, generator=generator), 1152)
    assert block.abs().sub(1).abs().max() < 1e-5
    step = torch.angle(block.roll(-8, 1) * block.conj())  # closes over the period too
    assert step.abs().max() < math.pi / 2 + 1e-4
    for bit, sign in ((0, 1), (1, -1)):
        run = gmsk_block(torch.full((1, 144), bit), torch.tensor([1.7]), 1152)
        step = torch.angle(run.roll(-8, 1) * run.conj())
        torch.testing.assert_close(step, torch.full_like(step, sign * math.pi / 2), atol=1e-4, rtol=0)


def test_gmsk_timing_moves_the_signal():
    bits = torch.randint(0, 2, (1, 32), generator=torch.Generator().manual_seed(4))
    first, later = (gmsk_block(bits, torch.tensor([float(t)]), 256) for t in (0, 5))
    torch.testing.assert_close(later.roll(-5, 1), first, atol=1e-4, rtol=0)


def analog(name, batch=4, half=72, samples=1152, seed=0):
    message = torch.randn(batch, 2, half, generator=torch.Generator().manual_seed(seed))
    return analog_block(message, torch.full((batch,), ANALOG.index(name)), samples)


def test_double_side_band_is_real_and_single_side_band_one_sided():
    double, single = analog("AM-DSB-SC"), analog("AM-SSB-SC")
    assert double.imag.abs().max() == 0
    spectrum = torch.fft.fft(single).abs()
    assert spectrum[:, 577:].max() / spectrum.max() < 1e-5
    # The same message: m = sqrt(2) Re(m_a / sqrt(2)).
    torch.testing.assert_close(math.sqrt(2) * single.real, double.real, atol=1e-5, rtol=0)


def test_carrier_adds_a_line_at_zero():
    for kind in ("AM-DSB", "AM-SSB"):
        scale = math.sqrt(1 + MODULATION_DEPTH**2)
        with_carrier, suppressed = analog(f"{kind}-WC"), analog(f"{kind}-SC")
        expected = (1 + MODULATION_DEPTH * suppressed) / scale
        torch.testing.assert_close(with_carrier, expected, atol=1e-5, rtol=0)
        assert suppressed.mean(1).abs().max() < 1e-6


def test_message_is_limited_to_half_the_symbol_rate():
    spectrum = torch.fft.fft(analog("AM-DSB-SC")).abs()
    outside = torch.fft.fftfreq(1152).abs() > 0.5 / 8 + 1e-6
    assert spectrum[:, outside].max() / spectrum.max() < 1e-5


def test_fm_frequency_follows_the_message():
    # 2 sin(pi m/N) / (2 pi m/N) = 0.99 at the message's edge: the step over a sample is nearly the frequency.
    message, block = analog("AM-DSB-SC").real, analog("FM")
    assert block.abs().sub(1).abs().max() < 1e-5
    step = torch.angle(block.roll(-1, 1) * block.conj()) / (2 * math.pi)
    middle = (message + message.roll(-1, 1)) / 2
    torch.testing.assert_close(step, middle * 0.5 / 8, atol=4e-3, rtol=0)
