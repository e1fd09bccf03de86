"""Every method on networks whose explanation is known, and against the library that it calls."""

from types import SimpleNamespace

import captum.attr
import numpy as np
import pytest
import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.explain.attribution import (
    ExpectedGradients,
    GradCam,
    GradientShap,
    IntegratedGradients,
    Occlusion,
    Rise,
    SmoothGrad,
    attribute,
    attribute_input,
)
from amc_xai.explain.attribution.method import TaskOutput
from amc_xai.model.network import Classifier, Prediction

METHODS = {
    "integrated_gradients": IntegratedGradients(steps=4),
    "gradient_shap": GradientShap(samples=4),
    "smooth_grad": SmoothGrad(samples=4),
    "occlusion": Occlusion(window=0.25),
    "rise": Rise(masks=1500, grid=4),
}


def grad_cam_on(task):
    return GradCam(layer=f"{task}_gate")


def score_inside_and_outside(scores, region):
    inside = scores[:, region].abs().mean()
    return float(inside), float(scores[:, ~region].abs().mean())


@pytest.mark.parametrize("task", ["modulation", "snr"])
@pytest.mark.parametrize("name", [*METHODS, "grad_cam"])
def test_every_method_finds_the_only_region_that_matters(name, task, planted):
    network, image, regions = planted
    method = METHODS[name] if name != "grad_cam" else grad_cam_on(task)
    scores = attribute_input(method, network, image, torch.ones(3, dtype=torch.int64), task)
    assert scores.shape == image.shape
    region = regions[task]
    if name == "grad_cam":  # one map for all channels
        region = region.any(0).expand(2, 8, 8)
    inside, outside = score_inside_and_outside(scores, region)
    # Windows and coarse masks reach beyond the region; gradients don't.
    limit = {"occlusion": 0.35, "rise": 0.35, "grad_cam": 1e-9}.get(name, 1e-9)
    assert inside > 0.01
    assert outside <= limit * inside


def test_integrated_gradients_of_a_linear_network_are_its_terms(planted):
    network, image, regions = planted
    scores = attribute_input(METHODS["integrated_gradients"], network, image, torch.ones(3).long(), "modulation")
    torch.testing.assert_close(scores, image * regions["modulation"], rtol=1e-4, atol=1e-6)
    smooth = attribute_input(METHODS["smooth_grad"], network, image, torch.ones(3).long(), "modulation")
    torch.testing.assert_close(smooth, regions["modulation"].float().expand(3, -1, -1, -1))


def test_occlusion_of_a_linear_network_is_what_the_window_held(planted):
    network, image, regions = planted
    # Windows of one pixel: the drop of the logit is that pixel's term.
    method = Occlusion(window=0.125)
    scores = attribute_input(method, network, image, torch.ones(3).long(), "snr")
    torch.testing.assert_close(scores, image * regions["snr"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [*METHODS, "grad_cam"])
def test_a_network_that_ignores_its_input_scores_zero_everywhere(name, blind, planted):
    image = planted[1]
    method = METHODS[name] if name != "grad_cam" else GradCam()
    scores = attribute_input(method, blind, image, torch.tensor([0, 1, 1]), "snr")
    assert scores.abs().max() <= 1e-9


@pytest.fixture
def small():
    torch.manual_seed(5)
    body = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.GELU(), nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.GELU(), nn.Flatten()
    )
    network = nn.Sequential(body)
    heads = nn.ModuleList([nn.Linear(96, 3), nn.Linear(96, 2)])

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.heads = network, heads

        def forward(self, x):
            return Prediction(*(head(self.body(x)) for head in self.heads))

    return Both().eval(), torch.rand(4, 2, 8, 8)


