"""The network of the package: what it is worth on seeded frames, and on recordings made by formula."""

import json

import numpy as np
import pytest

import amc_xai
from amc_xai import builtin
from tests.verdicts.formulas import LENGTH, noisy, psk, turned


def test_it_is_small_and_knows_24_classes():
    assert builtin.FILE.stat().st_size <= builtin.MOST_BYTES
    net = amc_xai.load()
    assert len(net.modulations) == 24 and net.snrs == list(range(-10, 75, 5))


def test_its_accuracy_on_seeded_frames_is_that_of_its_card(cli):
    # Through the receiver that it was trained on; docs/builtin.md has the table of all SNRs.
    done = cli(
        "task=evaluate", "checkpoint=builtin", "task.part=all", "device=cpu", "limits=none", "dataset.seed=7",
        "dataset.snrs=[10,20,30]", "dataset.frames_per_cell=6",
    )  # fmt: skip
    metrics = json.loads((done.folder / "metrics.json").read_text())
    assert metrics["frames"] == 432
    assert metrics["modulation_accuracy"] == pytest.approx(0.796, abs=0.02)
    assert metrics["snr_accuracy"] == pytest.approx(0.806, abs=0.02)


@pytest.mark.parametrize(("name", "order"), [("BPSK", 2), ("QPSK", 4), ("8PSK", 8)])
def test_it_names_recordings_that_are_made_by_formula(name, order):
    rng = np.random.default_rng(order)
    # 20 dB a symbol: the noise of a sample is as many times larger as the symbol has samples.
    recording = noisy(turned(psk(order, 5.0, rng), 1e-3), 20 - 10 * np.log10(5.0), rng)
    (verdict,) = amc_xai.load().predict(recording.astype(np.complex64)[:LENGTH]).verdicts
    assert verdict.modulation == name and verdict.probability > 0.8
    assert verdict.snr_db == pytest.approx(20, abs=3)
    assert verdict.samples_per_symbol == pytest.approx(5, abs=0.01)
