"""``task=convert`` to PNG trees over two processes, all killed and started again."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).parents[2]
JOB = [
    "task=convert", "task.format=images", "task.perturbed=true", "dataset.modulations=[BPSK,QPSK]",
    "dataset.snrs=[0,10,20]", "dataset.frames_per_cell=60", "dataset.frame_length=256",
    "representation=constellation", "representation.image_size=64", "perturbation.selectors=[top,random]",
    "perturbation.fractions=[0.05,0.5]",
]  # fmt: skip
# Of each of 6 cells 60 originals with 4 twins each.
FILES = 6 * 60 * 5


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def pictures(root: Path) -> int:
    return sum(1 for path in root.rglob("*.png") if ".partial" not in path.name)


def test_picture_trees_killed_and_started_again_are_the_same_to_the_byte(cli, tmp_path):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    assert cli(*JOB, f"task.to={alone}").code == 0
    command = [sys.executable, "-m", "amc_xai", *JOB, f"task.to={killed}", "task.workers=2"]
    command.append(f"hydra.run.dir={tmp_path / 'run'}")
    enough = int(np.random.default_rng().integers(1, FILES // 2))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    while pictures(killed) < enough:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    wait_for_end_of_group(process.pid)
    assert enough <= pictures(killed) < FILES
    again = cli(*JOB, f"task.to={killed}")
    assert again.code == 0, again.err
    assert digests(killed) == digests(alone) and pictures(alone) == FILES


WORKER = """
import multiprocessing, time
from amc_xai.data.conversion import leave_with_parent
if __name__ == "__main__":
    worker = multiprocessing.get_context("spawn").Process(target=leave_with_parent)
    worker.start()
    print(flush=True)
    time.sleep(600)
"""


def test_a_worker_leaves_when_the_process_that_started_it_is_killed():
    """As a system does for want of memory: that process alone, which can tell nobody."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    wait_for_end_of_group(process.pid)


def wait_for_end_of_group(group: int) -> None:
    deadline = time.monotonic() + 60
    while group_lives(group):
        assert time.monotonic() < deadline, "a process outlived the one that started it"
        time.sleep(0.02)


def group_lives(group: int) -> bool:
    """Whether a process of this group is still at work; one that nobody has buried yet is not."""
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                return True
        except ProcessLookupError:
            continue
    return False
