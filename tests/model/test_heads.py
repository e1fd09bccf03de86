import pytest
import torch
from torch import nn

from amc_xai.loss import FixedWeights, Target
from amc_xai.model import (
    Classifier,
    MultiTaskNetwork,
    SharedExtractor,
    TaskSpecificExtractor,
    bottleneck,
    dual_layer,
    linear,
)


def trained_a_little(module, seed=0):
    """Batch norm statistics and affine parameters away from their start, so that leaving them out would show."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            width = part.num_features
            part.running_mean.copy_(torch.randn(width, generator=generator))
            part.running_var.copy_(torch.rand(width, generator=generator) + 0.5)
            with torch.no_grad():
                part.weight.copy_(torch.rand(width, generator=generator) + 0.5)
                part.bias.copy_(torch.randn(width, generator=generator))
    return module.eval()


def by_hand(branch, shared, gate_activation, activation, same_width):
    """0.7 BatchNorm(act(W g)) + 0.3 residual, g = shared * sigmoid(W2 act(W1 shared)): no dropout."""
    first, second = branch.gate[0], branch.gate[2]
    gate = torch.sigmoid(gate_activation(shared @ first.weight.T + first.bias) @ second.weight.T + second.bias)
    inner = activation((shared * gate) @ branch.branch[0].weight.T + branch.branch[0].bias)
    norm = branch.branch[2]
    inner = (inner - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
    residual = shared if same_width else shared @ branch.residual.weight.T + branch.residual.bias
    return 0.7 * inner + 0.3 * residual


@pytest.mark.parametrize("ratio", [0.25, 1.0])
def test_the_extractor_is_its_equations(ratio):
    torch.manual_seed(0)
    extractor = trained_a_little(TaskSpecificExtractor(32, ratio))
    shared = torch.randn(9, 32)
    width = int(32 * ratio)
    assert extractor.num_features == width
    modulation, snr = extractor(shared)
    assert modulation.shape == snr.shape == (9, width)
    expected = by_hand(extractor.modulation, shared, torch.relu, nn.functional.gelu, ratio == 1.0)
    torch.testing.assert_close(modulation, expected)
    torch.testing.assert_close(snr, by_hand(extractor.snr, shared, torch.tanh, torch.relu, ratio == 1.0))
    # Dropout acts in training alone, on the branch: the residual part stays.
    extractor.train()
    assert not torch.equal(extractor(shared)[0], extractor(shared)[0])
    for part in extractor.modules():
        if isinstance(part, nn.Dropout):
            part.p = 1.0
    residual = shared if ratio == 1.0 else extractor.snr.residual(shared)
    torch.testing.assert_close(extractor(shared)[1], 0.3 * residual)


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def test_the_extractor_has_the_parameters_of_its_layers():
    # F = 32, gate of 4, T = 8: two branches of gate, branch, batch norm and residual.
    gate = (32 * 4 + 4) + (4 * 32 + 32)
    assert parameters(TaskSpecificExtractor(32, 0.25)) == 2 * (gate + (32 * 8 + 8) + 2 * 8 + (32 * 8 + 8))
    assert parameters(TaskSpecificExtractor(32, 1.0)) == 2 * (gate + (32 * 32 + 32) + 2 * 32)
    assert parameters(SharedExtractor(32)) == 0 and SharedExtractor(32).num_features == 32


def test_the_shared_extractor_gives_both_tasks_the_same_features():
    shared = torch.randn(2, 5)
    modulation, snr = SharedExtractor(5)(shared)
    assert modulation is shared and snr is shared


def test_the_shared_extractor_can_be_as_narrow_as_the_other_one():
    torch.manual_seed(0)
    narrow, shared = SharedExtractor(32, ratio=0.25, dropout=0.5), torch.randn(64, 32)
    assert narrow.num_features == 8 == TaskSpecificExtractor(32, 0.25).num_features
    assert parameters(narrow) == 32 * 8 + 8
    modulation, snr = narrow(shared)
    assert modulation is snr
    kept = modulation != 0
    plain = shared @ narrow.narrow.weight.T + narrow.narrow.bias
    torch.testing.assert_close(modulation[kept], 2 * plain[kept])
    assert 0.4 < kept.float().mean() < 0.6
    torch.testing.assert_close(narrow.eval()(shared)[0], plain)


@pytest.mark.parametrize(
    ("head", "count"),
    [
        (linear, 20 * 7 + 7),
        (bottleneck, (20 * 64 + 64) + (64 * 7 + 7)),
        (lambda f, k: bottleneck(f, k, width=128), (20 * 128 + 128) + (128 * 7 + 7)),
        (dual_layer, (20 * 256 + 256) + (256 * 64 + 64) + (64 * 7 + 7)),
    ],
)
def test_heads_have_the_shape_and_parameters_of_their_layers(head, count):
    made = head(20, 7)
    assert made(torch.randn(3, 20)).shape == (3, 7)
    assert parameters(made) == count


def test_hidden_layers_are_relu_layers_with_dropout():
    torch.manual_seed(0)
    x = torch.randn(6, 20)
    for head, layers in ((bottleneck(20, 7), (0, 3)), (dual_layer(20, 7), (0, 3, 6))):
        expected = x
        for k, layer in enumerate(layers):
            expected = expected @ head[layer].weight.T + head[layer].bias
            expected = expected if k == len(layers) - 1 else expected.relu()
        torch.testing.assert_close(head.eval()(x), expected)
        head.train()
        assert not torch.equal(head(x), head(x))


class Flat(nn.Module):
    """A backbone of one layer."""

    def __init__(self, pixels, features=24):
        super().__init__()
        self.layer, self.num_features = nn.Linear(pixels, features), features

    def forward(self, x):
        return self.layer(x.flatten(1)).relu()


def network(extractor=TaskSpecificExtractor, head=bottleneck):
    torch.manual_seed(0)
    return MultiTaskNetwork(Flat(2 * 16), extractor, linear, head, 5, 3)


@pytest.mark.parametrize("extractor", [TaskSpecificExtractor, SharedExtractor])
@pytest.mark.parametrize("head", [linear, bottleneck, dual_layer])
def test_each_task_sends_gradients_to_its_own_parts_and_to_the_backbone(extractor, head):
    made = network(extractor, head)
    x = torch.randn(32, 2, 16)
    target = Target(torch.randint(5, (32,)), torch.randint(3, (32,)))
    reached = []
    for weights in ({"modulation": 1.0, "snr": 0.0}, {"modulation": 0.0, "snr": 1.0}):
        made.zero_grad()
        FixedWeights([0.0, 1.0, 2.0], **weights)(made(x), target).total.backward()
        reached.append({n for n, p in made.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0})
    own = [("modulation_head", "extractor.modulation"), ("snr_head", "extractor.snr")]
    backbone = {n for n, _ in made.named_parameters() if n.startswith("backbone")}
    for found, parts in zip(reached, own, strict=True):
        assert found == backbone | {n for n, _ in made.named_parameters() if n.startswith(parts)}


def test_permuting_a_batch_permutes_the_answers():
    made = trained_a_little(network())
    x = torch.randn(8, 2, 16)
    order = torch.randperm(8)
    for whole, permuted in zip(made(x), made(x[order]), strict=True):
        torch.testing.assert_close(permuted, whole[order])
    assert made(x).modulation.shape == (8, 5) and made(x).snr.shape == (8, 3)


class Fine(nn.Module):
    """A representation that bfloat16 would spoil: a matrix product of numbers with many digits."""

    def forward(self, iq):
        return iq @ torch.full((16, 16), 1 + 2.0**-12)


def test_the_classifier_takes_raw_frames_and_represents_them_in_full_precision():
    classifier = Classifier(Fine(), network().eval(), ["a", "b", "c", "d", "e"], [0, 10, 20])
    assert classifier.snrs == [0.0, 10.0, 20.0]
    iq = torch.randn(4, 2, 16)
    expected = Fine()(iq)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        seen = classifier.represent(iq)
        # Whereas without the guard it would be rounded.
        assert Fine()(iq).dtype == torch.bfloat16
        assert classifier(iq).modulation.dtype == torch.bfloat16
    assert seen.dtype == torch.float32 and torch.equal(seen, expected)
    for found, wanted in zip(classifier(iq), classifier.network(expected), strict=True):
        torch.testing.assert_close(found, wanted)


def test_no_gradient_flows_through_the_representation():
    classifier = Classifier(Fine(), network(), list("abcde"), [0, 10, 20])
    iq = torch.randn(4, 2, 16, requires_grad=True)
    assert not classifier.represent(iq).requires_grad
