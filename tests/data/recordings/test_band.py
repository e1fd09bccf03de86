"""Annotations with edges in frequency: mixed down, filtered to their band, and cut within it."""

import logging

import numpy as np
import pytest

from amc_xai.data import Recordings
from amc_xai.data.recordings.band import Band, taps
from tests.data.recordings.reading import labels_at, note, said, write

RATE, CARRIER, N = 1e6, 900e6, 8000
TIME = np.arange(N)


def tone(frequency: float, power: float = 1.0) -> np.ndarray:
    """A tone at ``frequency`` Hz of the recording's middle."""
    return np.sqrt(power) * np.exp(2j * np.pi * frequency / RATE * TIME)


def as_numbers(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], -1).astype("<f4")


def edges(low: float, high: float, start=0, count=N, label=None, carrier=CARRIER) -> dict:
    return note(start, count, label, freq_lower_edge=carrier + low, freq_upper_edge=carrier + high)


AT = [{"core:sample_start": 0, "core:frequency": CARRIER}]


@pytest.mark.parametrize("width", [0.3, 0.1, 0.02])
def test_the_filter_passes_its_band_and_stops_what_lies_a_quarter_of_it_outside(width):
    gain = np.abs(np.fft.fft(taps(width), 1 << 16))
    frequency = np.abs(np.fft.fftfreq(1 << 16))
    inside, outside = gain[frequency <= width / 2], gain[frequency >= 0.75 * width]
    # Kaiser's design at 60 dB: ripple of a thousandth in both.
    assert np.abs(inside - 1).max() < 2e-3 and outside.max() < 2e-3
    assert len(taps(width)) % 2 and taps(width).sum() == pytest.approx(1)


def test_two_emitters_at_once_are_two_recordings(tmp_path, caplog):
    """One at +200 kHz, one 10 dB stronger at -150 kHz; each alone within its band, and at 0 Hz there."""
    caplog.set_level(logging.INFO)
    z = tone(205e3) + tone(-150e3, 10)
    notes = [edges(180e3, 220e3, 1000, 3000, "BPSK"), edges(-170e3, -130e3, 2000, 4000, "QPSK")]
    source = Recordings(str(write(tmp_path, AT, notes, as_numbers(z))), 512)
    assert len(source.recordings) == 2 and len(set(source.origin.recording)) == 1
    by_label = {source.modulations[source.modulation_index[k]]: k for k in range(len(source.start))}
    assert source.start[source.file_index == source.file_index[by_label["BPSK"]]].tolist() == [
        *range(1000, 3489, 512)
    ]
    assert source.start[source.file_index == source.file_index[by_label["QPSK"]]].tolist() == [
        *range(2000, 5489, 512)
    ]
    frames = source.read(np.arange(len(source.start))).numpy()
    frames = frames[:, 0] + 1j * frames[:, 1]
    for k, start in enumerate(source.start):
        name = source.modulations[source.modulation_index[k]]
        # The first lies 5 kHz over the middle of its band, at 200 kHz; the other in the middle.
        offset, power = (5e3, 1) if name == "BPSK" else (0, 10)
        expected = np.sqrt(power) * np.exp(2j * np.pi * offset / RATE * np.arange(start, start + 512))
        assert np.abs(frames[k] - expected).max() < 5e-3 * np.sqrt(10)
    assert "2 bands that annotations mark are mixed down" in "\n".join(r.getMessage() for r in caplog.records)
    # Left as they are, both are in all frames.
    left = Recordings(str(tmp_path / "r.sigmf-meta"), 512, bands=False)
    assert len(left.recordings) == 1 and left.start.tolist() == list(range(0, N - 511, 512))
    np.testing.assert_allclose(left.read(np.array([0])).numpy()[0], as_numbers(z[:512]).T)


