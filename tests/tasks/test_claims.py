"""The published claims: recipes whose runs differ in what is compared alone."""

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from amc_xai.__main__ import config_folder  # registers the schema as well
from amc_xai.parts import make_parts

RECIPES = {"claims": "twin_272_paper_cpu", "claims_pictures": "twin_272_pictures_cpu"}


def flat(values: dict, before: str = "") -> dict:
    found = {}
    for key, value in values.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
    return found


@pytest.mark.parametrize(("name", "of"), RECIPES.items())
def test_a_recipe_is_that_of_the_results_on_fewer_frames(name, of):
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        cfgs = [compose("config", [f"experiment={recipe}"], return_hydra_config=True) for recipe in (name, of)]
        params = [OmegaConf.to_container(cfg.hydra.sweeper).get("params") for cfg in cfgs]
        own = [OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"]) for cfg in cfgs]
        mine, other = (flat(OmegaConf.to_container(cfg, resolve=True)) for cfg in own)
    differing = {key for key in mine.keys() | other.keys() if mine.get(key) != other.get(key)}
    assert differing == {"dataset.frames_per_cell", "split.ratios", "trainer.epochs", "limits"}
    # Joint learning, as the recipe has it, comes first.
    joint = {"claims": "uncertainty", "claims_pictures": "fixed"}[name]
    assert params[0] == {"loss": f"{joint},modulation_only,snr_only", "seed": "0,1,2"}


@pytest.mark.parametrize("name", RECIPES)
def test_every_run_of_a_recipe_is_tested_on_the_same_five_thousand_frames(tmp_path, name):
    tested = []
    for seed in (0, 2):
        with initialize_config_dir(config_folder(), job_name="amc_xai"):
            cfg = compose("config", [f"experiment={name}", "device=cpu", f"seed={seed}"])
        parts = make_parts(cfg, tmp_path, [])
        source = parts.make["dataset"]()
        split = parts.make["split"](source.modulation_index, source.snr_index)
        cell = source.modulation_index[split.test] * 16 + source.snr_index[split.test]
        assert (np.bincount(cell) == 20).all() and len(split.test) == 272 * 20
        tested.append((split.test, source.read(split.test[:4])))
    assert np.array_equal(tested[0][0], tested[1][0]) and tested[0][1].equal(tested[1][1])
