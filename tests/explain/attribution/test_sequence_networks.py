"""Every sequence network is explained by every method, or says which don't apply."""

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.explain.attribution import (
    GradCam,
    GradientShap,
    IntegratedGradients,
    Occlusion,
    Rise,
    SmoothGrad,
    attribute_input,
)
from amc_xai.model import (
    CgdNet,
    Cumulants,
    Harper,
    Mcldnn,
    MoeAmc,
    MultiTaskNetwork,
    OsheaResnet,
    PetCgdnn,
    SharedExtractor,
    linear,
)

LENGTH = 64
METHODS = {
    "integrated_gradients": IntegratedGradients(4, 4),
    "gradient_shap": GradientShap(2),
    "smooth_grad": SmoothGrad(2),
    "grad_cam": GradCam(relu=False),
    "occlusion": Occlusion(0.25),
    "rise": Rise(16),
}


def explained(network_class, task):
    """By method its map of two frames, or what it says instead."""
    torch.manual_seed(1)
    network = MultiTaskNetwork(network_class((2, LENGTH)), SharedExtractor, linear, linear, 3, 4).eval()
    x = torch.randn(2, 2, LENGTH, generator=torch.Generator().manual_seed(2))
    found = {}
    for name, method in METHODS.items():
        try:
            found[name] = attribute_input(method, network, x, torch.tensor([0, 2]), task)
        except UserError as error:
            found[name] = str(error)
    return found


@pytest.mark.parametrize("network_class", [CgdNet, Harper, Mcldnn, MoeAmc, OsheaResnet, PetCgdnn])
def test_each_method_gives_a_map_of_each_frame(network_class):
    for name, scores in explained(network_class, "modulation").items():
        assert scores.shape == (2, 2, LENGTH), name
        assert scores.isfinite().all() and (scores.flatten(1).abs().amax(1) > 0).all(), name
        assert (scores[0] - scores[1]).abs().max() > 1e-3 * scores.abs().max(), name


def test_what_does_not_apply_to_cumulants_is_said_and_the_rest_works():
    found = explained(Cumulants, "snr")
    for name in ("integrated_gradients", "gradient_shap", "smooth_grad"):
        assert "no gradient on to its input; use occlusion or rise" in found[name]
    assert "needs feature maps" in found["grad_cam"]
    for name in ("occlusion", "rise"):
        assert found[name].isfinite().all() and found[name].abs().max() > 0
