"""A small model that has learned something, for the tests of what explains models."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import open_dict

from amc_xai import config
from amc_xai.__main__ import config_folder  # registers the schema as well
from amc_xai.parts import Parts, make_parts
from amc_xai.tasks import train
from amc_xai.tasks.workbench import Workbench
from amc_xai.training import load_checkpoint

# Two classes and two SNRs that a picture of the trajectory tells apart.
LEARNED = [
    "dataset.modulations=[BPSK,8PSK]", "dataset.snrs=[6,24]", "dataset.frames_per_cell=150",
    "dataset.frame_length=512", "split.ratios=[0.5,0.1,0.4]", "representation=constellation",
    "representation.image_size=32", "backbone=timm", "backbone.name=test_resnet", "trainer.epochs=16",
    "trainer.batch_size=20", "trainer.precision=fp32", "optimizer.lr=3e-3", "device=cpu", "limits=none",
]  # fmt: skip


@pytest.fixture(scope="session")
def learned(tmp_path_factory) -> Path:
    """Its checkpoint."""
    folder = tmp_path_factory.mktemp("learned")
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        parts = make_parts(compose("config", LEARNED), folder, LEARNED)
    train.run(parts, test_after=False, explain_after=False)
    return folder / "checkpoints" / "best.pt"


@pytest.fixture
def bench_of(learned, tmp_path):
    """Make the workbench of that model, with overrides; its run folder is fresh."""

    def make(*overrides: str) -> Workbench:
        given = [*LEARNED, *overrides]
        with initialize_config_dir(config_folder(), job_name="amc_xai"):
            bench = Workbench.build(make_parts(compose("config", given), tmp_path, given))
        bench.classifier.network.load_state_dict(load_checkpoint(learned, "checkpoint")["network"])
        return bench

    return make


@pytest.fixture
def parts_of_command(tmp_path):
    """The parts of ``python -m amc_xai OVERRIDES``, checked; its run folder is the test's own."""

    def make(*overrides: str) -> Parts:
        config.register()
        with initialize_config_dir(config_folder(), job_name="amc_xai"):
            cfg = compose("config", list(overrides), return_hydra_config=True)
            # What a checkpoint brings depends on what was given: Hydra tells a group from a key.
            HydraConfig.instance().set_config(cfg)
            with open_dict(cfg):
                del cfg["hydra"]
            config.check(cfg)
            return make_parts(cfg, tmp_path, list(overrides))

    yield make
    HydraConfig.instance().cfg = None