def test_gradient_methods_equal_captums(small):
    network, image = small
    target = torch.tensor([0, 2, 1, 2])
    output = TaskOutput(network, "modulation")
    ours = attribute_input(IntegratedGradients(16, 16), network, image, target, "modulation")
    theirs = captum.attr.IntegratedGradients(output).attribute(image, target=target, n_steps=16)
    torch.testing.assert_close(ours, theirs.float())
    # Without noise SmoothGrad is the gradient, and with many samples Gradient SHAP is Integrated Gradients.
    theirs = captum.attr.Saliency(output).attribute(image.clone().requires_grad_(), target=target, abs=False)
    found = attribute_input(SmoothGrad(2, noise=0.0), network, image, target, "modulation")
    torch.testing.assert_close(found, theirs)
    times_input = SmoothGrad(2, noise=0.0, times_input=True)
    torch.testing.assert_close(attribute_input(times_input, network, image, target, "modulation"), theirs * image)
    sampled = attribute_input(GradientShap(400, noise=0.0), network, image, target, "modulation")
    assert (sampled - ours).abs().max() < 0.05 * ours.abs().max()


def test_expected_gradients_add_up_to_the_difference_from_the_references(small):
    network, image = small
    target = torch.tensor([0, 2, 1, 2])
    donors = torch.rand(5, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    found = attribute_input(ExpectedGradients(600, donors=donors), network, image, target, "modulation")
    with torch.no_grad():
        own = network(image).modulation.gather(1, target[:, None])[:, 0]
        theirs = network(donors).modulation.mean(0)[target]
    assert (found.flatten(1).sum(1) - (own - theirs)).abs().max() < 0.1 * (own - theirs).abs().max()
    with pytest.raises(UserError, match="needs other frames"):
        attribute_input(ExpectedGradients(4), network, image, target, "modulation")


class Seen(nn.Module):
    """Keeps what it is shown, and how much of it at once; its logit is the sum."""

    def __init__(self):
        super().__init__()
        self.inputs = []

    def forward(self, x):
        self.inputs.append(x.detach())
        total = x.flatten(1).sum(1)
        return Prediction(*([torch.stack([-total, total], 1)] * 2))


@pytest.mark.parametrize("method", [GradientShap, SmoothGrad])
def test_noise_falls_on_lit_pixels_alone_and_one_copy_of_a_batch_is_in_memory_at_a_time(method):
    image = torch.poisson(torch.full((6, 2, 8, 8), 0.3), generator=torch.Generator().manual_seed(0)).log1p()
    network = Seen()
    attribute_input(method(samples=40, batch_size=4), network, image, torch.ones(6).long(), "snr")
    assert max(len(shown) for shown in network.inputs) <= 4
    assert len(network.inputs) >= 80
    for shown in network.inputs[:40]:
        assert (shown[image[:4] == 0] == 0).all()
    assert (network.inputs[3] != network.inputs[4]).any()


@pytest.mark.parametrize("method", [GradientShap(5), SmoothGrad(5)])
def test_a_map_does_not_hang_on_how_frames_are_batched(method, small):
    network, image = small
    target = torch.tensor([0, 2, 1, 2])
    together = attribute_input(method, network, image, target, "modulation")
    alone = attribute_input(method, network, image[2:3], target[2:3], "modulation")
    torch.testing.assert_close(together[2:3], alone)


def test_grad_cam_equals_captums_on_a_convolution(small):
    network, image = small
    target = torch.tensor([0, 1, 1, 0])
    layer = network.body[0][2]
    method = captum.attr.LayerGradCam(TaskOutput(network, "snr"), layer)
    theirs = method.attribute(image, target=target, relu_attributions=True)
    theirs = captum.attr.LayerAttribution.interpolate(theirs, (8, 8), "bilinear")
    ours = attribute_input(GradCam(), network, image, target, "snr")
    torch.testing.assert_close(ours, theirs.expand_as(image))
    assert ours.abs().max() > 0


def test_rise_equals_a_plain_loop_over_its_masks(small):
    network, image = small
    target = torch.tensor([0, 2, 1, 2])
    method = Rise(masks=40, grid=3, keep=0.4, seed=2, batch_size=28)
    masks = torch.cat(list(method.drawn(image)))
    assert masks.shape == (40, 2, 8, 8)
    assert masks.min() >= 0 and masks.max() <= 1
    expected = torch.zeros_like(image)
    for b in range(4):
        with torch.no_grad():
            said = [float(network(image[b : b + 1] * m).modulation.softmax(1)[0, target[b]]) for m in masks]
        for p, m in zip(said, masks, strict=True):
            expected[b] += (p - np.mean(said)) * m / (40 * 0.4 * 0.6)
    ours = attribute_input(method, network, image, target, "modulation")
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-6)


