"""Where in a network a picture's places can still be told apart: found by what the network does, not by its name.

Networks keep their features channels first, channels last or as rows of tokens, with or without class tokens
before them, and some in an order of their own. So a corner of the input is lit: a feature map is an output that
changes most in the same corner, for each of the four corners.
"""

from collections import Counter
from collections.abc import Iterator
from math import isqrt
from typing import NamedTuple

import torch
from torch import nn

from amc_xai.errors import UserError, guess
from amc_xai.explain.attribution.method import TaskOutput

# Their outputs are parts of what another module gives.
_INNER = (nn.Linear, nn.Dropout, nn.Identity, nn.ReLU, nn.GELU, nn.Softmax, nn.SiLU, nn.Hardswish)
_MOST_PREFIX_TOKENS = 8
# Times the mean of the corners: as much more the lit one has to change.
CLEARLY = 1.05


class FeatureMap(NamedTuple):
    """The output of the call number ``call`` of ``module`` as a picture of ``rows`` x ``columns`` places.

    ``order`` is ``first`` (B, D, rows, columns), ``last`` (B, rows, columns, D) or ``tokens`` (B, prefix + places,
    D).
    """

    module: nn.Module
    order: str
    rows: int
    columns: int
    prefix: int = 0
    call: int = 0

    def channels_first(self, features: torch.Tensor) -> torch.Tensor:
        """The module's output, or a gradient of its shape, as (B, D, rows, columns)."""
        if self.order == "first":
            return features
        if self.order == "last":
            return features.permute(0, 3, 1, 2)
        return features[:, self.prefix :].transpose(1, 2).unflatten(2, (self.rows, self.columns))


def find_feature_map(network: nn.Module, x: torch.Tensor, task: str, positions: int) -> FeatureMap:
    """The deepest feature map with ``positions`` places or more on which the answer depends; else the finest.

    Args:
        x: images (B, C, H, W); the first is what corners are lit in.

    Raises:
        UserError: the network has none.
    """
    found = list(feature_maps(network, x[:1], task))
    if not found:
        raise UserError(
            "attribution.methods: grad_cam needs feature maps, and this network has none; choose another "
            "method, or name a layer with attribution.available.grad_cam.layer"
        )
    enough = [candidate for candidate in found if candidate.rows * candidate.columns >= positions]
    return enough[-1] if enough else max(found, key=lambda candidate: candidate.rows * candidate.columns)


def feature_maps(network: nn.Module, x: torch.Tensor, task: str) -> Iterator[FeatureMap]:
    """Every feature map of a pass, in its order."""
    logits, held = outputs_of(network, with_lit_corners(x), task)
    if not held:
        return
    gradients = torch.autograd.grad(logits[0].sum(), [output for *_, output in held], allow_unused=True)
    for (module, call, output), gradient in zip(held, gradients, strict=True):
        candidate = None if gradient is None else layout(module, output.detach())
        if candidate is not None and _reaches(candidate, gradient):
            yield candidate._replace(call=call)


def layout(module: nn.Module, output: torch.Tensor) -> FeatureMap | None:
    """How the output (5, ...) of a frame and of the same with a lit corner is a picture; None if it is none."""
    return next((c for c in _candidates(module, output) if follows_the_corners(c.channels_first(output))), None)


def named_layer(network: nn.Module, x: torch.Tensor, task: str, name: str) -> FeatureMap:
    """The output of the module ``name`` as a feature map.

    Raises:
        UserError: there is no such module, or its output has no places.
    """
    modules = dict(network.named_modules())
    if name not in modules:
        some = ", ".join([n for n in modules if n][-4:])
        raise UserError(
            f"attribution.available.grad_cam.layer: the network has no module {name!r}"
            f"{guess(name, modules)}; such are {some}"
        )
    _, held = outputs_of(network, with_lit_corners(x[:1]), task)
    mine = [output.detach() for module, _, output in held if module is modules[name]]
    if not mine or mine[-1].ndim not in (3, 4):
        raise UserError(f"attribution.available.grad_cam.layer: the output of {name!r} is no feature map")
    # Where no corner decides, channels first, as torch has it.
    found = layout(modules[name], mine[-1]) or FeatureMap(modules[name], "first", *mine[-1].shape[-2:])
    return found._replace(call=len(mine) - 1)


