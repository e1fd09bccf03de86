"""Infidelity asks each map in its own unit: on a linear network an exact map has none."""

import pytest
import torch
from torch import nn

from amc_xai.explain.attribution import (
    ExpectedGradients,
    GradCam,
    GradientShap,
    IntegratedGradients,
    Occlusion,
    Rise,
    SmoothGrad,
    attribute_input,
)
from amc_xai.explain.attribution.plan import AttributionPlan
from amc_xai.explain.attribution_scores import Subject, method_scores
from amc_xai.explain.faithfulness import infidelity
from amc_xai.model.network import Prediction

SIDE = 8
EXACT = {
    "integrated_gradients": IntegratedGradients(steps=4),
    "gradient_shap": GradientShap(samples=4),
    "occlusion": Occlusion(window=1 / SIDE),
    "smooth_grad": SmoothGrad(samples=4),
    "gradient": SmoothGrad(samples=1, noise=0.0),
    "gradient_times_input": SmoothGrad(samples=1, times_input=True),
}


class Linear(nn.Module):
    """One weight a pixel; with ``even`` all the same, which is what coarse maps can say."""

    def __init__(self, even: bool = False):
        super().__init__()
        weight = torch.randn(2, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 3
        self.weight = nn.Parameter(torch.full_like(weight, 3.0) if even else weight)
        self.through = nn.Conv2d(2, 2, 1, groups=2, bias=False)
        nn.init.ones_(self.through.weight)

    def forward(self, x):
        total = (self.through(x) * self.weight).flatten(1).sum(1)
        return Prediction(*([torch.stack([-total, total], 1)] * 2))


@pytest.fixture
def image():
    generator = torch.Generator().manual_seed(2)
    return torch.poisson(torch.full((4, 2, SIDE, SIDE), 0.5), generator=generator).log1p()


@pytest.mark.parametrize("name", EXACT)
def test_exact_maps_of_a_linear_network_have_no_infidelity(name, image):
    network, target, method = Linear().eval(), torch.ones(4).long(), EXACT[name]
    scores = attribute_input(method, network, image, target, "snr")
    assert infidelity(network, image, scores, target, "snr", 0, method.unit).max() < 0.01
    # The table asks in the method's unit.
    subject = Subject(image, {"snr": target})
    plan = AttributionPlan([], {}, curve_steps=4, metric_frames=4)
    rows, *_ = method_scores(network, subject, name, method, "snr", plan, 0)
    assert rows and all(row["infidelity"] < 0.01 for row in rows)
    # A map of zeros has that of the logit's own change.
    nothing = infidelity(network, image, torch.zeros_like(image), target, "snr", 0, method.unit)
    assert nothing.min() > 1


def test_a_map_in_logits_taken_for_a_gradient_has_some(image):
    network, target = Linear().eval(), torch.ones(4).long()
    scores = attribute_input(EXACT["integrated_gradients"], network, image, target, "snr")
    assert infidelity(network, image, scores, target, "snr", 0, "gradient").min() > 0.5


@pytest.mark.parametrize("method", [GradCam(relu=False), Rise(masks=4000, grid=SIDE)])
def test_coarse_maps_are_right_up_to_one_factor(method, image):
    # Every lit pixel counts the same, which any map of one level says; RISE's has the noise of its masks.
    lit = (image > 0).float()
    network, target = Linear(even=True).eval(), torch.ones(4).long()
    assert method.unit == "scale"
    scores = torch.ones_like(lit) * 0.1 if isinstance(method, GradCam) else lit * 7
    assert infidelity(network, lit, scores, target, "snr", 0, method.unit).max() < 0.01
    assert infidelity(network, lit, scores, target, "snr", 0, "logit").min() > 1


def test_maps_that_do_not_speak_of_emptying_have_none(image):
    assert ExpectedGradients().unit == "donors"
    found = infidelity(Linear(), image, image, torch.ones(4).long(), "snr", 0, "donors")
    assert found.shape == (4,) and (found != found).all()
