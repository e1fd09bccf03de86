"""The methods on small timm networks: a ResNet, a Vision Transformer and a Swin."""

import pytest
import timm
import torch
from timm.models.volo import VOLO

from amc_xai.explain.attribution import GradCam, IntegratedGradients, attribute_input
from amc_xai.explain.attribution.feature_maps import find_feature_map, outputs_of
from amc_xai.explain.attribution.integrated_gradients import completeness
from amc_xai.model import MultiTaskNetwork, Prediction, TaskSpecificExtractor, TimmBackbone, linear

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
    found = find_feature_map(network, image, "snr", 16)
    # 32 px: stage 1 of the ResNet at a stride of 4, patches of 8 px, stage 2 of Swin at a stride of 8.
    assert (found.rows, found.columns) in ((4, 4), (8, 8))
    kind = type(network.backbone.model).__name__
    assert (found.order, found.prefix) == {
        "ResNet": ("first", 0), "VisionTransformer": ("tokens", 1), "SwinTransformer": ("last", 0)
    }[kind]  # fmt: skip


# Networks on which it crashed, or (the last) read channels last as channels first.
SHALLOW = {
    "levit_128": {},
    "mixer_s32_224": {},
    "xcit_nano_12_p16_224": {"depth": 2},
    "hiera_tiny_224": {"stages": (1, 1, 1, 1), "embed_dim": 24},
    "twins_svt_small": {"depths": (1, 1, 1, 1)},
    "cait_xxs24_224": {"depth": 2},
    "convit_tiny": {"depth": 2, "local_up_to_layer": 1},
    "volo_d1_224": {},
}
SHALLOW_VOLO = {
    "layers": (1, 1, 1, 1), "embed_dims": (24, 48, 48, 48), "num_heads": (2, 4, 4, 4),
    "downsamples": (True, False, False, False), "outlook_attention": (True, False, False, False),
}  # fmt: skip


@pytest.mark.parametrize("name", SHALLOW)
def test_grad_cam_finds_the_feature_map_of_any_network(name):
    torch.manual_seed(0)
    if name.startswith("volo"):  # whose factory fixes its depth
        model = VOLO(in_chans=1, num_classes=3, **SHALLOW_VOLO).eval()
    else:
        model = timm.create_model(name, in_chans=1, num_classes=3, **SHALLOW[name]).eval()
    for parameter in (p for n, p in model.named_parameters() if "head" in n and n.endswith("weight")):
        torch.nn.init.normal_(parameter, std=0.1)  # some begin with zeros

    class Both(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return Prediction(*([self.model(x)] * 2))

    network = Both()
    lit = (torch.rand(1, 1, 224, 224) * (torch.rand(1, 1, 224, 224) < 0.3)).repeat(2, 1, 1, 1)
    lit[0, :, 150:214, 10:74] = torch.rand(64, 64)  # below, on the left
    found = find_feature_map(network, lit[1:], "snr", 16)
    (held,) = (output for module, _, output in outputs_of(network, lit, "snr")[1] if module is found.module)
    maps = found.channels_first(held.detach())
    assert maps.shape[2:] == (found.rows, found.columns)
    # Where the two frames differ is where the map differs most.
    change = (maps[0] - maps[1]).norm(dim=0)
    r, c = divmod(int(change.argmax()), found.columns)
    assert r >= found.rows / 2 and c < found.columns / 2
    scores = attribute_input(GradCam(relu=False), network, lit[:1], torch.tensor([0]), "snr")
    assert scores.shape == (1, 1, 224, 224) and scores.std() > 0
