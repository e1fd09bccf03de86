"""A residual network of timm whose stem cuts the image into patches: quick on a CPU."""

from torch import nn

from amc_xai.errors import UserError
from amc_xai.model.timm_backbone import TimmBackbone


class PatchResNet(TimmBackbone):
    """A ResNet whose stem is one ``patch`` x ``patch`` convolution of that stride: (B, C, H, W) -> (B, F).

    A stem of 3 x 3 convolutions and a pooling takes 40 % of a small ResNet's time on a CPU, for features that a
    picture of scattered points doesn't need: its points say where they are, not what surrounds them. The stem is
    that of ConvNeXt (Liu et al., CVPR 2022, section 2.2) in the place of He et al.'s (CVPR 2016).

    Args:
        input_shape: (C, H, W) of the images; ``patch`` must divide H and W.
        name: a model of timm's ``resnet`` family.
        patch: width of a patch in pixels.
        drop_rate: dropout before the features leave the network.

    Raises:
        UserError: for a network that isn't a ResNet, or images that the patches don't tile.
    """

    def __init__(self, input_shape: tuple[int, ...], name: str, patch: int = 4, drop_rate: float = 0.0):
        super().__init__(input_shape, name, drop_rate=drop_rate)
        if not all(hasattr(self.model, part) for part in ("conv1", "bn1", "maxpool", "layer1")):
            raise UserError(f"backbone.name must be a ResNet of timm, such as resnet10t or resnet34, not {name}")
        channels, height, width = input_shape
        if patch < 1 or height % patch or width % patch:
            raise UserError(
                f"backbone.patch must divide the image size of {height} x {width} px, which {patch} doesn't"
            )
        planes = self.model.bn1.num_features
        self.model.conv1 = nn.Conv2d(channels, planes, patch, patch, bias=False)
        nn.init.kaiming_normal_(self.model.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.model.maxpool = nn.Identity()
