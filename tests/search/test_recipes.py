"""The searches as shipped: enough data and epochs to tell settings apart, and a header with the cost."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from optuna.pruners import NopPruner

from amc_xai import config
from amc_xai.__main__ import config_folder
from amc_xai.search.job import make_pruner
from amc_xai.signal import DIGITAL_17

SEARCHES = sorted(Path(config_folder()).glob("hparams_search/*.yaml"))
each_search = pytest.mark.parametrize("path", SEARCHES, ids=lambda path: path.stem)


def composed(*overrides: str) -> DictConfig:
    config.register()
    with initialize_config_dir(config_folder()):
        return compose("config", list(overrides), return_hydra_config=True)


@each_search
def test_a_search_has_the_classes_the_epochs_and_the_frames_to_tell_settings_apart(path):
    cfg = composed(f"hparams_search={path.stem}")
    assert cfg.dataset.modulations == "digital" and len(cfg.dataset.snrs) == 16
    share = cfg.split.ratios[1]
    cells = len(DIGITAL_17) * len(cfg.dataset.snrs)
    # The standard error of a validation accuracy near 50 %: a percentage point at most.
    assert 0.5 / (share * cfg.dataset.frames_per_cell * cells) ** 0.5 < 0.01
    if not isinstance(cfg.hydra.sweeper.direction, str):
        return  # two objectives: nothing is pruned
    pruners = make_pruner(OmegaConf.to_container(cfg.hydra.sweeper.pruner, resolve=True)).pruners
    assert not any(isinstance(pruner, NopPruner) for pruner in pruners)
    # Looked at twice at least before the last epoch.
    assert cfg.hydra.sweeper.pruner.pruners[0].min_resource * 3 < cfg.trainer.epochs


@each_search
def test_the_header_states_the_cost_of_the_search_as_it_is_configured(path):
    cfg = composed(f"hparams_search={path.stem}")
    header = " ".join(line.strip("# \n") for line in path.read_text().splitlines() if line.startswith("#"))
    cells = len(DIGITAL_17) * len(cfg.dataset.snrs)
    frames = round(cfg.split.ratios[0] * cfg.dataset.frames_per_cell) * cells
    for words in (
        f"Cost: {cfg.hydra.sweeper.n_trials} trials", f"{cfg.trainer.epochs} epochs", f"{frames:,} frames",
    ):  # fmt: skip
        assert words in header


@each_search
def test_what_the_command_names_wins_over_the_search(path):
    named = composed(f"hparams_search={path.stem}", "experiment=limit_272_cpu")
    assert named.trainer.epochs == composed("experiment=limit_272_cpu").trainer.epochs == 24
    assert named.dataset.endless
    cfg = composed(
        f"hparams_search={path.stem}", "dataset=radioml2018", "trainer.epochs=9", "dataset.modulations=all"
    )
    assert cfg.trainer.epochs == 9 and cfg.dataset.modulations == "all"
    # Nothing of the synthetic set is left over to trouble another source.
    assert set(cfg.dataset) == set(composed("dataset=radioml2018").dataset)
