"""Which image sizes a network takes whole: found by asking the network, whatever its family."""

from collections.abc import Callable

import torch
from torch import nn

# What most families ask the side of an image to be a multiple of, or of half, a quarter, ... of it.
GRAINS = (32, 28, 24)
# Stems of unpadded convolutions ask for other sides, such as odd ones.
FEW_LINES = (1, 2, 3, 4)


class Cropped(Exception):
    """The network runs, but drops lines at the border of the image."""


def probe(model: nn.Module, input_shape: tuple[int, ...]) -> int:
    """The width of the features of images (C, H, W), from a pass through the model itself.

    One image of noise goes through in evaluation mode, and the gradient of a random sum of its features tells
    which pixels they depend on. Weights that start at zero (the last scale of a residual branch) would hide the
    pixels behind them; they count as small random ones. Model and random streams stay as they were.

    Raises:
        Cropped: if a border line of the image reaches no feature: strided layers without padding drop what
            their kernels don't tile, and say nothing.
        Exception: whatever the model raises for images that it can't take.
    """
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, *input_shape, generator=generator).requires_grad_()
    awake = {
        name: torch.randn(p.shape, generator=generator).mul_(0.1).to(p.dtype)
        for name, p in model.named_parameters()
        if not p.detach().any()
    }
    training = model.training
    model.eval()
    try:
        features = torch.func.functional_call(model, awake, (noise,))
        if features.requires_grad:
            projection = torch.randn(features.shape, generator=generator)
            (gradient,) = torch.autograd.grad((features * projection).sum(), noise, allow_unused=True)
            refuse_dropped_lines(gradient)
    finally:
        model.train(training)
    return features.shape[-1]


def refuse_dropped_lines(gradient: torch.Tensor | None) -> None:
    """Raise Cropped unless each border line of the image has a gradient (1, C, H, W) somewhere.

    Without any gradient at all, or with one that isn't finite, nothing can be told.
    """
    if gradient is None or not gradient.isfinite().all() or not gradient.any():
        return
    reached = gradient[0].abs().amax(0) > 0
    dropped = []
    for word, lines in (("rows", reached.any(1)), ("columns", reached.any(0))):
        if not (lines[0] and lines[-1]):
            first, last = lines.nonzero()[[0, -1], 0].tolist()
            dropped.append(f"{last + 1 - first} of {len(lines)} {word}")
    if dropped:
        raise Cropped(" and ".join(dropped))


def near_sizes(takes: Callable[[int, int], bool], height: int, width: int, own: tuple[int, ...]) -> list[str]:
    """Sizes close to ``height`` x ``width`` that a network takes, as text: ``96``, or ``96 x 64``.

    ``takes(height, width)`` makes the network and probes it. The next multiples of a grain below and above are
    tried, then those of ever smaller halves of it, each side for as long as it comes closer; a grain that brings
    nothing gives way to the next. Last come a few lines less or more, and ``own``, the (H, W) that the network was
    published for.
    """
    known = {(height, width): False}

    def taken(size: tuple[int, int]) -> bool:
        if size not in known:
            known[size] = min(size) > 0 and takes(*size)
        return known[size]

    def closest(grain: int) -> list[tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        while True:
            below = height - height % grain, width - width % grain
            above = height + -height % grain, width + -width % grain
            closer = {side: size for side, size in (("below", below), ("above", above)) if taken(size)}
            found |= closer
            if not closer or grain % 2:
                return list(found.values())
            grain //= 2

    shifts = [(height + sign * k, width + sign * k) for k in FEW_LINES for sign in (-1, 1)]
    best = next((found for grain in GRAINS if (found := closest(grain))), None)
    best = (
        best
        or [size for size in shifts if taken(size)][:2]
        or [size for size in [own] if len(size) == 2 and taken(size)]
    )
    return [f"{h}" if h == w else f"{h} x {w}" for h, w in sorted(best)]
