import math

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.signal.filters import root_raised_cosine_spectrum, root_raised_cosine_taps


@pytest.mark.parametrize("roll_off", [0.0, 0.1, 0.35, 1.0])
def test_matched_pair_meets_nyquist_criterion(roll_off):
    frequency = torch.linspace(-0.5, 0.5, 1001, dtype=torch.float64)
    total = sum(root_raised_cosine_spectrum(frequency + shift, roll_off).square() for shift in (-1, 0, 1))
    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-12, rtol=0)


def test_spectrum_is_the_root_of_the_raised_cosine():
    alpha = 0.3
    frequency = torch.tensor([0.0, 0.35, 0.4, 0.5, 0.6, 0.65, 0.9], dtype=torch.float64)
    raised = [
        1.0 if f <= 0.35 else 0.0 if f > 0.65 else 0.5 * (1 + math.cos(math.pi / alpha * (f - 0.35)))
        for f in frequency.tolist()
    ]
    spectrum = root_raised_cosine_spectrum(frequency, alpha)
    torch.testing.assert_close(spectrum.square(), torch.tensor(raised, dtype=torch.float64))


def test_roll_offs_broadcast():
    frequency = torch.tensor([0.5, 0.62])
    both = root_raised_cosine_spectrum(frequency[None], torch.tensor([0.1, 0.4])[:, None])
    for row, roll_off in enumerate((0.1, 0.4)):
        torch.testing.assert_close(both[row], root_raised_cosine_spectrum(frequency, roll_off))


@pytest.mark.parametrize("roll_off", [0.25, 0.5, 0.37])  # 0.25 and 0.5 meet the removable singularity
def test_taps_are_the_transform_of_the_spectrum(roll_off):
    taps = root_raised_cosine_taps(roll_off, 8, 128)
    middle = len(taps) // 2
    time = torch.arange(-middle, middle + 1, dtype=torch.float64)
    frequency = torch.linspace(0, 0.75, 40, dtype=torch.float64)
    response = (taps * torch.cos(2 * math.pi * frequency[:, None] * time / 8)).sum(1)
    ideal = root_raised_cosine_spectrum(frequency, roll_off) * math.sqrt(8)
    assert len(taps) == 1025 and taps.square().sum().item() == pytest.approx(1.0)
    # The kink at the band edge keeps the error of a truncated pulse at about 1e-2 there.
    torch.testing.assert_close(response, ideal, atol=1e-2, rtol=0)
    torch.testing.assert_close(response[:25], ideal[:25], atol=2e-3, rtol=0)


def test_tap_pair_is_free_of_intersymbol_interference():
    taps = root_raised_cosine_taps(0.3, 4, 200)
    pair = torch.nn.functional.conv1d(taps[None, None], taps[None, None], padding=len(taps) - 1)[0, 0]
    at_symbols = pair[(len(pair) // 2) % 4 :: 4]
    expected = torch.zeros_like(at_symbols)
    expected[len(at_symbols) // 2] = 1.0
    torch.testing.assert_close(at_symbols, expected, atol=1e-4, rtol=0)


def test_roll_off_zero_is_a_sinc():
    taps = root_raised_cosine_taps(0.0, 4, 16)
    time = torch.arange(-32, 33, dtype=torch.float64) / 4
    sinc = torch.special.sinc(time)
    torch.testing.assert_close(taps, sinc / sinc.square().sum().sqrt())


def test_bad_taps_are_refused():
    with pytest.raises(UserError, match=r"^roll_off"):
        root_raised_cosine_taps(1.5, 8, 8)
    with pytest.raises(UserError, match="span"):
        root_raised_cosine_taps(0.2, 2, 0)
