"""``task=predict`` says what it found: the classes named, file by file, and one verdict for each emission."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from amc_xai.evaluation.predictions import Predictions
from amc_xai.tasks.predict import verdict


def table(named: list[int], levels: list[int]) -> Predictions:
    return Predictions(
        [-1] * len(named), [-1] * len(named), np.eye(3)[named], np.eye(2)[levels], ["A", "B", "C"], [0, 7]
    )


def test_one_source_gets_one_line():
    predictions = table([1, 1, 0, 1], [1, 1, 0, 1])
    assert verdict(predictions, SimpleNamespace()) == ["B 75 %, A 25 % of 4 frames; SNR 7 dB 75 %"]


def test_files_get_a_line_each_and_many_are_counted():
    source = SimpleNamespace(names=["x.cf32", "y.cf32"], file_index=np.array([0, 0, 1]))
    assert verdict(table([2, 2, 0], [0, 0, 1]), source) == [
        "x.cf32: C 100 % of 2 frames; SNR 0 dB 100 %", "y.cf32: A 100 % of 1 frame; SNR 7 dB 100 %",
    ]  # fmt: skip
    many = SimpleNamespace(names=[f"{k}.cf32" for k in range(12)], file_index=np.arange(12))
    said = verdict(table([0] * 12, [0] * 12), many)
    assert len(said) == 11 and said[-1] == "... and 2 more files"


def test_the_verdict_is_printed(cli, trained):
    done = cli("task=predict", f"checkpoint={trained}/checkpoints/best.pt", "device=cpu")
    assert done.code == 0 and " of 40 frames; SNR " in done.out


FIELDS = [
    "recording", "start", "stop", "frames", "modulation", "probability", "top", "snr_db", "snr_low", "snr_high",
    "samples_per_symbol", "symbol_rate", "out_of_scope",
]  # fmt: skip


@pytest.fixture
def capture(tmp_path):
    """Two bursts of QPSK (a QPSK symbol every 8 samples) in noise, the second one weaker."""
    rng = np.random.default_rng(0)
    level = np.repeat([0, 1, 0, 0.5, 0], [1280, 2560, 2560, 1280, 1280])
    symbols = np.exp(0.5j * np.pi * rng.integers(0, 4, len(level) // 8)).repeat(8)
    noise = rng.standard_normal((len(level), 2)) @ [1, 1j]
    folder = tmp_path / "captures"
    folder.mkdir()
    (level * symbols + 0.05 * noise).astype(np.complex64).tofile(folder / "<script>.cf32")
    return folder / "<script>.cf32"


def predicted(cli, trained, capture, *given: str):
    where = [f"checkpoint={trained}/checkpoints/best.pt", f"dataset.path='{capture}'", "dataset.sample_rate=8e3"]
    return cli("task=predict", "device=cpu", "dataset=recordings", "dataset.frame_length=128", *where, *given)


def test_each_emission_gets_one_verdict(cli, trained, capture):
    done = predicted(cli, trained, capture)
    assert done.code == 0, done.err
    verdicts = [json.loads(line) for line in (done.folder / "verdicts.jsonl").read_text().splitlines()]
    assert [list(verdict) for verdict in verdicts] == [FIELDS] * 2
    assert [(v["start"], v["stop"], v["frames"]) for v in verdicts] == [(1280, 3840, 20), (6400, 7680, 10)]
    for v in verdicts:
        assert v["recording"] == "<script>.cf32" and v["samples_per_symbol"] == 8 and v["symbol_rate"] == 1000
        assert v["snr_low"] < v["snr_db"] < v["snr_high"] and len(v["top"]) == 2
        assert (v["modulation"] is None) == (v["out_of_scope"] is not None)
    assert "samples 1,280 to 3,840: " in done.out and "holds no calibration" in done.out
    assert len(Predictions.load(done.folder / "predictions.npz")) == 70
    notes = json.loads((done.folder / "annotations" / "<script>.cf32.verdicts.sigmf-meta").read_text())[
        "annotations"
    ]
    assert [note["core:sample_start"] for note in notes] == [1280, 6400]
    assert [path.name for path in capture.parent.iterdir()] == [capture.name]


def test_annotations_go_where_they_are_asked_for(cli, trained, capture):
    done = predicted(cli, trained, capture, "task.annotations=beside")
    assert done.code == 0 and "annotations" not in done.files
    assert (capture.parent / "<script>.cf32.verdicts.sigmf-meta").is_file()
    done = predicted(cli, trained, capture, "task.annotations=besides")
    assert done.code == 1 and "task.annotations must be one of run, beside, none, not 'besides' (did" in done.out


def test_silence_is_said_plainly(cli, trained, tmp_path):
    np.zeros(1280, np.complex64).tofile(tmp_path / "nothing.cf32")
    done = predicted(cli, trained, tmp_path / "nothing.cf32")
    assert (
        done.code == 1 and "all 10 frames hold zeros alone" in done.out and "Traceback" not in done.out + done.err
    )


def test_a_calibrated_checkpoint_is_smaller_and_brings_its_calibration(
    cli, trained, capture, tmp_path, monkeypatch
):
    best, small = trained / "checkpoints" / "best.pt", tmp_path / "network.pt"
    given = ["task=calibrate", f"checkpoint={best}", "device=cpu", "task.emissions=24", "task.half=true"]
    done = cli(*given, f"task.to={small}")
    assert done.code == 0, done.err
    told = json.loads((done.folder / "calibration.json").read_text())
    stored = torch.load(small, weights_only=True)
    assert stored["calibration"] == told["calibration"] and told["calibration"]["temperature"] > 0
    assert {"loss", "optimizer"}.isdisjoint(stored) and small.stat().st_size < 0.6 * best.stat().st_size
    monkeypatch.setattr("amc_xai.builtin.FILE", small)
    done = cli(
        "task=predict", "checkpoint=builtin", "device=cpu", "dataset=recordings", f"dataset.path='{capture}'",
        "dataset.frame_length=128",
    )  # fmt: skip
    assert done.code == 0 and "holds no calibration" not in done.out
    assert cli(*given[:3], "task.emissions=3").out.count("task.emissions must be 20 or more, not 3") == 1
