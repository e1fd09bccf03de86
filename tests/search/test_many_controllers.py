"""Many controllers of one study: none of its trials is lost, none runs twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.search.postgres import MISSING, server_programs

# Slow: each of 300 trials takes half a second of a processor.
pytestmark = pytest.mark.slow


def test_64_controllers_lose_no_trial_and_double_none(tmp_path):
    if server_programs() is None:
        pytest.skip(MISSING)
    root = Path(__file__).parents[2]
    script = [sys.executable, "-m", "tests.benchmarks.many_workers"]
    size = ["--history", "1000", "--controllers", "64", "--trials", "300", "--seconds", "5"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*script, *size], cwd=root, env=environment, capture_output=True, text=True, timeout=1500
    )
    assert done.returncode == 0, done.stderr
    names, _, row = ([cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines())
    found = dict(zip(names, row, strict=True))
    assert (found["completed"], found["lost"], found["doubled"]) == ("300", "0", "0")
