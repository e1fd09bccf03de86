"""Parts of a user's own: with hooks, without, and with what looks like one."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from amc_xai.data import Batch, SamplerHooks
from amc_xai.errors import UserError
from amc_xai.hooks import defines, hooks_of
from amc_xai.loss import FixedWeights, GradNorm, LossHooks, LossTerms, UncertaintyWeights
from amc_xai.model import BackboneHooks
from amc_xai.training import constant


class Own(nn.Module):
    """The least that a loss can be."""

    def __init__(self, snrs):
        super().__init__()

    def forward(self, prediction, target):
        modulation = functional.cross_entropy(prediction.modulation, target.modulation)
        snr = functional.cross_entropy(prediction.snr, target.snr)
        return LossTerms(modulation + snr, modulation, snr, torch.ones(2) / 2)


def numbers(history):
    return [{k: v for k, v in row.items() if k not in ("seconds", "frames_per_second")} for row in history]


def test_a_loss_without_hooks_trains_as_the_sum_that_it_is(run):
    histories = [numbers(run(loss.__name__).go(epochs=2, loss=loss).history) for loss in (Own, FixedWeights)]
    for own, fixed in zip(*histories, strict=True):
        assert own == pytest.approx(fixed, rel=1e-5)


def test_each_hook_of_a_loss_is_called_in_its_place(run):
    calls = []

    class Watching(Own):
        def balance(self, terms, shared, mean, scale):
            assert terms.total.grad_fn is not None and next(shared.parameters()).grad is None
            assert mean(torch.ones(2)).tolist() == [1, 1] and float(scale) == 1
            calls.append("balance")

        def project(self):
            calls.append("project")

        def after_epoch(self, mean_modulation, mean_snr):
            calls.append((mean_modulation, mean_snr))

    state = run().go(epochs=2, loss=Watching)
    assert calls[:18] == ["balance", "project"] * 9 and calls[19:37] == ["balance", "project"] * 9
    for (modulation, snr), row in zip((calls[18], calls[37]), state.history, strict=True):
        assert modulation + snr == pytest.approx(row["train_loss"])
        assert modulation > 0.2 and snr > 0.2


@pytest.mark.parametrize("wrong", [lambda terms: terms.total, lambda terms: tuple(terms), lambda terms: None])
def test_a_loss_that_gives_something_else_is_refused_in_words(run, wrong):
    class Wrong(Own):
        def forward(self, prediction, target):
            return wrong(super().forward(prediction, target))

    with pytest.raises(UserError) as error:
        run().go(loss=Wrong)
    assert str(error.value).startswith(
        "loss: Wrong must return LossTerms(total, modulation, snr, weights) from amc_xai.loss, and returned "
    )
    assert str(error.value).endswith(("Tensor", "tuple", "NoneType"))


def test_a_hook_that_takes_something_else_is_refused_before_the_first_step(run):
    class Wrong(Own):
        def after_epoch(self, mean):
            raise AssertionError("never called")

    broken = run()
    with pytest.raises(UserError, match=r"^Wrong\.after_epoch must take \(mean_modulation, mean_snr\)"):
        broken.go(loss=Wrong)
    assert not broken.folder.exists()


def test_a_layer_that_bears_the_name_of_a_hook_is_none(run):
    class Layered(Own):
        def __init__(self, snrs):
            super().__init__(snrs)
            self.project = nn.Linear(2, 2)

    assert not defines(Layered(()), "project")
    assert len(run().go(epochs=1, loss=Layered).history) == 1


def test_what_a_backbone_and_a_sampler_have_to_say_is_in_the_history(run):
    class Saying(nn.Module):
        num_features = 16

        def __init__(self):
            super().__init__()
            self.layer, self.epochs = nn.Linear(12, 16), 0

        def forward(self, x):
            return self.layer(x.flatten(1))

        def report(self):
            self.epochs += 1
            return {"gate_of_epoch": 0.5 * self.epochs}

    class Batches:
        """A training set with neither ``sizes`` nor ``report``."""

        epoch = start = 0

        def __init__(self, saying):
            self.batch_sampler = self
            if saying:
                self.batch_sampler = type("Sampler", (), {"report": lambda self: {"share": self.epoch / 4}})()

        def __len__(self):
            return 2

        def __iter__(self):
            for _ in range(2):
                yield Batch(torch.randn(4, 2, 6), torch.arange(4) % 3, torch.arange(4) % 2)

    state = run().go(epochs=2, backbone=Saying(), batches=Batches(True), schedule=constant)
    assert [(row["gate_of_epoch"], row["share"]) for row in state.history] == [(0.5, 0.0), (1.0, 0.25)]
    state = run("silent").go(epochs=1, batches=Batches(False), schedule=constant)
    assert not {"gate_of_epoch", "share"} & state.history[0].keys()


def test_hooks_that_a_part_lacks_do_nothing():
    assert hooks_of(object(), SamplerHooks).sizes() == []
    assert hooks_of(nn.Linear(1, 1), BackboneHooks).report() == {}
    hooks = hooks_of(FixedWeights([0.0]), LossHooks)
    assert hooks.balance(None, None, None, 1.0) is hooks.project() is hooks.after_epoch(0.0, 0.0) is None
    # And those that it has are its own.
    loss = UncertaintyWeights([0.0], bound=0.5)
    nn.init.constant_(loss.log_variance, 2.0)
    hooks_of(loss, LossHooks).project()
    assert loss.log_variance.tolist() == [0.5, 0.5]
    assert defines(GradNorm([0.0]), "balance") and not defines(loss, "balance")
