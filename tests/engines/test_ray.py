"""A search over a real Ray: a head and a second worker, one of whose processes is killed in mid-trial."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from amc_xai.search.storage import close_storage, open_storage
from tests.engines.conftest import free_ports, wait_until

pytest.importorskip("ray", reason="Ray isn't installed (pip install 'amc-xai[ray]')")
# Slow: Ray's services take half a minute to start and to find that one of them is gone.
pytestmark = pytest.mark.slow
JOB = Path(__file__).with_name("waiting_job.py")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def ray_cluster(tmp_path):
    """The address of a head with one processor, and the processes of it and of a worker with one more."""
    [port] = free_ports(1)
    address, program = f"127.0.0.1:{port}", Path(sys.executable).with_name("ray")
    # A socket's path has a hundred characters at most.
    place = subprocess.check_output(["mktemp", "-d", "/tmp/amc_ray_XXXXXX"], text=True).strip()
    head = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={place}"]
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0", "SLOW_TRIALS": "2"}
    started = []
    try:
        # A job runs in the folder that its worker was started in.
        for which in (head, [f"--address={address}"]):
            with (tmp_path / f"ray{len(started)}.log").open("w") as log:
                started.append(
                    subprocess.Popen(
                        [program, "start", *which, "--num-cpus=1", "--node-ip-address=127.0.0.1", "--block"],
                        cwd=tmp_path, env={**os.environ, **own}, stdout=log, stderr=log, start_new_session=True,
                    )
                )  # fmt: skip
            said = tmp_path / f"ray{len(started) - 1}.log"
            wait_until(lambda said=said: "Ray runtime started" in said.read_text(), 90)
        yield address, started
    finally:
        for process in reversed(started):
            for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
                each.kill()
            process.wait()
        subprocess.run(["rm", "-rf", place], check=True)


def lines(tmp_path, what: str) -> list[list[str]]:
    path = tmp_path / "jobs.log"
    text = path.read_text() if path.is_file() else ""
    return [line.split()[1:] for line in text.splitlines() if line.startswith(what)]


def test_eight_trials_run_over_ray_though_a_worker_is_killed(ray_cluster, tmp_path):
    address, _ = ray_cluster
    command = [
        sys.executable, JOB, "-m", "hparams_search=architecture", "hydra/launcher=ray", "backbone=tiny",
        f"hydra.launcher.ray.init.address={address}", "hydra.sweeper.n_trials=8", "hydra.sweeper.n_jobs=2",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with (tmp_path / "output").open("w") as output:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: any(line[0] == "2" for line in lines(tmp_path, "begin")), 200)
        worker = next(line[-1] for line in lines(tmp_path, "begin") if line[0] == "2")
        os.kill(int(worker), signal.SIGKILL)
        assert process.wait(300) == 0, (tmp_path / "output").read_text()
    finally:
        process.kill()
        process.wait()
    storage = open_storage(f"sqlite:///{tmp_path}/multirun/architecture.db")
    trials = optuna.load_study(study_name="architecture", storage=storage).trials
    close_storage(storage)
    # Ray itself runs again what its worker died of, under the same number.
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 8
    assert sorted(int(line[0]) for line in lines(tmp_path, "end")) == list(range(8))
    assert [line[0] for line in lines(tmp_path, "begin")].count("2") == 2
    assert len({line[-1] for line in lines(tmp_path, "end")}) >= 2
