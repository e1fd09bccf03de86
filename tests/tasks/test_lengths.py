"""Frames of several lengths, and with samples a symbol of their own, through a whole run."""

import json

import pytest
from hydra import compose, initialize_config_dir

from amc_xai.__main__ import config_folder
from amc_xai.errors import UserError
from amc_xai.parts import make_parts
from amc_xai.tasks import train
from amc_xai.tasks.workbench import Workbench

GIVEN = [
    "dataset.modulations=[BPSK,QPSK]", "dataset.snrs=[0,20]", "dataset.frames_per_cell=48",
    "dataset.frame_length=[128,256]", "trainer.epochs=1", "trainer.batch_size=16", "device=cpu",
]  # fmt: skip


def parts_of(given, folder):
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        return make_parts(compose("config", given), folder, given)


def test_a_run_on_ranges_tests_each_frame_once(tmp_path):
    given = [*GIVEN, "dataset.samples_per_symbol=[2,8]", "dataset.endless=true", "dataset.frames_per_epoch=64"]
    train.run(parts_of([*given, "representation=points", "backbone=point_set"], tmp_path))
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["frames"] == 20 and [row["es_n0_db"] for row in found["by_snr"]] == [0.0, 20.0]


def test_a_backbone_of_one_length_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"^dataset\.frame_length: this backbone takes frames of one length"):
        Workbench.build(parts_of([*GIVEN, "representation=iq", "backbone=cgdnet"], tmp_path))
