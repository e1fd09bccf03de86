"""``task=convert`` to PNG trees over two processes, killed and started again."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from tests.conftest import environment

ROOT = Path(__file__).parents[2]
JOB = [
    "task=convert", "task.format=images", "task.perturbed=true", "dataset.modulations=[BPSK,QPSK]",
    "dataset.snrs=[0,10,20]", "dataset.frames_per_cell=20", "dataset.frame_length=256",
    "representation=constellation", "representation.image_size=64", "perturbation.selectors=[top,random]",
    "perturbation.fractions=[0.05,0.5]",
]  # fmt: skip
# Of each of 6 cells 20 originals with 4 twins each.
FILES = 6 * 20 * 5


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def pictures(root: Path) -> int:
    return sum(1 for path in root.rglob("*.png") if ".partial" not in path.name)


def test_picture_trees_killed_and_started_again_are_the_same_to_the_byte(cli, tmp_path):
    """As a system kills for want of memory: that process alone, which can tell nobody. Its workers leave by
    themselves, in the midst of whatever they write."""
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    assert cli(*JOB, f"task.to={alone}").code == 0
    command = [sys.executable, "-m", "amc_xai", *JOB, f"task.to={killed}", "task.workers=2"]
    command.append(f"hydra.run.dir={tmp_path / 'run'}")
    enough = int(np.random.default_rng().integers(1, FILES // 3))
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), start_new_session=True)
    while pictures(killed) < enough:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    wait_for_end_of_group(process.pid)
    assert enough <= pictures(killed) < FILES
    again = cli(*JOB, f"task.to={killed}")
    assert again.code == 0, again.err
    assert digests(killed) == digests(alone) and pictures(alone) == FILES


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
