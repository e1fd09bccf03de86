"""Grad-CAM on the feature maps of convolutional networks, transformers and mixers, and on sequences."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional

from amc_xai.errors import UserError, guess
from amc_xai.explain.attribution.feature_maps import FeatureMap, find_feature_map, named_layer
from amc_xai.explain.attribution.method import TaskOutput
from amc_xai.ranges import check_range


@dataclass(frozen=True)
class GradCam:
    """Feature maps weighted by their mean gradient, enlarged to the input's size.

    Selvaraju et al., "Grad-CAM" (ICCV 2017), equations 1 and 2. The map is one for the whole image: every channel
    gets the same, since feature maps no longer tell the input's channels apart. So it says something of pictures
    of one plane only. With ``relu`` the map of a class for which nothing speaks is empty.

    Attributes:
        layer: dotted name of a module of the network; None takes the deepest feature map that still has
            ``positions`` places (`feature_maps.find_feature_map`); of networks on sequences the last convolution.
        positions: places (rows x columns) that the feature map should have at least: 64 px images leave
            deep stages 2 x 2 places, too few to point at anything.
        relu: keep only what speaks for the class, as published.
    """

    layer: str | None = None
    positions: int = 16
    relu: bool = True
    unit: ClassVar[str] = "scale"

    def __post_init__(self) -> None:
        check_range("[1, inf)", attribution__available__grad_cam__positions=self.positions)

    def __call__(self, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
        if x.ndim == 3:
            module, turn = sequence_layer(network, x, self.layer, self.positions), lambda features: features
            call = -1
        else:
            found: FeatureMap = (
                find_feature_map(network, x, task, self.positions)
                if self.layer is None
                else named_layer(network, x, task, self.layer)
            )
            module, turn, call = found.module, found.channels_first, found.call
        held: list[torch.Tensor] = []
        handle = module.register_forward_hook(lambda module, args, output: held.append(output))
        try:
            logits = TaskOutput(network, task)(x.requires_grad_())
        finally:
            handle.remove()
        activation = held[call]
        (gradient,) = torch.autograd.grad(logits.gather(1, target[:, None]).sum(), activation)
        maps, slopes = turn(activation), turn(gradient)
        places = tuple(range(2, maps.ndim))
        cam = (maps * slopes.mean(places, keepdim=True)).sum(1, keepdim=True)
        cam = cam.relu() if self.relu else cam
        if x.ndim == 3 and cam.ndim == 4:  # a two-dimensional convolution over (I and Q, time)
            cam = cam.mean(2)
        mode = "bilinear" if x.ndim == 4 else "linear"
        cam = functional.interpolate(cam, size=x.shape[2:], mode=mode, align_corners=False)
        return cam.expand_as(x).contiguous()


@torch.no_grad()
def sequence_layer(network: nn.Module, x: torch.Tensor, name: str | None, positions: int) -> nn.Module:
    """The last convolution of a network on sequences whose output has ``positions`` places, or that named.

    Raises:
        UserError: ``name`` is no module, or there is no convolution.
    """
    modules = dict(network.named_modules())
    if name is not None:
        if name not in modules:
            some = ", ".join([n for n in modules if n][-4:])
            raise UserError(
                f"attribution.available.grad_cam.layer: the network has no module {name!r}"
                f"{guess(name, modules)}; such are {some}"
            )
        return modules[name]
    seen: list[tuple[nn.Module, int]] = []

    def note(module: nn.Module, args: tuple, output: torch.Tensor) -> None:
        seen.append((module, output[0, 0].numel()))

    handles = [m.register_forward_hook(note) for m in modules.values() if isinstance(m, nn.Conv1d | nn.Conv2d)]
    try:
        network(x[:1])
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise UserError(
            "attribution.methods: grad_cam needs feature maps, and this network has none; choose another "
            "method, or name a layer with attribution.available.grad_cam.layer"
        )
    enough = [module for module, size in seen if size >= positions]
    return enough[-1] if enough else max(seen, key=lambda pair: pair[1])[0]
