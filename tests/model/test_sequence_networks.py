"""What holds for every sequence network."""

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.loss import FixedWeights, Target
from amc_xai.model import (
    CgdNet,
    Cumulants,
    Fusion,
    Harper,
    Mcldnn,
    MoeAmc,
    MultiTaskNetwork,
    OsheaResnet,
    PetCgdnn,
    SharedExtractor,
    TimmBackbone,
    linear,
)

LENGTH = 64
NETWORKS = {
    "mcldnn": Mcldnn,
    "cgdnet": CgdNet,
    "pet_cgdnn": PetCgdnn,
    "oshea_resnet": OsheaResnet,
    "harper": Harper,
    "moe_amc": MoeAmc,
    "cumulants": Cumulants,
}


def two_headed(name):
    torch.manual_seed(1)
    return MultiTaskNetwork(NETWORKS[name]((2, LENGTH)), SharedExtractor, linear, linear, 3, 4)


def frames(count=12):
    return torch.randn(count, 2, LENGTH, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_learns_from_both_tasks_together(name):
    network = two_headed(name)
    loss = FixedWeights([0, 10, 20, 30])
    loss(network(frames()), Target(torch.arange(12) % 3, torch.arange(12) % 4)).total.backward()
    without = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_is_deterministic_and_frames_do_not_touch_each_other(name):
    network, x = two_headed(name).eval(), frames()
    order = torch.randperm(12, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        first, again, permuted, alone = network(x), network(x), network(x[order]), network(x[:1])
    for k in range(2):
        assert torch.equal(first[k], again[k])
        torch.testing.assert_close(permuted[k], first[k][order], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone[k], first[k][:1], rtol=1e-4, atol=1e-5)
        assert first[k].std(0).min() > 0  # it does look at the frame


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
