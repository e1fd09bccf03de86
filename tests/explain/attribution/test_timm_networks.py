"""The methods on small timm networks: a ResNet, a Vision Transformer and a Swin."""

import pytest
import torch

from amc_xai.explain.attribution import GradCam, IntegratedGradients, attribute_input
from amc_xai.explain.attribution.grad_cam import channels_first, chosen_layer, timm_model
from amc_xai.explain.attribution.integrated_gradients import completeness
from amc_xai.model import MultiTaskNetwork, TaskSpecificExtractor, TimmBackbone, linear

NETWORKS = {
    "resnet10t": {},
    "vit_tiny_patch16_224": {"patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2},
    "swin_tiny_patch4_window7_224": {"embed_dim": 12, "depths": (1, 1, 1), "num_heads": (1, 2, 2)},
}


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(1)
    backbone = TimmBackbone((2, 32, 32), request.param, options=NETWORKS[request.param])
    return MultiTaskNetwork(backbone, TaskSpecificExtractor, linear, linear, 4, 3).eval()


@pytest.fixture
def image():
    generator = torch.Generator().manual_seed(2)
    return torch.poisson(torch.full((3, 2, 32, 32), 0.2), generator=generator).log1p()


@pytest.mark.parametrize("task", ["modulation", "snr"])
def test_integrated_gradients_are_complete_within_one_per_cent(network, image, task):
    target = torch.tensor([0, 1, 2])
    scores = attribute_input(IntegratedGradients(), network, image, target, task)
    assert completeness(network, image, scores, target, task).max() < 0.01


def test_completeness_is_the_missed_share_of_the_difference(network, image):
    target = torch.tensor([0, 1, 2])
    with torch.no_grad():
        difference = (network(image).snr - network(torch.zeros_like(image)).snr)[torch.arange(3), target]
    scores = torch.zeros_like(image)
    scores[:, 0, 3, 3] = 0.75 * difference
    torch.testing.assert_close(
        completeness(network, image, scores, target, "snr"), torch.full((3,), 0.25).double(), rtol=1e-3, atol=1e-4
    )


def test_grad_cam_has_the_images_shape_and_moves_with_the_input(network, image):
    target = torch.tensor([1, 0, 3])
    method = GradCam(relu=False)
    scores = attribute_input(method, network, image, target, "modulation")
    assert scores.shape == image.shape
    assert torch.equal(scores[:, 0], scores[:, 1])
    # It varies over the image, differs from frame to frame, and each frame's own map is what comes out alone.
    assert (scores.flatten(1).std(1) > 0).all()
    assert (scores[0] - scores[1]).abs().max() > 0.01 * scores[0].abs().max()
    alone = attribute_input(method, network, image[1:2], target[1:2], "modulation")
    torch.testing.assert_close(alone[0], scores[1], rtol=1e-3, atol=1e-5)
    moved = attribute_input(method, network, image.roll(8, -1), target, "modulation")
    assert (moved - scores).abs().max() > 0.01 * scores.abs().max()


def test_grad_cam_reads_feature_maps_of_every_order(network, image):
    model = timm_model(network)
    layer = chosen_layer(network, model, image, None, 16)
    held = []
    handle = layer.register_forward_hook(lambda module, args, output: held.append(output))
    network(image)
    handle.remove()
    maps = channels_first(held[0], model, 4)
    # 32 px: stage 1 of the ResNet at a stride of 4, patches of 8 px, stage 2 of Swin at a stride of 8.
    places = {"ResNet": 4, "VisionTransformer": 4, "SwinTransformer": 4}[type(model).__name__]
    assert maps.shape[0] == 3 and maps.shape[2:] == (places, places)
    if type(model).__name__ == "VisionTransformer":
        torch.testing.assert_close(maps[:, :, 1, 2], held[0][:, 1 + 1 * 4 + 2])
    if type(model).__name__ == "SwinTransformer":
        torch.testing.assert_close(maps[0, :, 1, 2], held[0][0, 1, 2])
