"""Any network of timm as a backbone for images of any number of channels."""

import timm
import torch
from torch import nn

from amc_xai.errors import UserError


class TimmBackbone(nn.Module):
    """``timm.create_model(name)`` without its classifier: (B, C, H, W) -> (B, ``num_features``).

    Args:
        input_shape: (C, H, W) of the images.
        name: a model name that ``timm.list_models()`` lists.
        pretrained: start from timm's published weights, which are fetched from a model hub.
        drop_rate: dropout before the features leave the network.
        options: further keyword arguments for ``timm.create_model``.

    Raises:
        UserError: for an unknown name, images of the wrong kind or size, weights that can't be had.
    """

    accepts = "image"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        name: str,
        pretrained: bool = False,
        drop_rate: float = 0.0,
        options: dict | None = None,
    ):
        super().__init__()
        if len(input_shape) != 3:
            raise UserError(
                f"backbone.name: {name} takes images, but this representation gives sequences of shape "
                f"{tuple(input_shape)}; choose an image representation such as representation=constellation"
            )
        channels, height, width = input_shape
        if not timm.is_model(name):
            close = timm.list_models(f"*{name[:6]}*")[:6]
            hint = f"close names: {', '.join(close)}" if close else "timm.list_models() lists them"
            raise UserError(f"backbone.name: timm has no model {name!r}; {hint}")
        size = {"img_size": (height, width)} if takes_image_size(name) else {}
        try:
            self.model = timm.create_model(
                name,
                pretrained=pretrained,
                in_chans=channels,
                num_classes=0,
                drop_rate=drop_rate,
                **size,
                **(options or {}),
            )
        except Exception as error:
            if pretrained:
                raise UserError(
                    f"backbone.pretrained: the weights of {name} could not be fetched from timm's model hub "
                    f"({type(error).__name__}); check the network connection or set backbone.pretrained=false"
                ) from error
            raise UserError(
                f"representation.image_size: backbone {name} can't take {height} x {width} px images "
                f"({str(error).splitlines()[0] if str(error) else type(error).__name__})"
            ) from error
        refuse_cropped_borders(self.model, name, height, width)
        self.num_features = probe_features(self.model, name, input_shape)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


def takes_image_size(name: str) -> bool:
    """Whether the model is built for one image size (transformers), not for any (convolutional ones)."""
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if config is not None and config.fixed_input_size:
        return True
    family = timm.models.model_entrypoint(name).__module__.rsplit(".", 1)[-1]
    return family in {"vision_transformer", "swin_transformer", "swin_transformer_v2", "deit", "beit", "eva"}


def refuse_cropped_borders(model: nn.Module, name: str, height: int, width: int) -> None:
    """timm's patch embedding silently drops the border of an image that its patches don't tile."""
    patch = getattr(getattr(model, "patch_embed", None), "patch_size", None)
    if patch is None:
        return
    rows, columns = (patch, patch) if isinstance(patch, int) else patch
    if height % rows or width % columns:
        below, above = height - height % rows, height - height % rows + rows
        allowed = f"{below} or {above}" if below else f"{above}"
        raise UserError(
            f"representation.image_size: {name} cuts images into patches of {rows} x {columns} px and would "
            f"crop an image of {height} px; use a multiple of {rows}, such as {allowed}"
        )


def probe_features(model: nn.Module, name: str, input_shape: tuple[int, ...]) -> int:
    """The width of the features, from the model itself: a forward pass of two empty images."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            width = model(torch.zeros(2, *input_shape)).shape[-1]
    except Exception as error:
        raise UserError(
            f"representation.image_size: backbone {name} can't take images of "
            f"{input_shape[1]} x {input_shape[2]} px with {input_shape[0]} channels "
            f"({str(error).splitlines()[0] if str(error) else type(error).__name__})"
        ) from error
    model.train(training)
    return width
