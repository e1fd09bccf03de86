"""Where emissions begin and end, at which symbol rate, and what is resampled."""

import numpy as np
import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.library.samples import Held, cut
from amc_xai.verdicts import EmissionFrames
from amc_xai.verdicts.emissions import emissions_of, is_loud, powers_of, resampled
from tests.verdicts import formulas

LENGTH = 512


def held(z: np.ndarray) -> Held:
    return Held(cut(z, LENGTH, LENGTH), None, None)


def levels(*decibels: float) -> np.ndarray:
    """Noise at a level for each frame."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((len(decibels), LENGTH)) + 1j * rng.standard_normal((len(decibels), LENGTH))
    return (noise * 10 ** (np.array(decibels)[:, None] / 20)).ravel()


def spans(z: np.ndarray) -> list[tuple[int, int, int]]:
    source = held(z)
    found = emissions_of(source, powers_of(source))
    return [(one.start // LENGTH, one.stop // LENGTH, len(one.frames)) for one in found]


def test_silence_parts_emissions_and_a_fade_does_not():
    assert spans(levels(*[0] * 9, *[20] * 5, *[0] * 12, *[15] * 3, *[0] * 4)) == [(9, 14, 5), (26, 29, 3)]
    assert spans(levels(*[0] * 9, *[20] * 5, *[0] * 3, *[15] * 3, *[0] * 4)) == [(9, 20, 8)]
    assert spans(levels(*[0] * 20)) == [(0, 20, 20)]


def test_one_click_does_not_silence_a_signal():
    assert spans(levels(*[0] * 10, 30, *[0] * 10)) == [(0, 21, 21)]


def test_zeros_are_no_frames():
    z = levels(*[0] * 6)
    z[: 2 * LENGTH] = 0
    assert spans(z) == [(2, 6, 4)]
    frames = EmissionFrames(held(z))
    assert frames.start.tolist() == [k * LENGTH for k in range(2, 6)]
    with pytest.raises(UserError, match="all 6 frames hold zeros alone"):
        EmissionFrames(held(np.zeros(6 * LENGTH, complex)))
    assert not is_loud(np.zeros(3)).any()


def test_all_frames_of_an_emission_have_its_symbol_rate():
    rng = np.random.default_rng(1)
    frames = EmissionFrames(held(formulas.noisy(formulas.psk(4, 5.3, rng), 20, rng)), (2.0, 16.0))
    assert frames.heard[0].told == "estimated"
    np.testing.assert_allclose(frames.samples_per_symbol_of(np.arange(32)), 5.3, rtol=1e-3)
    assert EmissionFrames(held(levels(*[0] * 8))).samples_per_symbol_of(np.arange(3)) is None


def test_slow_symbols_are_resampled_within_reach():
    rng = np.random.default_rng(2)
    z = formulas.noisy(formulas.turned(formulas.psk(4, 40.0, rng, 65536), 0.03), 30, rng)
    frames = EmissionFrames(held(z), (2.0, 16.0))
    assert frames.heard[0].samples_per_symbol == pytest.approx(40, rel=1e-3)
    assert len(frames.place) == pytest.approx(65536 / 5 / LENGTH, abs=1) and set(frames.rate.tolist()) == {8.0}
    assert frames.start[0] == 0 and frames.stop[3] == frames.start[4] and frames.stop[-1] <= 65536
    # What lay at .03 cycles a sample is in the middle now.
    iq = frames.read(np.arange(len(frames.place))).numpy()
    power = (np.abs(np.fft.fft(iq[:, 0] + 1j * iq[:, 1])) ** 2).mean(0)
    centre = (np.fft.fftfreq(LENGTH) * power).sum() / power.sum()
    assert abs(centre) < 0.01 and iq.std() > 0.1


def test_resampling_keeps_what_is_in_the_band():
    t = np.arange(6000)
    z = torch.from_numpy(np.exp(2j * np.pi * 0.1 * t) + np.exp(2j * np.pi * 0.11 * t)).to(torch.complex64)
    less = resampled(z, 3.0)
    assert len(less) == 2000 and less.abs().square().mean() == pytest.approx(2, rel=0.02)
    power = torch.fft.fft(less).abs()
    tones = np.sort(power.topk(2).indices.numpy() / 2000)
    assert np.ptp(tones) == pytest.approx(0.03, abs=1e-3) or np.ptp(tones) == pytest.approx(0.97, abs=1e-3)
