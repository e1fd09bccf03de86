"""Grad-CAM on the feature maps of convolutional networks, Vision Transformers and Swin."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from amc_xai.errors import UserError
from amc_xai.explain.attribution.method import TaskOutput


@dataclass(frozen=True)
class GradCam:
    """Feature maps weighted by their mean gradient, enlarged to the input's size.

    Selvaraju et al., "Grad-CAM" (ICCV 2017), equations 1 and 2. The map is one for the whole image: every channel
    gets the same, since feature maps no longer tell the input's channels apart.

    Attributes:
        layer: dotted name of a module of the network; None takes the deepest stage of a timm model that still
            has ``positions`` places, else the last convolution. Of a Vision Transformer that is the input of the
            last block's attention: after it no patch reaches the class token any more.
        positions: places (rows x columns) that the feature map should have at least: 64 px images leave
            deep stages 2 x 2 places, too few to point at anything.
        relu: keep only what speaks for the class, as published.
    """

    layer: str | None = None
    positions: int = 16
    relu: bool = True

    def __call__(self, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
        model = timm_model(network)
        layer = chosen_layer(network, model, x, self.layer, self.positions)
        held = {}
        handle = layer.register_forward_hook(lambda module, args, output: held.update(activation=output))
        try:
            logits = TaskOutput(network, task)(x.requires_grad_())
        finally:
            handle.remove()
        activation = held["activation"]
        (gradient,) = torch.autograd.grad(logits.gather(1, target[:, None]).sum(), activation)
        maps, slopes = (channels_first(part, model, x.ndim) for part in (activation, gradient))
        places = tuple(range(2, maps.ndim))
        cam = (maps * slopes.mean(places, keepdim=True)).sum(1, keepdim=True)
        cam = cam.relu() if self.relu else cam
        if x.ndim == 3 and cam.ndim == 4:  # a two-dimensional convolution over (I and Q, time)
            cam = cam.mean(2)
        mode = "bilinear" if x.ndim == 4 else "linear"
        cam = functional.interpolate(cam, size=x.shape[2:], mode=mode, align_corners=False)
        return cam.expand_as(x).contiguous()


def timm_model(network: nn.Module) -> nn.Module | None:
    """The timm model inside, known by its list of feature stages; None if there is none."""
    return next((m for m in network.modules() if isinstance(getattr(m, "feature_info", None), list)), None)


def chosen_layer(
    network: nn.Module, model: nn.Module | None, x: torch.Tensor, name: str | None, positions: int
) -> nn.Module:
    """The module whose output is weighted.

    Raises:
        UserError: ``name`` is no module, or none is named and the network has no feature maps.
    """
    modules = dict(network.named_modules())
    if name is not None:
        if name not in modules:
            some = ", ".join([n for n in modules if n][-4:])
            raise UserError(
                f"attribution.available.grad_cam.layer: the network has no module {name!r}; such are {some}"
            )
        return modules[name]
    if model is not None:
        stages = [model.get_submodule(stage["module"]) for stage in model.feature_info]
        if hasattr(model, "num_prefix_tokens"):
            stages = [getattr(stage, "norm1", stage) for stage in stages]
    else:
        stages = [m for m in modules.values() if isinstance(m, nn.Conv1d | nn.Conv2d)]
    sizes = place_counts(network, model, stages, x[:1])
    if not sizes:
        raise UserError(
            "attribution.methods: grad_cam needs feature maps, and this network has none; choose another "
            "method, or name a layer with attribution.available.grad_cam.layer"
        )
    enough = [stage for stage, size in sizes if size >= positions]
    return enough[-1] if enough else max(sizes, key=lambda pair: pair[1])[0]


@torch.no_grad()
def place_counts(
    network: nn.Module, model: nn.Module | None, stages: list[nn.Module], x: torch.Tensor
) -> list[tuple[nn.Module, int]]:
    """Each stage that a pass goes through, in that order, with the number of places of its feature map."""
    seen: list[tuple[nn.Module, int]] = []

    def note(module: nn.Module, args: tuple, output: torch.Tensor) -> None:
        if isinstance(output, torch.Tensor) and output.ndim >= 3:
            seen.append((module, channels_first(output, model, x.ndim)[0, 0].numel()))

    handles = [stage.register_forward_hook(note) for stage in stages]
    try:
        network(x)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def channels_first(features: torch.Tensor, model: nn.Module | None, dimensions: int) -> torch.Tensor:
    """Feature maps as (B, D, rows, columns), or (B, D, L) of sequences, whatever the network's own order.

    timm's Swin keeps (B, rows, columns, D). A Vision Transformer keeps tokens (B, prefix + patches, D), whose
    first ``num_prefix_tokens`` are no patches.
    """
    if features.ndim == 4:
        return features.permute(0, 3, 1, 2) if getattr(model, "output_fmt", "NCHW") == "NHWC" else features
    if dimensions == 4:
        rows, columns = model.patch_embed.grid_size
        patches = features[:, getattr(model, "num_prefix_tokens", 0) :]
        return patches.transpose(1, 2).unflatten(2, (rows, columns))
    return features
