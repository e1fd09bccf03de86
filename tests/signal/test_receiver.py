"""Each impairment against its formula, on frames whose other settings stand still."""

import math

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline

from amc_xai.signal.channel import Channel
from amc_xai.signal.draws import draw_fresh, draw_seeded
from amc_xai.signal.impairments import resampled
from amc_xai.signal.parameters import frame_parameters
from amc_xai.signal.pulses import PULSES
from amc_xai.signal.receiver import filter_response, mean_density, quantised
from amc_xai.signal.waveform import synthesise

STILL = {"carrier_offset_std": 0.0, "random_timing": False, "random_phase": False}
NAMES = ("QPSK", "BPSK", "GMSK", "FM")


def frames(channel, snr_db=90.0, batch=64, length=1024, sps=8, names=("QPSK",), seed=0):
    draws = draw_fresh(batch, names, length, sps, channel, torch.Generator().manual_seed(seed))
    index = torch.arange(batch) % len(names)
    made = synthesise(index, torch.full((batch,), float(snr_db)), draws, names, length, sps, channel)
    return made, frame_parameters(draws, sps, channel)


def as_complex(iq):
    return torch.complex(iq[:, 0], iq[:, 1])


def density(noise):
    """Mean power density over frequency of complex (B, L), without leakage between far frequencies."""
    window = torch.signal.windows.blackman(noise.shape[1])
    power = torch.fft.fft(noise * window).abs().square().mean(0) / window.square().sum()
    return torch.fft.fftfreq(noise.shape[1]), power


def test_carrier_offset_is_uniform_and_turns_the_frame():
    channel = Channel(carrier_offset_std=0.0, carrier_offset_max=0.01, random_timing=False, random_phase=False)
    made, found = frames(channel, batch=4000, length=64)
    offset = found.carrier_offset
    assert offset.abs().max() <= 0.01 and offset.std().item() == pytest.approx(0.01 / math.sqrt(3), rel=0.04)
    still, _ = frames(Channel(**STILL), batch=4000, length=64)
    turn = torch.exp(2j * math.pi * offset[:, None] * torch.arange(64))
    # The draws of symbols come first: the same generator gives the same ones.
    torch.testing.assert_close(as_complex(made.clean), as_complex(still.clean) * turn, atol=2e-5, rtol=0)


