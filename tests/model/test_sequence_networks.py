"""What sequence networks and fusion take; what holds for every backbone is in test_every_backbone.py."""

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.model import (
    CgdNet,
    Cumulants,
    Fusion,
    Harper,
    Mcldnn,
    MoeAmc,
    OsheaResnet,
    PetCgdnn,
    PointSet,
    TimmBackbone,
)

LENGTH = 64
NETWORKS = {
    "mcldnn": Mcldnn,
    "cgdnet": CgdNet,
    "pet_cgdnn": PetCgdnn,
    "point_set": PointSet,
    "oshea_resnet": OsheaResnet,
    "harper": Harper,
    "moe_amc": MoeAmc,
    "cumulants": Cumulants,
}


def frames(count=12):
    return torch.randn(count, 2, LENGTH, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", NETWORKS)
def test_images_are_refused_by_name(name):
    with pytest.raises(UserError, match=rf"backbone: {name} takes sequences, .* images of shape \(1, 64, 64\)"):
        NETWORKS[name]((1, 64, 64))
    with pytest.raises(UserError, match=rf"backbone: {name} takes sequences, .* backbone=fusion"):
        NETWORKS[name](((1, 64, 64), (2, 128)))


@pytest.mark.parametrize("name", ["mcldnn", "cgdnet", "pet_cgdnn", "cumulants"])
def test_networks_of_i_and_q_refuse_other_channels(name):
    with pytest.raises(UserError, match=f"backbone={name} takes sequences of 2 channels, not 3"):
        NETWORKS[name]((3, 64))


class Mean(torch.nn.Module):
    """An image network with nothing to learn: the mean of each channel."""

    def __init__(self, input_shape):
        super().__init__()
        self.num_features = input_shape[0]

    def forward(self, x):
        return x.mean((2, 3))


def test_fusion_joins_the_features_of_both():
    torch.manual_seed(0)
    network = Fusion(((3, 8, 8), (2, LENGTH)), Mean, Harper).eval()
    image, sequence = torch.randn(4, 3, 8, 8), frames(4)
    assert network.num_features == 3 + 128
    joined = network((image, sequence))
    torch.testing.assert_close(joined[:, :3], image.mean((2, 3)))
    torch.testing.assert_close(joined[:, 3:], network.sequence(sequence))


def test_fusion_and_timm_refuse_what_they_cannot_take():
    with pytest.raises(UserError, match=r"backbone: fusion takes an image and a sequence.*representation=fusion"):
        Fusion((2, 128), Mean, Harper)
    with pytest.raises(UserError, match=r"resnet10t takes images"):
        TimmBackbone(((1, 64, 64), (2, 128)), "resnet10t")
