"""Sixteen bits with scaled gradients, as on a CUDA card, here with the CPU's own scaler."""

import pytest
import torch
from torch import nn

from amc_xai.loss import FixedWeights, GradNorm, LossTerms
from amc_xai.training import make_accelerator
from amc_xai.training.step import descend, loss_scale


class Scaled:
    """An accelerator whose losses are scaled as those of fp16 are."""

    def __init__(self, scale=2.0**10):
        self.inner = make_accelerator("cpu", "fp32")
        self.scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=10_000)

    def __getattr__(self, name):
        return getattr(self.inner, name)


def overflow_at(*steps):
    """Spoils the gradients of these steps (from 1), which the scaler then leaves out."""

    def spoil(trained, source):
        count = [0]

        def infinite(gradient):
            count[0] += 1
            return gradient * float("inf") if count[0] in steps else gradient

        trained.network.backbone.layer.weight.register_hook(infinite)

    return spoil


def test_average_and_schedule_go_on_with_the_steps_that_are_taken(run):
    trained, steps = run(), 9
    trained.go(epochs=1, ema=0.9, accelerator=Scaled(), spoil=overflow_at(1, 4, 5))
    last = torch.load(trained.folder / "checkpoints" / "last.pt", weights_only=True)
    assert last["average"]["steps"] == steps - 3
    # A schedule's own first step is the one that sets the first rate.
    assert last["scheduler"]["now"]["last_epoch"] == steps - 3
    assert last["scaler"]["scale"] == 2.0**7
    assert all(tensor.isfinite().all() for tensor in last["network"].values())


def test_scaled_training_gives_the_numbers_of_training_without(run):
    # A power of two changes no digit of a gradient.
    scaled, plain = run("scaled"), run("plain")
    histories = [scaled.go(epochs=2, accelerator=Scaled()).history, plain.go(epochs=2).history]
    for one, other in zip(*histories, strict=True):
        assert one["train_loss"] == other["train_loss"] and one["validation_loss"] == other["validation_loss"]
    assert all(torch.equal(value, plain.weights()[name]) for name, value in scaled.weights().items())


def test_gradients_are_clipped_at_their_true_size():
    weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    assert descend((weight**2).sum() / 2, optimizer, 1.0, scaler)
    # The gradient (3, 4) has the norm 5.
    assert weight.tolist() == pytest.approx([3 - 0.6, 4 - 0.8], rel=1e-5)
    assert weight.grad is None


def test_a_loss_that_balances_is_told_the_scale(run):
    told = []

    class Asking(FixedWeights):
        def balance(self, terms, shared, mean, scale):
            told.append(float(scale))

    run().go(epochs=1, loss=Asking, accelerator=Scaled())
    assert told == [2.0**10] * 9


class Half(nn.Module):
    """A shared layer whose gradient passes through float16, which holds nothing below 6e-8."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1, bias=False)
        nn.init.ones_(self.layer.weight)

    def terms(self):
        weight = self.layer.weight[0].half().float()
        modulation, snr = 3e-9 * weight[0], 1e-9 * weight[1]
        return LossTerms(modulation + snr, modulation, snr, torch.ones(2) / 2)


def test_gradnorm_takes_its_gradients_scaled_and_divides_them():
    """Unscaled they would vanish in float16, and the weights would never move."""
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    scale = loss_scale(scaler, torch.device("cpu"))
    assert float(scale) == 2.0**16 and loss_scale(None, torch.device("cpu")) == 1.0
    shared, lost, kept = Half(), GradNorm([0.0, 1.0], lr=1e6), GradNorm([0.0, 1.0], lr=1e6)
    lost.balance(shared.terms(), shared)
    assert lost.weight.tolist() == [1, 1]
    kept.balance(shared.terms(), shared, lambda values: values, scale)
    # Norms 3e-9 and 1e-9 at weights 1 and 1 are to become 2e-9 each: weights 1 - 3e-3 and 1 + 1e-3, summing to 2.
    moved = torch.tensor([1 - 3e-3, 1 + 1e-3])
    assert kept.weight.tolist() == pytest.approx((2 * moved / moved.sum()).tolist(), abs=2e-5)
