"""Trainings that SLURM interrupts at random moments go on to the numbers of one that it left alone."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import tiny
from tests.engines.conftest import Slurm, wait_until

# Slow: jobs are queued again ten times, each time with a wait of SLURM's own and the start of a training.
pytestmark = pytest.mark.slow
LONG = [
    "trainer.epochs=48", "trainer.early_stopping=null", "trainer.save_every=0.02", "dataset.frames_per_cell=300",
    "scheduler=cosine", "task.test_after=false", "task.explain_after=false",
]  # fmt: skip
QUEUE = [
    "hydra/launcher=submitit_slurm", "hydra.launcher.partition=main", "hydra.launcher.timeout_min=9",
    "hydra.launcher.max_num_timeout=20", "hydra.sweep.dir=runs", "hydra.sweep.subdir=${hydra.job.num}",
]  # fmt: skip
MOMENTS = 5  # of each of two trainings


@pytest.fixture
def trainings(slurm, tmp_path):
    """Three jobs of one training, each in a folder of its own, and the command that waits for them."""
    jobs = "task.explain_frames=1,2,3"  # which nothing here uses
    command = [sys.executable, "-m", "amc_xai", "-m", jobs, "resume=auto", *QUEUE, *tiny(*LONG)]
    environment = {**slurm.environment, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    output = (tmp_path / "output").open("w")
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()
    output.close()


def starts(run: Path) -> int:
    """How often a training has begun in this folder, from the start or from where it stood."""
    log = run / "amc_xai.log"
    return log.read_text().count("parameters on CPU") if log.is_file() else 0


def history(run: Path) -> list[dict]:
    rows = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return [{name: row[name] for name in row if name not in ("seconds", "frames_per_second")} for row in rows]


def epochs(run: Path) -> int:
    where = run / "history.jsonl"
    return len(where.read_text().splitlines()) if where.is_file() else 0


def interrupt(slurm: Slurm, job: str, run: Path, kind: str, number: int, epoch: int, moment: float) -> str:
    """Signal a training after its ``number``th beginning, ``moment`` seconds after so many epochs stand."""
    wait_until(lambda: starts(run) == number and epochs(run) >= epoch, 120)
    time.sleep(moment)
    stood = f"{kind} in epoch {epochs(run) + 1}"
    slurm.ask("scancel", f"--signal={kind}", job)
    if kind == "TERM":
        # What a pre-empting partition does: a notice, a grace, and the job is ended and queued again.
        time.sleep(2)
        slurm.ask("scontrol", "requeue", job)
    wait_until(lambda: "RUNNING" not in slurm.ask("squeue", "-h", "-r", "-o", "%T", "-j", job), 60)
    return stood


def test_ten_interrupted_moments_change_no_number(slurm, trainings, tmp_path):
    runs = [tmp_path / "runs" / str(k) for k in range(3)]
    wait_until(lambda: all(starts(run) for run in runs), 200)
    [array] = {line.split("_")[0] for line in slurm.ask("squeue", "-h", "-r", "-o", "%i").split()}
    rng, moments = random.Random(), []
    for number in range(1, MOMENTS + 1):
        for k in range(2):
            kind = "USR2" if (number + k) % 2 else "TERM"
            # Early: a training also goes on while the other is interrupted, and must not end before its own last.
            epoch, moment = rng.randrange(2 * number - 2, 2 * number), rng.uniform(0, 1)
            stood = interrupt(slurm, f"{array}_{k}", runs[k], kind, number, epoch, moment)
            moments.append(f"run {k}: {stood}, {moment:.2f} s after {epoch} epochs")
    print("\n".join(moments))  # drawn anew each time: pytest shows them where a number differs
    wait_until(lambda: trainings.poll() is not None, 400)
    assert trainings.returncode == 0, (tmp_path / "output").read_text()
    unbroken = history(runs[2])
    assert len(unbroken) == 48 and starts(runs[2]) == 1
    for run in runs[:2]:
        assert starts(run) == MOMENTS + 1
        assert history(run) == unbroken
