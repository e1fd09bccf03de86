"""Two processes give the numbers of one."""

import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from amc_xai.data.batches import TrainingBatches
from amc_xai.evaluation import Predictions

# A network without batch norm or dropout; 64 training frames make one full batch of 43 and one of 21, both odd.
SETTINGS = [
    "device=cpu", "dataset.modulations=[BPSK,QPSK]", "dataset.snrs=[0,30]", "dataset.frames_per_cell=20",
    "dataset.frame_length=128", "split.ratios=[0.8,0.05,0.15]", "backbone=timm", "backbone.name=test_vit",
    "representation=constellation", "representation.image_size=16", "extractor=none", "trainer.batch_size=43",
    "trainer.epochs=10", "task.explain_after=false",
]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[int, Path]:
    """The run folders of one process and of two, started side by side."""
    folder = tmp_path_factory.mktemp("parallel")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    commands = {1: [sys.executable], 2: launcher}
    started = {
        processes: subprocess.Popen(
            [*command, "-m", "amc_xai", *SETTINGS, f"hydra.run.dir={folder / str(processes)}"],
            cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for processes, command in commands.items()
    }  # fmt: skip
    for process in started.values():
        output, _ = process.communicate(timeout=200)
        assert process.returncode == 0, output
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2"]
    return {processes: folder / str(processes) for processes in started}


def test_two_processes_train_as_one_over_20_steps(runs):
    lines = [(runs[n] / "history.jsonl").read_text().splitlines() for n in (1, 2)]
    one, two = ([json.loads(line) for line in history] for history in lines)
    assert len(one) == len(two) == 10
    for alone, together in zip(one, two, strict=True):
        for name in ("train_loss", "validation_loss", "weight_modulation", "learning_rate"):
            assert together[name] == pytest.approx(alone[name], abs=1e-4)
        for name in ("modulation", "snr", "joint"):
            key = f"validation_{name}_accuracy"
            assert together[key] == alone[key]
    # The 20 steps did something.
    assert one[-1]["train_loss"] < one[0]["train_loss"] - 0.05


def test_two_processes_count_every_test_frame_once(runs):
    one, two = (Predictions.load(runs[n] / "predictions.npz") for n in (1, 2))
    for name in ("modulation_label", "snr_label"):
        np.testing.assert_array_equal(getattr(two, name), getattr(one, name))
    for name in ("modulation_probability", "snr_probability"):
        np.testing.assert_allclose(getattr(two, name), getattr(one, name), atol=1e-4)
    scores = [json.loads((runs[n] / "metrics.json").read_text()) for n in (1, 2)]
    assert scores[1]["frames"] == scores[0]["frames"] == len(one.snr_label)
    assert scores[1]["joint_accuracy"] == scores[0]["joint_accuracy"]
    assert (runs[2] / "anchors.csv").read_bytes() == (runs[1] / "anchors.csv").read_bytes()


@pytest.mark.parametrize("ranks", [2, 3])
def test_the_shares_of_all_processes_make_up_each_batch(ranks):
    snr = np.arange(47) % 4
    whole = list(TrainingBatches(snr, 20, seed=3))
    shares = [list(TrainingBatches(snr, 20, seed=3, rank=rank, ranks=ranks)) for rank in range(ranks)]
    for step, batch in enumerate(whole):
        parts = [share[step] for share in shares]
        assert sorted(chain(*parts)) == sorted(batch)
        assert min(map(len, parts)) >= 2


def test_a_last_batch_too_small_for_all_processes_is_left_out():
    sizes = {ranks: [len(b) for b in TrainingBatches(np.zeros(23, int), 20, 0, ranks=ranks)] for ranks in (1, 2)}
    assert sizes == {1: [20, 3], 2: [10]}
