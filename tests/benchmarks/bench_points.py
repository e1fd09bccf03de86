"""What ``points`` and ``augmented`` cost, and what they cost in another checkout, in turns on the same frames.

    python tests/benchmarks/bench_points.py [PATH_OF_ANOTHER_CHECKOUT]

Such as a worktree of an older commit (`git worktree add /tmp/before COMMIT`). Each measurement is a process of its
own, one thread; the best of its repetitions counts, and the median over the rounds is shown.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

ROUNDS = 3
MEASURE = """
import time, sys
import torch
torch.set_num_threads(1)
from amc_xai.representation import Augmented, Points
try:
    from amc_xai.data import Facts
    parts = Points(Facts(1024, 8.0), carrier_reach=0.003), Augmented(Facts(1024, 8.0))
except ImportError:  # before sources stated their facts
    parts = Points(samples_per_symbol=8.0, carrier_reach=0.003), Augmented(samples_per_symbol=8.0)
iq = torch.load(sys.argv[1])
for part in parts:
    part(iq), part(iq)
    best = 1e9
    for _ in range(8):
        start = time.perf_counter()
        part(iq)
        best = min(best, time.perf_counter() - start)
    print(1e3 * best)
"""


def measured(checkout: Path, frames: Path) -> list[float]:
    """Milliseconds that 256 frames take: points, augmented."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEASURE, str(frames)]
    done = subprocess.run(command, env=environment, cwd=checkout, capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def main() -> None:
    import tempfile

    import numpy as np
    import torch

    from amc_xai.data import Synthetic
    from amc_xai.signal import DIGITAL_17

    here = Path(__file__).resolve().parents[2]
    checkouts = [here, *(Path(path).resolve() for path in sys.argv[1:2])]
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder) / "frames.pt"
        source = Synthetic(list(DIGITAL_17), list(range(0, 31, 2)), frames_per_cell=1, seed=1)
        torch.save(source.read(np.arange(256)), frames)
        rounds = [[measured(checkout, frames) for checkout in checkouts] for _ in range(ROUNDS)]
    for place, name in enumerate(("points", "augmented")):
        times = [statistics.median(r[c][place] for r in rounds) for c in range(len(checkouts))]
        line = f"{name:10} {times[0]:6.1f} ms for 256 frames of 1,024 samples"
        if len(times) > 1:
            line += f"; {checkouts[1]}: {times[1]:.1f} ms, {times[0] / times[1]:.2f} of it"
        print(line)


if __name__ == "__main__":
    main()
