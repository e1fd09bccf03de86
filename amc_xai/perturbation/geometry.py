"""Where in the plane to mask: the lit pixels nearest to a ring, to an angle, or to the constellation points.

A band is as wide as the fraction asks for: the pixels are ranked by their distance to its middle, so that the
number masked is exact, and a wider band holds the narrower ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from amc_xai.errors import UserError
from amc_xai.perturbation.masks import Ranking, rank_pixels
from amc_xai.perturbation.view import DoesNotApply, View
from amc_xai.ranges import check_range
from amc_xai.representation.histogram import gaussian_smooth

# Channels whose points are symbols after timing (and carrier) recovery.
SYNCHRONISED = ("symbols", "recovered", "recovered_8", "recovered_16")


@dataclass(frozen=True)
class Annulus:
    """A ring of lit pixels, told by the share of them that lies inside it: 0 the innermost, 1 the outermost.

    A share and not a radius: where the picture is mostly dark, rings of several radii are one set of lit pixels.
    The ring of ``fraction`` f holds the pixels between the shares ``within`` (1 - f) and that plus f, so that two
    rings differ at every fraction below 1. Pixels of one radius tie. Applies to every channel.
    """

    within: float

    def rank(self, view: View, channel: str, generator: torch.Generator) -> Ranking:
        """Return the lit pixels of ``channel``, those nearest to the ring first."""
        inside = _share_inside(view, channel)
        distance = torch.where(
            inside < self.within,
            (self.within - inside) / max(self.within, 1e-9),
            (inside - self.within) / max(1 - self.within, 1e-9),
        )
        return rank_pixels(distance, view.support(channel), generator)

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true on the ``fraction`` of the lit pixels nearest to the ring."""
        return view.place(channel, self.rank(view, channel, generator).cut(fraction))


@dataclass(frozen=True)
class Sector:
    """The lit pixels nearest in angle to the ray at ``degrees`` from the I axis. Applies to every channel."""

    degrees: float

    def rank(self, view: View, channel: str, generator: torch.Generator) -> Ranking:
        """Return the lit pixels of ``channel``, those nearest to the ray first."""
        x, y = _plane(view)
        turn = torch.atan2(y, x) - torch.deg2rad(torch.tensor(self.degrees))
        return _nearest(torch.atan2(turn.sin(), turn.cos()).abs(), view, channel, generator)

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true on the ``fraction`` of the lit pixels nearest to the ray."""
        return view.place(channel, self.rank(view, channel, generator).cut(fraction))


@dataclass(frozen=True)
class Cluster:
    """The lit pixels nearest to a constellation point of the frame, after synchronisation.

    The points are found in the image itself: the maxima of the image blurred with a Gaussian of ``blur``
    pixels that reach ``prominence`` of its largest value. Applies to the synchronised channels.
    """

    blur: float = 1.5
    prominence: float = 0.3

    def __post_init__(self) -> None:
        check_range("(0, 64]", perturbation__available__cluster__blur=self.blur)
        check_range("(0, 1]", perturbation__available__cluster__prominence=self.prominence)

    def rank(self, view: View, channel: str, generator: torch.Generator) -> Ranking:
        """Return the lit pixels of ``channel``, those nearest to a constellation point first.

        Raises:
            DoesNotApply: the channel's points are no synchronised symbols.
        """
        image = view.image[:, view.index(channel)]
        if channel not in SYNCHRONISED:
            raise DoesNotApply(
                f"perturbation.selectors: cluster does not apply to channel {channel!r}; "
                f"it needs synchronised symbols: {', '.join(SYNCHRONISED)}."
            )
        peaks = cluster_centres(image, self.blur, self.prominence)
        return rank_pixels(_distance_to(peaks).flatten(1), view.support(channel), generator)

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true on the ``fraction`` of the lit pixels nearest to such a point."""
        return view.place(channel, self.rank(view, channel, generator).cut(fraction))


def annuli(within: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0)) -> dict[str, Annulus]:
    """Return one selector for each place of a ring, named ``annulus_<share of the lit pixels within>``."""
    if not within or any(not 0 <= share <= 1 for share in within):
        raise UserError(
            f"perturbation.available.annulus.within: {list(within)} won't do; give numbers from 0 (the innermost "
            "ring) to 1 (the outermost), each the share of the lit pixels that lies inside."
        )
    return {f"annulus_{share:g}": Annulus(share) for share in within}


def sectors(degrees: Sequence[float] = (0, 90, 180, 270)) -> dict[str, Sector]:
    """Return one selector for each angle, named ``sector_<degrees>``."""
    if not degrees:
        raise UserError("perturbation.available.sector.degrees: it is empty; give at least one angle in degrees.")
    return {f"sector_{angle:g}": Sector(angle) for angle in degrees}


@torch.no_grad()
def cluster_centres(image: torch.Tensor, blur: float, prominence: float) -> torch.Tensor:
    """Return bool (B, H, W): the local maxima (of 3 x 3) of the blurred image (B, H, W) that stand out."""
    blurred = gaussian_smooth(image[:, None].float(), blur)[:, 0]
    highest = functional.max_pool2d(blurred[:, None], 3, stride=1, padding=1)[:, 0]
    return (blurred == highest) & (blurred >= prominence * blurred.amax((1, 2), keepdim=True)) & (blurred > 0)


def _distance_to(peaks: torch.Tensor) -> torch.Tensor:
    """Return the squared distance (B, H, W) in pixels to the nearest true pixel; infinite where there is none."""

    def along_rows(cost: torch.Tensor) -> torch.Tensor:
        place = torch.arange(cost.shape[-1], device=cost.device, dtype=torch.float32)
        apart = (place[:, None] - place) ** 2
        # One column at a time: all at once would hold B x H x W x W numbers.
        return torch.stack([(cost + row).amin(-1) for row in apart], -1)

    cost = torch.where(peaks, 0.0, torch.inf)
    return along_rows(along_rows(cost).mT).mT


def _plane(view: View) -> tuple[torch.Tensor, torch.Tensor]:
    """Return I and Q (H * W,) of the pixels' middles, the image reaching from -1 to 1."""
    height, width = view.image.shape[2:]
    device = view.image.device
    x = (torch.arange(width, device=device) + 0.5) * 2 / width - 1
    y = (torch.arange(height, device=device) + 0.5) * 2 / height - 1
    return x.repeat(height), y.repeat_interleave(width)


def _nearest(distance: torch.Tensor, view: View, channel: str, generator: torch.Generator) -> Ranking:
    view.index(channel)
    # Pixels that mirror each other lie equally far, but for rounding: let them tie.
    distance = (distance * 2**16).round()
    return rank_pixels(distance.expand(view.image.shape[0], -1), view.support(channel), generator)


def _share_inside(view: View, channel: str) -> torch.Tensor:
    """Return float (B, H * W): the share of a frame's lit pixels that is nearer to the centre, half of equals."""
    # Pixels that mirror each other lie equally far, but for rounding: let them tie.
    radius = (torch.hypot(*_plane(view)) * 2**16).round()
    levels, level = radius.cpu().unique(return_inverse=True)
    level = level.to(radius.device)
    lit = view.lit(channel).to(torch.float32)
    counts = torch.zeros(len(lit), len(levels), device=lit.device).index_add_(1, level, lit)
    inside = counts.cumsum(1) - counts / 2
    return (inside / counts.sum(1, keepdim=True).clamp(min=1))[:, level]
