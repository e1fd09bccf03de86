"""Samples a symbol that nobody states: what inspect says of them, and what is said before a network sees them."""

import re

import numpy as np
import pytest

from amc_xai.data import Recordings
from amc_xai.tasks.symbol_rates import rates_by_recording, said_before_work, sentences

RNG = np.random.default_rng(0)


def recording(folder, symbol: float, count: int, name: str = "r") -> Recordings:
    """BPSK with rectangular pulses off the carrier, in frames of 256 samples."""
    values = RNG.choice([-1.0, 1.0], count + 1)
    n = np.arange(int(count * symbol))
    z = values[(n / symbol).astype(int)] * np.exp(0.4j * n) + 0.3 * RNG.standard_normal((2, len(n))).T @ [1, 1j]
    np.save(folder / f"{name}.npy", z.astype(np.complex64))
    return Recordings(str(folder), 256)


@pytest.mark.parametrize(
    ("symbol", "count", "inspected", "before_training", "before_use"),
    [
        (150.0, 400, "the signals say dataset.samples_per_symbol=150", "the signals say about 150: say so",
         "say about 150, and the network was trained at 8, so its answers aren't proven: resample them by 0.0533"),
        (150.0, 12, "the signals don't tell them .*: say dataset.samples_per_symbol",
         "don't tell it; each frame is searched for it: say it", "don't tell it; 8, of the training, is taken"),
    ],
)  # fmt: skip
def test_long_symbols_are_told_or_asked_for(tmp_path, symbol, count, inspected, before_training, before_use):
    source = recording(tmp_path, symbol, count)
    [said] = sentences(source, {}, rates_by_recording(source))
    assert re.search(inspected, said)
    assert before_training in said_before_work(source, None) and before_use in said_before_work(source, 8.0)
    assert (said_before_work(source, 150.1) is None) == (count == 400)
    source.samples_per_symbol = 8.0
    assert said_before_work(source, 8.0) is None


def test_recordings_of_different_rates_are_not_one(tmp_path):
    recording(tmp_path, 60.0, 300, "a")
    source = recording(tmp_path, 150.0, 300, "b")
    [said] = sentences(source, {}, rates_by_recording(source))
    assert "different ones (recording 0: 60, recording 1: 150)" in said
    assert "the signals say about 60, and" in said_before_work(source, 150.0)


def test_broken_samples_are_no_obstacle(tmp_path):
    recording(tmp_path, 150.0, 300)
    z = np.load(tmp_path / "r.npy")
    z[1000] = np.nan
    np.save(tmp_path / "b.npy", z)
    source = Recordings(str(tmp_path), 256)
    assert list(rates_by_recording(source)) == [1] and "about 150" in said_before_work(source, None)
