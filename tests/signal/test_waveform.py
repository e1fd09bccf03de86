import math

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.signal.channel import Channel
from amc_xai.signal.classes import ANALOG, DIGITAL_17, LINEAR, MODULATIONS
from amc_xai.signal.draws import LINE_OF_SIGHT, draw_fresh, draw_seeded
from amc_xai.signal.filters import root_raised_cosine_spectrum, root_raised_cosine_taps
from amc_xai.signal.impairments import path_gains
from amc_xai.signal.parameters import frame_parameters
from amc_xai.signal.waveform import synthesise

STILL = Channel(carrier_offset_std=0.0, random_timing=False, random_phase=False)


def frames(index, snr_db=10.0, length=256, sps=8, channel=STILL, modulations=MODULATIONS, seed=0):
    index = torch.as_tensor(index)
    snr_db = torch.as_tensor(snr_db, dtype=torch.float32).expand(len(index))
    draws = draw_fresh(len(index), modulations, length, sps, channel, torch.Generator().manual_seed(seed))
    return synthesise(index, snr_db, draws, modulations, length, sps, channel), draws


def as_complex(iq):
    return torch.complex(iq[:, 0], iq[:, 1])


def db(ratio):
    return 10 * math.log10(ratio)


@pytest.mark.parametrize("sps", [8, 2.5])
def test_matched_filter_at_the_stated_instants_returns_the_stated_symbols(sps):
    # Every frame with its own roll-off, timing, phase and carrier offset, all undone with the stated values.
    channel = Channel(roll_off=(0.25, 0.4))
    length = int(96 * sps)
    made, draws = frames([MODULATIONS.index(name) for name in LINEAR], length=length, sps=sps, channel=channel)
    found = frame_parameters(draws, sps, channel)
    torch.testing.assert_close(made.first_symbol, found.timing)
    time = torch.arange(length, dtype=torch.float64)
    turn = found.phase[:, None].double() + 2 * math.pi * found.carrier_offset[:, None].double() * time
    signal = as_complex(made.clean) * torch.exp(-1j * turn)
    frequency = torch.linspace(0, 0.7, 601, dtype=torch.float64)
    for row, name in enumerate(LINEAR):
        shape = root_raised_cosine_spectrum(frequency, found.roll_off[row].double().item())
        for symbol in (46, 47, 48, 49):
            outputs = []
            for late in (0.0, 0.5):
                instant = found.timing[row].double() + (symbol + late) * sps
                distance = (time - instant) / sps
                wave = torch.cos(2 * math.pi * distance[:, None] * frequency) * shape
                pulse = 2 * torch.trapezoid(wave, frequency, dim=1)
                outputs.append((signal[row] * pulse).sum() / sps)
            sent = made.symbols[row, symbol]
            received = outputs[0]
            if name == "OQPSK":
                received = torch.complex(outputs[0].real, outputs[1].imag)
            assert abs(received.item() - sent.item()) < 5e-3, (name, symbol)


@pytest.mark.parametrize(("definition", "offset_db"), [("es_n0", db(8)), ("sample", 0.0)])
def test_noise_has_the_stated_power(definition, offset_db):
    channel = Channel(snr_definition=definition)
    for snr_db in (-20.0, 0.0, 30.0):
        made, _ = frames(torch.arange(24).repeat(16), snr_db, channel=channel)
        noise = as_complex(made.iq - made.clean)
        assert db(noise.abs().square().mean().item()) == pytest.approx(offset_db - snr_db, abs=0.05)
        assert abs(noise.square().mean().item()) < 0.02 * noise.abs().square().mean().item()


def test_snr_is_each_frames_own():
    made, _ = frames([4] * 4, torch.tensor([0.0, 10.0, 20.0, 30.0]), length=4096)
    power = (made.iq - made.clean).square().sum(1).mean(1)
    torch.testing.assert_close(-10 * torch.log10(power / 8), torch.tensor([0.0, 10, 20, 30]), atol=0.3, rtol=0)


def test_symbol_snr_after_the_matched_filter_is_es_n0():
    channel = Channel(roll_off=(0.3, 0.3), carrier_offset_std=0.0, random_timing=False, random_phase=False)
    made, _ = frames([4] * 128, 10.0, length=1024, channel=channel)
    taps = root_raised_cosine_taps(0.3, 8, 32).float() / math.sqrt(8)
    filtered = torch.nn.functional.conv1d(
        made.iq.flatten(0, 1)[:, None], taps[None, None], padding=len(taps) // 2
    ).view(128, 2, 1024)
    error = as_complex(filtered[:, :, ::8] - torch.view_as_real(made.symbols).transpose(1, 2))[:, 20:-20]
    assert -db(error.abs().square().mean().item()) == pytest.approx(10.0, abs=0.1)


@pytest.mark.parametrize(
    "channel", [Channel(), Channel(iq_gain_std_db=1, iq_phase_std_deg=5)], ids=["plain", "imbalance"]
)
def test_expected_power_is_one_for_every_class(channel):
    batch = 1000
    made, _ = frames(torch.arange(24).repeat(batch), length=256, channel=channel)
    power = made.clean.square().sum(1).mean(1).view(batch, 24)
    error = power.std(0) / math.sqrt(batch)
    assert error.max() < 0.015
    assert ((power.mean(0) - 1).abs() < 4.5 * error + 2e-3).all()


def test_constant_envelope_classes():
    made, _ = frames([MODULATIONS.index("GMSK"), MODULATIONS.index("FM")], channel=Channel())
    assert as_complex(made.clean).abs().sub(1).abs().max() < 1e-5


