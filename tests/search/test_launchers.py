"""Hydra's launchers under a search: trials of one batch run in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from amc_xai.search.storage import close_storage, open_storage

CONTROLLER = Path(__file__).with_name("controller.py")


@pytest.mark.parametrize(
    ("launcher", "package"), [("joblib", "hydra_joblib_launcher"), ("submitit_local", "hydra_submitit_launcher")]
)
def test_a_batch_of_trials_runs_in_other_processes(tmp_path, launcher, package):
    pytest.importorskip(f"hydra_plugins.{package}")
    command = [
        sys.executable, CONTROLLER, "0.1", "-m", "hparams_search=architecture", f"hydra/launcher={launcher}",
        "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", "backbone=tiny",
    ]  # fmt: skip
    # A worker loads the job by name, from the folder that holds it.
    paths = os.pathsep.join([str(CONTROLLER.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=200, env={**os.environ, "PYTHONPATH": paths}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    storage = open_storage(f"sqlite:///{tmp_path}/multirun/architecture.db")
    trials = optuna.load_study(study_name="architecture", storage=storage).trials
    close_storage(storage)
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 4
    jobs = [line.split() for line in (tmp_path / "jobs.log").read_text().splitlines()]
    assert {int(number): float(lr) for number, _, lr, _ in jobs} == {t.number: t.value for t in trials}
    assert len(jobs) == 4
    assert all(number == folder for number, _, _, folder in jobs)
    assert len({process for _, process, _, _ in jobs}) >= 2
