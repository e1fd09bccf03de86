import math

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.signal.channel import Channel
from amc_xai.signal.draws import draw_fresh
from amc_xai.signal.modulators import linear_block
from amc_xai.signal.pulses import PULSES, Pulses, band_edge, pulse_spectrum
from amc_xai.signal.waveform import synthesise

STILL = {"carrier_offset_std": 0.0, "random_timing": False, "random_phase": False}


def block_of_one(name, symbols, sps, roll_off=0.3, gaussian_bt=0.5):
    """A period of these symbols on this pulse, as the power-keeping scale has it."""
    widest = math.inf if name in ("rectangular", "half_sine", "gaussian") else band_edge(name, roll_off)
    pulses = Pulses((name,), None, torch.full((len(symbols),), roll_off), widest, gaussian_bt)
    return linear_block(symbols, None, pulses, torch.zeros(len(symbols)), symbols.shape[1] * sps)


def in_time(name, time, roll_off=0.3, gaussian_bt=0.5):
    """The pulse over time in symbols, from its textbook form; up to a factor."""
    if name == "rectangular":
        return (time.abs() < 0.5).double()
    if name == "half_sine":
        return torch.cos(math.pi * time) * (time.abs() < 0.5)
    if name == "gaussian":
        # The inverse transform of exp(-(ln 2 / 2) (f / BT)^2).
        return torch.exp(-2 * (math.pi * gaussian_bt * time).square() / math.log(2))
    return torch.sinc(time) * torch.cos(math.pi * roll_off * time) / (1 - (2 * roll_off * time).square())


@pytest.mark.parametrize("name", ["raised_cosine", "rectangular", "half_sine", "gaussian"])
def test_a_pulse_is_the_transform_of_its_textbook_form(name):
    time = torch.linspace(-20, 20, 400_001, dtype=torch.float64)
    pulse = in_time(name, time)
    for frequency in (0.0, 0.2, 0.5, 0.61, 1.3, 2.5):
        wave = torch.trapezoid(pulse * torch.cos(2 * math.pi * frequency * time), time)
        area = torch.trapezoid(pulse, time)
        found = pulse_spectrum(name, torch.tensor([frequency], dtype=torch.float64), 0.3)
        assert found.item() == pytest.approx((wave / area).item(), abs=1e-3)


def test_the_pulse_of_radioml_is_as_it_was_measured():
    frequency = torch.tensor([0, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65], dtype=torch.float64)
    measured = torch.tensor([1, 1, 0.93, 0.78, 0.57, 0.35, 0.16, 0.05, 0], dtype=torch.float64)
    torch.testing.assert_close(pulse_spectrum("radioml2018", frequency, 0.3), measured, atol=0.02, rtol=0)


@pytest.mark.parametrize("name", PULSES)
@pytest.mark.parametrize("sps", [4, 8])
def test_a_pulse_keeps_the_power_of_the_symbols_whatever_their_mean(name, sps):
    for mean in (0.0, math.sqrt(0.5)):
        generator = torch.Generator().manual_seed(1)
        signs = torch.where(torch.rand(200, 256, generator=generator) < 0.5, -1.0, 1.0)
        symbols = (mean + math.sqrt(1 - mean**2) * signs).to(torch.complex64)
        pulses = Pulses((name,), None, torch.full((200,), 0.3), math.inf, 0.5, torch.full((200,), mean**2))
        block = linear_block(symbols, None, pulses, torch.zeros(200), 256 * sps)
        assert block.abs().square().mean().item() == pytest.approx(1.0, abs=0.01)


def test_a_raised_cosine_has_the_symbols_themselves_at_its_instants():
    generator = torch.Generator().manual_seed(2)
    symbols = torch.randn(2, 64, dtype=torch.complex64, generator=generator)
    block = block_of_one("raised_cosine", symbols, 8)
    at = block[:, ::8]
    gain = (at * symbols.conj()).sum() / symbols.abs().square().sum()
    torch.testing.assert_close(at, gain * symbols, atol=1e-4, rtol=0)


def test_half_sine_pulses_are_half_waves():
    symbols = torch.tensor([[1, 1, -1, 1, -1, -1, 1, -1] * 4], dtype=torch.complex64)
    block = block_of_one("half_sine", symbols, 16)[0].real
    time = torch.arange(len(block)) / 16
    expected = symbols[0].real[((time + 0.5).floor() % 32).long()] * torch.cos(math.pi * (time - time.round()))
    # No signal above the sampled band: the corners are a little round.
    assert (block / block[0] - expected).abs().max() < 0.06


def test_each_frame_draws_one_of_the_pulses():
    channel = Channel(pulse=("rectangular", "root_raised_cosine"), roll_off=(0.2, 0.2), **STILL)
    draws = draw_fresh(64, ("QPSK",), 512, 8, channel, torch.Generator().manual_seed(0))
    made = synthesise(torch.zeros(64, dtype=int), torch.full((64,), 90.0), draws, ("QPSK",), 512, 8, channel)
    frame = torch.complex(made.clean[:, 0], made.clean[:, 1]) * torch.signal.windows.blackman(512)
    power = torch.fft.fft(frame).abs().square()
    outside = torch.fft.fftfreq(512).abs() > 0.6 / 8 + 0.01
    share = power[:, outside].sum(1) / power.sum(1)
    assert ((share > 0.05) | (share < 1e-4)).all()
    assert 16 < (share > 0.05).sum() < 48


@pytest.mark.parametrize("wrong", ["triangle", (), ("rectangular", "triangle")])
def test_an_unknown_pulse_is_refused(wrong):
    with pytest.raises(UserError, match=r"^channel\.pulse: "):
        Channel(pulse=wrong)
