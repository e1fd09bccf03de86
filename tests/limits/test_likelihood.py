import math

import numpy as np
import pytest
import torch

from amc_xai.limits.decisions import Settings, ceiling_decision, find_limits, joint_log_likelihood
from amc_xai.limits.gain import gain_free_log_likelihood
from amc_xai.limits.likelihood import hybrid_log_likelihood, log_likelihood, rotational_symmetry
from amc_xai.limits.observation import FrameModel, Observation, observe
from amc_xai.signal import DIGITAL_17, constellation


def density(y: np.ndarray, points: np.ndarray, noise: float) -> np.ndarray:
    distance = np.abs(y[..., None] - points) ** 2
    return np.exp(-distance / noise).mean(-1) / (np.pi * noise)


def test_likelihood_is_the_density():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((5, 7)) + 1j * rng.standard_normal((5, 7))
    points = constellation("8PSK").numpy()
    noise = np.array([0.2, 0.5, 1.0, 2.0, 4.0])
    found = log_likelihood(torch.from_numpy(y), torch.from_numpy(points), torch.from_numpy(noise))
    expected = [np.log(density(y[i], points, noise[i])).sum() for i in range(5)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_bpsk_against_qpsk_agrees_with_numerical_integration():
    """Two symbols at 0 dB: the share of right decisions, integrated over four dimensions."""
    noise, count = 1.0, 2
    bpsk, qpsk = (constellation(name).numpy() for name in ("BPSK", "QPSK"))
    axis = np.linspace(-4.2, 4.2, 43)
    cell = (axis[1] - axis[0]) ** (2 * count)
    i, q = np.meshgrid(axis, axis, indexing="ij")
    first, second = (density((i + 1j * q).ravel(), points, noise) for points in (bpsk, qpsk))
    best = np.maximum(np.multiply.outer(first, first), np.multiply.outer(second, second))
    integrated = 0.5 * best.sum() * cell

    # P(right) = E[largest posterior], which varies less from frame to frame than being right does.
    rng, frames = np.random.default_rng(1), 400_000
    total = 0.0
    for points in (bpsk, qpsk):
        sent = points[rng.integers(0, len(points), (frames, count))]
        y = sent + math.sqrt(noise / 2) * (rng.standard_normal(sent.shape) + 1j * rng.standard_normal(sent.shape))
        scores = [log_likelihood(torch.from_numpy(y), torch.from_numpy(p), noise) for p in (bpsk, qpsk)]
        total += float(torch.stack(scores).softmax(0).amax(0).mean()) / 2
    assert total == pytest.approx(integrated, abs=1e-3)


def test_ceiling_of_the_17_classes():
    """Published Monte Carlo, OQPSK counted as always right."""
    expected = {0: 0.28, 4: 0.43, 8: 0.60, 10: 0.74, 12: 0.81, 14: 0.91, 16: 0.97, 18: 1.0, 20: 1.0}
    names = [name for name in DIGITAL_17 if name != "OQPSK"]
    points = [constellation(name) for name in names]
    for snr, accuracy in expected.items():
        noise, frames = 10 ** (-snr / 10), 40
        rng = np.random.default_rng([7, snr])
        drawn = [observe(p.numpy(), False, noise, frames, FrameModel(), rng) for p in points]
        observed = Observation(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))
        label = torch.arange(len(names)).repeat_interleave(frames)
        right = int((ceiling_decision(observed, names, [1 / noise] * len(names)) == label).sum())
        assert (right / frames + 1) / 17 == pytest.approx(accuracy, abs=0.05)


