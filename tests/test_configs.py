"""Every YAML of every group composes, instantiates and takes one training step at a tiny size."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from amc_xai import config
from amc_xai.__main__ import config_folder
from amc_xai.parts import GROUPS, Parts, make_parts
from amc_xai.tasks import train
from tests.conftest import tiny

CONF = Path(config_folder())
SEQUENCES = ("cgdnet", "cumulants", "harper", "mcldnn", "moe_amc", "oshea_resnet", "pet_cgdnn")
# What a choice needs besides its name; every other YAML works with the tiny defaults as it is.
NEEDS = {
    "backbone/timm": ["backbone.name=test_vit"],
    "backbone/tiny": ["representation.image_size=32"],
    "dataset/split_hdf5": ["dataset.path={store}"],
    "dataset/arrays": ["dataset.path={brought}/arrays.npz", "dataset.samples_per_symbol=8"],
    "dataset/radioml2018": ["dataset.path={brought}/gold.hdf5"],
    "dataset/radioml2016": ["dataset.path={brought}/a.pkl", "dataset.samples_per_symbol=8"],
    "dataset/radioml2016a": ["dataset.path={brought}/a.pkl"],
    "dataset/radioml2016b": ["dataset.path={brought}/b.pkl"],
    "dataset/radioml2016c": ["dataset.path={brought}/a.pkl", "dataset.samples_per_symbol=8"],
    "dataset/recordings": [
        "dataset.path={brought}/recordings",
        "dataset.labels={brought}/labels.csv",
        "dataset.sample_rate=1e6",
        "dataset.samples_per_symbol=8",
    ],
    **{f"backbone/{name}": ["representation=iq"] for name in SEQUENCES},
    **{
        f"backbone/{name}": ["representation=points"]
        for name in ("point_set", "point_set_narrow", "point_set_large")
    },
    **{f"representation/{name}": ["backbone=harper"] for name in ("iq", "amplitude_phase")},
    **{f"representation/{name}": ["backbone=point_set"] for name in ("points", "points_likelihood")},
    # Experiments on sequences: said again, for the tiny size has a small image network of its own.
    **{
        f"experiment/{name}": ["representation=points", "backbone=point_set"]
        for name in (
            "limit_272_cpu",
            "posterior_targets",
            "twin_272_cpu",
            "twin_442_cpu",
            "wild_cpu",
            "radioml_272",
            "radioml_442",
        )
    },
    **{
        f"experiment/{name}": ["representation=points", "backbone=point_set_large"]
        for name in ("limit_272", "wild")
    },
    **{
        f"experiment/{name}": ["representation=iq", "backbone=cumulants"]
        for name in ("networks_272_cpu", "twin_272_networks_cpu")
    },
    "backbone/fusion": ["representation=fusion", "representation.image.image_size=32"],
    "representation/fusion": ["backbone=fusion", "representation.image.image_size=32"],
}
# No step of training of their own: jobs (tests/test_cli.py runs them), whole experiments (below), searches.
# Pictures and the representation that passes them on go together, in a test of their own; backbones are in
# tests/model/test_every_backbone.py.
PICTURES = {"dataset/images", "representation/none"}
ELSEWHERE = {"task", "experiment", "hparams_search", "hydra"}


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def training_choices() -> list[str]:
    groups = {str(path.parent.relative_to(CONF)) for path in CONF.glob("**/*.yaml")} - {"."}
    return [
        f"{group}/{name}"
        for group in sorted(groups)
        if group.split("/")[0] not in ELSEWHERE | {"backbone"}
        for name in choices(group)
        if f"{group}/{name}" not in PICTURES
    ]


def parts_of(overrides: list[str], folder: Path) -> Parts:
    config.register()
    with initialize_config_dir(str(CONF)):
        cfg = compose("config", overrides)
        config.check(cfg)
        return make_parts(cfg, folder, overrides)


def test_every_group_is_wired():
    assert {path.name for path in CONF.iterdir() if path.is_dir()} - ELSEWHERE == set(GROUPS)


@pytest.mark.parametrize("choice", training_choices())
def test_one_training_step(choice, store, brought, tmp_path):
    group, name = choice.rsplit("/", 1)
    needs = [need.format(store=store, brought=brought) for need in NEEDS.get(choice, [])]
    parts = parts_of(tiny(f"{group}={name}", *needs), tmp_path)
    assert 0 <= train.run(parts, test_after=False, explain_after=False) <= 1
    assert (tmp_path / "checkpoints" / "last.pt").is_file()


def test_pictures_train_with_the_representation_that_passes_them_on(pictures, tmp_path):
    given = ["dataset=images", f"dataset.path={pictures}", "dataset.channels=[trajectory]", "representation=none"]
    assert 0 <= train.run(parts_of(tiny(*given), tmp_path), test_after=False, explain_after=False) <= 1


@pytest.mark.parametrize("name", choices("experiment"))
def test_experiment_takes_a_step_on_synthetic_frames(name, tmp_path):
    given = [
        f"experiment={name}",
        *NEEDS.get(f"experiment/{name}", []),
        "dataset=synthetic",
        "dataset.frames_per_epoch=40",
        "split.ratios=[0.8,0.1,0.1]",
    ]
    parts = parts_of(tiny(*given), tmp_path)
    assert 0 <= train.run(parts, test_after=False, explain_after=False) <= 1


def test_paper_settings_are_the_published_ones(tmp_path):
    with initialize_config_dir(str(CONF)):
        main, full = (
            OmegaConf.to_container(compose("config", [f"experiment={name}", "dataset=synthetic"]), resolve=True)
            for name in ("paper_272", "paper_442")
        )
    for settings, backbone, batch, snrs in ((main, "resnet50", 256, 16), (full, "swin_tiny", 32, 26)):
        assert settings["backbone"]["name"].startswith(backbone)
        assert settings["trainer"]["batch_size"] == batch and settings["trainer"]["epochs"] == 100
        assert len(settings["dataset"]["modulations"]) == 17 and len(settings["dataset"]["snrs"]) == snrs
        assert settings["representation"]["image_size"] == 224
        assert settings["representation"]["_target_"].endswith("Constellation")
        assert settings["optimizer"] == {
            "_target_": "torch.optim.Adam",
            "_partial_": True,
            "lr": 1e-4,
            "weight_decay": 1e-5,
        }
        assert settings["extractor"]["dropout"] == 0.3
        assert settings["split"]["ratios"] == [0.8, 0.1, 0.1]


@pytest.mark.parametrize("extractor", choices("extractor"))
@pytest.mark.parametrize("name", choices("hparams_search"))
def test_search_composes_with_any_dataset_experiment_and_extractor(name, extractor, store):
    with initialize_config_dir(str(CONF)):
        cfg = compose(
            "config",
            [f"hparams_search={name}", "experiment=paper_272", f"extractor={extractor}", f"dataset.path={store}"],
            return_hydra_config=True,
        )
    assert cfg.hydra.sweeper.n_trials > 0
    # A key that the chosen parts don't have would end every trial.
    assert [key for key in cfg.hydra.sweeper.params if OmegaConf.select(cfg, key) is None] == []
