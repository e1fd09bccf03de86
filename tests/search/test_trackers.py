"""One finished tracker run for each trial, readable afterwards."""

import json
import struct
import sys
from base64 import b64decode
from hashlib import md5
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from wandb.proto import wandb_internal_pb2

from amc_xai import config
from amc_xai.errors import UserError
from amc_xai.tracking import TensorBoardTracker, WandbTracker

SEARCH = ["-m", "hparams_search=architecture", "hydra.sweeper.n_trials=2", "hydra.sweeper.study_name=tracked"]


def records(path: Path) -> list:
    """Every record of an offline W&B run: protocol buffers in LevelDB's log format, after a header of 7 bytes."""
    data, found, pieces, position = path.read_bytes(), [], b"", 7
    assert data[:4] == b":W&B"
    while position + 7 <= len(data):
        left = 32768 - position % 32768
        if left < 7:  # no header fits into the rest of the block
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        pieces += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # the record is whole
            record = wandb_internal_pb2.Record()
            record.ParseFromString(pieces)
            found.append(record)
            pieces = b""
    return found


def test_wandb_leaves_one_finished_offline_run_for_each_trial(amc, tmp_path):
    assert amc(*SEARCH, "tracker=wandb", "tracker.project=mine", "tracker.save_best=true", epochs=2) == 0
    for number in range(2):
        [path] = (tmp_path / "multirun/tracked" / str(number)).rglob("*.wandb")
        found = records(path)
        [run] = [r.run for r in found if r.HasField("run")][-1:]
        assert (run.project, run.run_group) == ("mine", "tracked")
        assert "optimizer.lr=" in run.display_name and "optimizer.lr=" in run.notes
        rows = [record.history.item for record in found if record.HasField("history")]
        values = [{item.key or item.nested_key[0]: item.value_json for item in row} for row in rows]
        assert [row["epoch"] for row in values if "epoch" in row] == ["0", "1"]
        assert [record.exit.exit_code for record in found if record.HasField("exit")] == [0]
        # The best weights, as they lie in the run folder: no copy that a cleaned home would take away.
        [artifact] = [record.artifact for record in found if record.HasField("artifact")]
        assert (artifact.type, artifact.name) == ("model", f"best-{run.run_id}")
        [entry] = artifact.manifest.contents
        best = tmp_path / "multirun/tracked" / str(number) / "checkpoints/best.pt"
        assert entry.local_path == str(best)
        assert b64decode(entry.digest) == md5(best.read_bytes()).digest()
        # Its own log says how to upload it: the folder that `wandb sync` takes.
        log = (tmp_path / "multirun/tracked" / str(number) / "amc_xai.log").read_text()
        assert f"W&B: the run is in {path.parent}; upload it with: wandb sync {path.parent}\n" in log


def test_tensorboard_leaves_scalars_and_figures_for_each_trial(figures, amc, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    assert amc(*SEARCH, "tracker=tensorboard", "tracker.folder=board", epochs=2) == 0
    for number in range(2):
        events = accumulator.EventAccumulator(str(tmp_path / "board/tracked" / str(number)))
        events.Reload()
        assert [event.step for event in events.Scalars("validation_loss")] == [0, 1]
        assert events.Tags()["images"]


def test_tensorboard_without_its_package_is_a_plain_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match="needs the package tensorboard"):
        TensorBoardTracker().start(tmp_path, {}, [])


@pytest.mark.parametrize("task", ["evaluate", "explain"])
def test_a_test_of_a_checkpoint_is_tracked_as_a_training_is(cli, trained, task):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    given = [f"task={task}", f"checkpoint={trained}/checkpoints/best.pt", "tracker=tensorboard", "device=cpu"]
    result = cli(*given, "perturbation.selectors=[top]", "perturbation.fractions=[0.5]")
    assert result.code == 0
    events = accumulator.EventAccumulator(str(result.folder / "tensorboard"))
    events.Reload()
    metrics = json.loads((result.folder / "metrics.json").read_text())
    [event] = events.Scalars("test/joint_accuracy")
    assert event.value == pytest.approx(metrics["joint_accuracy"])
    assert (
        set(events.Tags()["images"]) == {path.stem for path in (result.folder / "figures").glob("*.png")} != set()
    )


def test_a_task_with_nothing_to_track_says_so(caplog):
    for task, target, said in (
        ("predict", "WandbTracker", True),
        ("limits", "TensorBoardTracker", True),
        ("predict", "NoTracker", False),
        ("evaluate", "WandbTracker", False),
    ):
        caplog.clear()
        config.check_tracker(OmegaConf.create({"_target_": f"amc_xai.tracking.{target}"}), task)
        assert (f"tracker: task={task}" in caplog.text) == said


def test_wandb_that_cannot_begin_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"^tracker\.mode must be one of offline, online, disabled, not 'ofline'"):
        WandbTracker(mode="ofline")
    with pytest.raises(UserError, match=r"^tracker: W&B can't begin a run \(Invalid project name 'a/b'"):
        WandbTracker(project="a/b").start(tmp_path, {}, [])
