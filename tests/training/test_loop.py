import json
import math

import numpy as np
import pytest
import torch

from amc_xai.data import evaluation_loader
from amc_xai.errors import UserError
from amc_xai.loss import Target, UncertaintyWeights
from amc_xai.training import constant, load_checkpoint

LAST, BEST = "checkpoints/last.pt", "checkpoints/best.pt"


def test_it_learns_and_its_history_is_that_of_its_best_weights(run):
    trained = run()
    state = trained.go(epochs=12, schedule=constant)
    rows = [json.loads(line) for line in (trained.folder / "history.jsonl").read_text().splitlines()]
    assert rows == state.history and [row["epoch"] for row in rows] == list(range(12))
    losses = [row["validation_loss"] for row in rows]
    assert state.best_epoch == int(np.argmin(losses)) and state.best_loss == min(losses)
    assert losses[state.best_epoch] < losses[0]
    # Chance is 1/3, 1/2 and 1/6; the two clusters far apart are told with ease.
    best = rows[state.best_epoch]
    assert best["validation_modulation_accuracy"] > 0.55
    # The best checkpoint, scored by hand on the 24 validation frames.
    checkpoint = load_checkpoint(trained.folder / BEST)
    assert checkpoint["epoch"] == state.best_epoch + 1 and checkpoint["best_loss"] == state.best_loss
    trained.network.load_state_dict(checkpoint["network"])
    loss = UncertaintyWeights([0.0, 10.0])
    loss.load_state_dict(checkpoint["loss"])
    trained.network.eval()
    total, right = 0.0, np.zeros(3)
    with torch.no_grad():
        for batch in evaluation_loader(trained.source, np.arange(66, 90), 8):
            prediction = trained.network(batch.iq)
            terms = loss(prediction, Target(batch.modulation, batch.snr))
            total += 8 * (terms.modulation + terms.snr).item()
            modulation = prediction.modulation.argmax(-1) == batch.modulation
            snr = prediction.snr.argmax(-1) == batch.snr
            right += [modulation.sum().item(), snr.sum().item(), (modulation & snr).sum().item()]
    assert best["validation_loss"] == pytest.approx(total / 24, rel=1e-6)
    found = [best[f"validation_{task}_accuracy"] for task in ("modulation", "snr", "joint")]
    assert found == pytest.approx((right / 24).tolist())
    assert [best["weight_modulation"], best["weight_snr"]] == pytest.approx(terms.weights.tolist())


def test_learned_uncertainties_are_trained_and_kept(run):
    trained = run()
    trained.go(epochs=3, schedule=constant)
    learned = trained.loss.log_variance.detach()
    assert (learned.abs() > 0.01).all()
    for name in (LAST, BEST):
        assert load_checkpoint(trained.folder / name)["loss"].keys() == {"log_variance"}
    assert torch.equal(load_checkpoint(trained.folder / LAST)["loss"]["log_variance"], learned)


def test_learned_uncertainties_stay_within_their_bound(run):
    trained = run()

    def narrow(trained, source):
        trained.loss.bound = 0.02

    trained.go(epochs=2, schedule=constant, spoil=narrow)
    assert trained.loss.log_variance.detach().abs().max().item() == pytest.approx(0.02)


def test_gradients_are_clipped_over_network_and_loss_together(run):
    norms = []

    def watch(trained, source):
        def norm(*_):
            parameters = [*trained.network.parameters(), *trained.loss.parameters()]
            norms.append(math.sqrt(sum(float(p.grad.square().sum()) for p in parameters)))

        trained.optimizer.register_step_pre_hook(norm)

    run("free").go(epochs=1, gradient_clip=0, spoil=watch)
    free, norms[:] = list(norms), []
    run("clipped").go(epochs=1, gradient_clip=0.05, spoil=watch)
    assert min(free) > 0.1
    assert norms == pytest.approx([0.05] * len(free), rel=1e-3)


def test_early_stopping_waits_for_its_patience(run):
    # A learning rate of zero: after the first epoch nothing falls any more but the running means of batch norm.
    def still(trained, source):
        trained.optimizer.param_groups[0]["lr"] = trained.optimizer.param_groups[1]["lr"] = 0.0
        for part in trained.network.modules():
            if isinstance(part, torch.nn.BatchNorm1d):
                part.momentum = 0.0

    for patience in (1, 3):
        state = run(f"patience {patience}").go(epochs=9, schedule=constant, early_stopping=patience, spoil=still)
        assert len({row["validation_loss"] for row in state.history}) == 1
        assert state.best_epoch == 0 and len(state.history) == 1 + patience
    assert len(run("none").go(epochs=5, schedule=constant, early_stopping=None, spoil=still).history) == 5


def test_a_loss_that_is_not_finite_stops_with_a_sentence_and_leaves_a_whole_checkpoint(run):
    broken = run()

    def spoil(trained, source):
        source.iq[20] = np.nan

    with pytest.raises(UserError) as error:
        broken.go(spoil=spoil)
    assert str(error.value).startswith(
        "training stopped: the training loss is no longer finite in epoch 1, at or before step 9; lower "
    )
    assert str(error.value).endswith(f"({broken.folder}/checkpoints/last.pt holds the state before this epoch)")
    last = load_checkpoint(broken.folder / LAST)
    assert all(value.isfinite().all() for value in last["network"].values())
    assert not (broken.folder / BEST).exists()
    # And goes on from there once the cause is gone.
    assert len(broken.go(last, epochs=1).history) == 1


def test_checkpoints_hold_tensors_and_plain_values_alone(run):
    trained = run()
    trained.go(epochs=1)
    for name in (LAST, BEST):
        state = torch.load(trained.folder / name, weights_only=True)
        assert state["modulations"] == ["a", "b", "c"] and state["snrs"] == [0.0, 10.0]
        assert state["config"] == {"seed": 3}
    assert sorted(p.name for p in (trained.folder / "checkpoints").iterdir()) == ["best.pt", "last.pt"]
