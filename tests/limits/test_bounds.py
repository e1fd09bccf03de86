import math

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from amc_xai.errors import UserError
from amc_xai.limits.cache import cache_key, cached_limits, cached_reachable
from amc_xai.limits.carrier import CarrierPrior
from amc_xai.limits.crb import accuracy_on_grid, data_aided_db, non_data_aided_db
from amc_xai.limits.decisions import Settings, find_limits
from amc_xai.limits.observation import FrameModel
from amc_xai.limits.reachable import ReachableRow
from amc_xai.limits.table import limits_text, write_limits_csv
from amc_xai.signal import constellation


@pytest.mark.parametrize(("snr", "expected"), [(0, 0.56), (10, 0.22), (20, 0.15), (30, 0.14)])
def test_data_aided_bound(snr, expected):
    assert data_aided_db(snr, 128, 1024) == pytest.approx(expected, abs=0.005)


def test_bound_without_data_reaches_the_data_aided_one_at_high_snr():
    for name, snr in (("BPSK", 12), ("QPSK", 16), ("16QAM", 26)):
        bound = non_data_aided_db(constellation(name), snr, 100, 100)
        assert bound == pytest.approx(data_aided_db(snr, 100, 100), rel=1e-3)


@pytest.mark.parametrize("snr", [-4, 0, 3])
def test_bpsk_bound_agrees_with_integration(snr):
    """BPSK in complex noise, the information integrated over the real axis (Alagha 2001, in other words)."""
    ratio = 10 ** (snr / 10)
    x = np.linspace(-14, 14, 200_001)
    # Re y = A + n in units of sqrt(N0): the density and the scores by ln A and ln N0.
    amplitude = math.sqrt(ratio)
    p = np.exp(-((x - amplitude) ** 2)) / math.sqrt(math.pi)
    soft = x * np.tanh(2 * amplitude * x)
    gain = 2 * (amplitude * soft - ratio)
    level = x**2 + ratio - 2 * amplitude * soft - 0.5
    step = x[1] - x[0]
    information = np.array([[(p * a * b).sum() * step for b in (gain, level)] for a in (gain, level)])
    information[1, 1] += 0.5  # the imaginary part holds noise alone
    direction = np.array([2.0, -1.0])
    expected = 10 / math.log(10) * math.sqrt(direction @ np.linalg.inv(information) @ direction / 50)
    assert non_data_aided_db(constellation("BPSK"), snr, 50, 50) == pytest.approx(expected, rel=2e-3)


def test_accuracy_on_a_grid():
    found = accuracy_on_grid(np.array([1.0, 0.5, 2.0]), [4, 0, 2])
    # 4 dB: missed below 3; 0 dB: missed above 1; 2 dB: missed on both sides.
    np.testing.assert_allclose(found, [ndtr(1), ndtr(2), 2 * ndtr(0.5) - 1])


def test_snr_accuracy_stays_below_what_known_symbols_allow():
    """At 0 dB of a 1 dB grid the bound matters; the Monte Carlo of a constant envelope comes close to it."""
    snrs = tuple(float(s) for s in range(-3, 4))
    model = FrameModel(128, 1024)
    rows = find_limits(Settings(("QPSK",), snrs, model, frames_per_cell=400))
    best = accuracy_on_grid(np.array([data_aided_db(s, 128, 1024) for s in snrs]), snrs)
    without = accuracy_on_grid(
        np.array([non_data_aided_db(constellation("QPSK"), s, 128, 1024) for s in snrs]), snrs
    )
    found = np.array([row.snr_accuracy for row in rows])
    assert found.mean() < best.mean()
    assert found.mean() == pytest.approx(without.mean(), abs=0.035)


def test_known_gain_tells_the_snr_from_the_noise_alone():
    settings = Settings(("QPSK", "16QAM"), (0.0, 2.0), frames_per_cell=60, gain="known")
    assert [row.snr_accuracy for row in find_limits(settings)] == [1.0, 1.0]


def test_classes_assumed_right_count_as_right():
    settings = Settings(("BPSK", "GMSK"), (0.0, 10.0), frames_per_cell=20)
    for row in find_limits(settings):
        assert row.frames == 20
        assert row.modulation_accuracy == (row.modulation_right / 20 + 1) / 2


