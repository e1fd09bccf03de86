"""Going on from a trained network against starting afresh, on 500 frames of classes that it never saw.

    uv run pytest -n 0 -s tests/benchmarks/bench_fine_tuning.py

Both trainings see the same 500 frames (10 dB of Es/N0 and more) for the same epochs, and are tested on the same
other frames.
"""

import json
import subprocess
import sys
from pathlib import Path

from amc_xai.evaluation import wilson

COMMON = [
    "representation=points", "backbone=point_set", "backbone.width=96", "backbone.hidden=192", "extractor=none",
    "loss=fixed", "optimizer.lr=1e-3", "trainer.early_stopping=null", "trainer.precision=bf16", "limits=none",
    "task.explain_after=false", "dataset.frame_length=512",
]  # fmt: skip
SNRS = "dataset.snrs=[10,14,18,22,26]"
KNOWN = [
    "dataset.modulations=[BPSK,QPSK,8PSK,4ASK,16QAM,32APSK,128QAM]", SNRS, "dataset.endless=true",
    "dataset.frames_per_epoch=10240", "trainer.epochs=6",
]  # fmt: skip
# 4 classes x 5 SNRs x 25 frames to train on, 5 to validate with, 100 to test on.
NEW = [
    "dataset.modulations=[16PSK,16APSK,32QAM,64QAM]", SNRS, "dataset.frames_per_cell=130", "dataset.seed=7",
    "split.ratios=[0.1923,0.0385,0.7692]", "trainer.epochs=20", "trainer.batch_size=50",
]  # fmt: skip


def run(folder: Path, *overrides: str) -> dict:
    command = [sys.executable, "-m", "amc_xai", *COMMON, *overrides, f"hydra.run.dir={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "metrics.json").read_text())


def test_fine_tuning_beside_a_training_from_scratch(tmp_path):
    trained = tmp_path / "trained"
    run(trained, *KNOWN)
    scratch = run(tmp_path / "scratch", *NEW)
    tuned = run(tmp_path / "tuned", *NEW, f"init={trained / 'checkpoints' / 'best.pt'}")
    print()
    for name, found in (("from scratch", scratch), ("fine-tuned", tuned)):
        frames, shares = found["frames"], []
        for task in ("modulation", "joint"):
            right = round(found[f"{task}_accuracy"] * frames)
            low, high = (100 * float(bound) for bound in wilson(right, frames))
            shares.append(f"{task} {100 * right / frames:.1f} % ({low:.1f} to {high:.1f})")
        print(f"{name}: {', '.join(shares)}, {frames} test frames")