def test_rise_masks_keep_the_asked_share_at_every_pixel():
    masks = torch.cat(list(Rise(masks=4000, grid=4, keep=0.3).drawn(torch.zeros(1, 1, 8, 8))))
    # Of a mean of 4,000 values in [0, 1] with mean .3 the standard error is below .0073.
    assert (masks.mean(0) - 0.3).abs().max() < 5 * 0.0073


@pytest.mark.parametrize("method", [GradientShap(4, seed=1), SmoothGrad(4, seed=1), Rise(32, 4, seed=1)])
def test_a_seed_fixes_every_draw_and_leaves_the_global_streams_alone(method, small):
    network, image = small
    target = torch.tensor([0, 2, 1, 2])
    torch.manual_seed(1)
    first = attribute_input(method, network, image, target, "modulation")
    after = torch.rand(3)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(3), after)
    torch.testing.assert_close(attribute_input(method, network, image, target, "modulation"), first)


def test_on_samples_the_maps_are_sequences(planted):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = nn.Conv1d(2, 1, 1, bias=False)
            nn.init.ones_(self.convolution.weight)
            self.lstm = nn.LSTM(1, 2, batch_first=True)

        def forward(self, x):
            total = self.convolution(x)[:, 0, 10:20].sum(1)
            rest = 0.0 * self.lstm(self.convolution(x).transpose(1, 2))[0].sum((1, 2))
            return Prediction(*([torch.stack([-total, total + rest], 1)] * 2))

    classifier = Classifier(nn.Identity(), Reader(), ["A", "B"], [0.0, 10.0])
    iq = torch.rand(2, 2, 64) + 0.5
    for name, method in {**METHODS, "grad_cam": GradCam()}.items():
        scores = attribute(method, classifier, iq, torch.ones(2).long(), "snr")
        assert scores.shape == (2, 2, 64)
        if name != "grad_cam":  # its channels' gradients are averaged over time: no place stands out here
            assert scores[:, :, 10:20].abs().mean() > 2.5 * scores[:, :, 24:].abs().mean()
    exact = attribute(METHODS["integrated_gradients"], classifier, iq, torch.ones(2).long(), "snr")
    assert exact[:, :, :10].abs().max() < 1e-6 < exact[:, :, 10:20].abs().min()


def test_what_does_not_apply_is_said_in_words(planted):
    network, image, _ = planted
    target = torch.ones(3, dtype=torch.int64)
    with pytest.raises(UserError, match=r"attribution\.tasks.*modulation, snr"):
        attribute_input(METHODS["rise"], network, image, target, "joint")
    with pytest.raises(UserError, match=r"grad_cam needs feature maps"):
        attribute_input(GradCam(), network, image, target, "snr")
    with pytest.raises(UserError, match=r"grad_cam\.layer.*'layer9'.*snr_gate"):
        attribute_input(GradCam(layer="layer9"), network, image, target, "snr")
    fused = SimpleNamespace(network=network, represent=lambda iq: (iq, iq))
    with pytest.raises(UserError, match="several inputs at once"):
        attribute(METHODS["rise"], fused, image, target, "snr")


def test_the_network_keeps_its_mode_and_gets_no_gradients(small):
    network, image = small
    attribute_input(IntegratedGradients(8, 8), network.train(), image, torch.zeros(4).long(), "snr")
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not image.requires_grad
