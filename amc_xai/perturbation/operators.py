"""How to mask: what the chosen pixels become."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import nn
from torch.nn import functional

from amc_xai.errors import UserError
from amc_xai.perturbation.draws import frame_seeds, normal, random_bits, uniform
from amc_xai.perturbation.view import View

# More than any frame's points: how far apart in a frame's stream lie the draws for one channel and the next.
_APART = 2**32


class Operator(Protocol):
    """Turns a view and a mask into the image that the network gets to see; ``name`` stands in tables."""

    name: ClassVar[str]

    def __call__(
        self,
        view: View,
        mask: torch.Tensor,
        representation: nn.Module | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Return the perturbed image (B, C, H, W); raise UserError where it doesn't apply to a channel.

        ``mask`` is bool (B, C, H, W). An operator that goes back to the samples draws them anew with
        ``representation``; one that is random draws from ``generator`` (on the CPU) alone.
        """
        ...


@dataclass(frozen=True)
class Zero:
    """Masked pixels become zero, as if no point had fallen there. Applies to every channel."""

    name: ClassVar[str] = "zero"

    def __call__(
        self,
        view: View,
        mask: torch.Tensor,
        representation: nn.Module | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Return a copy of the image (B, C, H, W) with zeros where ``mask`` (bool, same shape) is true."""
        return view.image.masked_fill(mask, 0.0)


@dataclass(frozen=True)
class LocalMean:
    """Masked pixels become the mean of the pixels around them that are not masked. Applies to every channel.

    The mean is over a square of ``window`` pixels, twice as wide (and one) for as long as it holds masked
    pixels alone; a channel that is masked whole becomes zero.

    Raises:
        UserError: ``window`` is no odd number from 3 up.
    """

    window: int = 5
    name: ClassVar[str] = "local_mean"

    def __post_init__(self) -> None:
        if self.window < 3 or self.window % 2 == 0:
            raise UserError(f"perturbation.operator.window must be an odd number from 3 up, not {self.window}.")

    def __call__(
        self,
        view: View,
        mask: torch.Tensor,
        representation: nn.Module | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Return the image (B, C, H, W) with local means where ``mask`` (bool, same shape) is true."""
        kept = (~mask).to(view.image.dtype)
        image = view.image * kept
        result, left, window = image.clone(), mask, self.window
        while left.any():
            near, known = (functional.avg_pool2d(part, window, 1, window // 2) for part in (image, kept))
            # The pool divides by whole squares, so the least that is known is one pixel of one.
            filled = left & (known > 0.5 / window**2)
            result = torch.where(filled, near / known.clamp(min=0.5 / window**2), result)
            left = left & ~filled
            if window >= 2 * max(image.shape[2:]):
                break
            window = 2 * window + 1
        return result


@dataclass(frozen=True)
class Resample:
    """The points that fell into masked pixels are removed, and the image is drawn again from the others.

    With ``refill`` as many points as were removed are drawn (with replacement) from those that remain in the
    frame, so that the image has the number of points of a real one; without it a frame just has fewer points,
    which in an image that isn't blurred is what `Zero` gives. Applies to channels whose points are known.
    """

    refill: bool = True
    name: ClassVar[str] = "resample"

    def __call__(
        self,
        view: View,
        mask: torch.Tensor,
        representation: nn.Module | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Return the image (B, C, H, W) drawn without the points in ``mask`` (bool, same shape).

        Raises:
            DoesNotApply: a masked channel's points are not known.
        """
        hit = {
            channel: _hit(view.drawn(channel, "the operator resample"), masked)
            for _, channel, masked in _masked_channels(view, mask)
        }
        return _redraw(view, refilled(view, hit, generator, refill=self.refill), representation)


@dataclass(frozen=True)
class Noise:
    """The points in masked pixels move as under additional white noise, and the image is drawn again.

    Each gets a circular Gaussian displacement with a standard deviation of ``std`` on each axis, in half widths
    of the image, from a uniform place within its pixel; what leaves the image is lost, as it is when frames
    are drawn. Applies to channels whose points are known.

    Raises:
        UserError: ``std`` is not above 0.
    """

    std: float = 0.1
    name: ClassVar[str] = "noise"

    def __post_init__(self) -> None:
        if not self.std > 0:
            raise UserError(f"perturbation.operator.std must be above 0 half widths of the image, not {self.std}.")

    def __call__(
        self,
        view: View,
        mask: torch.Tensor,
        representation: nn.Module | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Return the image (B, C, H, W) drawn with the points in ``mask`` (bool, same shape) displaced.

        Raises:
            DoesNotApply: a masked channel's points are not known.
        """
        height, width = view.image.shape[2:]
        moved = dict(view.cells)
        # For every frame, masked or not: what one draws doesn't hang on the others of its batch.
        seeds = frame_seeds(len(mask), generator, mask.device)[:, None]
        for place, channel, masked in _masked_channels(view, mask):
            cells = view.drawn(channel, "the operator noise")
            hit = _hit(cells, masked)
            point = torch.arange(cells.shape[1], device=cells.device) + 4 * place * _APART
            # The displacement uses the positions 2 * point and 2 * point + 1 of the stream.
            within = [uniform(seeds, 2 * point + axis * _APART) for axis in (1, 2)]
            along_x, along_y = normal(seeds, point)
            column = (cells % width + within[0] + along_x * self.std * width / 2).floor().long()
            row = (
                (cells.div(width, rounding_mode="floor") + within[1] + along_y * self.std * height / 2)
                .floor()
                .long()
            )
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            moved[channel] = torch.where(hit, torch.where(inside, row * width + column, -1), cells)
        return _redraw(view, moved, representation)


def refilled(
    view: View, hit: dict[str, torch.Tensor], generator: torch.Generator | None, *, refill: bool = True
) -> dict[str, torch.Tensor]:
    """The view's cells without the points that were ``hit``, bool (B, K) by channel, refilled from the others.

    As many are drawn (with replacement) as were removed; none where nothing remains, or without ``refill``.
    """
    moved = dict(view.cells)
    # For every frame, hit or not: what one draws doesn't hang on the others of its batch.
    seeds = frame_seeds(len(view.image), generator, view.image.device)[:, None]
    for channel, gone in hit.items():
        cells = view.cells[channel]
        gone = gone & (cells >= 0)
        moved[channel] = torch.where(gone, -1, cells)
        if refill:
            kept = (cells >= 0) & ~gone
            place = torch.arange(cells.shape[1], device=cells.device) + view.index(channel) * _APART
            left = kept.sum(1, keepdim=True)
            pick = (random_bits(seeds, place) & (2**62 - 1)) % left.clamp(min=1)
            # The points that remain, first in their row and in their order.
            remaining = cells.gather(1, (~kept).to(torch.uint8).argsort(dim=1, stable=True))
            moved[channel] = torch.where(gone & (left > 0), remaining.gather(1, pick), moved[channel])
    return moved


def _masked_channels(view: View, mask: torch.Tensor):
    """Yield place and name of each channel in which a pixel is masked, with its mask (B, H * W)."""
    for place, channel in enumerate(view.channels):
        masked = mask[:, place].flatten(1)
        if masked.any():
            yield place, channel, masked


def _hit(cells: torch.Tensor, masked: torch.Tensor) -> torch.Tensor:
    """Return bool (B, K): the point lies in a masked pixel."""
    return masked.gather(1, cells.clamp(min=0)) & (cells >= 0)


def _redraw(view: View, cells: dict[str, torch.Tensor], representation: nn.Module | None) -> torch.Tensor:
    if representation is None or set(view.channels) - set(cells):
        raise ValueError("drawing again needs the representation and the points of every channel")
    return representation.draw(cells).to(view.image.dtype)
