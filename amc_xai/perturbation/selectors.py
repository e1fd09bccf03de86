"""Where to mask: the brightest, the faintest or any of the lit pixels, in an exact number."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch

from amc_xai.perturbation.masks import Ranking, rank_pixels
from amc_xai.perturbation.view import View


class Selector(Protocol):
    """Chooses the pixels to mask in one named channel."""

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true only in ``channel``; raise UserError where it doesn't apply to it.

        Draws come from ``generator`` alone (a CPU generator), for one image after the other.
        """
        ...


@runtime_checkable
class RankedSelector(Selector, Protocol):
    """A selector whose masks at all fractions are cuts of one ranking, so that they are nested."""

    def rank(self, view: View, channel: str, generator: torch.Generator) -> Ranking:
        """Return the order in which the pixels of ``channel`` are masked as the fraction grows."""
        ...


@dataclass(frozen=True)
class Top:
    """The brightest lit pixels; among equals a seeded draw decides. Applies to every channel."""

    def rank(self, view: View, channel: str, generator: torch.Generator) -> Ranking:
        """Return the lit pixels of ``channel``, brightest first."""
        return rank_pixels(view.intensity(channel), view.support(channel), generator, highest_first=True)

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true on the brightest ``fraction`` of the lit pixels of ``channel``."""
        return view.place(channel, self.rank(view, channel, generator).cut(fraction))


@dataclass(frozen=True)
class Bottom:
    """The faintest lit pixels; among equals a seeded draw decides. Applies to every channel."""

    def rank(self, view: View, channel: str, generator: torch.Generator) -> Ranking:
        """Return the lit pixels of ``channel``, faintest first."""
        return rank_pixels(view.intensity(channel), view.support(channel), generator)

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true on the faintest ``fraction`` of the lit pixels of ``channel``."""
        return view.place(channel, self.rank(view, channel, generator).cut(fraction))


@dataclass(frozen=True)
class Random:
    """Lit pixels drawn uniformly without replacement, anew for each image. Applies to every channel."""

    def rank(self, view: View, channel: str, generator: torch.Generator) -> Ranking:
        """Return the lit pixels of ``channel`` in a random order."""
        # Without a score all pixels tie, and the draw that settles ties is the whole order.
        return rank_pixels(None, view.support(channel), generator)

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true on a random ``fraction`` of the lit pixels of ``channel``."""
        return view.place(channel, self.rank(view, channel, generator).cut(fraction))
