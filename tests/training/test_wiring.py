"""What the loop connects: schedule, precision, memory layout, yardstick, and the network that it leaves."""

import copy
import functools
import gc
import math
import weakref

import pytest
import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.loss import DynamicWeightAverage, FixedWeights, GradNorm, SoftmaxWeights, UncertaintyWeights
from amc_xai.training import constant, cosine, load_checkpoint, make_accelerator, plateau

SGD = functools.partial(torch.optim.SGD, lr=0.05)
STILL = functools.partial(torch.optim.SGD, lr=0.0)
STEPS = 9  # an epoch of the miniature


@pytest.fixture
def bf16():
    yield functools.partial(make_accelerator, "cpu", "bf16")
    make_accelerator("cpu", "fp32")


def test_the_learning_rate_steps_after_each_batch(run):
    state = run().go(epochs=3, schedule=functools.partial(cosine, warmup=0.0), optimizer=SGD)
    expected = [0.05 * 0.5 * (1 + math.cos(math.pi * STEPS * (epoch + 1) / (3 * STEPS))) for epoch in range(3)]
    assert [row["learning_rate"] for row in state.history] == pytest.approx(expected)


def test_the_learning_rate_steps_after_an_epoch_that_brought_nothing(run):
    # Nothing learns, so that from the second epoch on no epoch is better than the first.
    state = run().go(epochs=4, schedule=functools.partial(plateau, factor=0.5, patience=0), optimizer=still(0.01))
    assert [row["learning_rate"] for row in state.history] == pytest.approx([0.01, 0.01, 0.005, 0.0025])


def still(lr):
    """An optimizer with a learning rate to read that changes nothing."""

    class Still(torch.optim.SGD):
        def step(self, closure=None):
            pass

    return functools.partial(Still, lr=lr)


