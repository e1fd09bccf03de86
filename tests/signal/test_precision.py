"""What float32 leaves of a frame: the widest synthetic range is 130 dB."""

import math

import pytest
import torch

from amc_xai.signal.channel import Channel
from amc_xai.signal.draws import draw_fresh
from amc_xai.signal.filters import root_raised_cosine_spectrum
from amc_xai.signal.parameters import frame_parameters
from amc_xai.signal.waveform import synthesise


@pytest.mark.parametrize("sps", [2, 8])
def test_the_error_of_the_symbols_is_the_noise_at_90_db_too(sps):
    # Everything that the frame drew is undone in float64; what is left in its middle is noise of N0 a symbol.
    channel = Channel(roll_off=(0.35, 0.35), carrier_offset_std=0.0, carrier_offset_max=0.01)
    length, batch = 256 * sps, 8
    draws = draw_fresh(batch, ("QPSK",), length, sps, channel, torch.Generator().manual_seed(0))
    levels = torch.full((batch,), 90.0)
    made = synthesise(torch.zeros(batch, dtype=int), levels, draws, ("QPSK",), length, sps, channel)
    found = frame_parameters(draws, sps, channel)
    time = torch.arange(length, dtype=torch.float64)
    turn = found.phase[:, None].double() + 2 * math.pi * found.carrier_offset[:, None].double() * time
    signal = torch.complex(made.iq[:, 0].double(), made.iq[:, 1].double()) * torch.exp(-1j * turn)
    frequency = torch.linspace(0, 0.675, 801, dtype=torch.float64)
    shape = root_raised_cosine_spectrum(frequency, 0.35)
    errors = []
    for row in range(batch):
        for symbol in range(120, 136, 5):
            distance = (time - found.timing[row].double()) / sps - symbol
            wave = torch.cos(2 * math.pi * distance[:, None] * frequency) * shape
            pulse = 2 * torch.trapezoid(wave, frequency, dim=1)
            errors.append((signal[row] * pulse).sum() / sps - made.symbols[row, symbol].to(torch.complex128))
    level = 10 * math.log10(torch.stack(errors).abs().square().mean())
    # The pulse's tails beyond the frame, and the rounding of samples and carrier, stay below the noise.
    assert -91.5 < level < -85.0


def test_a_frame_at_minus_40_db_is_its_noise():
    channel = Channel()
    draws = draw_fresh(16, ("QPSK",), 1024, 8, channel, torch.Generator().manual_seed(0))
    made = synthesise(torch.zeros(16, dtype=int), torch.full((16,), -40.0), draws, ("QPSK",), 1024, 8, channel)
    assert 10 * math.log10(made.iq.square().sum(1).mean() / 8) == pytest.approx(40.0, abs=0.2)
