import urllib.error

import pytest
import timm
import torch

from amc_xai.errors import UserError
from amc_xai.model import TimmBackbone


def first_convolution(backbone):
    return next(m for m in backbone.modules() if isinstance(m, torch.nn.Conv2d))


@pytest.mark.parametrize("name", ["test_resnet", "resnet10t", "test_vit"])
@pytest.mark.parametrize("channels", [1, 4])
def test_features_of_images_with_any_number_of_channels(name, channels):
    torch.manual_seed(0)
    backbone = TimmBackbone((channels, 32, 32), name).eval()
    assert first_convolution(backbone).in_channels == channels
    with torch.no_grad():
        features = backbone(torch.randn(3, channels, 32, 32))
    assert features.shape == (3, backbone.num_features)
    assert backbone.num_features == backbone.model.num_features
    # No classifier of its own is left over, whose parameters would never get a gradient.
    assert backbone.model.get_classifier() is None or isinstance(
        backbone.model.get_classifier(), torch.nn.Identity
    )


def test_the_width_is_that_of_the_output_where_the_model_tells_another():
    # MobileNetV3 tells two widths: of its last convolution and, another, of what leaves the network.
    backbone = TimmBackbone((1, 32, 32), "mobilenetv3_small_050")
    assert backbone.num_features == 1024 != backbone.model.num_features
    assert backbone.training


def test_a_transformer_is_built_for_the_size_of_the_images():
    backbone = TimmBackbone((2, 48, 32), "test_vit")
    assert backbone.model.patch_embed.img_size == (48, 32)
    # 3 x 2 patches of 16 px, and the class token.
    assert backbone.model.pos_embed.shape[1] == 3 * 2 + 1


@pytest.mark.parametrize(("size", "allowed"), [((40, 40), "32 or 48"), ((32, 24), None), ((8, 8), "16")])
def test_an_image_that_a_vit_would_crop_is_refused(size, allowed):
    with pytest.raises(UserError) as error:
        TimmBackbone((1, *size), "test_vit")
    sentence = str(error.value)
    assert sentence.startswith("representation.image_size: ") and "test_vit" in sentence
    if allowed:
        assert sentence == (
            f"representation.image_size: test_vit cuts images into patches of 16 x 16 px and would crop an image "
            f"of {size[0]} px; use a multiple of 16, such as {allowed}"
        )


def test_an_unknown_name_is_refused_with_close_ones():
    with pytest.raises(UserError, match=r"^backbone\.name: timm has no model 'resnet19'; close names: .*resnet"):
        TimmBackbone((1, 32, 32), "resnet19")
    with pytest.raises(UserError, match=r"^backbone\.name: timm has no model 'qqqqqqq'; timm\.list_models\(\)"):
        TimmBackbone((1, 32, 32), "qqqqqqq")


def test_a_representation_of_sequences_is_refused():
    with pytest.raises(
        UserError, match=r"^backbone\.name: test_resnet takes images, .* sequences of shape \(2, 128\)"
    ):
        TimmBackbone((2, 128), "test_resnet")


def test_weights_that_cannot_be_fetched_are_one_sentence(monkeypatch):
    def unreachable(*args, pretrained, **options):
        assert pretrained
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(timm, "create_model", unreachable)
    with pytest.raises(UserError) as error:
        TimmBackbone((1, 32, 32), "test_resnet", pretrained=True)
    assert str(error.value) == (
        "backbone.pretrained: the weights of test_resnet could not be fetched from timm's model hub (URLError); "
        "check the network connection or set backbone.pretrained=false"
    )


def test_an_image_that_is_too_small_is_refused():
    with pytest.raises(UserError, match=r"^representation\.image_size: .*test_convnext.* 4 x 4 px"):
        TimmBackbone((1, 4, 4), "test_convnext")


def test_dropout_and_options_reach_the_model():
    backbone = TimmBackbone((1, 32, 32), "test_resnet", drop_rate=0.4, options={"global_pool": "max"})
    assert backbone.model.drop_rate == 0.4
    assert backbone.model.global_pool.pool_type == "max"