def test_symbols_and_instants_are_absent_where_there_are_none():
    made, _ = frames(torch.arange(24))
    linear = torch.tensor([name in LINEAR for name in MODULATIONS])
    analog = torch.tensor([name in ANALOG for name in MODULATIONS])
    assert made.symbols.shape == (24, 32)
    assert torch.equal(made.symbols.isnan().all(1), ~linear)
    assert torch.equal(made.symbols.isnan().any(1), ~linear)
    assert torch.equal(made.first_symbol.isnan(), analog)
    assert made.iq.isfinite().all() and made.iq.dtype == torch.float32


def test_carrier_phase_and_offset():
    channel = Channel(random_timing=False, carrier_offset_std=1e-3)
    turned, draws = frames(torch.arange(24), channel=channel)
    found = frame_parameters(draws, 8, channel)
    plain = synthesise(torch.arange(24), torch.zeros(24), draws, MODULATIONS, 256, 8, STILL).clean
    angle = found.phase[:, None] + 2 * math.pi * found.carrier_offset[:, None] * torch.arange(256)
    expected = as_complex(plain) * torch.exp(1j * angle)
    torch.testing.assert_close(as_complex(turned.clean), expected, atol=1e-4, rtol=0)


def test_distributions_of_the_frame_parameters():
    draws = draw_fresh(20_000, DIGITAL_17, 1, 8, Channel(), torch.Generator().manual_seed(0))
    found = frame_parameters(draws, 8, Channel())
    assert found.carrier_offset.std().item() == pytest.approx(1e-4, rel=0.03)
    assert abs(found.carrier_offset.mean().item()) < 5e-4 / math.sqrt(20_000)
    for value, low, high in (
        (found.roll_off, 0.1, 0.4),
        (found.timing, 0.0, 8.0),
        (found.phase, 0.0, 2 * math.pi),
    ):
        assert low <= value.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < value.max() <= high
        assert value.std().item() == pytest.approx((high - low) / math.sqrt(12), rel=0.02)


def test_phase_noise_is_a_random_walk():
    channel = Channel(carrier_offset_std=0.0, random_timing=False, random_phase=False, phase_noise_std=0.02)
    noisy, draws = frames([MODULATIONS.index("FM")] * 500, channel=channel)
    plain = synthesise(torch.full((500,), 21), torch.zeros(500), draws, MODULATIONS, 256, 8, STILL).clean
    angle = torch.angle(as_complex(noisy.clean) * as_complex(plain).conj())
    for samples in (1, 64, 256):
        spread = angle[:, samples - 1].std().item()
        assert spread == pytest.approx(0.02 * math.sqrt(samples), rel=0.12)


def test_multipath_adds_delayed_copies():
    channel = Channel(
        carrier_offset_std=0.0,
        random_timing=False,
        random_phase=False,
        multipath="rician",
        path_delays=(0.0, 3.0),
        path_powers=(3.0, 1.0),
    )
    made, draws = frames(torch.arange(24), channel=channel)
    plain = as_complex(synthesise(torch.arange(24), torch.zeros(24), draws, MODULATIONS, 256, 8, STILL).clean)
    gains = path_gains(channel, draws.paths, draws.uniform[:, LINE_OF_SIGHT])
    expected = gains[:, :1] * plain[:, 3:] + gains[:, 1:] * plain[:, :-3]
    torch.testing.assert_close(as_complex(made.clean)[:, 3:], expected, atol=1e-4, rtol=0)


def test_clean_frames_are_band_limited():
    names = [*LINEAR, *(name for name in ANALOG if name != "FM"), "GMSK"]
    made, _ = frames([MODULATIONS.index(name) for name in names] * 8, length=1024, channel=STILL)
    window = torch.signal.windows.kaiser(1024, beta=18.0)
    power = torch.fft.fft(as_complex(made.clean) * window).abs().square()
    outside = torch.fft.fftfreq(1024).abs() > 1.4 / 16 + 0.01
    ratio = power[:, outside].sum(1) / power.sum(1)
    gmsk = torch.tensor([name == "GMSK" for name in names] * 8)
    assert ratio[~gmsk].max() < 1e-9
    assert ratio[gmsk].max() < 1e-2


def test_seeded_frame_is_the_same_in_any_batch():
    channel = Channel(multipath="rayleigh", phase_noise_std=0.01, iq_gain_std_db=0.5)
    names = [name for name in MODULATIONS for _ in range(3)]
    index = torch.tensor([MODULATIONS.index(name) for name in names])
    snr, number = torch.arange(72) % 5 * 2.0, torch.arange(72) % 3
    draws = draw_seeded(9, index, snr, number, MODULATIONS, 256, 8, channel)
    together = synthesise(index, snr, draws, MODULATIONS, 256, 8, channel).iq
    for row in (0, 13, 40, 55, 61, 68, 71):
        one = slice(row, row + 1)
        only = (names[row],)
        draws = draw_seeded(9, [0], snr[one], number[one], only, 256, 8, channel)
        alone = synthesise(torch.zeros(1, dtype=int), snr[one], draws, only, 256, 8, channel).iq
        torch.testing.assert_close(alone[0], together[row], atol=2e-5, rtol=0)


def test_bad_input_names_its_key():
    with pytest.raises(UserError, match=r"^modulations"):
        frames([0], modulations=("QPSK", "4FSK"))
    with pytest.raises(UserError, match=r"^samples_per_symbol"):
        frames([4], sps=1.25)
    with pytest.raises(UserError, match=r"^channel\.path_delays"):
        frames([4], channel=Channel(multipath="rayleigh", path_delays=(65.0,), path_powers=(1.0,)))
