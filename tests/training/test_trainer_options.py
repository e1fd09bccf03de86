"""Averaged weights, compilation and memory layout: each does what it says and nothing else."""

import copy
import json
import logging

import numpy as np
import pytest
import torch
from torch import nn

from amc_xai.data import Facts, Synthetic, evaluation_loader, training_loader
from amc_xai.errors import UserError
from amc_xai.loss import DynamicWeightAverage, FixedWeights, GradNorm
from amc_xai.model import Classifier, MultiTaskNetwork, SharedExtractor, linear
from amc_xai.representation import Constellation
from amc_xai.training import (
    SnrCurriculum,
    TrainerOptions,
    constant,
    load_checkpoint,
    make_accelerator,
    train,
)
from amc_xai.training.ema import MovingAverage
from amc_xai.training.speed import channels_last, compile_in_place, undo_compile

FACTS = Facts(512, 8.0)

SNRS = [0.0, 20.0]


class Backbone(nn.Module):
    """Convolution, batch norm, dropout: everything that keeps a state or draws a number."""

    num_features = 6

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        return self.dropout(self.layers(x).mean((2, 3)))


@pytest.fixture(scope="module")
def source():
    return Synthetic(["BPSK", "QPSK"], SNRS, frames_per_cell=8, frame_length=32, samples_per_symbol=4)


@pytest.fixture
def run(source, tmp_path):
    """Train a fresh, seeded network; gives (history, last.pt, best.pt, classifier)."""
    count = 0

    def run(resume=None, loss=FixedWeights, rates=None, **options):
        nonlocal count
        count += 1
        folder = tmp_path / str(count)
        torch.manual_seed(0)
        network = MultiTaskNetwork(Backbone(), SharedExtractor, linear, linear, 2, 2)
        classifier = Classifier(Constellation(FACTS, image_size=16), network, source.modulations, SNRS)
        loss = loss(SNRS)
        # Not Adam: it blows the rounding noise of a gradient of zero up to a full step.
        optimizer = torch.optim.SGD([*network.parameters(), *loss.parameters()], lr=0.05, momentum=0.9)
        frames = np.arange(32)
        training = training_loader(source, frames, 8, seed=1, rates=rates)
        options = TrainerOptions(**{"epochs": 3, "batch_size": 8, "precision": "fp32", **options})

        train(
            classifier, loss, optimizer, constant(optimizer, options.epochs, len(training)), training,
            evaluation_loader(source, frames, 8), options, make_accelerator("cpu", "fp32"), folder,
            {"config": {}, "modulations": source.modulations, "snrs": SNRS}, resume,
        )  # fmt: skip
        history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
        last = load_checkpoint(folder / "checkpoints" / "last.pt")
        written = folder / "checkpoints" / "best.pt"
        best = load_checkpoint(written) if written.exists() else None  # a resume that has nothing left to do
        return history, last, best, classifier

    return run


def same(first, second):
    assert first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in first)


def measured(history):
    """The history without what a clock says."""
    return [{k: v for k, v in row.items() if k not in ("seconds", "frames_per_second")} for row in history]


def test_average_is_the_recursion():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = MovingAverage(network, decay=0.3)
    expected = {name: tensor.double().numpy() for name, tensor in copy.deepcopy(network.state_dict()).items()}
    for step in (1, 2, 3):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        network(torch.randn(4, 2))
        average.update(network)
        decay = min(0.3, (1 + step) / (10 + step))
        for name, tensor in network.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * tensor.double().numpy()
    got = average.network.state_dict()
    for name in expected.keys() - {"1.num_batches_tracked"}:
        np.testing.assert_allclose(got[name].numpy(), expected[name], rtol=1e-5, atol=1e-7)
    assert got["1.num_batches_tracked"] == 3


