"""The recipes towards the limit: sizes of their parts, and how many test frames a claim stands on."""

from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from amc_xai.__main__ import config_folder  # registers the schema as well
from amc_xai.parts import make_parts
from amc_xai.signal import DIGITAL_17
from amc_xai.tasks.teaching import make_teacher

# The original study and the published networks learned from labels; behind a receiver there is nothing else.
TAUGHT = (
    "limit_272",
    "limit_272_cpu",
    "pictures_272_cpu",
    "twin_272_cpu",
    "twin_272_pictures_cpu",
    "twin_442_cpu",
    "posterior_targets",
)
RECIPES = ("limit_272", "limit_272_cpu", "pictures_272_cpu", "paper_272_cpu", "networks_272_cpu")


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_tests_on_twenty_thousand_frames(tmp_path, name):
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        cfg = compose("config", [f"experiment={name}", "device=cpu"])
    parts = make_parts(cfg, tmp_path, [])
    source = parts.make["dataset"]()
    assert tuple(source.modulations) == DIGITAL_17
    assert source.snrs == [float(snr) for snr in range(0, 31, 2)]
    assert source.endless
    split = parts.make["split"](source.modulation_index, source.snr_index)
    assert len(split.test) == 272 * 80
    assert len(split.validation) == 272 * 4
    cell = source.modulation_index[split.test] * 16 + source.snr_index[split.test]
    assert (np.bincount(cell) == 80).all()


@pytest.mark.parametrize("name", ["twin_442_cpu", "twin_442_paper_cpu"])
def test_the_other_grid_is_tested_on_twenty_thousand_frames(tmp_path, name):
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        cfg = compose("config", [f"experiment={name}", "device=cpu"])
    parts = make_parts(cfg, tmp_path, [])
    source = parts.make["dataset"]()
    assert source.snrs == [float(snr) for snr in range(-20, 31, 2)]
    split = parts.make["split"](source.modulation_index, source.snr_index)
    assert (len(split.test), len(split.validation)) == (442 * 48, 442 * 4)


@pytest.mark.parametrize(
    "name", [path.stem for path in sorted(Path(config_folder(), "experiment").glob("*.yaml"))]
)
def test_a_recipe_asks_for_no_target_that_its_frames_do_not_have(monkeypatch, tmp_path, name):
    monkeypatch.setattr("amc_xai.tasks.teaching.ClassPosterior", lambda *given: given)  # no tables
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        cfg = compose("config", [f"experiment={name}", "device=cpu"])
    parts = make_parts(cfg, tmp_path, [])
    if OmegaConf.select(cfg, "dataset.endless"):
        teacher = make_teacher(parts, parts.make["dataset"](), "cpu")
        assert (teacher is not None) == (name in TAUGHT)
    else:
        assert cfg.loss.target == "label"
