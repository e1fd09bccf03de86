import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.model import PatchResNet, TimmBackbone


def test_each_patch_is_one_place_of_the_features_map():
    torch.manual_seed(0)
    network = PatchResNet((3, 32, 32), "resnet10t").eval()
    image = torch.randn(1, 3, 32, 32)
    changed = image.clone()
    changed[:, :, 4:8, 8:12] = 0
    with torch.no_grad():
        different = (network.model.conv1(image) != network.model.conv1(changed)).any(1)[0]
    assert different.shape == (8, 8)
    assert different.nonzero().tolist() == [[1, 2]]


def test_the_rest_is_the_named_network():
    patched, plain = PatchResNet((4, 64, 64), "resnet10t"), TimmBackbone((4, 64, 64), "resnet10t")
    assert patched.num_features == plain.num_features == 512
    assert patched(torch.rand(2, 4, 64, 64)).shape == (2, 512)

    def behind_the_stem(network):
        return {k: v.shape for k, v in network.model.state_dict().items() if k.startswith("layer")}

    assert behind_the_stem(patched) == behind_the_stem(plain)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"name": "test_vit"},
            "backbone.name must be a ResNet of timm, such as resnet10t or resnet34, not test_vit",
        ),
        (
            {"name": "resnet10t", "patch": 5},
            "backbone.patch must divide the image size of 32 x 32 px, which 5 does",
        ),
        (
            {"name": "resnet10t", "patch": 0},
            "backbone.patch must divide the image size of 32 x 32 px, which 0 does",
        ),
    ],
)
def test_what_does_not_fit_is_refused(options, sentence):
    with pytest.raises(UserError) as error:
        PatchResNet((1, 32, 32), **options)
    assert str(error.value).startswith(sentence)
