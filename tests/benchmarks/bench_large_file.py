"""Two steps of training on a 4 GB file, from the launch: `pytest tests/benchmarks/bench_large_file.py -s`.

Prints the time to the first step, with and without the imports, and the most private memory of all its processes
(Linux), which should stay under 2 GB; beside it, what the libraries alone take to one step on this machine:
the start should come within 5 s of that.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.data.large_file import JOB, anonymous_bytes, write_large

ROOT = Path(__file__).parents[2]
# What a training imports, a note of when that was done, and the command line.
LAUNCH = """
import sys
import amc_xai.tasks.train, amc_xai.data, optuna, torch._dynamo
open(sys.argv.pop(1), "w").close()
from amc_xai.__main__ import main
main()
"""

# No training with torch and timm starts earlier than this.
FLOOR = """
import sys, torch
if sys.argv[1:]: import timm, accelerate
model = torch.nn.Linear(4, 4)
optimizer = torch.optim.AdamW(model.parameters())
model(torch.ones(2, 4)).sum().backward()
optimizer.step()
"""


def floor(*libraries: str) -> float:
    """Seconds from launch to end of a process that makes one step of a linear layer, the better of two."""
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", FLOOR, *libraries], check=True)
        times.append(time.perf_counter() - begin)
    return min(times)


def family(process: int) -> list[int]:
    """A process and all that came from it."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        children = []
    return [process, *(descendant for child in children for descendant in family(int(child)))]


def test_from_the_launch_to_the_first_step(benchmark, tmp_path):
    path, imported, run = tmp_path / "gold.hdf5", tmp_path / "imported", tmp_path / "run"
    write_large(path)
    command = [sys.executable, "-c", LAUNCH, str(imported), *JOB, f"dataset.path={path}", f"hydra.run.dir={run}"]
    # The checkpoint is written right before the first step.
    marks, seen, most = {"imported": imported, "first step": run / "checkpoints" / "last.pt"}, {}, 0

    def train():
        nonlocal most
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        while process.poll() is None:
            most = max(most, sum(map(anonymous_bytes, family(process.pid))))
            for name, mark in marks.items():
                if name not in seen and mark.exists():
                    seen[name] = time.perf_counter() - begin
            time.sleep(0.01)
        assert process.returncode == 0

    torch_alone, with_timm = floor(), floor("timm")
    benchmark.pedantic(train, rounds=1)
    path.unlink()
    since = seen["first step"] - seen["imported"]
    print(
        f"\n4 GB file: first step {seen['first step']:.1f} s after the launch, {since:.1f} s after the imports; "
        f"a linear layer's step with torch alone {torch_alone:.1f} s, with timm and accelerate {with_timm:.1f} s; "
        f"at most {most / 1e6:.0f} MB of private memory"
    )