def test_power_ratio_a_sample_is_another_snr():
    assert FrameModel(128, 1024, snr_definition="sample").es_n0_db(-9.0) == pytest.approx(0.03, abs=0.01)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"modulations": ("FM",)}, "no symbols"),
        ({"modulations": ("17QAM",)}, "17QAM"),
        ({"gain": "maybe"}, "task.gain"),
        ({"frames_per_cell": 0}, "task.frames_per_cell"),
        ({"modulations": ("GMSK",), "assume_right": ()}, "GMSK"),
        ({"modulations": ("GMSK",)}, "GMSK alone would all be counted as right"),
    ],
)
def test_bad_settings_are_named(change, words):
    with pytest.raises(UserError, match=words):
        Settings(**({"modulations": ("BPSK",), "snrs": (0.0,)} | change))


def test_cache_answers_from_as_many_frames_or_more(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    many = Settings(("BPSK", "QPSK"), (0.0, 10.0), frames_per_cell=6)
    few = Settings(("BPSK", "QPSK"), (0.0, 10.0), frames_per_cell=3)
    assert cache_key(many) == cache_key(few)
    assert cache_key(many) != cache_key(Settings(("BPSK", "QPSK"), (0.0, 10.0), seed=1))
    first = cached_limits(few)
    assert first[0].frames == 6
    assert cached_limits(many)[0].frames == 12
    monkeypatch.setattr("amc_xai.limits.cache.find_limits", None)
    assert cached_limits(few)[0].frames == 12
    prior = CarrierPrior(1e-4)
    reachable = cached_reachable(few, prior)
    monkeypatch.setattr("amc_xai.limits.cache.find_reachable", None)
    assert cached_reachable(few, prior) == reachable
    assert len({cache_key(few), cache_key(few, prior), cache_key(few, CarrierPrior(2e-4))}) == 3


def test_limits_csv_reads_back(tmp_path, monkeypatch):
    from amc_xai.evaluation import read_limits

    settings = Settings(("BPSK", "QPSK"), (10.0, -6.0), frames_per_cell=30)
    rows = find_limits(settings)
    read = read_limits(write_limits_csv(rows, settings, tmp_path / "limits.csv"))
    assert list(read) == [-6.0, 10.0]
    low = read[-6.0]
    assert low["modulation_low"] < low["modulation_accuracy"] < low["modulation_high"]
    assert low["crb_db"] == pytest.approx(data_aided_db(-6.0, 128, 1024), rel=1e-4)
    assert torch.isfinite(torch.tensor(list(low.values()))).all()


def test_reachable_columns_are_the_limit_less_what_the_carrier_costs(tmp_path):
    """By hand: 2 of 3 classes are judged; 10 and 6 of their 100 frames are lost with the carrier."""
    from amc_xai.evaluation import read_limits

    settings = Settings(("BPSK", "QPSK", "GMSK"), (10.0, 0.0), frames_per_cell=50)
    rows = find_limits(settings)
    lost = ReachableRow(0.0, 100, 80, 70, known_modulation_right=90, known_joint_right=76)
    luck = ReachableRow(10.0, 100, 100, 100, known_modulation_right=99, known_joint_right=100)
    read = read_limits(write_limits_csv(rows, settings, tmp_path / "limits.csv", [luck, lost]))
    by_snr = {row.snr: row for row in rows}
    low, high = read[0.0], read[10.0]
    assert low["reachable_modulation_accuracy"] == pytest.approx(
        by_snr[0.0].modulation_accuracy - 2 / 3 * 0.10, abs=1e-5
    )
    assert low["reachable_joint_accuracy"] == pytest.approx(by_snr[0.0].joint_accuracy - 2 / 3 * 0.06, abs=1e-5)
    assert (
        low["reachable_modulation_low"] < low["reachable_modulation_accuracy"] < low["reachable_modulation_high"]
    )
    # A frame that is right by luck alone doesn't lift it above the limit.
    assert high["reachable_modulation_accuracy"] == high["modulation_accuracy"]
    assert low["es_n0_db"] == 0.0
    text = limits_text(rows, settings, [luck, lost])
    assert f"{100 * low['reachable_joint_accuracy']:.1f} %" in text.splitlines()[2]
    assert "carrier unknown" not in limits_text(rows, settings)
