"""Several controllers on one study, held by a real PostgreSQL server."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from amc_xai.search.storage import close_storage, open_storage
from tests.search.postgres import MISSING, postgres_server, server_programs

CONTROLLER = Path(__file__).with_name("controller.py")


@pytest.fixture
def postgres():
    """The URL of a fresh server."""
    if server_programs() is None:
        pytest.skip(MISSING)
    with postgres_server() as (url, _):
        yield url


@pytest.fixture
def controller(tmp_path):
    """Start a controller; all of them share one sweep folder."""
    started = []

    def start(storage: str, trials: int, seconds: float) -> subprocess.Popen:
        command = [
            sys.executable, CONTROLLER, str(seconds), "-m", "hparams_search=architecture",
            f"hydra.sweeper.n_trials={trials}", f"hydra.sweeper.storage='{storage}'",
            "hydra.sweeper.heartbeat=1", "hydra.sweeper.grace=4", "backbone=tiny",
        ]  # fmt: skip
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.stdout.close()
        process.wait()


def jobs(tmp_path) -> list[tuple[int, int, float]]:
    path = tmp_path / "jobs.log"
    lines = [line.split() for line in path.read_text().splitlines()] if path.is_file() else []
    assert all(number == folder for number, _, _, folder in lines)
    return [(int(number), int(process), float(lr)) for number, process, lr, _ in lines]


def wait_for_jobs(tmp_path, number: int) -> None:
    begin = time.monotonic()
    while len(jobs(tmp_path)) < number:
        assert time.monotonic() - begin < 100
        time.sleep(0.1)


def trials_of(url: str) -> list[FrozenTrial]:
    storage = open_storage(url)
    trials = optuna.load_study(study_name="architecture", storage=storage).trials
    close_storage(storage)
    return trials


def ended(process: subprocess.Popen) -> str:
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 0, output
    return output


def test_two_controllers_share_a_study_and_one_takes_over_what_the_other_loses(tmp_path, postgres, controller):
    for process in [controller(postgres, 12, 0.2), controller(postgres, 12, 0.2)]:
        ended(process)
    trials = trials_of(postgres)
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 12
    done = jobs(tmp_path)
    assert sorted(number for number, _, _ in done) == list(range(12))
    assert {number: lr for number, _, lr in done} == {t.number: t.value for t in trials}
    assert len({lr for _, _, lr in done}) == 12
    assert len({process for _, process, _ in done}) == 2

    # Two more, one for each of two controllers that run at once; the first is killed in the midst of its own.
    first = controller(postgres, 14, 1000)
    wait_for_jobs(tmp_path, 13)
    second = controller(postgres, 14, 0.2)
    wait_for_jobs(tmp_path, 14)
    assert first.poll() is None and second.poll() is None
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    output = ended(second)
    assert "waiting for trial 12 of other controllers" in output
    assert "trial 12 was lost with its worker" in output
    trials = trials_of(postgres)
    states = [t.state for t in trials]
    assert states == [TrialState.COMPLETE] * 12 + [TrialState.FAIL] + [TrialState.COMPLETE] * 2
    assert trials[14].user_attrs["repeats"] == 12
    assert trials[14].params == trials[12].params
    lr = trials[12].params["optimizer.lr"]
    assert jobs(tmp_path)[12:] == [
        (12, first.pid, lr), (13, second.pid, trials[13].value), (14, second.pid, lr),
    ]  # fmt: skip
    table = (tmp_path / "multirun/architecture/trials.csv").read_text()
    assert "lost with its worker; trial 14 runs it again" in table


def test_a_killed_sweep_goes_on_when_started_again(tmp_path, controller):
    storage = f"sqlite:///{tmp_path}/one.db"
    first = controller(storage, 4, 3)
    wait_for_jobs(tmp_path, 2)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    before = trials_of(storage)
    assert [t.state for t in before] == [TrialState.COMPLETE, TrialState.RUNNING]
    kept = tmp_path / "multirun/architecture/0/.hydra/overrides.yaml"
    stamp = kept.stat().st_mtime_ns

    ended(controller(storage, 4, 0.1))
    trials = trials_of(storage)
    done, lost = TrialState.COMPLETE, TrialState.FAIL
    # The lost one counts once. Where it stands depends on how long its silence was when the others were asked for.
    assert sorted(t.state for t in trials) == [done] * 4 + [lost] and trials[1].state == lost
    [again] = [t for t in trials if t.user_attrs.get("repeats") == 1]
    assert again.params == trials[1].params
    assert trials[0] == before[0]
    assert kept.stat().st_mtime_ns == stamp
    # Numbering goes on, each trial in a folder of its own.
    assert [(number, lr) for number, _, lr in jobs(tmp_path)] == [
        (number, trials[number].params["optimizer.lr"]) for number in range(5)
    ]
    assert len({lr for _, _, lr in jobs(tmp_path)}) == 4
