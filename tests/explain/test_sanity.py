"""Randomising weights from the top: which, in which order, and what it does to maps."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from amc_xai.explain.attribution import IntegratedGradients, attribute_input
from amc_xai.explain.sanity import cascade, cascade_correlations, layers_from_the_top, randomise, spearman
from amc_xai.model import MultiTaskNetwork, TaskSpecificExtractor, TimmBackbone, linear
from amc_xai.model.network import Prediction


class Stack(nn.Module):
    """Defined in another order than called, with a branch for each task."""

    def __init__(self):
        super().__init__()
        self.snr_head = nn.Linear(6, 2)
        self.last = nn.Linear(8, 6)
        self.first = nn.Linear(16, 8)
        self.modulation_head = nn.Linear(6, 3)

    def forward(self, x):
        features = self.last(self.first(x.flatten(1)).tanh()).tanh()
        return Prediction(self.modulation_head(features), self.snr_head(features))


@pytest.fixture
def stack():
    torch.manual_seed(0)
    return Stack()


@pytest.fixture
def image():
    return torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(2)) + 0.1


def test_layers_are_those_of_the_task_in_the_order_of_the_pass(stack, image):
    assert layers_from_the_top(stack, image, "modulation") == ["modulation_head", "last", "first"]
    assert layers_from_the_top(stack, image, "snr") == ["snr_head", "last", "first"]


def test_layers_of_a_vision_transformer_end_at_its_patches():
    options = {"patch_size": 8, "embed_dim": 12, "depth": 2, "num_heads": 2}
    backbone = TimmBackbone((1, 16, 16), "vit_tiny_patch16_224", options=options)
    network = MultiTaskNetwork(backbone, TaskSpecificExtractor, linear, linear, 3, 2).eval()
    layers = layers_from_the_top(network, torch.rand(1, 1, 16, 16), "modulation")
    assert layers[0] == "modulation_head"
    assert layers.index("backbone.model.blocks.1.mlp.fc2") < layers.index("backbone.model.blocks.0.attn.qkv")
    # The model itself holds the class token and the positions; it is entered first.
    assert layers[-2:] == ["backbone.model.patch_embed.proj", "backbone.model"]
    assert not any("snr" in name for name in layers)
    parameters = {n.rpartition(".")[0] for n, _ in network.named_parameters() if "snr" not in n}
    assert set(layers) == parameters


def test_the_cascade_changes_one_layer_after_the_other_and_never_the_original(stack, image):
    before = {name: p.clone() for name, p in stack.named_parameters()}
    changed = []
    for _, _, network in cascade(stack, image, "modulation", 3, seed=1):
        differ = {n.rpartition(".")[0] for n, p in network.named_parameters() if not torch.equal(p, before[n])}
        changed.append(differ)
    top = ["modulation_head", "last", "first"]
    assert changed == [set(top[:i]) for i in range(4)]
    assert all(torch.equal(p, before[n]) for n, p in stack.named_parameters())
    stops = [(name, share) for name, share, _ in cascade(stack, image, "modulation", 2, seed=1)]
    assert stops == [("none", 0.0), ("last", pytest.approx(2 / 3)), ("first", 1.0)]
    assert [name for name, _, _ in cascade(stack, image, "modulation", 0, seed=1)] == ["none"]


def test_a_module_without_a_way_to_reset_keeps_its_spread():
    holder = nn.Module()
    holder.table = nn.Parameter(torch.randn(4000) * 3 + 10)
    before = holder.table.detach().clone()
    randomise(holder)
    assert abs(float(np.corrcoef(before, holder.table.detach())[0, 1])) < 0.1
    assert float(holder.table.detach().mean()) == pytest.approx(10, abs=0.5)
    assert float(holder.table.detach().std()) == pytest.approx(3, rel=0.1)


def test_rank_correlation_equals_scipys_over_the_allowed_places():
    generator = torch.Generator().manual_seed(3)
    a = torch.randint(0, 5, (3, 30), generator=generator).float()
    b = a + torch.randn(3, 30, generator=generator)
    allowed = torch.rand(3, 30, generator=generator) < 0.6
    found = spearman(a, b, allowed)
    for i in range(3):
        assert found[i] == pytest.approx(spearmanr(a[i][allowed[i]], b[i][allowed[i]]).statistic)
    assert np.isnan(spearman(torch.ones(1, 30), b[:1], allowed[:1])).all()


def test_maps_agree_wholly_before_and_less_after_randomising(stack, image):
    # A trained network would do as well; here one with strong weights on a few inputs stands for it.
    with torch.no_grad():
        stack.first.weight[:, :8] *= 4
        stack.first.weight[:, 8:] *= 0.1
    target = torch.tensor([0, 1, 2, 0, 1])
    method = IntegratedGradients(8, 8)
    explained = []

    def explain(network):
        explained.append(network)
        return attribute_input(method, network, image, target, "modulation")

    rows = cascade_correlations(explain, stack, image, "modulation", 3, seed=4)
    assert len(explained) == len(rows)  # the original's map is made once
    assert [row["layer"] for row in rows] == ["none", "modulation_head", "last", "first"]
    assert rows[0]["spearman"] == pytest.approx(1.0) and rows[0]["spearman_abs"] == pytest.approx(1.0)
    assert all(row["spearman"] < 0.8 for row in rows[1:])
    # While the first layer stands its strong inputs still stand out in magnitude; then nothing is left of them.
    assert rows[1]["spearman_abs"] > 0.5 > abs(rows[3]["spearman_abs"])
    assert all(row["frames"] == 5 for row in rows)
    assert all(row["spearman_low"] < row["spearman"] < row["spearman_high"] for row in rows[1:])
