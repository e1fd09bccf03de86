"""Classes of differing power under one label: RadioML's labels fix the noise."""

import math

import numpy as np
import pytest

from amc_xai.errors import UserError
from amc_xai.limits.decisions import (
    Settings,
    ceiling_decision,
    draw_frames,
    find_limits,
    grid_of,
    joint_log_likelihood,
)
from amc_xai.limits.observation import FrameModel
from amc_xai.signal.constellations import constellation

TWIN = FrameModel(16, 128, snr_definition="radioml2018")
NAMES = ["BPSK", "unipolar 4ASK", "QPSK"]


def absolute(settings, place):
    """Frames at one label, points of each class with its own amplitude, and the noise that they share."""
    frames = draw_frames(settings, place)
    points = [TWIN.amplitude(name) * constellation(name).numpy() for name in settings.judged]
    noise = 10 ** (-TWIN.es_n0_db(settings.snrs[place]) / 10)
    return frames, points, noise


def log_density(y, points, noise):
    """Log-density (B,) of symbols (B, K) from these points, by the plain sum; up to (pi noise)^-K."""
    exponent = -(np.abs(y[:, :, None] - points) ** 2) / noise
    top = exponent.max(2, keepdims=True)
    return (np.log(np.exp(exponent - top).mean(2)) + top[:, :, 0]).sum(1)


def test_a_label_is_as_many_es_n0_as_there_are_powers():
    assert TWIN.es_n0_db(10) == pytest.approx(20 + 10 * math.log10(8))
    assert TWIN.es_n0_db(10, "unipolar 4ASK") - TWIN.es_n0_db(10) == pytest.approx(20 * math.log10(1.59))
    assert TWIN.amplitude("unipolar 8ASK") == pytest.approx(1.74)
    with pytest.raises(UserError, match=r"^limits: the power of OOK under radioml2018 was never measured"):
        TWIN.es_n0_db(10, "OOK")


def test_frames_of_all_classes_have_the_same_noise_and_their_own_power():
    settings = Settings(tuple(NAMES), (6.0,), FrameModel(256, 2048, snr_definition="radioml2018"), 20)
    frames = draw_frames(settings, 0)
    noise = 8**-1 * 10 ** (-12 / 10)
    for c, name in enumerate(NAMES):
        here = slice(20 * c, 20 * (c + 1))
        power = frames.symbols[here].abs().square().mean().item()
        assert power == pytest.approx(TWIN.amplitude(name) ** 2 + noise, rel=0.05)
        outside = frames.energy[here] - frames.symbols[here].abs().double().square().sum(1)
        assert (outside.mean() / (2048 - 256)).item() == pytest.approx(noise, rel=0.05)


def test_the_ceiling_is_the_largest_density_in_the_samples_own_units():
    settings = Settings(tuple(NAMES), (-6.0,), TWIN, 60)
    frames, points, noise = absolute(settings, 0)
    expected = np.stack([log_density(frames.symbols.numpy(), p, noise) for p in points], 1)
    ratios = [TWIN.es_n0(-6.0, name) for name in NAMES]
    found = ceiling_decision(frames, NAMES, ratios, [TWIN.amplitude(name) for name in NAMES])
    sure = np.sort(expected, 1)[:, -1] - np.sort(expected, 1)[:, -2] > 0.05
    assert sure.mean() > 0.9 and (found.numpy() == expected.argmax(1))[sure].all()


def test_the_joint_likelihood_of_a_known_gain_is_the_density_of_the_samples():
    labels = (-8.0, -4.0, 0.0)
    settings = Settings(tuple(NAMES), labels, TWIN, 10, gain="known")
    frames, points, _ = absolute(settings, 1)
    ratios = np.array([[TWIN.es_n0(snr, name) for snr in labels] for name in NAMES])
    amplitudes = [TWIN.amplitude(name) for name in NAMES]
    found = joint_log_likelihood(frames, NAMES, ratios, TWIN.samples, "known", amplitudes).numpy()
    y = frames.symbols.numpy()
    outside = (frames.energy - frames.symbols.abs().double().square().sum(1)).numpy()
    for s, label in enumerate(labels):
        noise = 10 ** (-TWIN.es_n0_db(label) / 10)
        for c in range(3):
            expected = log_density(y, points[c], noise) - outside / noise - TWIN.samples * math.log(noise)
            own = slice(10 * c, 10 * (c + 1)) if s < 2 else slice(0, 0)
            np.testing.assert_allclose(found[own, c, s], expected[own], atol=0.1)
            # Far outside the points of a class that can't be it, a table ends and counts too little.
            assert (found[:, c, s] < expected + 0.1).all()


def test_with_the_gain_unknown_the_scale_of_the_frames_says_nothing():
    labels = (0.0, 4.0)
    settings = Settings(tuple(NAMES), labels, TWIN, 8)
    frames = draw_frames(settings, 1)
    ratios = np.array([[TWIN.es_n0(snr, name) for snr in labels] for name in NAMES])
    amplitudes = [TWIN.amplitude(name) for name in NAMES]
    found = joint_log_likelihood(frames, NAMES, ratios, TWIN.samples, "unknown", amplitudes)
    louder = joint_log_likelihood(frames.scaled(3.0), NAMES, ratios, TWIN.samples, "unknown", amplitudes)
    both = found.isfinite() & louder.isfinite()
    shift = (louder - found)[both]
    assert both.any() and (shift - shift.mean()).abs().max() < 0.05


def test_labels_of_radioml_tell_more_than_the_same_numbers_of_es_n0():
    names = ("BPSK", "QPSK", "16QAM", "unipolar 4ASK")
    labels, radioml = (0.0, 4.0, 8.0), FrameModel(32, 256, snr_definition="radioml2018")
    twin = find_limits(Settings(names, labels, radioml, 30))
    plain = find_limits(Settings(names, labels, FrameModel(32, 256), 30))
    for high, low in zip(twin, plain, strict=True):
        assert high.joint_accuracy > low.joint_accuracy and high.crb_db < low.crb_db
    assert twin[2].joint_accuracy > 0.97


def test_nothing_is_lost_to_rounding_at_the_highest_labels():
    # 69 dB of Es/N0; with the gain unknown, the four levels of one are the first four of the other.
    names = ("unipolar 4ASK", "unipolar 8ASK", "32QAM", "256QAM", "32APSK", "OQPSK")
    model = FrameModel(128, 1024, snr_definition="radioml2018")
    (row,) = find_limits(Settings(names, (4.0, 28.0, 30.0), model, 4))[2:]
    assert (row.modulation_accuracy, row.snr_accuracy, row.joint_accuracy) == (1.0, 1.0, 1.0)


def test_grids_that_were_moved_down_onto_each_other_share_their_tables():
    settings = Settings(("QPSK", "4ASK"), (18.0, 20.0, 22.0, 24.0, 26.0, 28.0, 30.0), TWIN)
    places = range(len(settings.snrs))
    # Each label lies -6 to 6 steps of 4 dB from the one of the frames, for each of two classes.
    assert len({float(ratio) for place in places for ratio in grid_of(settings, place).ravel()}) == 26