def test_outside_energy_and_half_symbol_outputs_are_those_of_real_waveforms():
    """Against dense linear algebra: pulses at k T and (k + 1/2) T as rows of a matrix."""
    count, samples, roll_off, noise = 16, 64, 0.35, 0.3
    spectrum_at = np.fft.fftfreq(samples, 1 / samples) / count
    transition = np.clip(0.5 + (np.abs(spectrum_at) - 0.5) / roll_off, 0, 1)
    pulse = np.fft.ifft(np.cos(np.pi / 2 * transition) * math.sqrt(samples)).real * math.sqrt(samples / count)
    step = samples // count
    at = np.stack([np.roll(pulse, k * step) for k in range(count)])
    late = np.stack([np.roll(pulse, k * step + step // 2) for k in range(count)])
    np.testing.assert_allclose(at @ at.T, np.eye(count) * (at[0] @ at[0]), atol=1e-9)
    overlap = late @ at.T / (at[0] @ at[0])

    model = FrameModel(count, samples, (roll_off, roll_off))
    for staggered in (False, True):
        seen = observe(constellation("QPSK").numpy(), staggered, noise, 20_000, model, np.random.default_rng(3))
        own, other = seen.of(staggered)[0].numpy().imag, seen.of(not staggered)[0].numpy().imag
        product = other.T @ own / len(own)
        power = 0.5 + noise / 2
        expected = power * (overlap.T if staggered else overlap)
        np.testing.assert_allclose(product, expected, atol=0.025)
        signal = 0.5 * (overlap @ overlap.T)
        second = other.T @ other / len(other)
        np.testing.assert_allclose(second, signal + noise / 2 * np.eye(count), atol=0.03)
        free = seen.of(staggered)[1].mean()
        assert float(free) == pytest.approx(noise * (samples - count), rel=0.005)
    expected = noise * (samples - count) + power * count - np.trace(second)
    assert float(seen.of(False)[1].mean()) == pytest.approx(expected, rel=0.005)


def test_oqpsk_and_qpsk_are_told_apart_by_the_half_symbol():
    settings = Settings(("QPSK", "OQPSK"), (0.0, 6.0), frames_per_cell=150)
    low, high = find_limits(settings)
    assert 0.9 < low.modulation_accuracy < 1
    assert high.modulation_accuracy == 1


def test_gain_free_likelihood_agrees_with_quadrature():
    rng = np.random.default_rng(5)
    samples, count, ratio = 256, 32, 6.0
    points = constellation("16QAM").numpy()
    sent = points[rng.integers(0, 16, (3, count))]
    noise = rng.standard_normal(sent.shape) + 1j * rng.standard_normal(sent.shape)
    y = 1.7 * (math.sqrt(ratio) * sent + noise / math.sqrt(2))
    outside = 1.7**2 * rng.gamma(samples - count, size=3)
    level = np.linspace(-0.5, 2.5, 4001)
    for hypothesis in (ratio, 0.7 * ratio):
        found = gain_free_log_likelihood(
            torch.from_numpy(y), torch.from_numpy(outside), samples, torch.from_numpy(points),
            torch.full((3,), hypothesis),
        )  # fmt: skip
        for frame in range(3):
            values = []
            for u in level:
                scaled = y[frame] * np.exp(-u / 2)
                chosen = density(scaled, math.sqrt(hypothesis) * points, 1.0) * math.pi
                values.append(-samples * u - outside[frame] * np.exp(-u) + np.log(chosen).sum())
            values = np.array(values)
            top = values.max()
            expected = top + np.log(np.exp(values - top).sum() * (level[1] - level[0]))
            assert float(found[frame]) == pytest.approx(expected, abs=0.02)


def test_what_is_passed_over_without_a_look_could_not_have_been_likely():
    """On a fine grid, where neighbouring SNRs are hard to tell apart, against the evaluation of every pair."""
    names, samples, grid = ["QPSK", "16QAM"], 256, 10 ** (torch.arange(0, 16, 1.5) / 10)
    points, rng = [constellation(name) for name in names], np.random.default_rng(8)
    model = FrameModel(32, samples)
    drawn = [observe(p.numpy(), False, 1 / r, 4, model, rng) for p in points for r in grid.tolist()]
    frames = Observation(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))
    found = joint_log_likelihood(frames, names, grid.tolist(), samples)
    every = torch.stack([
        torch.stack([
            gain_free_log_likelihood(*frames.of(False), samples, ideal, ratio.expand(len(found)))
            for ratio in grid.double()
        ], 1)
        for ideal in points
    ], 1)  # fmt: skip
    looked_at = found > -torch.inf
    assert 0.2 < looked_at.double().mean() < 0.9
    torch.testing.assert_close(found[looked_at], every[looked_at], rtol=0, atol=0.25)  # tables against sums
    posterior = every.flatten(1).softmax(1).view_as(every)
    assert posterior.masked_fill(looked_at, 0).sum((1, 2)).max().item() < 1e-4


def test_hybrid_likelihood_is_blind_to_phase_and_averages():
    rng = np.random.default_rng(6)
    points = constellation("QPSK")
    sent = points[torch.from_numpy(rng.integers(0, 4, (4, 12)))]
    y = sent + 0.4 * torch.from_numpy(rng.standard_normal((4, 12)) + 1j * rng.standard_normal((4, 12)))
    plain = hybrid_log_likelihood(y, points, 0.32, phases=128)
    turned = hybrid_log_likelihood(y * np.exp(0.3j), points, 0.32, phases=128)
    torch.testing.assert_close(plain, turned, atol=1e-6, rtol=0)
    brute = [log_likelihood(y * np.exp(-2j * np.pi * t / 300), points, 0.32).exp() for t in range(300)]
    torch.testing.assert_close(plain, torch.stack(brute).mean(0).log(), atol=1e-6, rtol=0)
    assert bool((plain < log_likelihood(y, points, 0.32)).any())


@pytest.mark.parametrize(
    ("name", "expected"), [("OOK", 1), ("BPSK", 2), ("8ASK", 2), ("QPSK", 4), ("32PSK", 32), ("16APSK", 4)]
)
def test_rotational_symmetry(name, expected):
    assert rotational_symmetry(constellation(name)) == expected
