"""Two processes give the numbers of one."""

import json
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from amc_xai.data import evaluation_loader
from amc_xai.data.batches import TrainingBatches
from amc_xai.evaluation import Predictions
from amc_xai.training import load_checkpoint
from tests.conftest import close_log_files, environment
from tests.training import two_processes
from tests.training.two_processes import COMMAND, LOSSES, PLAIN


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What two processes left, all in one start."""
    folder = tmp_path_factory.mktemp("parallel")
    script = two_processes.__file__
    alone = environment(OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*launcher, script, folder], cwd=folder, env=alone, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def history(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def assert_same(alone: list[dict], together: list[dict], tolerance: float) -> None:
    assert len(alone) == len(together)
    for one, two in zip(alone, together, strict=True):
        for name in ("train_loss", "validation_loss", "weight_modulation", "learning_rate"):
            assert two[name] == pytest.approx(one[name], abs=tolerance), name
        for task in ("modulation", "snr", "joint"):
            assert two[f"validation_{task}_accuracy"] == one[f"validation_{task}_accuracy"]


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_trains_as_in_one_process(folder, run, name):
    alone = run()
    state = alone.go(loss=LOSSES[name], **PLAIN)
    assert_same(state.history, history(folder / name), 1e-5)
    last = load_checkpoint(folder / name / "checkpoints" / "last.pt")
    for part in ("network", "loss"):
        for key, value in last[part].items():
            torch.testing.assert_close(value, alone.weights()[f"{part}.{key}"], rtol=1e-4, atol=1e-5)
    # Which it did: the loss fell, and weights that can move have moved.
    assert state.history[-1]["train_loss"] < state.history[0]["train_loss"]
    if name not in ("fixed", "modulation_only"):
        assert abs(state.history[-1]["weight_modulation"] - 0.5) > 1e-3


@pytest.mark.parametrize("name", ["batch_norm", "ema"])
def test_both_processes_validate_the_network_that_is_kept(folder, run, name):
    """Batch norm sees other frames in each process: left to themselves they would validate two networks."""
    fresh = run()
    fresh.go(epochs=0)
    best = load_checkpoint(folder / name / "checkpoints" / "best.pt")
    fresh.network.load_state_dict(best["network"])
    total = 0.0
    with torch.no_grad():
        for batch in evaluation_loader(fresh.source, np.arange(66, 89), 23):
            for logits, labels in zip(fresh.network.eval()(batch.iq), batch[1:3], strict=True):
                total += torch.nn.functional.cross_entropy(logits, labels).item()
    assert history(folder / name)[best["epoch"] - 1]["validation_loss"] == pytest.approx(total, rel=1e-5)


def test_a_signal_to_one_process_stops_both_and_resuming_counts_every_frame_once(folder, run):
    assert_same(run().go(**PLAIN).history, history(folder / "interrupted"), 1e-5)


def test_endless_frames_train_in_two_processes(folder):
    assert len(history(folder / "endless")) == 1


@pytest.fixture(scope="module")
def command(tmp_path_factory) -> Path:
    """The run folder of one process."""
    from amc_xai.__main__ import main

    folder = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["amc_xai", *COMMAND, f"hydra.run.dir={folder}"])
        main()
    close_log_files()
    return folder


def test_a_command_trains_as_one_over_20_steps(folder, command):
    alone, together = history(command), history(folder / "command")
    assert_same(alone, together, 1e-4)
    assert len(alone) == 10 and alone[-1]["train_loss"] < alone[0]["train_loss"] - 0.05


def test_two_processes_count_every_test_frame_once(folder, command):
    one, two = (Predictions.load(run / "predictions.npz") for run in (command, folder / "command"))
    for name in ("modulation_label", "snr_label"):
        np.testing.assert_array_equal(getattr(two, name), getattr(one, name))
    for name in ("modulation_probability", "snr_probability"):
        np.testing.assert_allclose(getattr(two, name), getattr(one, name), atol=1e-4)
    scores = [json.loads((run / "metrics.json").read_text()) for run in (command, folder / "command")]
    assert scores[1]["frames"] == scores[0]["frames"] == len(one.snr_label)
    assert scores[1]["joint_accuracy"] == scores[0]["joint_accuracy"]
    assert (folder / "command" / "anchors.csv").read_bytes() == (command / "anchors.csv").read_bytes()


def test_the_first_process_alone_explains(folder):
    """With a network refitted on the way, which the other process takes no part in."""
    assert {"pis.csv", "attribution.csv", "sanity.csv", "report.html"} <= {
        path.name for path in (folder / "explained").iterdir()
    }
    assert (folder / "explained" / "amc_xai.log").read_text().count("training a copy on shuffled labels") == 1


@pytest.mark.parametrize("ranks", [2, 3])
def test_the_shares_of_all_processes_make_up_each_batch(ranks):
    snr = np.arange(47) % 4
    whole = list(TrainingBatches(snr, 20, seed=3))
    samplers = [TrainingBatches(snr, 20, seed=3, rank=rank, ranks=ranks) for rank in range(ranks)]
    shares = [list(sampler) for sampler in samplers]
    for step, batch in enumerate(whole):
        parts = [share[step] for share in shares]
        assert sorted(chain(*parts)) == sorted(batch)
        assert min(map(len, parts)) >= 2
        assert all(sampler.sizes()[step] == len(batch) for sampler in samplers)
    assert all(len(sampler.sizes()) == len(whole) for sampler in samplers)


def test_a_last_batch_too_small_for_all_processes_is_left_out():
    sizes = {ranks: [len(b) for b in TrainingBatches(np.zeros(23, int), 20, 0, ranks=ranks)] for ranks in (1, 2)}
    assert sizes == {1: [20, 3], 2: [10]}