def outputs_of(
    network: nn.Module, x: torch.Tensor, task: str
) -> tuple[torch.Tensor, list[tuple[nn.Module, int, torch.Tensor]]]:
    """The logits, and (module, number of its call, output (B, ...)) of each call of a pass, in its order."""
    found: list[tuple[nn.Module, int, torch.Tensor]] = []
    calls: Counter[nn.Module] = Counter()

    def note(module: nn.Module, args: tuple, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.requires_grad and len(output) == len(x):
            found.append((module, calls[module], output))
        calls[module] += 1

    modules = [module for module in network.modules() if module is network or not isinstance(module, _INNER)]
    handles = [module.register_forward_hook(note) for module in modules]
    try:
        with torch.enable_grad():
            # A gradient has to pass whatever the parameters are set to.
            logits = TaskOutput(network, task)(x.detach().requires_grad_())
    finally:
        for handle in handles:
            handle.remove()
    return logits, found


def with_lit_corners(x: torch.Tensor) -> torch.Tensor:
    """A frame (1, C, H, W), and it with half of the pixels of each corner lit: (5, C, H, W)."""
    height, width = x.shape[2:]
    rows, columns = -(-height // 4), -(-width // 4)
    noise = torch.rand(x.shape[1], rows, columns, generator=torch.Generator().manual_seed(0)).to(x)
    lit = x.amax().clamp(min=1.0) * (noise > 0.5)
    found = x.repeat(5, 1, 1, 1)
    for k, (r, c) in enumerate(_CORNERS, start=1):
        found[k, :, _end(r, rows, height), _end(c, columns, width)] = lit
    return found


def follows_the_corners(maps: torch.Tensor) -> bool:
    """Whether maps (5, D, rows, columns) of `with_lit_corners` change most in the corner that was lit."""
    rows, columns = maps.shape[2:]
    change = (maps[1:] - maps[:1]).norm(dim=1)
    rows_in, columns_in = -(-rows // 4), -(-columns // 4)
    corners = [change[:, _end(r, rows_in, rows), _end(c, columns_in, columns)].mean((1, 2)) for r, c in _CORNERS]
    table = torch.stack(corners, 1)  # lit corner, corner of the map
    # Some corners of a map, and some of a picture, change more than others whatever is lit.
    for dimension in (0, 1, 0, 1):
        table = table / table.mean(dimension, keepdim=True).clamp(min=torch.finfo(table.dtype).tiny)
    own = table.diag()
    return bool((own == table.amax(1)).all() and (own > CLEARLY).all())


_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))


def _end(last: int, count: int, length: int) -> slice:
    return slice(length - count, length) if last else slice(0, count)


def _candidates(module: nn.Module, output: torch.Tensor) -> Iterator[FeatureMap]:
    shape = output.shape
    if output.ndim == 4:
        if min(shape[2:]) > 1:
            yield FeatureMap(module, "first", shape[2], shape[3])
        if min(shape[1:3]) > 1:
            yield FeatureMap(module, "last", shape[1], shape[2])
    elif output.ndim == 3:
        for prefix in range(_MOST_PREFIX_TOKENS + 1):
            side = isqrt(max(shape[1] - prefix, 0))
            if side > 1 and side * side == shape[1] - prefix:
                yield FeatureMap(module, "tokens", side, side, prefix)


def _reaches(candidate: FeatureMap, gradient: torch.Tensor) -> bool:
    """Whether the answer depends on most places: past the last exchange with a class token it depends on none."""
    gradient = gradient[:1]
    at_places = candidate.channels_first(gradient).abs().amax(1) > 0
    return not gradient.any() or float(at_places.float().mean()) > 0.5
