"""Going on with a training from the command line: what is kept, what may change, and how mistakes end."""

import shutil
from types import SimpleNamespace

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from amc_xai.errors import UserError
from amc_xai.parts import overlay
from amc_xai.tasks.train import refuse_own_folder
from tests.conftest import CONF, tiny


def refused(result):
    """The one sentence that a command ended with."""
    assert result.code == 1
    said = (result.out + result.err).strip().splitlines()
    assert len(said) == 1 and "Traceback" not in (result.folder / "amc_xai.log").read_text()
    return said[0]


BAD = {
    "best": ("best.pt", [], ["resume", "weights of one epoch alone", "the last.pt beside it"]),
    "absent": ("nothing.pt", [], ["resume", "there is no file", "checkpoints/last.pt"]),
    "folder": ("", [], ["resume", "is a folder", "last.pt"]),
    "loss": ("last.pt", ["loss=fixed"], ["resume", "loss", "log_variance", "FixedWeights has none"]),
    "optimizer": ("last.pt", ["optimizer=sgd"], ["resume", "optimizer", "AdamW", "SGD", "optimizer.lr"]),
    "scheduler": ("last.pt", ["scheduler=plateau"], ["resume", "scheduler", "LambdaLR", "ReduceLROnPlateau"]),
    "workers": (None, ["trainer.workers=-1"], ["trainer.workers", "-1", "0 (no process beside) or more"]),
    "patience": (
        None,
        ["trainer.early_stopping=0"],
        ["trainer.early_stopping", "null (never)", "or 1 epoch"],
    ),
}


@pytest.mark.parametrize(("file", "overrides", "words"), BAD.values(), ids=BAD.keys())
def test_mistakes_end_in_one_sentence(cli, trained, file, overrides, words):
    if file is None:
        overrides = tiny(*overrides)
    else:
        overrides = [f"resume={trained}/checkpoints/{file}".rstrip("/"), "trainer.epochs=2", *overrides]
    result = cli(*overrides)
    said = refused(result)
    for word in words:
        assert word in said
    assert result.files <= {".hydra", "amc_xai.log"}


def test_a_run_is_not_resumed_over_itself(cli, trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained / "checkpoints", run / "checkpoints")
    before = {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()}
    said = refused(cli(f"resume={run}/checkpoints/last.pt", "trainer.epochs=2", folder=run))
    assert said.startswith(f"hydra.run.dir: {run} is the folder of the run to resume")
    assert {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()} == before


def test_only_the_first_process_has_a_run_folder_to_protect(tmp_path, monkeypatch):
    """The others of a training stand where the command was given, often above the run to resume."""
    parts = SimpleNamespace(
        goes_on=False, folder=tmp_path, config={"resume": f"{tmp_path}/run/checkpoints/last.pt"}
    )
    with pytest.raises(UserError, match="is the folder of the run to resume"):
        refuse_own_folder(parts)
    monkeypatch.setenv("RANK", "1")
    refuse_own_folder(parts)


def test_the_best_epoch_so_far_must_lie_beside(cli, trained, tmp_path):
    shutil.copy(trained / "checkpoints" / "last.pt", tmp_path)
    said = refused(cli(f"resume={tmp_path}/last.pt", "trainer.epochs=2"))
    assert said == f"resume: the training's best epoch so far is missing: there is no {tmp_path}/best.pt"


def test_changed_keys_are_in_force_and_recorded(cli, trained):
    changes = ["optimizer.lr=1e-5", "optimizer.weight_decay=0.3", "trainer.epochs=2", "loss.bound=0.001"]
    result = cli(f"resume={trained}/checkpoints/last.pt", "task.explain_after=false", *changes)
    assert result.code == 0
    assert "from here on, the base learning rate is 1e-05, not 0.002" in result.out
    assert "from here on, optimizer.weight_decay is 0.3, not 0.01" in result.out
    last = torch.load(result.folder / "checkpoints" / "last.pt", weights_only=True)
    assert last["config"]["optimizer"]["lr"] == 1e-5 and last["config"]["optimizer"]["weight_decay"] == 0.3
    group = last["optimizer"]["param_groups"][0]
    assert group["initial_lr"] == 1e-5 and group["weight_decay"] == 0.3 and group["lr"] <= 1e-5
    assert last["loss"]["log_variance"].abs().max().item() == pytest.approx(0.001)


STORED = ["loss=softmax", "loss.label_smoothing=0.1", "representation=fusion", "head=bottleneck_64"]


@pytest.fixture
def overlaid(tmp_path):
    """The configuration of a checkpoint made with STORED, with these overrides over it."""
    folder = tmp_path / "conf"
    shutil.copytree(CONF, folder)
    header = "# @package _global_\ndefaults:\n"
    (folder / "experiment" / "ordinal.yaml").write_text(f"{header}  - override /loss/snr_term: ordinal\n")
    (folder / "experiment" / "plain_head.yaml").write_text(f"{header}  - override /head: dual_layer\n")

    def overlaid(*overrides):
        with initialize_config_dir(str(folder)):
            stored = OmegaConf.to_container(compose("config", STORED))
            cfg = compose("config", list(overrides), return_hydra_config=True)
            HydraConfig.instance().set_config(cfg)
            cfg = OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"])
            return overlay(cfg, stored, list(overrides))

    yield overlaid
    HydraConfig.instance().cfg = None


@pytest.mark.parametrize("override", ["loss/snr_term=ordinal", "experiment=ordinal"])
def test_a_group_inside_another_leaves_the_rest_of_it_as_it_is_stored(overlaid, override):
    result = overlaid(override)
    assert result.loss.snr_term._target_ == "amc_xai.loss.OrdinalSnr"
    assert result.loss._target_ == "amc_xai.loss.SoftmaxWeights" and result.loss.label_smoothing == 0.1
    assert "label_smoothing" not in result.loss.snr_term


def test_a_group_at_a_place_of_its_own_leaves_the_rest_as_it_is_stored(overlaid):
    result = overlaid("+representation@representation.sequence=amplitude_phase", "loss.label_smoothing=0.2")
    assert result.representation._target_ == "amc_xai.representation.Fusion"
    assert result.representation.sequence._target_ == "amc_xai.representation.AmplitudePhase"
    assert result.loss._target_ == "amc_xai.loss.SoftmaxWeights" and result.loss.label_smoothing == 0.2


def test_a_whole_group_takes_the_place_of_the_stored_one(overlaid):
    result = overlaid("loss=fixed", "loss/snr_term=distance", "experiment=plain_head")
    assert result.loss._target_ == "amc_xai.loss.FixedWeights" and result.loss.label_smoothing == 0
    assert result.loss.snr_term._target_ == "amc_xai.loss.DistancePenalisedSnr"
    assert result.head.snr._target_ == "amc_xai.model.dual_layer" and "width" not in result.head.snr
