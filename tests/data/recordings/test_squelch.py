"""Bursts: frames where nobody transmits are left out, by their power over the noise floor."""

import numpy as np
import pytest

from amc_xai.data import Recordings
from amc_xai.data.recordings import squelch
from amc_xai.errors import UserError

L, FRAMES = 256, 200
RNG = np.random.default_rng(8)
NOISE = RNG.standard_normal((L * FRAMES, 2)) * np.sqrt(0.5)


def write(path, values) -> str:
    np.asarray(values, "<f4").tofile(path)
    return str(path)


def qpsk(power: float, count: int = L * FRAMES, samples_per_symbol: int = 8) -> np.ndarray:
    """Rectangular QPSK, smoothed to a narrow band."""
    symbols = RNG.choice([-1, 1], (count // samples_per_symbol, 2))
    wave = np.repeat(symbols, samples_per_symbol, 0).astype(float)
    smooth = np.stack([np.convolve(wave[:, k], np.hanning(9) / np.hanning(9).sum(), "same") for k in (0, 1)], -1)
    return smooth * np.sqrt(power / np.square(smooth).sum(1).mean())


def test_frames_of_bursts_are_kept_and_no_others(tmp_path):
    """Three bursts of 10 frames each, 10 dB over a floor of -20 dB."""
    on = np.zeros(FRAMES, dtype=bool)
    for begin in (20, 90, 150):
        on[begin : begin + 10] = True
    values = 0.1 * NOISE + qpsk(0.1) * np.repeat(on, L)[:, None]
    source = Recordings(write(tmp_path / "r.cf32", values), L, squelch=6)
    assert source.start.tolist() == (np.flatnonzero(on) * L).tolist()
    # The quietest of frames lie a little below the mean: 256 samples tell a power to 6 %.
    assert 10 * np.log10(source.noise_floors[0]) == pytest.approx(-20, abs=0.6)
    assert len(Recordings(str(tmp_path), L).start) == FRAMES


@pytest.mark.parametrize("hop", [L // 4, L, 3 * L, 20 * L])
def test_powers_are_those_of_each_frame(tmp_path, hop, monkeypatch):
    monkeypatch.setattr(squelch, "BLOCK", 1000)
    source = Recordings(write(tmp_path / "r.cf32", NOISE[: L * 50]), L, hop=hop)
    powers = squelch.frame_powers(source.recordings[0], source.start, L)
    direct = np.square(source.read(np.arange(len(source.start))).numpy().astype(float)).sum(1).mean(-1)
    np.testing.assert_allclose(powers, direct, rtol=1e-9)


def test_who_transmits_throughout_is_kept_whole_and_silence_is_not(tmp_path):
    """No frame is louder than others in either: the spectrum tells, which noise alone fills."""
    source = Recordings(write(tmp_path / "on.cf32", 0.1 * NOISE + qpsk(0.3)), L, squelch=6)
    assert len(source.start) == FRAMES
    assert 10 * np.log10(source.noise_floors[0]) == pytest.approx(-20, abs=1.5)
    with pytest.raises(
        UserError, match=r"gives no frame of 256 samples whose power is 6 dB over the noise floor; lower"
    ):
        Recordings(write(tmp_path / "off.cf32", NOISE), L, squelch=6)


def test_samples_that_were_lost_are_no_noise_floor(tmp_path):
    """Half the frames are zeros, as receivers leave them where they missed samples."""
    alive = np.arange(FRAMES) % 2 == 0
    burst = np.isin(np.arange(FRAMES), [10, 11, 50])
    values = (0.1 * NOISE + qpsk(0.3) * np.repeat(burst, L)[:, None]) * np.repeat(alive, L)[:, None]
    source = Recordings(write(tmp_path / "r.cf32", values), L, squelch=6)
    assert source.start.tolist() == [10 * L, 50 * L]
    with pytest.raises(UserError, match=r"dataset\.squelch"):
        Recordings(write(tmp_path / "zero.cf32", NOISE * 0), L, squelch=6)


def test_a_broken_frame_is_kept_so_that_reading_it_says_so(tmp_path):
    values = NOISE.copy()
    values[5 * L] = np.nan
    source = Recordings(write(tmp_path / "r.cf32", values), L, squelch=6)
    assert source.start.tolist() == [5 * L]
    with pytest.raises(UserError, match="NaN or infinite"):
        source.read(np.flatnonzero(source.start == 5 * L))


def test_an_absurd_sample_hides_no_burst_after_it(tmp_path):
    values = NOISE.copy()
    values[5 * L] = 1e18
    values[20 * L : 21 * L] *= 10
    source = Recordings(write(tmp_path / "r.cf32", values), L, squelch=6)
    assert source.start.tolist() == [5 * L, 20 * L]


@pytest.mark.parametrize("value", ["abc", -1, float("nan"), float("inf"), True, [6], 1e9])
@pytest.mark.parametrize("key", ["squelch", "snr_step"])
def test_what_is_no_number_of_decibels_is_refused(tmp_path, key, value):
    path = write(tmp_path / "r.cf32", NOISE)
    with pytest.raises(UserError, match=rf"^dataset\.{key} must be a number of dB"):
        Recordings(path, L, **{key: value})
