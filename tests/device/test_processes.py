"""One training on all GPUs of the machine, a process each, to the numbers of one."""

import json
import subprocess
import sys

import pytest
import torch

from tests.conftest import environment, tiny


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_torchrun_over_all_gpus(device, job, tmp_path, precision):
    if device.startswith("mps"):
        pytest.skip("a Mac has one device, and no way to spread a training over processes on it")
    many = torch.cuda.device_count() if device.startswith("cuda") else 2
    # No batch norm and no dropout: each process has statistics and draws of its own.
    given = tiny(
        f"device={device.partition(':')[0]}", f"trainer.precision={precision}", "dataset.frames_per_cell=40",
        "backbone.name=test_vit", "extractor=none", "task.explain_after=false", "trainer.epochs=2",
    )  # fmt: skip
    folder = tmp_path / "together"
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={many}"]
    done = subprocess.run(
        [*launcher, "-m", "amc_xai", *given, f"hydra.run.dir={folder}"], cwd=tmp_path, timeout=400,
        env=environment(OMP_NUM_THREADS="2"), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    alone = job(*given)
    rows = [
        [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()] for run in (alone, folder)
    ]
    assert len(rows[0]) == len(rows[1]) == 2
    # The first epoch begins at the same weights and takes the same batches, in shares.
    assert rows[1][0]["train_loss"] == pytest.approx(rows[0][0]["train_loss"], rel=0.02)
    tested = [json.loads((run / "metrics.json").read_text())["frames"] for run in (alone, folder)]
    assert tested[0] == tested[1]
