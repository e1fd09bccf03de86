"""The masks of the original study, by percentile thresholds: kept to show what they really remove.

Log-scaled counts take few values, so a threshold takes whole grey levels: "the faintest 1 %" is every pixel of
the lowest value, most of the lit ones. The random mask is drawn from all pixels, few of which are lit, with one
seed: the same mask for every image. Use the exact selectors for scores; these are the ones to compare with.
"""

from dataclasses import dataclass

import torch

from amc_xai.errors import UserError
from amc_xai.perturbation.masks import masked_count
from amc_xai.perturbation.view import View

SIDES = ("top", "bottom", "random")


@dataclass(frozen=True)
class Published:
    """One side of the original study's masks. Applies to every channel.

    ``top`` takes every lit pixel at or above the percentile 1 - fraction of the lit pixels, ``bottom`` every one
    at or below the percentile ``fraction`` (linear between order statistics, as ``numpy.percentile``); ``random``
    takes a ``fraction`` of all pixels, lit or not, drawn once from ``seed``.

    Raises:
        UserError: another side.
    """

    side: str
    seed: int = 42

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise UserError(f"perturbation: published has the sides {', '.join(SIDES)}, not {self.side!r}.")

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true on the study's mask of ``channel``; draws nothing from ``generator``."""
        intensity = view.intensity(channel)
        if self.side == "random":
            pixels = intensity.shape[1]
            order = torch.randperm(pixels, generator=torch.Generator().manual_seed(self.seed))
            mask = torch.zeros(pixels, dtype=torch.bool)
            mask[order[: int(masked_count(torch.tensor(pixels), fraction))]] = True
            return view.place(channel, mask.to(intensity.device).expand_as(intensity))
        share = fraction if self.side == "bottom" else 1 - fraction
        threshold = lit_percentile(view, channel, share)[:, None]
        beyond = intensity <= threshold if self.side == "bottom" else intensity >= threshold
        return view.place(channel, beyond & view.lit(channel))


def published_sides(seed: int = 42) -> dict[str, Published]:
    """Return the three masks of the original study by name: ``published_top``, ``_bottom``, ``_random``."""
    return {f"published_{side}": Published(side, seed) for side in SIDES}


@torch.no_grad()
def lit_percentile(view: View, channel: str, share: float) -> torch.Tensor:
    """Return (B,), the quantile ``share`` (0..1) of each image's lit pixels; of no meaning where none is lit."""
    support = view.support(channel)
    intensity = view.intensity(channel)
    value = torch.full((intensity.shape[0], max(1, support.places)), torch.inf, device=intensity.device)
    value[support.row, support.place] = intensity[support.row, support.pixel].to(value.dtype)
    value = value.sort(1).values
    position = share * (support.size.to(torch.float32) - 1).clamp(min=0)
    below = position.floor().long()
    above = position.ceil().long()
    low, high = (value.gather(1, place[:, None])[:, 0] for place in (below, above))
    # Between equals the threshold must be that value to the last bit, or the level would be spared.
    return torch.where(low == high, low, low + (position - below) * (high - low))
