"""Any network of timm as a backbone for images of any number of channels."""

from typing import Any

import timm
import torch
from torch import nn

from amc_xai.errors import UserError, guess
from amc_xai.model.image_sizes import Cropped, near_sizes, probe
from amc_xai.ranges import check_range


class TimmBackbone(nn.Module):
    """``timm.create_model(name)`` without its classifier: (B, C, H, W) -> (B, ``num_features``).

    Args:
        input_shape: (C, H, W) of the images.
        name: a model name that ``timm.list_models()`` lists.
        pretrained: start from timm's published weights, which are fetched from a model hub.
        drop_rate: dropout before the features leave the network.
        options: further keyword arguments for ``timm.create_model``.

    Raises:
        UserError: for an unknown name or option, images of the wrong kind or of a size that the network can't take
            whole, weights that can't be had.
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
        if not timm.is_model(name):
            close = timm.list_models(f"*{name[:6]}*")[:6]
            hint = f"close names: {', '.join(close)}" if close else "timm.list_models() lists them"
            meant = guess(name, timm.list_models())
            raise UserError(f"backbone.name: timm has no model {name!r}{meant}; {hint}")
        check_range("[0, 1)", backbone__drop_rate=drop_rate)
        chosen = {"drop_rate": drop_rate, **(options or {})}
        # Without weights first: what can be wrong with size and options shows itself before anything is fetched.
        self.model, self.num_features = fitting_model(name, input_shape, chosen)
        if pretrained:
            self.model = published_model(name, input_shape, chosen)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)


def create(
    name: str, input_shape: tuple[int, ...], options: dict[str, Any], pretrained: bool = False
) -> nn.Module:
    """The model, built for the size of the images where its family takes one (transformers, above all)."""
    given = {"pretrained": pretrained, "in_chans": input_shape[0], "num_classes": 0, **options}
    try:
        return timm.create_model(name, img_size=tuple(input_shape[1:]), **given)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
    return timm.create_model(name, **given)


def fitting_model(name: str, input_shape: tuple[int, ...], options: dict[str, Any]) -> tuple[nn.Module, int]:
    """The untrained model and the width of its features.

    Raises:
        UserError: naming ``backbone.options``, or ``representation.image_size`` and close sizes that it takes.
    """
    channels, height, width = input_shape
    try:
        model = create(name, input_shape, options)
        return model, probe(model, input_shape)
    except Cropped as error:
        reason = f"{name} would see {error} of each image"
    except Exception as error:
        refuse_options(name, input_shape, options, error)
        images = f"images of {height} x {width} px with {channels} channels"
        reason = f"backbone {name} can't take {images} ({first_line(error)})"

    def takes(*size: int) -> bool:
        try:
            probe(create(name, (channels, *size), options), (channels, *size))
        except Exception:
            return False
        return True

    published = timm.get_pretrained_cfg(name, allow_unregistered=True)
    near = near_sizes(takes, height, width, tuple(published.input_size[1:]) if published else ())
    raise UserError(
        f"representation.image_size: {reason}" + (f"; it takes {' or '.join(near)} px whole" if near else "")
    )


def refuse_options(name: str, input_shape: tuple[int, ...], options: dict[str, Any], error: Exception) -> None:
    """Raise UserError where the model can be had without these options, so that they are to blame."""
    own = {key: value for key, value in options.items() if key != "drop_rate"}
    if not own:
        return
    try:
        probe(create(name, input_shape, {}), input_shape)
    except Exception:
        return
    raise UserError(f"backbone.options: {name} can't be made with {own} ({first_line(error)})") from error


def published_model(name: str, input_shape: tuple[int, ...], options: dict[str, Any]) -> nn.Module:
    """The model with timm's published weights.

    Raises:
        UserError: if there are none, if they don't fit, or if they can't be fetched.
    """
    published = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if published is None or not published.has_weights:
        raise UserError(
            f"backbone.pretrained: timm has no published weights of {name}; set backbone.pretrained=false"
        )
    try:
        return create(name, input_shape, options, pretrained=True)
    except Exception as error:
        if isinstance(error, RuntimeError) and "state_dict" in str(error):
            raise UserError(
                f"backbone.pretrained: the published weights of {name} don't fit it as backbone.options or "
                "representation.image_size shape it; change these, or set backbone.pretrained=false"
            ) from error
        raise UserError(
            f"backbone.pretrained: the weights of {name} could not be fetched from timm's model hub "
            f"({type(error).__name__}); check the network connection or set backbone.pretrained=false"
        ) from error


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__
