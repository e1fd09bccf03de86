import csv
import json
import logging

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from amc_xai.__main__ import config_folder  # registers the schema as well
from amc_xai.data import Synthetic
from amc_xai.evaluation import read_limits
from amc_xai.parts import make_parts
from amc_xai.tasks import limits as limits_task
from amc_xai.tasks import reporting, testing
from amc_xai.tasks.ceiling import limit_settings, limits_of_run
from amc_xai.tasks.provenance import sha256_of
from amc_xai.tasks.workbench import Workbench

SMALL = [
    "dataset.modulations=[BPSK,8PSK]", "dataset.snrs=[0,20]", "dataset.frames_per_cell=10", "device=cpu",
    "representation.image_size=32", "trainer.precision=fp32",
]  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def parts_of(folder, *overrides):
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        cfg = compose("config", [*SMALL, *overrides])
    folder.mkdir(exist_ok=True)
    return make_parts(cfg, folder, list(overrides))


def test_settings_follow_the_frames_at_hand():
    source = Synthetic(["BPSK", "FM", "QPSK"], [0, 10], frames_per_cell=5, samples_per_symbol=4)
    settings = limit_settings(source, np.flatnonzero(source.snr_index == 1))
    assert settings.modulations == ("BPSK", "QPSK")
    assert settings.snrs == (10.0,)
    assert (settings.model.symbols, settings.model.samples) == (257, 1024)
    assert settings.frames_per_cell == 200


def test_a_test_carries_the_share_of_the_limit_and_where_it_comes_from(tmp_path):
    parts = parts_of(tmp_path / "run")
    bench = Workbench.build(parts)
    values = testing.test(bench, bench.split.test)
    reporting.report(bench, values)
    folder = tmp_path / "run"
    limits = read_limits(folder / "limits.csv")
    possible = np.mean([row["joint_accuracy"] for row in limits.values()])
    stored = json.loads((folder / "metrics.json").read_text())
    assert stored["share_of_limit"]["joint_accuracy"] == pytest.approx(stored["joint_accuracy"] / possible)
    assert "Of the limit" in (folder / "report.html").read_text()
    origin = json.loads((folder / "provenance.json").read_text())
    assert origin["dataset"]["modulations"] == ["BPSK", "8PSK"]
    assert origin["seed"] == 0 and origin["split"]["seed"] == 0
    assert origin["checkpoint_sha256"] is None
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "best.pt").write_bytes(b"abc")
    (folder / "history.jsonl").write_text('{"epoch": 0, "seconds": 1.5}\n{"epoch": 1, "seconds": 2.0}\n')
    testing.test(bench, bench.split.test)
    origin = json.loads((folder / "provenance.json").read_text())
    assert origin["checkpoint_sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert origin["training_seconds"] == 3.5
    assert sha256_of(folder / "checkpoints" / "best.pt") == origin["checkpoint_sha256"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (lambda: Synthetic(["BPSK", "FM"], [0], frames_per_cell=2), "analog"),
        (lambda: Synthetic(["BPSK"], [0], frames_per_cell=2, channel={"multipath": "rician"}), "white noise"),
        (
            lambda: type("Other", (), {"modulations": ["BPSK"], "modulation_index": np.zeros(4, int)})(),
            "synthetic",
        ),
    ],
)
def test_a_run_without_a_known_limit_goes_on(tmp_path, caplog, source, words):
    with caplog.at_level(logging.INFO):
        assert limits_of_run(source(), np.array([0, -1]), tmp_path) is None
    assert words in caplog.text
    assert not (tmp_path / "limits.csv").exists()


def test_limits_none_leaves_them_out(tmp_path):
    bench = Workbench.build(parts_of(tmp_path / "run", "limits=none"))
    assert "share_of_limit" not in testing.test(bench, bench.split.test)
    assert not (tmp_path / "run" / "limits.csv").exists()


def test_limits_task_leaves_its_files(tmp_path, caplog):
    parts = parts_of(tmp_path / "run", "task=limits", "dataset.modulations=[BPSK,8PSK,GMSK]")
    with caplog.at_level(logging.INFO):
        limits_task.run(parts, frames_per_cell=20)
    assert "counted as always right: GMSK" in caplog.text
    limits = read_limits(tmp_path / "run" / "limits.csv")
    assert limits[20.0]["modulation_accuracy"] == 1.0
    with (tmp_path / "run" / "anchors.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    high = {row["method"]: float(row["accuracy"]) for row in rows if row["snr"] == "20"}
    assert high["out_of_band"] == 1.0
    assert high["cumulants"] == pytest.approx(2 / 3)  # GMSK is never named
    assert (tmp_path / "run" / "figures" / "limits_by_snr.png").is_file()