class Watched(nn.Module):
    """A representation that notes in which precision it was asked to draw, and for which part."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, iq):
        mixed = torch.is_autocast_enabled("cpu")
        self.seen.append((len(iq), mixed, torch.is_grad_enabled(), (iq.flatten(1) @ torch.ones(12, 1)).dtype))
        return iq


def test_pictures_are_drawn_in_full_precision_in_training_and_in_validation(run, bf16):
    watched = Watched()
    run().go(epochs=1, representation=watched, accelerator=bf16())
    # Eight whole batches and one of two frames, then three of the validation part.
    assert [size for size, *_ in watched.seen] == [8] * 8 + [2] + [8] * 3
    assert {tuple(rest) for _, *rest in watched.seen} == {(False, False, torch.float32)}


def test_what_is_left_after_training_is_the_network_as_it_was_built(run, bf16):
    trained = run()
    trained.go(epochs=1, accelerator=bf16())
    fresh = run("fresh")
    fresh.go(epochs=0)
    assert vars(trained.network).keys() == vars(fresh.network).keys()
    frames = trained.source.read(range(20))
    plain = copy.deepcopy(fresh.network)
    plain.load_state_dict(trained.network.state_dict())
    for mine, theirs in zip(trained.network.eval()(frames), plain.eval()(frames), strict=True):
        assert mine.dtype == torch.float32 and torch.equal(mine, theirs)


def test_a_network_is_trained_and_validated_in_the_accelerators_precision(run, bf16):
    seen = []

    class Flat(nn.Module):
        num_features = 16

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(12, 16)

        def forward(self, x):
            features = self.layer(x.flatten(1))
            seen.append((self.training, features.dtype))
            return features

    for accelerator, dtype in ((bf16(), torch.bfloat16), (make_accelerator("cpu", "fp32"), torch.float32)):
        seen.clear()
        run(str(dtype)).go(epochs=1, backbone=Flat(), accelerator=accelerator)
        assert set(seen) == {(True, dtype), (False, dtype)}


@pytest.mark.parametrize("loss", [UncertaintyWeights, GradNorm])
def test_a_finished_trainings_network_is_freed_at_once(run, bf16, loss):
    """A search trains one network after the other in one process; none may wait for the garbage collector."""
    trained = run()
    gc.collect()
    gc.disable()
    try:
        trained.go(epochs=2, loss=loss, ema=0.9, accelerator=bf16())
        left = [weakref.ref(trained.network), weakref.ref(trained.optimizer), weakref.ref(trained.loss)]
        left += [weakref.ref(next(trained.network.parameters()))]
        del trained.network, trained.loss, trained.optimizer
        assert [reference() for reference in left] == [None] * 4
    finally:
        gc.enable()


LOSSES = [UncertaintyWeights, SoftmaxWeights, DynamicWeightAverage, GradNorm, FixedWeights]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_network_that_does_not_learn_never_improves(run, loss):
    """The weights of the tasks are learned all the while; they must not move the yardstick."""
    trained = run()

    def frozen(params):
        return torch.optim.SGD([{**params[0], "lr": 0.0}, *({**p, "lr": 0.5} for p in params[1:])], lr=0.5)

    def without_momentum(trained, source):
        for part in trained.network.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.momentum = 0.0

    state = trained.go(epochs=4, schedule=constant, loss=loss, optimizer=frozen, spoil=without_momentum)
    if loss in (UncertaintyWeights, SoftmaxWeights, GradNorm):
        assert state.history[0]["weight_snr"] != state.history[3]["weight_snr"]
    assert len({row["validation_loss"] for row in state.history}) == 1 and state.best_epoch == 0


def test_the_losses_of_the_history_are_plain_sums_whatever_the_weights(run):
    sums = [
        run(str(weights)).go(
            epochs=1, schedule=constant, optimizer=STILL, plain=True, frames=(64, 24),
            loss=functools.partial(FixedWeights, modulation=weights[0], snr=weights[1]),
        ).history[0]
        for weights in ((1, 1), (0.2, 3), (1, 0), (0, 2))
    ]  # fmt: skip
    for name in ("train_loss", "validation_loss"):
        both, weighted, modulation, snr = (row[name] for row in sums)
        assert weighted == pytest.approx(both, rel=1e-6)
        # A task that isn't trained has a head that says nothing, and doesn't count.
        assert modulation + snr == pytest.approx(both, rel=1e-6) and modulation != pytest.approx(snr, rel=0.1)


class Pictures(nn.Module):
    """A picture of two channels, so that the two memory layouts differ; ``pair`` gives it beside a sequence."""

    def __init__(self, pair=False):
        super().__init__()
        self.pair = pair

    def forward(self, iq):
        picture = iq[:, :, :, None] * iq[:, :, None, :]
        return (picture, iq) if self.pair else picture


class Convolution(nn.Module):
    num_features = 4

    def __init__(self):
        super().__init__()
        self.layer, self.seen = nn.Conv2d(2, 4, 3), []

    def forward(self, x):
        x, *rest = x if isinstance(x, tuple) else (x,)
        self.seen.append(x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous())
        return self.layer(x).mean((2, 3)) + sum(part.mean() for part in rest)


@pytest.mark.parametrize("pair", [False, True], ids=["picture", "fusion"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_channels_last_lays_out_what_the_network_gets(run, pair, channels_last):
    backbone = Convolution()
    run().go(epochs=1, backbone=backbone, representation=Pictures(pair), channels_last=channels_last)
    assert len(backbone.seen) == 12 and set(backbone.seen) == {channels_last}


def test_a_validation_loss_that_is_not_finite_stops_with_a_sentence(run):
    broken = run()

    def spoil(trained, source):
        source.iq[70] = math.nan

    with pytest.raises(UserError, match=r"^training stopped: the validation loss is no longer finite in epoch 1"):
        broken.go(spoil=spoil)
    assert load_checkpoint(broken.folder / "checkpoints" / "last.pt")["state"]["step"] == 0
