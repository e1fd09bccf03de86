"""Batch norm's running averages at the end of an epoch: of its last batches, whatever the steps before."""

import numpy as np
import pytest
import torch
from torch import nn

from amc_xai.training import load_checkpoint
from amc_xai.training.recent import MOST, STEPS_A_BATCH, RecentAverages
from tests.conftest import tiny


def epoch_of(batches, epoch=0, momentum=0.1):
    """Averages of a batch norm after an epoch of these batches, (mean, variance)."""
    layer = nn.BatchNorm1d(2, momentum=momentum)
    recent = RecentAverages(nn.Sequential(layer), len(batches[0]))
    for step, batch in enumerate(batches):
        recent.before_step(len(batch), epoch, step, len(batches))
        layer(batch).sum().backward()
        recent.after_step()
    return layer.running_mean.numpy(), layer.running_var.numpy()


def batches_of(*sizes):
    """Batches whose mean and spread wander, as those of a network do whose weights change."""
    rng = np.random.default_rng(0)
    return [torch.tensor(rng.normal(k, 1 + k, (n, 2)), dtype=torch.float32) for k, n in enumerate(sizes)]


@pytest.mark.parametrize("momentum", [0.1, 0.01])
@pytest.mark.parametrize(
    ("steps", "epoch", "last"),
    [(1, 0, 1), (5, 0, 2), (5, 20, 3), (5, 99, 5), (4 * STEPS_A_BATCH, 0, 4), (40, 99, MOST)],
)
def test_they_are_the_mean_over_the_last_batches(steps, epoch, last, momentum):
    batches = batches_of(*[8] * steps)
    mean, variance = epoch_of(batches, epoch, momentum)
    np.testing.assert_allclose(mean, np.mean([b.mean(0).numpy() for b in batches[-last:]], 0), rtol=2e-5)
    np.testing.assert_allclose(variance, np.mean([b.var(0).numpy() for b in batches[-last:]], 0), rtol=2e-5)


def test_a_last_batch_of_few_frames_counts_by_them():
    batches = batches_of(8, 8, 8, 2)
    weights = [8, 2]
    mean, _ = epoch_of(batches)
    expected = np.average([b.mean(0).numpy() for b in batches[-2:]], 0, weights)
    np.testing.assert_allclose(mean, expected, rtol=1e-5)


def test_before_the_last_batches_the_average_moves_as_ever():
    layer, twin = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    recent = RecentAverages(nn.Sequential(layer), 8)
    for step, batch in enumerate(batches_of(*[8] * 5)):
        recent.before_step(8, 0, step, 9)
        layer(batch), twin(batch)
        recent.after_step()
    assert torch.equal(layer.running_mean, twin.running_mean) and torch.equal(layer.running_var, twin.running_var)


def test_a_frozen_or_cumulative_one_is_left_as_it_is():
    frozen, cumulative, without = (
        nn.BatchNorm1d(2).eval(),
        nn.BatchNorm1d(2, momentum=None),
        nn.BatchNorm1d(2, track_running_stats=False),
    )
    recent = RecentAverages(nn.Sequential(frozen, cumulative, without), 8)
    for step, batch in enumerate(batches_of(8, 8, 8)):
        recent.before_step(8, 0, step, 3)
        frozen(batch), cumulative(batch), without(batch)
        recent.after_step()
    assert frozen.running_mean.tolist() == [0, 0] and frozen.running_var.tolist() == [1, 1]
    expected = np.mean([b.mean(0).numpy() for b in batches_of(8, 8, 8)], 0)
    np.testing.assert_allclose(cumulative.running_mean.numpy(), expected, rtol=1e-5)


def test_what_is_trained_does_not_depend_on_them(run, monkeypatch):
    with_them = run("with")
    state = with_them.go(epochs=2)
    monkeypatch.setattr(RecentAverages, "before_step", lambda self, *given: None)
    without = run("without")
    other = without.go(epochs=2)
    assert [row["train_loss"] for row in state.history] == [row["train_loss"] for row in other.history]
    trained, twin = (
        load_checkpoint(r.folder / "checkpoints" / "last.pt")["network"] for r in (with_them, without)
    )
    differing = {name.rpartition(".")[2] for name in trained if not torch.equal(trained[name], twin[name])}
    assert differing == {"running_mean", "running_var"}


def test_after_one_epoch_of_a_short_training_validation_is_above_chance(cli):
    """The first command's network and pictures on few frames: with averages that lag, it stands at chance."""
    few = ["dataset.frames_per_cell=30", "dataset.modulations=[BPSK,QPSK,4ASK]", "dataset.snrs=[0,15,30]"]
    size = ["representation.image_size=32", "backbone=tiny", "dataset.frame_length=512", "trainer.batch_size=32"]
    done = cli(*tiny(*few, *size, "trainer.epochs=1", "task.test_after=false", "task.explain_after=false"))
    assert done.code == 0
    [row] = load_checkpoint(done.folder / "checkpoints" / "last.pt")["state"]["history"]
    assert row["validation_modulation_accuracy"] > 0.5 and row["validation_snr_accuracy"] > 0.5
