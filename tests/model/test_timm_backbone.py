import urllib.error

import pytest
import timm
import torch

from amc_xai.errors import UserError
from amc_xai.model import TimmBackbone
from amc_xai.model.timm_backbone import published_model


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


@pytest.mark.parametrize(
    ("size", "seen", "allowed"),
    [
        ((40, 40), "32 of 40 rows and 32 of 40 columns", "32 or 48"),
        ((32, 24), "16 of 24 columns", "32 x 16 or 32"),
        ((40, 32), "32 of 40 rows", "32 or 48 x 32"),
    ],
)
def test_an_image_that_a_vit_would_crop_is_refused(size, seen, allowed):
    with pytest.raises(UserError) as error:
        TimmBackbone((1, *size), "deit_tiny_patch16_224", options={"depth": 1})
    said = f"deit_tiny_patch16_224 would see {seen} of each image; it takes {allowed} px whole"
    assert str(error.value) == f"representation.image_size: {said}"


def test_an_unknown_name_is_refused_with_close_ones():
    with pytest.raises(
        UserError,
        match=r"timm has no model 'resnet19' \(did you mean resnet1[08]\?\); close names: .*resnet",
    ):
        TimmBackbone((1, 32, 32), "resnet19")
    with pytest.raises(UserError, match=r"timm has no model 'qqqqqqq'; timm\.list_models\(\)"):
        TimmBackbone((1, 32, 32), "qqqqqqq")


def test_a_representation_of_sequences_is_refused():
    with pytest.raises(
        UserError, match=r"^backbone\.name: test_resnet takes images, .* sequences of shape \(2, 128\)"
    ):
        TimmBackbone((2, 128), "test_resnet")


@pytest.fixture
def hub(monkeypatch):
    """Answer every fetch of weights with an error; tells how many were asked for."""
    create, asked = timm.create_model, []

    def answering(error):
        def instead(*args, pretrained, **options):
            if not pretrained:
                return create(*args, **options)
            asked.append(args)
            raise error

        monkeypatch.setattr(timm, "create_model", instead)
        return asked

    return answering


def test_weights_that_cannot_be_fetched_are_one_sentence(hub):
    hub(urllib.error.URLError("no route to host"))
    with pytest.raises(UserError) as error:
        TimmBackbone((1, 32, 32), "test_resnet", pretrained=True)
    assert str(error.value) == (
        "backbone.pretrained: the weights of test_resnet could not be fetched from timm's model hub (URLError); "
        "check the network connection or set backbone.pretrained=false"
    )


@pytest.mark.parametrize(
    ("name", "size", "options", "blamed"),
    [
        ("test_resnet", 32, {"blok_args": 1}, r"^backbone\.options: test_resnet .*\{'blok_args': 1\}.*blok_args"),
        ("test_vit", 32, {"depth": "x"}, r"^backbone\.options: test_vit "),
        ("test_vit", 40, {}, r"^representation\.image_size: backbone test_vit "),
        ("test_vit", 40, {"depth": 1}, r"^representation\.image_size: backbone test_vit .*32 or 48 px"),
        ("resnet10", 32, {}, r"timm has no model"),
    ],
)
def test_the_hub_is_not_blamed_for_what_else_is_wrong(hub, name, size, options, blamed):
    asked = hub(urllib.error.URLError("no route to host"))
    for pretrained in (False, True):
        with pytest.raises(UserError, match=blamed):
            TimmBackbone((1, size, size), name, pretrained, options=options)
    assert not asked


def test_published_weights_that_do_not_fit_or_are_not_there_are_told_apart(hub):
    hub(RuntimeError("Error(s) in loading state_dict for ResNet: size mismatch for layer1.0.conv1.weight"))
    with pytest.raises(UserError, match=r"^backbone\.pretrained: the published weights of test_resnet don't fit"):
        TimmBackbone((1, 32, 32), "test_resnet", True)
    without = next(n for n in timm.list_models("res*") if not timm.get_pretrained_cfg(n).has_weights)
    with pytest.raises(UserError, match=r"^backbone\.pretrained: timm has no published weights of "):
        published_model(without, (1, 32, 32), {})


@pytest.mark.parametrize("rate", [-0.1, 1.0, 7.0])
def test_a_dropout_rate_out_of_range_is_refused(rate):
    with pytest.raises(UserError, match=r"^backbone\.drop_rate must be within \[0, 1\), not "):
        TimmBackbone((1, 32, 32), "test_resnet", drop_rate=rate)


def test_an_image_that_is_too_small_is_refused():
    with pytest.raises(UserError, match=r"^representation\.image_size: .*test_convnext.* 4 x 4 px"):
        TimmBackbone((1, 4, 4), "test_convnext")


def test_dropout_and_options_reach_the_model():
    backbone = TimmBackbone((1, 32, 32), "test_resnet", drop_rate=0.4, options={"global_pool": "max"})
    assert backbone.model.drop_rate == 0.4
    assert backbone.model.global_pool.pool_type == "max"
