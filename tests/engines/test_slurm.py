"""Searches and trainings over a real SLURM: arrays, a cancelled job, a job that is queued again."""

import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from amc_xai.search.storage import close_storage, open_storage
from tests.engines.conftest import wait_until

# Slow: a cluster starts, and its controller looks for work, lost jobs and silent nodes at intervals of seconds.
pytestmark = pytest.mark.slow
JOB = Path(__file__).with_name("waiting_job.py")
QUEUE = ["hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=5", "hydra.launcher.partition=main"]


@pytest.fixture
def search(slurm, tmp_path):
    """Start a search of jobs that only wait; it is ended with the test."""
    started = []

    def start(trials: int, at_once: int, slow: str, *more: str) -> subprocess.Popen:
        command = [
            sys.executable, JOB, "-m", "hparams_search=architecture", *QUEUE, "backbone=tiny",
            f"hydra.sweeper.n_trials={trials}", f"hydra.sweeper.n_jobs={at_once}",
            *more,
        ]  # fmt: skip
        environment = {**slurm.environment, "SLOW_TRIALS": slow, "OMP_NUM_THREADS": "1"}
        started.append(
            subprocess.Popen(
                command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.stdout.close()
        process.wait()


def ended(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    return output


def trials_of(tmp_path) -> list[FrozenTrial]:
    storage = open_storage(f"sqlite:///{tmp_path}/multirun/architecture.db")
    trials = optuna.load_study(study_name="architecture", storage=storage).trials
    close_storage(storage)
    return trials


def lines(tmp_path, what: str) -> list[list[str]]:
    path = tmp_path / "jobs.log"
    text = path.read_text() if path.is_file() else ""
    return [line.split()[1:] for line in text.splitlines() if line.startswith(what)]


def begun(tmp_path, number: int) -> list[str]:
    """Job, task, node and process of a trial that has begun."""
    wait_until(lambda: any(line[0] == str(number) for line in lines(tmp_path, "begin")), 100)
    return next(line for line in lines(tmp_path, "begin") if line[0] == str(number))[1:]


def test_eight_trials_run_as_arrays_and_a_cancelled_one_runs_again(slurm, search, tmp_path):
    process = search(8, 8, "2")
    job, task, _, _ = begun(tmp_path, 2)
    slurm.ask("scancel", f"{job}_{task}")
    output = ended(process)
    assert "trial 2 was ended from outside" in output
    trials = trials_of(tmp_path)
    states = [t.state for t in trials]
    assert states.count(TrialState.COMPLETE) == 8 and states.count(TrialState.FAIL) == 1
    assert states[2] == TrialState.FAIL
    [again] = [t for t in trials if t.user_attrs.get("repeats") == 2]
    assert again.params == trials[2].params
    # No trial ran twice, and the others of its array were not lost with it.
    assert sorted(int(line[0]) for line in lines(tmp_path, "end")) == [0, 1, 3, 4, 5, 6, 7, 8]
    assert len(lines(tmp_path, "begin")) == 9
    arrays = {}
    for _, job, task, node, _ in lines(tmp_path, "begin"):
        arrays.setdefault(job, []).append(task)
        assert node in ("n1", "n2")
    assert sorted(map(sorted, arrays.values())) == [["-"], list("01234567")]
    table = (tmp_path / "multirun/architecture/trials.csv").read_text()
    assert f"lost with its worker; trial {again.number} runs it again" in table


def test_of_24_trials_each_completes_once_though_one_is_cancelled_one_times_out_and_a_node_is_lost(
    slurm, search, tmp_path
):
    limit = [
        "hydra.launcher.timeout_min=1",
        "hydra.launcher.signal_delay_s=15",
        "hydra.launcher.max_num_timeout=5",
    ]
    process = search(24, 8, "2,5,11", *limit)
    job, task, _, _ = begun(tmp_path, 2)
    slurm.ask("scancel", f"{job}_{task}")
    _, _, node, worker = begun(tmp_path, 11)  # of the second batch: trial 5 has reached its limit and run again
    slurm.daemons[node].kill()
    slurm.daemons[node].wait()
    wait_until(lambda: "down" in slurm.ask("sinfo", "-h", "-n", node, "-o", "%t"), 120)
    slurm.start(node)
    output = ended(process)
    assert "trial 2 was ended from outside" in output
    trials = trials_of(tmp_path)
    completed = [t.number for t in trials if t.state == TrialState.COMPLETE]
    assert len(completed) == 24 and len(trials) == 24 + sum("repeats" in t.user_attrs for t in trials)
    # Whatever was begun again, each set of parameters came to its end once.
    assert sorted(int(line[0]) for line in lines(tmp_path, "end")) == completed
    assert len({tuple(trials[number].params.items()) for number in completed}) == 24
    begins = [line[0] for line in lines(tmp_path, "begin")]
    assert begins.count("5") >= 2
    # SLURM queues the job of a lost node again; where we look before that, it is cancelled and its trial repeated.
    assert begins.count("11") >= 2 or any(t.user_attrs.get("repeats") == 11 for t in trials)
    wait_until(lambda: not Path("/proc", worker).exists(), 60)
    best = [sys.executable, "-m", "amc_xai", "--config-dir", "multirun/architecture", "experiment=best_experiment"]
    small = [
        "dataset.modulations=[BPSK,QPSK]", "dataset.snrs=[0,20]", "dataset.frames_per_cell=10",
        "dataset.frame_length=128", "trainer.epochs=1", "limits=none", "task.explain_after=false",
    ]  # fmt: skip
    done = subprocess.run([*best, *small], cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
