"""Weights of a trained network in a new one: by name, by shape, and class by class."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from amc_xai.model import MultiTaskNetwork, TaskSpecificExtractor, bottleneck, dual_layer, linear
from amc_xai.model.transfer import ClassMap, carry_over, class_dimensions
from amc_xai.training import parameter_groups


class Backbone(nn.Module):
    """(B, 6) -> (B, 8), with batch norm and dropout."""

    num_features = 8

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))

    def forward(self, x):
        return self.layers(x)


class Turned(nn.Module):
    """A head of one's own that keeps its weight the other way round, and a scale that no class owns."""

    def __init__(self, features, classes):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(features, classes))
        self.scale = nn.Parameter(torch.randn(1))

    def forward(self, x):
        return self.scale * (x @ self.weight)


def network(head, modulations, snrs, seed):
    torch.manual_seed(seed)
    return MultiTaskNetwork(Backbone(), TaskSpecificExtractor, head, head, modulations, snrs).eval()


# As wide as there are classes in the tests below: by its shape a hidden layer looks like one row a class.
NARROW = partial(bottleneck, width=3)
HEADS = {"linear": linear, "bottleneck": NARROW, "dual": partial(dual_layer, widths=(3, 3)), "turned": Turned}


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (linear, {"weight": 0, "bias": 0}),
        (NARROW, {"3.weight": 0, "3.bias": 0}),
        (HEADS["dual"], {"6.weight": 0, "6.bias": 0}),
        (Turned, {"weight": 1}),
    ],
    ids=HEADS,
)
def test_the_tensors_that_count_classes_are_found_whatever_else_has_their_width(head, expected):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert class_dimensions(head, 3, 3) == expected
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_known_classes_answer_as_before_wherever_they_stand(head):
    trained, new = network(head, 3, 3, 1), network(head, 3, 2, 2)
    # Of the classes a, b, c the new ones are c, d, a; of the SNRs 0, 10, 20 the new ones are 20, 0.
    places = {"modulation": ClassMap.by_name(["c", "d", "a"], ["a", "b", "c"])}
    places["snr"] = ClassMap.by_name([20.0, 0.0], [0.0, 10.0, 20.0])
    classes = {
        f"{task}_head.{name}": (d, places[task])
        for task, number in (("modulation", 3), ("snr", 2))
        for name, d in class_dimensions(head, new.extractor.num_features, number).items()
    }
    fresh = copy.deepcopy(new)
    told = carry_over(new, trained.state_dict(), classes)
    assert sorted(told.by_class) == sorted(classes) and not told.fresh and not told.unused
    x = torch.randn(5, 6)
    before, after = trained(x), new(x)
    torch.testing.assert_close(after.modulation[:, [0, 2]], before.modulation[:, [2, 0]])
    torch.testing.assert_close(after.snr, before.snr[:, [2, 0]])
    for name, (dimension, place) in classes.items():
        if place is places["modulation"]:
            kept = new.state_dict()[name].select(dimension, 1)
            assert torch.equal(kept, fresh.state_dict()[name].select(dimension, 1)), "the new class isn't fresh"


def test_what_does_not_fit_is_left_as_it_was_and_told():
    trained, new = network(linear, 2, 2, 1), network(linear, 2, 2, 2)
    stored = trained.state_dict()
    stored["backbone.layers.0.weight"] = torch.zeros(8, 5)
    stored["backbone.more"] = torch.zeros(1)
    del stored["extractor.snr.gate.0.bias"]
    fresh = copy.deepcopy(new.state_dict())
    nothing = {"modulation_head.weight": (0, ClassMap.nothing(["a", "b"]))}
    told = carry_over(new, stored, nothing)
    assert told.fresh == {
        "backbone.layers.0.weight": "(8, 5) there, (8, 6) here",
        "extractor.snr.gate.0.bias": "the trained network has none",
        "modulation_head.weight": "no class in common",
    }
    assert told.unused == ["backbone.more"]
    for name, tensor in new.state_dict().items():
        assert torch.equal(tensor, fresh[name] if name in told.fresh else stored[name]), name


def test_a_frozen_backbone_keeps_weights_and_statistics_while_the_rest_learns():
    net = network(linear, 2, 2, 1)
    net.freeze_backbone()
    before = copy.deepcopy(net.state_dict())
    optimizer = torch.optim.SGD(parameter_groups(net, nn.Module()), lr=0.1, weight_decay=0.1)
    for _ in range(3):
        net.train()
        prediction = net(torch.randn(16, 6))
        optimizer.zero_grad()
        (prediction.modulation.square().mean() + prediction.snr.square().mean()).backward()
        optimizer.step()
    moved = {
        name.split(".")[0] for name, tensor in net.state_dict().items() if not torch.equal(tensor, before[name])
    }
    assert moved == {"extractor", "modulation_head", "snr_head"}
    # No dropout either: the features of a frame are the same in training and in test.
    x = torch.randn(4, 6)
    assert torch.equal(net.train().backbone(x), net.eval().backbone(x))
