"""The occupied band of signals whose band is known."""

import numpy as np
import pytest
import torch

from amc_xai.data.spectra import contrast_db, frequencies, mean_spectra, occupied_band

RNG = np.random.default_rng(2)


def band_noise(
    centre: float, width: float, floor: float = 0.0, frames: int = 40, length: int = 1024
) -> np.ndarray:
    """The mean spectrum of noise of unit power in a band (cycles a sample), with white noise of a given power."""
    spectrum = RNG.standard_normal((frames, length)) + 1j * RNG.standard_normal((frames, length))
    away = (np.arange(length) / length - centre + 0.5) % 1 - 0.5
    z = np.fft.ifft(spectrum * (np.abs(away) <= width / 2))
    z /= np.sqrt((np.abs(z) ** 2).mean())
    white = RNG.standard_normal(z.shape) + 1j * RNG.standard_normal(z.shape)
    z = z + np.sqrt(floor / 2) * white
    return mean_spectra(torch.from_numpy(z).to(torch.complex64)).numpy().mean(0)


@pytest.mark.parametrize("floor", [1e-6, 0.1])
@pytest.mark.parametrize(("centre", "width"), [(0.0, 0.2), (-0.13, 0.1), (0.48, 0.125), (0.2, 0.5)])
def test_a_band_is_found_where_it_lies_also_around_the_ends(centre, width, floor):
    found = occupied_band(band_noise(centre, width, floor))
    away = (found.centre - centre + 0.5) % 1 - 0.5
    assert abs(away) < 2 / 256 and abs(found.width - width) < 4 / 256


def test_white_noise_has_no_band_and_no_contrast():
    spectrum = band_noise(0, 1.0)
    assert occupied_band(spectrum) is None and abs(contrast_db(spectrum)) < 1


def test_the_contrast_is_the_power_over_that_of_the_floor():
    assert contrast_db(band_noise(0, 0.2, 0.01)) == pytest.approx(10 * np.log10(1.01 / 0.01), abs=0.5)


def test_a_tone_stands_at_its_frequency_in_frames_of_any_length():
    for length in (8, 60, 128, 1000, 4096):
        tone = torch.exp(2j * torch.pi * 0.25 * torch.arange(length))[None]
        spectrum = mean_spectra(tone.to(torch.complex64))[0].numpy()
        assert len(spectrum) == min(256, length) and spectrum.mean() == pytest.approx(1, rel=1e-5)
        assert abs(frequencies(len(spectrum))[spectrum.argmax()] - 0.25) <= 1 / len(spectrum)
