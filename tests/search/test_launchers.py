"""Hydra's launchers under a search: trials of one batch run in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
from optuna.trial import TrialState

from amc_xai.search.launch import worker_died
from amc_xai.search.queued import ended_from_outside, states
from amc_xai.search.storage import close_storage, open_storage

# As Ray 2.60 has them.
RAY_ERRORS = ("WorkerCrashedError", "NodeDiedError", "ObjectLostError", "OutOfMemoryError")
CONTROLLER = Path(__file__).with_name("controller.py")


@pytest.fixture
def search(tmp_path):
    """Run a search of four trials, two at a time; returns its trials and the lines of its jobs."""

    def run(launcher: str, **environment: str):
        command = [
            sys.executable, CONTROLLER, "0.1", "-m", "hparams_search=architecture", f"hydra/launcher={launcher}",
            "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", "backbone=tiny",
        ]  # fmt: skip
        # A worker loads the job by name, from the folder that holds it.
        paths = os.pathsep.join([str(CONTROLLER.parent), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": paths, **environment}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        storage = open_storage(f"sqlite:///{tmp_path}/multirun/architecture.db")
        trials = optuna.load_study(study_name="architecture", storage=storage).trials
        close_storage(storage)
        return trials, [line.split() for line in (tmp_path / "jobs.log").read_text().splitlines()]

    return run


@pytest.mark.parametrize(
    ("launcher", "package"), [("joblib", "hydra_joblib_launcher"), ("submitit_local", "hydra_submitit_launcher")]
)
def test_a_batch_of_trials_runs_in_other_processes(search, launcher, package):
    pytest.importorskip(f"hydra_plugins.{package}")
    trials, jobs = search(launcher)
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 4
    assert {int(number): float(lr) for number, _, lr, _ in jobs} == {t.number: t.value for t in trials}
    assert len(jobs) == 4
    assert all(number == folder for number, _, _, folder in jobs)
    assert len({process for _, process, _, _ in jobs}) >= 2


def test_a_worker_that_is_killed_fails_its_batch_and_the_search_goes_on(search):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    trials, _ = search("joblib", KILLED_TRIAL="1")
    assert [t.state for t in trials] == [TrialState.FAIL] * 2 + [TrialState.COMPLETE] * 2
    for trial in trials[:2]:
        assert trial.user_attrs["failure"].startswith("TerminatedWorkerError: A worker process")


def test_a_job_that_slurm_ended_is_told_from_one_that_never_began():
    errors = pytest.importorskip("submitit.core.utils")
    assert worker_died(errors.FailedJobError("killed for its memory"))
    assert not worker_died(errors.FailedSubmissionError("sbatch: no such partition"))
    assert not worker_died(OSError("no disk"))


def test_what_ray_says_of_a_worker_that_is_gone_is_known(monkeypatch):
    kinds = {name: type(name, (Exception,), {}) for name in RAY_ERRORS}
    monkeypatch.setitem(sys.modules, "ray.exceptions", SimpleNamespace(**kinds))
    assert all(worker_died(kind("gone")) for kind in kinds.values())
    assert not worker_died(ConnectionError("no cluster at this address"))


def test_the_queue_tells_the_states_of_jobs_and_of_tasks_of_arrays():
    assert states("7 2 RUNNING\n7 10 CANCELLED\n8 N/A NODE_FAIL\n") == {
        "7_2": {"JobID": "7_2", "State": "RUNNING"},
        "7_10": {"JobID": "7_10", "State": "CANCELLED"},
        "8": {"JobID": "8", "State": "NODE_FAIL"},
    }


def test_only_what_others_ended_runs_again():
    errors = pytest.importorskip("submitit.core.utils")
    assert ended_from_outside(errors.UncompletedJobError("has not produced any output (state: CANCELLED)"))
    assert not ended_from_outside(errors.FailedJobError("failed during processing"))
    assert not ended_from_outside(ValueError("its own")) and not ended_from_outside(None)
