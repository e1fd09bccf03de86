"""The symbol rate, where nobody tells it."""

import pytest
import torch

from amc_xai.representation.synchronisation import estimate_symbol_rate, refine_symbol_rate
from tests.representation.received import frames, samples


def found(name, symbols, rate, snr_db, roll_off, count=24, **channel):
    channel = {"carrier_offset_std": 1e-3, "roll_off": (roll_off, roll_off), **channel}
    estimate = estimate_symbol_rate(samples(frames(name, count, int(symbols * rate), rate, snr_db, **channel)))
    return estimate, (estimate.samples_per_symbol / rate - 1).abs() < 1e-3


@pytest.mark.parametrize("rate", [2.0, 2.5, 5.25, 8.0, 16.0])
@pytest.mark.parametrize("name", ["QPSK", "64QAM"])
def test_256_symbols_tell_it_to_a_thousandth(name, rate):
    estimate, right = found(name, 256, rate, 15.0, 0.35)
    assert right.float().mean() > 0.95 and estimate.sure.float().mean() > 0.9


@pytest.mark.parametrize("name", ["OQPSK", "GMSK"])
@pytest.mark.parametrize("rate", [2.0, 8.0])
def test_two_lines_of_the_square_tell_it_where_the_power_holds_none(name, rate):
    estimate, right = found(name, 256, rate, 15.0, 0.35)
    assert right.float().mean() > 0.9 and (right | ~estimate.sure).all()


@pytest.mark.parametrize("rate", [2.0, 11.0])
def test_a_recording_tells_it_in_spite_of_a_narrow_roll_off(rate):
    estimate, right = found("16QAM", 4096, rate, 15.0, 0.2, count=4)
    assert right.all() and estimate.sure.all()
    one = samples(frames("16QAM", 1, int(4096 * rate), rate, 15.0, roll_off=(0.2, 0.2)))[0]
    alone = estimate_symbol_rate(one)
    assert alone.samples_per_symbol.shape == (1,) and alone.samples_per_symbol.item() == pytest.approx(
        rate, rel=1e-3
    )


def test_what_it_is_sure_of_is_right():
    """Less symbols, narrower bands, more noise; and signals without a symbol rate."""
    sure = wrong = 0
    for symbols, snr_db, roll_off in ((64, 15.0, 0.35), (128, 15.0, 0.2), (256, 10.0, 0.25), (256, 5.0, 0.35)):
        estimate, right = found("QPSK", symbols, 8.0, snr_db, roll_off, count=48)
        sure += int(estimate.sure.sum())
        wrong += int((estimate.sure & ~right).sum())
    for name in ("FM", "AM-SSB-SC"):
        wrong += int(found(name, 256, 8.0, 20.0, 0.3)[0].sure.sum())
    noise = torch.randn(64, 2048, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    wrong += int(estimate_symbol_rate(noise).sure.sum())
    assert sure > 40 and wrong <= 0.02 * sure + 1


def test_silence_has_none():
    estimate = estimate_symbol_rate(torch.zeros(2, 512, dtype=torch.complex64))
    assert not estimate.sure.any() and estimate.samples_per_symbol.isfinite().all()


def test_it_does_not_hang_on_scale_or_neighbours():
    iq = samples(frames("QPSK", 5, 1024, 4.0, 15.0, roll_off=(0.35, 0.35)))
    together = estimate_symbol_rate(iq).samples_per_symbol
    torch.testing.assert_close(estimate_symbol_rate(1e-3 * iq).samples_per_symbol, together, rtol=1e-4, atol=0)
    alone = torch.cat([estimate_symbol_rate(one).samples_per_symbol for one in iq])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=0)


def test_a_stated_rate_is_refined_from_128_symbols():
    """Recordings said to have 8 samples a symbol had 8.025: half a symbol in a frame of 1,024 samples."""
    made = frames("QPSK", 60, 1024, 8.0, 15.0, roll_off=(0.35, 0.35))
    signal = samples(made)
    for stated in (7.97, 8.0, 8.03):
        for told in (stated, torch.full((60,), stated)):
            refined = refine_symbol_rate(signal, told)
            error = (refined.samples_per_symbol / 8 - 1).abs()
            assert error.median() < 6e-4 and error.quantile(0.9) < 2e-3
    noise = torch.randn(60, 1024, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    kept = refine_symbol_rate(noise, 8.0).samples_per_symbol
    assert (kept == 8.0).float().mean() > 0.9
    silence = refine_symbol_rate(torch.zeros(2, 1024, dtype=torch.complex64), 8.0)
    assert (silence.samples_per_symbol == 8.0).all()


def test_images_far_below_the_band_are_no_part_of_it():
    """What a resampling leaves beside the band, 60 dB down, once gave the strongest line of all."""
    made = samples(frames("QPSK", 8, 2048, 8.0, 60.0, roll_off=(0.35, 0.35)))
    image = 1e-3 * made * torch.exp(2j * torch.pi * 0.375 * torch.arange(2048))
    estimate = estimate_symbol_rate(made + image)
    assert ((estimate.samples_per_symbol / 8 - 1).abs() < 1e-3).all()
