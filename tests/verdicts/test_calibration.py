"""Probabilities by emission hold: what is planted is found again, and intervals cover."""

import numpy as np
import pytest

from amc_xai.verdicts.calibration import Calibration, calibration_error, effective_count, pooled
from amc_xai.verdicts.fitting import Answered, fit, parts_of

SNRS = np.arange(0.0, 31.0, 5.0)


def emissions(dependent: bool, count: int = 600, frames: int = 8) -> list[Answered]:
    """Three classes seen through noise, which the frames of an emission share or not; each frame is calibrated."""
    rng, found = np.random.default_rng(0), []
    for _ in range(count):
        label, noise = int(rng.integers(3)), rng.standard_normal((1 if dependent else frames, 3))
        seen = np.broadcast_to(1.2 * np.eye(3)[label] + noise, (frames, 3))
        shares = np.exp(1.2 * seen)
        snr = rng.uniform(0, 30)
        near = np.exp(-0.5 * ((SNRS - snr - 3 * rng.standard_normal((len(noise), 1))) / 3) ** 2)
        near = np.broadcast_to(near / near.sum(1, keepdims=True), (frames, len(SNRS)))
        found.append(Answered(shares / shares.sum(1, keepdims=True), near, label, snr))
    return found


@pytest.mark.parametrize("dependent", [True, False])
def test_how_much_frames_depend_on_each_other_is_found(dependent):
    answered = emissions(dependent)
    found = fit(parts_of(answered[::2], (1, 2, 4, 8)), SNRS)
    assert (found.dependence > 0.8) if dependent else (found.dependence < 0.1)
    assert 0.7 < found.temperature < 1.4
    held = parts_of(answered[1::2], (1, 2, 4, 8))
    shares = np.stack([found.modulation(one.modulation) for one in held])
    right = shares.argmax(1) == [one.label for one in held]
    error = calibration_error(shares.max(1), right)
    blind = np.stack([pooled(one.modulation, 0.0) for one in held])
    assert error < 0.06 and (not dependent or error < calibration_error(blind.max(1), right) - 0.05)
    inside = [low <= one.snr_db <= high for one in held for _, low, high in [found.snr(one.snr, SNRS)]]
    assert 0.9 < np.mean(inside) < 0.99


def test_frames_count_as_the_design_effect_says():
    assert effective_count(10, 0.0) == 10 and effective_count(10, 1.0) == 1
    assert effective_count(5, 0.25) == pytest.approx(2.5)
    frame = np.array([[0.8, 0.2]])
    assert pooled(np.repeat(frame, 4, 0), 1.0) == pytest.approx(frame[0])
    assert pooled(np.repeat(frame, 2, 0), 0.0) == pytest.approx([16 / 17, 1 / 17])


def test_doubt_leaves_every_class_a_share():
    shares = Calibration(doubt=0.1).modulation(np.array([[1.0, 0.0, 0.0, 0.0]]))
    assert shares == pytest.approx([0.925, 0.025, 0.025, 0.025])


def test_calibration_error_is_the_mean_gap():
    assert calibration_error(np.array([0.9, 0.9, 0.9, 0.9]), np.array([1, 1, 0, 0])) == pytest.approx(0.4)
    assert calibration_error(np.array([1.0, 0.5, 0.5]), np.array([1, 1, 0])) == pytest.approx(0)
