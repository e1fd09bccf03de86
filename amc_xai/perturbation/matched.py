"""A random mask that takes as many pixels of each grey level as a reference mask does."""

from dataclasses import dataclass

import torch

from amc_xai.perturbation.masks import rank_pixels
from amc_xai.perturbation.selectors import Selector
from amc_xai.perturbation.view import DoesNotApply, View


@dataclass(frozen=True)
class RandomMatched:
    """Lit pixels drawn at random, as many of each intensity as the reference mask takes of the lit ones.

    The reference is what ``of`` selects, or where that is None the view's ``reference_mask``. Where the
    reference takes a whole grey level, so must the match: against ``top`` and ``bottom`` it only differs in the
    level at which they stop. In an image whose lit pixels all differ (a blurred one) it is the reference.
    """

    of: Selector | None = None

    def mask(self, view: View, channel: str, fraction: float, generator: torch.Generator) -> torch.Tensor:
        """Return bool (B, C, H, W), true in ``channel`` on a random mask with the reference's histogram.

        Raises:
            DoesNotApply: there is no reference.
        """
        if self.of is not None:
            reference = self.of.mask(view, channel, fraction, generator)
        elif view.reference_mask is not None:
            reference = view.reference_mask
        else:
            raise DoesNotApply(
                "perturbation.available.random_matched.of: random_matched has no mask to match; name a selector, "
                "or set perturbation.control=random_matched to match every selector's mask."
            )
        reference = reference[:, view.index(channel)].flatten(1)
        ranking = rank_pixels(view.intensity(channel), view.support(channel), generator)
        return view.place(channel, _same_histogram(ranking, view.intensity(channel), reference))


def _same_histogram(ranking, intensity: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """Return bool (B, P): of each run of equals in the ranking the first ones, as many as the reference takes."""
    order = ranking.order
    images, places = order.shape
    counts = torch.arange(places, device=order.device) < ranking.size[:, None]
    level = intensity.gather(1, order)
    wanted = reference.gather(1, order) & counts
    starts = torch.ones_like(counts)
    starts[:, 1:] = level[:, 1:] != level[:, :-1]
    # The padding behind the last pixel forms groups too, of which nothing is wanted.
    starts |= ~counts
    group = starts.flatten().cumsum(0).view(images, places) - 1
    taken = torch.zeros(images * places, dtype=torch.int64, device=order.device)
    taken.scatter_add_(0, group.flatten(), wanted.flatten().long())
    place = torch.arange(places, device=order.device).expand(images, places)
    first = torch.where(starts, place, 0).cummax(1).values
    chosen = (place - first < taken[group]) & counts
    mask = torch.zeros_like(reference)
    mask[chosen.nonzero()[:, 0], order[chosen]] = True
    return mask