def test_filter_response_is_flat_then_a_cosine_then_nothing():
    frequency = torch.tensor([0.0, 0.2, -0.2, 0.21, 0.22, 0.3])
    found = filter_response(frequency, torch.tensor([0.2, 0.5]))
    torch.testing.assert_close(found[0], torch.tensor([1.0, 1.0, 1.0, 0.5, 0.0, 0.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(found[1], torch.ones(6))


def test_the_channel_filter_leaves_the_noise_in_the_band_and_takes_it_outside():
    channel = Channel(filter_band=(0.6, 0.6), **STILL)
    made, found = frames(channel, snr_db=0.0, batch=400)
    assert (found.receiver.edge == 0.3).all()
    frequency, power = density(as_complex(made.iq - made.clean))
    # Es/N0 = 0 dB at 8 samples a symbol: a density of 8.
    inside, outside = frequency.abs() < 0.29, frequency.abs() > 0.345
    assert power[inside].mean().item() == pytest.approx(8.0, rel=0.02)
    assert power[outside].max() < 1e-6 * 8


def test_the_filter_is_never_narrower_than_the_signal():
    channel = Channel(
        filter_band=(0.05, 0.05), roll_off=(0.4, 0.4), carrier_offset_std=0.0, carrier_offset_max=0.01
    )
    made, found = frames(channel)
    torch.testing.assert_close(found.receiver.edge, 0.7 / 8 + found.carrier_offset.abs())
    plain = {"roll_off": (0.4, 0.4), "carrier_offset_std": 0.0, "carrier_offset_max": 0.01}
    free, _ = frames(Channel(**plain))
    # What is drawn after the symbols differs not: the filter takes its numbers last.
    torch.testing.assert_close(made.clean, free.clean, atol=3e-5, rtol=0)


@pytest.mark.parametrize("pulse", PULSES)
def test_es_n0_holds_after_filter_and_slope(pulse):
    # Matched filter in the signal's band: signal power over the noise's mean density there.
    channel = Channel(
        pulse=pulse, roll_off=(0.3, 0.3), filter_band=(0.4, 0.4), noise_slope_db=12.0, carrier_offset_std=0.0
    )
    made, found = frames(channel, snr_db=10.0, batch=2000, length=512)
    signal = made.clean.square().sum(1).mean().item()
    assert signal == pytest.approx(1.0, abs=0.02)
    edge = min(found.receiver.band[0].item(), 0.19)
    frequency, power = density(as_complex(made.iq - made.clean))
    n0 = power[frequency.abs() < edge].mean().item()
    assert 10 * math.log10(8 * signal / n0) == pytest.approx(10.0, abs=0.15)


def test_coloured_noise_falls_by_the_slope():
    channel = Channel(noise_slope_db=10.0, **STILL)
    made, found = frames(channel, snr_db=0.0, batch=3000, length=256)
    steep = found.receiver.slope_db > 8.0
    slope = found.receiver.slope_db[steep].mean().item()
    frequency, power = density(as_complex(made.iq - made.clean)[steep])
    fall = [10 * math.log10(power[(frequency - at).abs() < 0.05].mean()) for at in (-0.4, 0.4)]
    assert fall[1] - fall[0] == pytest.approx(0.8 * slope, abs=0.3)


def test_mean_density_is_the_integral():
    grid = np.linspace(-0.05, 0.15, 20_001)
    for slope in (0.0, 1e-3, 6.0, -20.0):
        mean = (10 ** (slope * grid / 10)).mean()
        found = mean_density(torch.tensor([slope]), torch.tensor([0.05]), torch.tensor([0.1]))
        assert found.item() == pytest.approx(mean, rel=1e-3)


def test_dc_has_the_stated_level_and_any_phase():
    made, _ = frames(Channel(dc=(0.1, 0.1), **STILL), batch=500, length=256)
    constant = as_complex(made.iq - made.clean)
    rms = made.clean.square().sum(1).mean(1).sqrt()
    torch.testing.assert_close(constant.mean(1).abs() / rms, torch.full((500,), 0.1), atol=1e-3, rtol=0)
    assert (constant - constant.mean(1, keepdim=True)).abs().max() < 1e-3
    assert abs((constant.mean(1) / constant.mean(1).abs()).mean()) < 0.15


def test_the_receivers_imbalance_acts_on_the_noise_too():
    channel = Channel(receiver_iq_gain_std_db=1.0, receiver_iq_phase_std_deg=0.0, **STILL)
    made, found = frames(channel, snr_db=-20.0, batch=50, length=4096)
    noise = made.iq - made.clean
    ratio = 10 * torch.log10(noise[:, 0].square().mean(1) / noise[:, 1].square().mean(1))
    torch.testing.assert_close(ratio, found.receiver.gain_db, atol=0.5, rtol=0)
    assert found.receiver.gain_db.std().item() == pytest.approx(1.0, rel=0.3)


def test_quantisation_noise_is_a_twelfth_of_a_step_squared():
    # Full scale at the largest sample: 2^bits steps over twice of that.
    made, _ = frames(Channel(quantisation_bits=8, **STILL), batch=32)
    largest = made.clean.abs().amax((1, 2))
    error = (made.iq - made.clean).square().mean((1, 2))
    step = 2 * largest / 2**8
    torch.testing.assert_close(error, step.square() / 12, rtol=0.12, atol=0)
    levels = made.iq[0] / made.iq[0].abs().max() * (2**7 - 0.5)
    assert ((levels % 1) - 0.5).abs().max() < 1e-3


def test_a_converter_of_one_bit_knows_signs():
    assert quantised(torch.tensor([-1.0, -0.2, 0.0, 0.3, 1.0]), 1).tolist() == [-0.5, -0.5, 0.5, 0.5, 0.5]


def test_clipping_cuts_at_the_stated_multiple_of_the_rms():
    made, _ = frames(Channel(clip=1.2, **STILL), batch=32)
    scale = 1.2 * (made.clean.square().sum(1).mean(1) / 2).sqrt()[:, None, None]
    torch.testing.assert_close(made.iq, made.clean.clamp(min=-scale, max=scale), atol=1e-3, rtol=0)
    assert (made.clean.abs() > scale).any()


def test_resampling_reads_between_the_samples():
    # Tones up to 0.4 of the sample rate, at instants that a clock 1,000 ppm off would take.
    samples, drift = 512, torch.tensor([1e-3, -1e-3, 0.0])
    for cycles in (3, 60, 204, -204):
        time = torch.arange(samples, dtype=torch.float64)
        tone = torch.exp(2j * math.pi * cycles / samples * time).to(torch.complex64).expand(3, -1)
        late = time[:400] * (1 + drift[:, None].double())
        expected = torch.exp(2j * math.pi * cycles / samples * late)
        found = resampled(tone, drift, 400)
        assert (found - expected).abs().max() < 2e-5


def test_the_clock_offset_stretches_the_frame():
    made, found = frames(Channel(clock_offset_ppm=2000.0, **STILL), batch=8)
    still, _ = frames(Channel(**STILL), batch=8)
    drift = found.receiver.clock_offset.double().numpy()
    assert 5e-4 < np.abs(drift).max() <= 2e-3
    time = np.arange(1000)
    for row in range(8):
        between = CubicSpline(np.arange(1024), still.clean[row].numpy(), axis=1)
        expected = between(time * (1 + drift[row]))
        assert np.abs(made.clean[row, :, :1000].numpy() - expected).max() < 2e-3


def test_a_seeded_frame_is_the_same_in_any_batch_behind_a_receiver():
    channel = Channel(
        pulse=("rectangular", "root_raised_cosine"), carrier_offset_max=0.01, clock_offset_ppm=100.0,
        filter_band=(0.55, 1.0), noise_slope_db=3.0, receiver_iq_gain_std_db=0.5, dc=(0.0, 0.1),
        clip=(3.0, 5.0), quantisation_bits=8,
    )  # fmt: skip
    index, snr, number = torch.arange(8) % 4, torch.full((8,), 20.0), torch.arange(8)
    draws = draw_seeded(3, index, snr, number, NAMES, 256, 8, channel)
    together = synthesise(index, snr, draws, NAMES, 256, 8, channel).iq
    assert together.isfinite().all() and together.dtype == torch.float32
    for row in (0, 3, 6):
        one = slice(row, row + 1)
        draws = draw_seeded(3, index[one], snr[one], number[one], NAMES, 256, 8, channel)
        alone = synthesise(index[one], snr[one], draws, NAMES, 256, 8, channel).iq
        # Within a step of the converter: rounding may tip a sample over an edge.
        assert (alone[0] - together[row]).abs().median() < 1e-5


def test_receiver_settings_leave_symbols_noise_and_carrier_of_the_same_frame():
    plain, filtered = Channel(), Channel(filter_band=(0.6, 0.6), dc=(0.1, 0.1))
    drawn = [draw_seeded(0, [0], [10.0], [5], NAMES, 256, 8, channel) for channel in (plain, filtered)]
    for field in ("symbols", "uniform", "normal", "noise"):
        assert torch.equal(getattr(drawn[0], field), getattr(drawn[1], field))
