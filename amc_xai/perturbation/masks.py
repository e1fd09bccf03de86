"""Masks of an exact number of pixels: count them, rank them, cut the ranking.

Constellation images take few grey levels (log-scaled counts), so a percentile threshold removes whole levels:
"the faintest 1 %" can mean most of the lit pixels. Here every pixel gets a rank of its own, ties are broken
by a seeded draw, and a mask takes exactly the number of pixels that was asked for.
"""

from dataclasses import dataclass

import torch

from amc_xai.errors import UserError
from amc_xai.perturbation.draws import frame_seeds, random_bits


def masked_count(lit: torch.Tensor, fraction: float) -> torch.Tensor:
    """Return how many of ``lit`` pixels a fraction of them is.

    The nearest whole number to ``fraction * lit`` (the product in float64, a half goes up), at least one
    where any pixel is lit, never more than are lit.

    Args:
        lit: whole numbers of any shape, the lit pixels of each image.
        fraction: above 0, at most 1.

    Returns:
        int64 of the same shape.

    Raises:
        UserError: ``fraction`` is outside (0, 1].
    """
    if not 0 < fraction <= 1:
        raise UserError(
            f"perturbation.fractions: {fraction} is not a fraction of the lit pixels; "
            "give numbers above 0 and at most 1."
        )
    # On the CPU: not every device knows float64, and float32 rounds other numbers up.
    nearest = torch.floor(lit.cpu().to(torch.float64) * fraction + 0.5).to(torch.int64)
    return torch.minimum(nearest.to(lit.device).clamp(min=1), lit.to(torch.int64))


@dataclass(frozen=True, eq=False)
class Support:
    """The pixels of each image that may be masked, as a list: only a few per cent of an image is lit.

    Attributes:
        row, pixel: int64 (K,), image and flat pixel of each; images in order, pixels ascending.
        place: int64 (K,), which of its image's pixels each is.
        size: int64 (B,), how many each image has; ``places`` is the largest.
        pixels: the number of pixels P of an image.
    """

    row: torch.Tensor
    pixel: torch.Tensor
    place: torch.Tensor
    size: torch.Tensor
    places: int
    pixels: int

    @classmethod
    def of(cls, allowed: torch.Tensor) -> "Support":
        """List the true pixels of bool (B, P)."""
        images, pixels = allowed.shape
        device = allowed.device
        flat = allowed.flatten().nonzero().squeeze(1)
        first = torch.searchsorted(flat, torch.arange(images + 1, device=device) * pixels)
        size = first.diff()
        row = torch.repeat_interleave(torch.arange(images, device=device), size, output_size=flat.numel())
        place = torch.arange(flat.numel(), device=device) - first[row]
        return cls(row, flat - row * pixels, place, size, int(size.max()) if images else 0, pixels)


@dataclass(frozen=True, eq=False)
class Ranking:
    """The allowed pixels of each image in order, lowest score first; sort once, cut at any count.

    Attributes:
        order: int64 (B, K), flat pixel of each rank; only the first ``size[b]`` places of row b count.
        size: int64 (B,), the number of allowed pixels of each image.
        pixels: the number of pixels P of an image.
    """

    order: torch.Tensor
    size: torch.Tensor
    pixels: int

    def mask(self, count: torch.Tensor) -> torch.Tensor:
        """Return bool (B, P), true on the ``count`` (B,) first pixels of each image.

        Raises:
            ValueError: a count is negative or larger than the number of allowed pixels.
        """
        if ((count < 0) | (count > self.size)).any():
            raise ValueError("a count lies outside 0 .. the number of allowed pixels")
        images, places = self.order.shape
        device = self.order.device
        chosen = torch.arange(places, device=device) < count[:, None]
        first_pixel = torch.arange(images, device=device)[:, None] * self.pixels
        mask = torch.zeros(images * self.pixels, dtype=torch.bool, device=device)
        mask[(self.order + first_pixel)[chosen]] = True
        return mask.view(images, self.pixels)

    def cut(self, fraction: float) -> torch.Tensor:
        """Return bool (B, P), true on ``masked_count(size, fraction)`` pixels of each image."""
        return self.mask(masked_count(self.size, fraction))


@torch.no_grad()
def rank_pixels(
    score: torch.Tensor | None,
    allowed: torch.Tensor | Support,
    generator: torch.Generator,
    *,
    highest_first: bool = False,
) -> Ranking:
    """Rank the allowed pixels of each image by score, lowest first, ties in a uniformly random order.

    The generator gives one 64-bit number for each image, in order, whatever the image holds. So the ranking
    of an image depends on its pixels and its place in the generator's stream, not on its neighbours in the
    batch, on how frames are cut into batches, or on the device.

    Args:
        score: (B, P), compared in float32; None makes all pixels tie.
        allowed: bool (B, P), or the list of the true pixels of one.
        generator: on the CPU, wherever the scores lie.
        highest_first: rank the highest score first instead.

    Raises:
        UserError: an allowed pixel has a score that is not a number.
    """
    support = allowed if isinstance(allowed, Support) else Support.of(allowed)
    row, pixel, images = support.row, support.pixel, support.size.numel()
    seeds = frame_seeds(images, generator, row.device)
    key = random_bits(seeds[row], pixel) & 0xFFFFFFFF
    if score is not None:
        value = score[row, pixel].to(torch.float32)
        if value.isnan().any():
            raise UserError("The scores that rank the pixels hold values that are not numbers; give numbers.")
        # One 64-bit key a pixel: the score above the 32 random bits that settle ties.
        key += _sortable(-value if highest_first else value) << 32
    keys = torch.full((images, support.places), torch.iinfo(torch.int64).max, device=row.device)
    keys[row, support.place] = key
    by_place = torch.zeros((images, support.places), dtype=torch.int64, device=row.device)
    by_place[row, support.place] = pixel
    # Two in billions of pixels of one score draw the same bits; the stable sort orders even those one way.
    order = by_place.gather(1, keys.argsort(dim=1, stable=True))
    return Ranking(order, support.size, support.pixels)


def lowest_ranked(
    score: torch.Tensor, allowed: torch.Tensor, count: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Return bool (B, P): exactly ``count`` (B,) allowed pixels of each image, those of the lowest score.

    `rank_pixels` says how ties are broken, and with `Ranking.mask` what is raised; for several counts rank
    once and cut the ranking.
    """
    return rank_pixels(score, allowed, generator).mask(count)


def _sortable(value: torch.Tensor) -> torch.Tensor:
    """Return int64 that sort as the float32 ``value`` do, within 32 bits."""
    # Adding zero turns -0.0 into 0.0: the two are one value, and must tie.
    bits = (value + 0.0).view(torch.int32)
    # Of negative floats the larger bit pattern is the smaller number: flip all but the sign.
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).to(torch.int64)
