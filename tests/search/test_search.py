"""Whole searches over the command line, in one process."""

import csv

import optuna
import pytest
from optuna.trial import TrialState

from amc_xai.files import replacing


def load(tmp_path, name: str) -> optuna.Study:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{tmp_path}/multirun/{name}.db")


def table(tmp_path, name: str) -> list[dict]:
    with (tmp_path / "multirun" / name / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def search(name: str, trials: int, *more: str) -> list[str]:
    return [
        "-m", "hparams_search=architecture", f"hydra.sweeper.study_name={name}",
        f"hydra.sweeper.n_trials={trials}", "~hydra.sweeper.params.backbone",
        "~hydra.sweeper.params.trainer.batch_size", *more,
    ]  # fmt: skip


def test_eight_trials_over_two_backbones_some_pruned_none_failed_and_the_best_runs_as_written(amc, tmp_path):
    # A threshold that no trial reaches before epoch 3 prunes what survives Hyperband.
    code = amc(
        *search("eight", 8), "+hydra.sweeper.params.backbone.name='choice(test_resnet,test_vit)'",
        "hydra/sweeper/pruner=threshold", "hydra.sweeper.pruner.lower=0.9",
        "hydra.sweeper.pruner.n_warmup_steps=2", tiny=True,
    )  # fmt: skip
    assert code == 0
