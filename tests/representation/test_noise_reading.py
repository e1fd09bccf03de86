"""The noise beside the band and inside it, against the noise that was added."""

import math

import pytest
import torch

from amc_xai.representation.synchronisation import (
    band_es_n0,
    band_has_outside,
    inside_noise,
    outside_noise,
    recover_carrier,
    synchronise,
)
from amc_xai.representation.synchronisation.noise import outside_residual, tapers
from amc_xai.signal.constellations import constellation
from tests.representation.received import frames, samples


def outside_db(found):
    return 10 * band_es_n0(found.frame, found.bin_noise).log10()[:, 0]


def inside_of(found, highest=100.0):
    highest = torch.full((len(found.symbols), 1), highest)
    return inside_noise(found.symbols, recover_carrier(found.symbols, reach=0.003), highest)


@pytest.mark.parametrize("snr_db", [5.0, 20.0, 40.0, 60.0, 75.0])
@pytest.mark.parametrize("rate", [3.0, 8.0, 16.0])
def test_noise_beside_the_band_from_5_to_75_db(snr_db, rate):
    made = frames("QPSK", 64, 1024, rate, snr_db, roll_off=(0.1, 0.4))
    error = outside_db(synchronise(samples(made), rate)) - snr_db
    assert error.median().abs() < 0.3 and error.std() < 0.65


def test_short_frames_tell_it_roughly():
    for snr_db in (20.0, 75.0):
        made = frames("16QAM", 200, 128, 8, snr_db, roll_off=(0.1, 0.4))
        error = outside_db(synchronise(samples(made), 8.0)) - snr_db
        assert error.median().abs() < 0.3 and (error.abs() < 1.2).float().mean() > 0.8


def test_too_few_bins_tell_nothing():
    assert band_has_outside(2.5, 1024) and not band_has_outside(2.41, 127) and not band_has_outside(2.0)
    noise = torch.randn(3, 127, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    for rate in (2.0, 2.41):
        for told in (rate, torch.full((3,), rate)):
            found = outside_noise(noise, told)
            assert not found.told.any() and (found.variance == 0).all() and (found.unevenness == 0).all()
    found = outside_noise(noise, 8.0)
    assert found.told.all() and found.variance == pytest.approx(1.0, abs=0.4)


def test_a_filter_shows_as_unevenness_and_as_a_difference_to_the_inside():
    for name in ("QPSK", "16QAM"):
        for snr_db in (10.0, 20.0, 30.0):
            made = frames(name, 100, 1024, 8, snr_db, carrier_offset_std=1e-4)
            plain = samples(made)
            # A receiver's channel filter at half of the band, as steep as they are.
            frequency = torch.fft.fftfreq(1024).abs()
            filtered = torch.fft.ifft(torch.fft.fft(plain) * (((0.26 - frequency) / 0.02).clamp(0, 1)))
            white, coloured = synchronise(plain, 8.0), synchronise(filtered, 8.0)
            assert white.outside.unevenness.median() < 0.1 and coloured.outside.unevenness.median() > 6
            outside = outside_db(coloured)
            inside = inside_of(coloured, snr_db + 9)
            told = inside.told[:, 0]
            assert told.float().mean() > 0.5
            error = (inside.es_n0_db[:, 0] - snr_db)[told]
            assert error.median().abs() < 1.5, (name, snr_db)
            assert (outside - inside.es_n0_db[:, 0])[told].median() > 3, (name, snr_db)


def test_the_scatter_around_points_is_read_without_their_name():
    generator = torch.Generator().manual_seed(1)
    for name, snr_db in (("8PSK", 12.0), ("16PSK", 25.0), ("16APSK", 15.0), ("32QAM", 22.0), ("64QAM", 26.0)):
        points = constellation(name).to(torch.complex64)
        sent = points[torch.randint(len(points), (100, 126), generator=generator)]
        noise = torch.randn(100, 126, dtype=torch.complex64, generator=generator) * 10 ** (-snr_db / 20)
        found = inside_noise(sent + noise, recover_carrier(sent + noise), torch.full((100, 1), 99.0))
        assert found.told.float().mean() > 0.9, name
        assert (found.es_n0_db - snr_db)[found.told].median().abs() < 1, name
    # Nothing gathers around points in noise, in silence, or in much of it.
    noise = torch.randn(100, 126, dtype=torch.complex64, generator=generator)
    found = inside_noise(noise, recover_carrier(noise), torch.full((100, 1), 99.0))
    assert found.es_n0_db[found.told].max() < 6 if found.told.any() else True
    assert not inside_noise(torch.zeros(2, 9) + 0j, torch.zeros(2, 9) + 0j, torch.full((2, 1), 99.0)).told.any()


def test_symbols_that_are_no_symbols_count_nowhere():
    made = frames("QPSK", 8, 1024, 8, 15.0)
    z = synchronise(samples(made), 8.0).symbols
    padded = torch.cat([z, torch.zeros(8, 40)], 1)
    valid = (torch.arange(166) < 126).expand(8, -1)
    recovered = recover_carrier(z)
    highest = torch.full((8, 1), 99.0)
    alone = inside_noise(z, recovered, highest)
    company = inside_noise(padded, torch.cat([recovered, torch.zeros(8, 40)], 1), highest, valid)
    torch.testing.assert_close(company.es_n0_db, alone.es_n0_db, atol=1e-3, rtol=0)


def test_the_tapers_spill_less_than_the_noise_at_75_db():
    for length, symbol in ((1024, 8.0), (128, 8.0), (2048, 2.0)):
        windows = tapers(length, symbol, torch.device("cpu"))
        assert len(windows) == (1 if length > 128 else 5)
        for window in windows:
            assert window.square().mean() == pytest.approx(1, abs=1e-5)
            torch.testing.assert_close(window.abs(), window.flip(0).abs(), atol=1e-5, rtol=0)
            spectrum = torch.fft.fft(window.double(), 16 * length).abs().square()
            # From the band's edge at 0.7 symbol rates to where the noise is read, at 1.2.
            away = torch.fft.fftfreq(16 * length).abs() > 0.5 / symbol
            assert 10 * math.log10(spectrum[away].sum() / spectrum.sum()) < -88


def test_the_residual_keeps_what_is_beside_the_band_at_its_own_level():
    n = torch.arange(512)
    inside = torch.exp(2j * math.pi * 0.05 * n)
    outside = 1e-3 * torch.exp(2j * math.pi * 0.3 * n)
    for rate in (8.0, torch.tensor([8.0])):
        found = outside_residual((inside + outside)[None], rate)
        first = (512 - found.shape[-1]) // 2
        torch.testing.assert_close(found[0], outside[first : 512 - first], atol=1e-5, rtol=0)