def test_ema_leaves_the_trained_weights_alone_and_is_what_is_tested(run, source):
    plain, averaged = run(), run(ema=0.9)
    assert same(plain[1]["network"], averaged[1]["network"])
    assert [row["train_loss"] for row in plain[0]] == [row["train_loss"] for row in averaged[0]]
    assert plain[1]["average"] is None
    best = averaged[2]
    assert not same(best["network"], plain[2]["network"])
    # The validation loss of the history is that of the averaged weights in best.pt.
    classifier = averaged[3]
    classifier.network.load_state_dict(best["network"])
    classifier.eval()
    with torch.no_grad():
        prediction = classifier(source.read(np.arange(32)))
    labels = (torch.from_numpy(source.modulation_index), torch.from_numpy(source.snr_index))
    loss = sum(float(nn.functional.cross_entropy(x, y)) for x, y in zip(prediction, labels, strict=True))
    assert min(row["validation_loss"] for row in averaged[0]) == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"ema": 0.9},
        {"loss": DynamicWeightAverage},
        {"loss": GradNorm, "rates": SnrCurriculum(SNRS)},
    ],
    ids=["ema", "dynamic", "gradnorm"],
)
def test_resume_goes_on_exactly(run, options):
    whole = run(**options)
    first = run(epochs=2, **options)
    second = run(resume=first[1], **options)
    assert measured(second[0]) == measured(whole[0])
    assert same(second[1]["network"], whole[1]["network"])
    assert same(second[1]["loss"], whole[1]["loss"])
    if "ema" in options:
        assert second[1]["average"]["steps"] == whole[1]["average"]["steps"] == 12
        assert same(second[1]["average"]["network"], whole[1]["average"]["network"])


def test_ema_can_be_switched_on_when_resuming(run):
    first = run(epochs=1)
    resumed = run(resume=first[1], epochs=1, ema=0.9)
    assert same(resumed[1]["average"]["network"], first[1]["network"])


def test_dynamic_weights_are_those_of_the_training_losses(run):
    history = run(loss=DynamicWeightAverage)[0]
    assert [row["weight_snr"] for row in history[:2]] == [0.5, 0.5]
    assert history[2]["weight_snr"] != 0.5


def test_curriculum_is_in_the_history(run):
    history = run(rates=SnrCurriculum(SNRS))[0]
    assert [row["curriculum_share"] for row in history] == [0.75, 1.0, 1.0]
    assert "curriculum_share" not in run()[0][0]


def test_channels_last_changes_the_layout_alone(run):
    plain, last = run(channels_last=False), run(channels_last=True)
    for before, after in zip(measured(plain[0]), measured(last[0]), strict=True):
        assert after == pytest.approx(before, rel=1e-4)
    kernel = last[3].network.backbone.layers[3].weight
    assert kernel.is_contiguous(memory_format=torch.channels_last) and not kernel.is_contiguous()
    for name, tensor in plain[1]["network"].items():
        torch.testing.assert_close(last[1]["network"][name], tensor, rtol=1e-3, atol=1e-4)


def test_channels_last_is_chosen_where_it_is_known_to_be_faster():
    chosen = {device: channels_last("auto", torch.device(device)) for device in ("cpu", "cuda", "mps")}
    assert chosen == {"cpu": True, "cuda": True, "mps": False}
    assert channels_last(True, torch.device("mps")) and not channels_last(False, torch.device("cpu"))
    with pytest.raises(UserError, match=r"trainer.channels_last must be auto, true or false, not 'last'"):
        channels_last("last", torch.device("cpu"))


@pytest.fixture
def eager_backend(monkeypatch):
    """torch.compile with its tracer but without a compiler, which would take half a minute."""
    compile = torch.compile
    calls = []

    def traced(*args, **kwargs):
        calls.append(kwargs.pop("options", {}))
        return compile(*args, **kwargs, backend="eager")

    monkeypatch.setattr(torch, "compile", traced)
    yield calls
    torch._dynamo.reset()


@pytest.mark.filterwarnings("ignore")
def test_compile_changes_no_number_and_no_name(run, eager_backend):
    plain = run(epochs=1)
    compiled = run(epochs=1, compile=True)
    # The probe, and the network with the generator of uncompiled code: the eager backend has no other.
    assert eager_backend == [{}, {"fallback_random": True}]
    assert measured(compiled[0])[0] == pytest.approx(measured(plain[0])[0], rel=1e-4)
    assert compiled[1]["network"].keys() == plain[1]["network"].keys()
    assert compiled[3].network._compiled_call_impl is None


def test_compile_falls_back_in_words(monkeypatch, caplog):
    def broken(function):
        raise RuntimeError("\nno C++ compiler found\ndetails")

    monkeypatch.setattr(torch, "compile", broken)
    network = nn.Linear(2, 2)
    with caplog.at_level(logging.WARNING):
        assert not compile_in_place(network, torch.device("cpu"))
    assert "finds no working compiler here (no C++ compiler found); training goes on without it" in caplog.text
    assert network._compiled_call_impl is None
    undo_compile(network)
    assert network(torch.zeros(1, 2)).shape == (1, 2)


def test_compile_with_gradnorm_is_refused(run):
    with pytest.raises(UserError, match=r"trainer\.compile: gradnorm"):
        run(loss=GradNorm, compile=True)