def test_frames_of_a_band_fit_together(tmp_path):
    """Whatever the hop: phase and filter go by the place in the file, also at its ends."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal(N) + 1j * rng.standard_normal(N)
    path = write(tmp_path, AT, [edges(50e3, 150e3)], as_numbers(z))
    whole = Recordings(str(path), N).read(np.array([0])).numpy()[0]
    parts = Recordings(str(path), 100)
    got = np.concatenate(list(parts.read(np.arange(80)).numpy()), -1)
    np.testing.assert_allclose(got, whole, atol=1e-6)
    # By the definition: all of it mixed down, then convolved.
    h = taps(0.1)
    expected = np.convolve(z * np.exp(-2j * np.pi * 0.1 * TIME), h)[len(h) // 2 : len(h) // 2 + N]
    np.testing.assert_allclose(whole[0] + 1j * whole[1], expected, atol=1e-5)


@pytest.mark.parametrize("given", ["radio", "middle", "no carrier"])
def test_edges_are_radio_frequencies_where_the_carrier_is_told_and_else_about_the_middle(tmp_path, given):
    captures = [{"core:sample_start": 0}] if given == "no carrier" else AT
    mark = edges(90e3, 110e3, carrier=CARRIER if given == "radio" else 0)
    source = Recordings(str(write(tmp_path, captures, [mark], as_numbers(tone(100e3)))), 4000)
    np.testing.assert_allclose(source.read(np.array([1])).numpy()[0, 0, :3000], 1, atol=2e-3)


def test_a_band_follows_its_frequency_over_captures(tmp_path):
    captures = [*AT, {"core:sample_start": 4000, "core:frequency": CARRIER + 50e3}]
    z = np.concatenate([tone(100e3)[:4000], tone(50e3)[4000:]])
    source = Recordings(str(write(tmp_path, captures, [edges(90e3, 110e3, 0, N, "BPSK")], as_numbers(z))), 1000)
    assert [(r.band.lower, r.band.upper) for r in source.recordings] == [
        pytest.approx((0.09, 0.11)), pytest.approx((0.04, 0.06)),
    ]  # fmt: skip
    assert source.start.tolist() == list(range(0, N, 1000))
    inner = source.read(np.array([1, 2, 5, 6])).numpy()
    np.testing.assert_allclose(np.hypot(inner[:, 0], inner[:, 1]), 1, atol=2e-3)
    assert np.ptp(np.unwrap(np.angle(inner[:, 0] + 1j * inner[:, 1])), axis=1).max() < 2e-3


def test_edges_that_tell_no_band(tmp_path, caplog):
    z = as_numbers(tone(0))
    marks = [
        note(0, 1000, "whole", freq_lower_edge=CARRIER - 5e5, freq_upper_edge=CARRIER + 5e5),
        note(1000, 1000, "one edge", freq_lower_edge=CARRIER),
        note(2000, 1000, "turned round", freq_lower_edge=CARRIER + 1e4, freq_upper_edge=CARRIER),
        note(3000, 1000, "no numbers", freq_lower_edge="x", freq_upper_edge=float("nan")),
        note(4000, 1000, "elsewhere", freq_lower_edge=CARRIER + 1e7, freq_upper_edge=CARRIER + 2e7),
    ]
    source = Recordings(str(write(tmp_path, AT, marks, z)), 1000)
    assert len(source.recordings) == 1 and source.recordings[0].band is None
    assert list(labels_at(source).values()) == [
        "whole", "one edge", "turned round", "no numbers", None, None, None, None,
    ]  # fmt: skip
    assert "1 annotations lie outside of what was recorded, and are left out" in said(caplog)
    # A band that reaches over the end of the spectrum is cut there.
    half = Recordings(str(write(tmp_path, AT, [edges(4e5, 9e5)], z)), 1000)
    assert half.recordings[0].band == Band(pytest.approx(0.4), 0.5)


def test_annotations_too_short_for_a_frame_are_counted(tmp_path, caplog):
    marks = [edges(0, 1e5, 0, 640), edges(0, 1e5, 640, 2000), edges(0, 1e5, 2640, 640)]
    source = Recordings(str(write(tmp_path, AT, marks, as_numbers(tone(5e4)))), 1024)
    assert source.start.tolist() == [640]
    assert "2 labelled stretches are shorter than a frame of 1024 samples" in said(caplog)


def test_squelch_leaves_the_frames_of_a_band_alone(tmp_path):
    z = as_numbers(tone(5e4) * (TIME < 4000))
    source = Recordings(str(write(tmp_path, AT, [edges(0, 1e5)], z)), 1000, squelch=6)
    assert len(source.start) == 8 and np.isnan(source.noise_floors).all()
