"""Where in time to mask: what was drawn at the symbol instants, or on the way from one symbol to the next."""

from dataclasses import dataclass

import torch

from amc_xai.perturbation.masks import Ranking, rank_pixels
from amc_xai.perturbation.view import DoesNotApply, View

CHANNEL = "trajectory"


@dataclass(frozen=True)
class SymbolInstants:
    """The lit pixels whose samples lie nearest in time to a symbol. Applies to ``trajectory`` alone.

    A pixel that holds several samples counts with the nearest. A frame without symbols has nothing to mask.
    """

    def rank(self, view: View, channel: str, generator: torch.Generator) -> Ranking:
        """Return the lit pixels of ``channel``, those nearest in time to a symbol first.

        Raises:
            DoesNotApply: for any other channel, or where the symbol instants are not known.
        """
        distance = _time_to_symbol(view, channel, "symbol_instants")
        return rank_pixels(distance, view.lit(channel) & distance.isfinite(), generator)

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true on the ``fraction`` of the lit pixels nearest in time to a symbol."""
        return view.place(channel, self.rank(view, channel, generator).cut(fraction))


@dataclass(frozen=True)
class Transitions:
    """The lit pixels whose samples all lie far in time from any symbol. Applies to ``trajectory`` alone.

    The order is that of `SymbolInstants` from its other end.
    """

    def rank(self, view: View, channel: str, generator: torch.Generator) -> Ranking:
        """Return the lit pixels of ``channel``, those farthest in time from a symbol first.

        Raises:
            DoesNotApply: for any other channel, or where the symbol instants are not known.
        """
        distance = _time_to_symbol(view, channel, "transitions")
        return rank_pixels(distance, view.lit(channel) & distance.isfinite(), generator, highest_first=True)

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true on the ``fraction`` of the lit pixels farthest in time from a symbol."""
        return view.place(channel, self.rank(view, channel, generator).cut(fraction))


def whole_instants(position: torch.Tensor, length: int) -> torch.Tensor:
    """Return int64 of the same shape: each position to the nearest sample, -1 if it is NaN or in no frame."""
    nearest = position.nan_to_num(-1.0).round().long()
    return torch.where((nearest >= 0) & (nearest < length), nearest, -1)


def _time_to_symbol(view: View, channel: str, selector: str) -> torch.Tensor:
    """Return float (B, P), the least number of samples from what a pixel holds to a symbol; infinite if none."""
    view.index(channel)
    if channel != CHANNEL:
        raise DoesNotApply(
            f"perturbation.selectors: {selector} does not apply to channel {channel!r}; it applies to {CHANNEL}, "
            "whose points are the samples in the order of time."
        )
    if view.symbol_instants is None:
        raise DoesNotApply(
            f"perturbation.selectors: {selector} does not apply to this dataset, whose symbol instants are not "
            "known; dataset=synthetic knows them."
        )
    cells = view.drawn(channel, selector)
    frames, samples = cells.shape
    time = torch.arange(samples, device=cells.device)
    # A frame's instants are marked on one place more than it has samples, which takes those of -1.
    marked = torch.zeros(frames, samples + 1, dtype=torch.bool, device=cells.device)
    instants = view.symbol_instants.to(cells.device)
    marked.scatter_(1, torch.where(instants >= 0, instants, samples), True)
    at = marked[:, :samples]
    far = float("inf")
    last = torch.where(at, time, -far).cummax(1).values
    following = torch.where(at, time, far).flip(1).cummin(1).values.flip(1)
    distance = torch.minimum(time - last, following - time)
    pixels = view.image.shape[2] * view.image.shape[3]
    nearest = torch.full((frames, pixels + 1), far, device=cells.device)
    nearest.scatter_reduce_(1, torch.where(cells >= 0, cells, pixels), distance, "amin")
    return nearest[:, :pixels]
