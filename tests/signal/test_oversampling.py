import math

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.signal.channel import Channel
from amc_xai.signal.classes import ANALOG, LINEAR, MODULATIONS
from amc_xai.signal.draws import draw_fresh, draw_seeded
from amc_xai.signal.modulators import analog_block, gmsk_block, linear_block
from amc_xai.signal.oversampling import GUARD_SYMBOLS, block_size, symbol_counts
from amc_xai.signal.parameters import frame_parameters
from amc_xai.signal.pulses import Pulses
from amc_xai.signal.waveform import synthesise

RANGE = (2.0, 16.0)
STILL = Channel(carrier_offset_std=0.0, random_phase=False)


def made_of(names, batch, length=300, channel=STILL, seed=0):
    draws = draw_fresh(batch, names, length, RANGE, channel, torch.Generator().manual_seed(seed))
    index = torch.arange(batch) % len(names)
    frames = synthesise(index, torch.full((batch,), 10.0), draws, names, length, RANGE, channel)
    return frames, draws, frame_parameters(draws, RANGE, channel)


def test_the_block_of_a_range_holds_every_samples_a_symbol():
    most, samples = block_size(300, RANGE)
    assert samples % 2 == 0 and samples >= 300 + GUARD_SYMBOLS * 16
    assert most % 2 == 0 and samples / most >= 2.0 and samples / (most + 2) < 2.0


def test_samples_a_symbol_are_even_over_their_logarithm_and_within_the_range():
    samples = block_size(1024, RANGE)[1]
    found = samples / symbol_counts(torch.linspace(0, 1, 10_001), 1024, *RANGE)
    assert found.min() >= 2.0 and found.max() <= 16.0
    wanted = 2 * 8 ** torch.linspace(0, 1, 10_001)
    assert ((found / wanted).log().abs() < 1.1 * wanted / samples).all()


@pytest.mark.parametrize("name", [*LINEAR, "GMSK", *ANALOG])
def test_a_frame_among_others_is_the_block_of_its_own_symbols(name):
    frames, draws, found = made_of((name, "QPSK", "GMSK", "FM"), 8)
    samples = block_size(300, RANGE)[1]
    for row in (0, 4):
        count, one = int(found.counts[row]), slice(row, row + 1)
        assert samples / count == pytest.approx(frames.samples_per_symbol[row].item())
        if name == "GMSK":
            alone = gmsk_block(draws.symbols[one, :count] & 1, found.timing[one], samples)
        elif name in ANALOG:
            message = draws.message[one, :, : count // 2]
            alone = analog_block(message, torch.tensor([ANALOG.index(name)]), samples)
        else:
            from amc_xai.signal.constellations import constellation

            ideal = constellation(name).to(torch.complex64)
            symbols = ideal[draws.symbols[one, :count].long() % len(ideal)]
            pulses = Pulses(("root_raised_cosine",), None, found.roll_off[one], 0.7, 0.5)
            staggered = torch.tensor([0]) if name == "OQPSK" else None
            alone = linear_block(symbols, staggered, pulses, found.timing[one], samples)
        made = torch.complex(frames.clean[row, 0], frames.clean[row, 1])
        torch.testing.assert_close(made, alone[0, :300], atol=3e-5, rtol=0)


def test_every_frame_has_the_noise_of_its_own_samples_a_symbol():
    frames, _, _ = made_of(("QPSK",), 64, length=4096)
    noise = (frames.iq - frames.clean).square().sum(1).mean(1)
    torch.testing.assert_close(noise, frames.samples_per_symbol / 10, rtol=0.1, atol=0)


def test_expected_power_is_one_at_every_samples_a_symbol():
    frames, *_ = made_of(MODULATIONS, 24 * 200)
    power = frames.clean.square().sum(1).mean(1)
    for low, high in ((2, 4), (4, 8), (8, 16)):
        here = (frames.samples_per_symbol >= low) & (frames.samples_per_symbol < high)
        error = power[here].std().item() / math.sqrt(here.sum().item())
        assert power[here].mean().item() == pytest.approx(1.0, abs=4.5 * error + 2e-3)


def test_a_seeded_frame_keeps_its_samples_a_symbol_in_any_batch():
    channel = Channel()
    snr, number = torch.full((6,), 10.0), torch.arange(6)
    index = torch.arange(6) % 3
    names = ("QPSK", "GMSK", "FM")
    draws = draw_seeded(1, index, snr, number, names, 256, RANGE, channel)
    together = synthesise(index, snr, draws, names, 256, RANGE, channel)
    for row in (1, 5):
        one = slice(row, row + 1)
        draws = draw_seeded(1, [0], snr[one], number[one], (names[row % 3],), 256, RANGE, channel)
        alone = synthesise(torch.zeros(1, dtype=int), snr[one], draws, (names[row % 3],), 256, RANGE, channel)
        assert alone.samples_per_symbol[0] == together.samples_per_symbol[row]
        torch.testing.assert_close(alone.iq[0], together.iq[row], atol=3e-5, rtol=0)


@pytest.mark.parametrize("wrong", [(0.5, 4.0), (4.0, 2.0), (2.0, math.inf)])
def test_a_range_that_is_none_is_refused(wrong):
    with pytest.raises(UserError, match=r"^samples_per_symbol: "):
        block_size(256, wrong)


def test_the_lowest_must_hold_the_band():
    with pytest.raises(UserError, match=r"^samples_per_symbol: 1\.2 is too few for roll-off 0\.4"):
        draws = draw_fresh(1, ("QPSK",), 64, (1.2, 4.0), STILL)
        synthesise(torch.zeros(1, dtype=int), torch.zeros(1), draws, ("QPSK",), 64, (1.2, 4.0), STILL)
