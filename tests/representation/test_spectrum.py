"""The frame on a grid of its symbol rate, against sums written out."""

import math

import pytest
import torch

from amc_xai.representation.synchronisation.grid import grid_periods, symbol_count, symbol_counts
from amc_xai.representation.synchronisation.spectrum import GUARD, fast_length, periods_of, ramp, spectrum

RATES = [8.0, 2.0, 2.5, 3.7, 16 / 3, 5.33]


def signal(count=3, length=300):
    return torch.randn(count, length, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))


def summed(frame, rate, periods):
    """The discrete-time Fourier transform at m / (periods rate) cycles a sample, term by term."""
    m, n = torch.arange(1 - periods, periods), torch.arange(frame.shape[-1])
    turns = n.double()[:, None] * m / (periods * rate)
    return frame.to(torch.complex128) @ torch.exp(-2j * math.pi * turns) / (periods * rate)


@pytest.mark.parametrize("rate", RATES)
def test_bins_are_the_transform_at_multiples_of_the_symbol_rate(rate):
    frame = signal()
    periods = periods_of(300, rate)
    expected = summed(frame, rate, periods)
    for told in (rate, torch.full((3,), rate)):
        found = spectrum(frame, told, periods)
        assert found.periods == periods
        torch.testing.assert_close(found.bins.to(torch.complex128), expected, atol=2e-6, rtol=0)


def test_each_frame_may_have_its_own_rate():
    frame, rates = signal(), torch.tensor([4.0, 5.1, 7.77])
    found = spectrum(frame, rates, 90)
    for row, rate in enumerate(rates.tolist()):
        torch.testing.assert_close(
            found.bins[row].to(torch.complex128), summed(frame[row], rate, 90), atol=2e-6, rtol=0
        )


@pytest.mark.parametrize("rate", [8.0, 3.7])
def test_symbols_and_oversampled_frames_are_the_sum_of_all_bins(rate):
    frame = signal()
    periods = periods_of(300, rate)
    found = spectrum(frame, rate, periods)
    m = torch.arange(1 - periods, periods).double()
    shape = torch.cos(m / periods)
    delay = torch.tensor([0.0, 0.3, 0.99])
    for row in range(3):
        instants = float(delay[row]) + torch.arange(periods).double()
        turned = torch.exp(2j * math.pi * m[:, None] * instants / periods)
        expected = (found.bins[row].to(torch.complex128) * shape) @ turned
        at = found.at(delay, shape.float())[row]
        torch.testing.assert_close(at.to(torch.complex128), expected, atol=1e-4, rtol=0)
        turned = torch.exp(2j * math.pi * m[:, None] * (torch.arange(4 * periods).double() / 4) / periods)
        expected = found.bins[row].to(torch.complex128) @ turned
        torch.testing.assert_close(found.oversampled(4)[row].to(torch.complex128), expected, atol=1e-4, rtol=0)


def test_a_grid_takes_a_whole_number_of_samples_where_there_is_one():
    for length, rate in ((1024, 8.0), (1024, 2.5), (1024, 3.6), (128, 16 / 3), (2048, 16.0)):
        samples = periods_of(length, rate) * rate
        assert samples >= length + GUARD * rate
        assert samples == pytest.approx(round(samples), abs=1e-6) and fast_length(round(samples)) == round(samples)


def test_fast_lengths_have_no_prime_factor_above_five():
    allowed = sorted(2**a * 3**b * 5**c for a in range(11) for b in range(7) for c in range(5))
    for length in range(1, 600):
        assert fast_length(length) == next(n for n in allowed if n >= length)


def test_ramps_turn_by_the_same_each_step():
    frequency, phase = torch.tensor([[0.013], [-0.2]]), torch.tensor([[0.1], [0.7]])
    k = torch.arange(37)
    torch.testing.assert_close(ramp(frequency, 37, phase), torch.exp(2j * math.pi * (frequency * k + phase)))


def test_a_frames_grid_holds_it_and_hangs_on_it_alone():
    rates = torch.tensor([2.0, 2.05, 3.3, 7.9, 8.0, 16.0])
    found = grid_periods(1024, rates)
    for rate, periods in zip(rates, found.tolist(), strict=True):
        assert 1024 / rate + GUARD <= periods <= 1.35 * (1024 / rate + GUARD) + 12
        assert grid_periods(1024, rate[None]).item() == periods
    assert symbol_counts(1024, rates).tolist() == [symbol_count(1024, float(rate)) for rate in rates]
    assert symbol_count(1024, 8.0) == 126 and symbol_count(5, 8.0) == 1
