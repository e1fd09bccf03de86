"""Stretches of recordings and their spectrograms, where everything is known."""

import numpy as np
import pytest

from amc_xai.data import Recordings
from amc_xai.data.stretches import samples_of, spectrogram, stretches_of

LENGTH = 512
# Cycles a sample in the first and the second half.
TONES = 0.125, -0.25


@pytest.fixture
def source(tmp_path) -> Recordings:
    """40 frames; 10 to 19 are silent."""
    t = np.arange(40 * LENGTH)
    z = np.exp(2j * np.pi * np.where(t < 20 * LENGTH, *TONES) * t)
    z[10 * LENGTH : 20 * LENGTH] *= 1e-3
    np.save(tmp_path / "r.npy", z.astype(np.complex64))
    return Recordings(tmp_path, frame_length=LENGTH, sample_rate=1.0)


def test_stretches_end_where_frames_are_missing_and_give_their_samples(source):
    keep = np.ones(40, bool)
    keep[[5, 6, 30]] = False
    found = stretches_of(source, keep)
    assert [(int(s.start[0]), s.stop) for s in found] == [
        (0, 5 * LENGTH), (7 * LENGTH, 30 * LENGTH), (31 * LENGTH, 40 * LENGTH),
    ]  # fmt: skip
    whole = np.load(source.files[0])
    joined = samples_of(source, found[1])
    assert np.array_equal(joined[0] + 1j * joined[1], whole[7 * LENGTH : 30 * LENGTH])
    middle = samples_of(source, found[1], most=2 * LENGTH)
    assert 2 * LENGTH <= middle.shape[1] <= 4 * LENGTH


def test_a_spectrogram_shows_tones_at_their_frequency_and_level_and_gaps_as_gaps(source):
    rms = np.where((np.arange(40) >= 10) & (np.arange(40) < 20), 1e-3, 1.0)
    frames = np.delete(np.arange(40), [25, 26])
    shown = spectrogram(source, frames, rms)
    bins, columns = shown.power.shape
    frame = ((shown.edges[:-1] + shown.edges[1:]) / 2 // LENGTH).astype(int)
    missing = np.isnan(shown.power).all(0)
    assert np.array_equal(missing, np.isin(frame, [25, 26])) and columns >= 40
    top = shown.power[:, ~missing].argmax(0)
    frequency = (top + 0.5) / bins - 0.5
    assert np.abs(frequency - np.where(frame[~missing] < 20, *TONES)).max() <= 1 / bins
    level = shown.power.max(0)
    assert level[frame == 12].max() == pytest.approx(level[frame == 2].max() - 60, abs=0.1)
