"""Several hosts: one training on two of them, and a search whose database stands on one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from amc_xai.evaluation import Predictions
from amc_xai.search.storage import close_storage, open_storage
from tests.engines.conftest import wait_until
from tests.engines.hosts import DEVICE, two_hosts
from tests.search.postgres import MISSING, postgres_server, server_programs
from tests.training.two_processes import COMMAND, ROOT

# Slow: a link is cut for half a minute, and processes find out by waiting that another is gone.
pytestmark = pytest.mark.slow
CONTROLLER = ROOT / "tests/search/controller.py"


@pytest.fixture
def hosts():
    with two_hosts() as made:
        yield made


@pytest.fixture
def training(hosts, tmp_path):
    """Start one training on both hosts, as docs/scale.md has it; each host's process and log."""
    started = []

    def start(*overrides: str) -> list[tuple[subprocess.Popen, Path]]:
        begun = []
        for rank, host in enumerate(hosts):
            launcher = [
                sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--node-rank", f"{rank}",
                "--master-addr", hosts[0].address, "--master-port", "29500",
            ]  # fmt: skip
            log = tmp_path / f"host{rank}.{len(started) // 2}"
            own = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": DEVICE, "PYTHONPATH": str(ROOT)}
            with log.open("w") as file:
                process = host.start(
                    [*launcher, "-m", "amc_xai", *COMMAND, *overrides], cwd=tmp_path, env={**os.environ, **own},
                    stdout=file, stderr=file, start_new_session=True,
                )  # fmt: skip
            begun.append((process, log))
            started.append(process)
        return begun

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def history(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def assert_same(alone: list[dict], together: list[dict]) -> None:
    assert len(alone) == len(together)
    for one, two in zip(alone, together, strict=True):
        for name in ("train_loss", "validation_loss"):
            assert two[name] == pytest.approx(one[name], abs=1e-4), name
        for task in ("modulation", "snr", "joint"):
            assert two[f"validation_{task}_accuracy"] == one[f"validation_{task}_accuracy"]


def worker_of(launcher: subprocess.Popen) -> psutil.Process:
    """The training that a torchrun has started."""
    [worker] = psutil.Process(launcher.pid).children()
    return worker


def test_two_hosts_train_as_one_process_and_go_on_after_one_was_killed(hosts, training, tmp_path):
    alone = tmp_path / "alone"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    one = [sys.executable, "-m", "amc_xai", *COMMAND, f"hydra.run.dir={alone}"]
    subprocess.run(one, cwd=tmp_path, env=environment, check=True, capture_output=True)
    together = tmp_path / "together"
    for process, log in training(f"hydra.run.dir={together}"):
        assert process.wait(200) == 0, log.read_text()
    assert_same(history(alone), history(together))  # ten epochs of two steps
    counts = [json.loads((run / "metrics.json").read_text())["frames"] for run in (alone, together)]
    assert counts[0] == counts[1] == len(Predictions.load(together / "predictions.npz").snr_label)

    # Far more epochs than it gets: the second host's process is killed after some.
    broken = tmp_path / "broken"
    (first, log), (second, _) = training(f"hydra.run.dir={broken}", "trainer.epochs=2000", "scheduler=constant")
    wait_until(lambda: (broken / "history.jsonl").is_file() and len(history(broken)) >= 3, 120)
    worker_of(second).kill()
    begin = time.monotonic()
    assert first.wait(60) == 1 and second.wait(60) == 1
    assert time.monotonic() - begin < 60
    last = broken / "checkpoints" / "last.pt"
    said = f"another process of this training is gone; go on with: python -m amc_xai resume={last}"
    assert said in log.read_text() and said in (broken / "amc_xai.log").read_text()
    stood = len(history(broken))
    for process, log in training(f"resume={last}", f"trainer.epochs={stood + 2}", f"hydra.run.dir={tmp_path}/on"):
        assert process.wait(200) == 0, log.read_text()
    assert len(history(tmp_path / "on")) == stood + 2


def test_a_link_that_is_cut_for_half_a_minute_loses_no_trial_and_doubles_none(hosts, tmp_path):
    if server_programs() is None:
        pytest.skip(MISSING)
    near, far = hosts
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with postgres_server(near.address, near.prefix) as (local, _):
        url = f"postgresql+psycopg://amc@{near.address}/postgres"
        # The heartbeat that every search has by default is slower than the link is back.
        command = [
            sys.executable, CONTROLLER, "12", "-m", "hparams_search=architecture", "hydra.sweeper.n_trials=6",
            f"hydra.sweeper.storage='{url}'", "hydra.sweeper.heartbeat=5", "hydra.sweeper.grace=90",
            "backbone=tiny",
        ]  # fmt: skip
        logs = [tmp_path / host.name for host in hosts]
        processes = []
        for host, log in zip(hosts, logs, strict=True):
            with log.open("w") as file:
                processes.append(host.start(command, cwd=tmp_path, env=environment, stdout=file, stderr=file))
        try:
            begun = tmp_path / "jobs.log"
            wait_until(lambda: begun.is_file() and f" {processes[1].pid} " in begun.read_text(), 120)
            far.cable("down")
            time.sleep(30)
            far.cable("up")
            for process, log in zip(processes, logs, strict=True):
                assert process.wait(300) == 0, log.read_text()
        finally:
            for process in processes:
                process.kill()
                process.wait()
        storage = open_storage(local)
        trials = optuna.load_study(study_name="architecture", storage=storage).trials
        close_storage(storage)
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 6
    jobs = [line.split() for line in begun.read_text().splitlines()]
    assert sorted(int(number) for number, *_ in jobs) == list(range(6))
    assert {process for _, process, *_ in jobs} == {str(process.pid) for process in processes}
