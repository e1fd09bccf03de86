"""The published claims: recipes whose runs differ in what is compared alone."""

import csv

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from amc_xai.__main__ import config_folder  # registers the schema as well
from amc_xai.parts import make_parts
from tests.conftest import tiny

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
    # One task alone has no posterior to learn from, so all learn from labels.
    target = {"loss.target"} if name == "claims_pictures" else set()
    assert differing == {"dataset.frames_per_cell", "split.ratios", "trainer.epochs", "limits"} | target
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


def test_trainings_masks_and_verdicts_follow_each_other_by_commands(cli, tmp_path):
    # Full precision: in bfloat16 on a CPU torch's gradient of a 3 x 3 convolution over one pixel, which only such
    # small pictures come to, reads memory that nobody wrote, and isn't finite now and then.
    small = tiny(
        "experiment=claims", "trainer.precision=fp32", "dataset.frames_per_cell=16", "dataset.frames_per_epoch=16",
        "seed=0,1", "split.ratios=[0.25,0.25,0.5]", "loss=uncertainty,snr_only", "representation.image_size=16",
    )  # fmt: skip
    done = cli("-m", *small, folder=tmp_path / "trained")
    assert done.code == 0, done.out + done.err
    joint = ",".join(f"{tmp_path}/trained/{k}/checkpoints/best.pt" for k in (0, 1))
    masks = ["task=explain", "experiment=claims_masks", "perturbation/operator=zero,swap", f"checkpoint={joint}"]
    assert cli("-m", *masks, "device=cpu", folder=tmp_path / "masked").code == 0
    assert not list((tmp_path / "masked").rglob("channels.csv"))  # of which the claims say nothing
    result = cli(
        "task=claims", f"task.folder=[{tmp_path}/trained,{tmp_path}/masked]", f"task.into={tmp_path}/told"
    )
    assert result.code == 0 and "The brightest pixels are critical" in result.out + result.err
    with (tmp_path / "told" / "claims.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["claim"] for row in rows} == {"brightest", "faintest", "joint", "seeds", "operators"}
    assert {(row["network"], row["runs"], row["frames"]) for row in rows} == {("claims", "2", "32")}
    assert {row["how"] for row in rows if row["claim"] == "operators"} == {
        "zero and resample", "zero and swap", "resample and swap",
    }  # fmt: skip
    assert {row["task"] for row in rows if row["claim"] == "joint"} == {"snr"}
    refused = cli("task=claims")
    assert refused.code == 1 and "task.folder must name the folders" in refused.out + refused.err
