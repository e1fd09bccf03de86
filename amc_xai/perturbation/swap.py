"""Other frames in place of what is taken away: the reference that a network has seen before."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.perturbation.draws import frame_seeds, random_bits
from amc_xai.perturbation.view import DoesNotApply, View

Seen = torch.Tensor | tuple[torch.Tensor, ...]


@dataclass(frozen=True, eq=False)
class Donors:
    """Represented frames that give parts to others.

    Attributes:
        seen: what a network sees of each, (D, C, H, W) or (D, C, L); or a tuple of such.
        places: int64 (D,), the place of each in its source, by which a frame isn't its own donor.

    Raises:
        UserError: fewer than two.
    """

    seen: Seen
    places: torch.Tensor

    def __post_init__(self) -> None:
        if len(self.places) < 2:
            raise UserError("There must be two frames or more to explain, so that one can stand in for the other.")

    def drawn(self, places: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return int64 (B,), a donor for each frame: uniform over all but the frame itself.

        Args:
            places: int64 (B,), of the frames in the source, -1 for one that isn't of it.
            generator: on the CPU; gives one number a frame, in order.
        """
        seeds = frame_seeds(len(places), generator, places.device)
        own = (self.places == places[:, None]).to(torch.int64)
        there = own.sum(1)
        bits = random_bits(seeds, torch.zeros_like(seeds)) & (2**62 - 1)
        pick = bits % (len(self.places) - there)
        # Skip over the frame's own place, where it is among the donors.
        return pick + ((there > 0) & (pick >= own.argmax(1))).to(torch.int64)

    def of(self, donor: torch.Tensor) -> Seen:
        """Return what a network sees of these donors, int64 (B,)."""
        return tuple(part[donor] for part in self.seen) if isinstance(self.seen, tuple) else self.seen[donor]


@dataclass(frozen=True)
class Swap:
    """Masked pixels become those of another frame at the same place. Applies to every channel.

    What a network gets is made of two real pictures; a donor is drawn for each frame and each mask.
    """

    name: ClassVar[str] = "swap"

    def __call__(
        self,
        view: View,
        mask: torch.Tensor,
        representation: nn.Module | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Return the image (B, C, H, W) with a donor's pixels where ``mask`` (bool, same shape) is true.

        Raises:
            DoesNotApply: the view has no donors.
        """
        if view.donors is None or view.places is None:
            raise DoesNotApply("perturbation: the operator swap needs other frames to draw from, and has none.")
        seen = view.donors.of(view.donors.drawn(view.places, generator))
        other = seen[0] if isinstance(seen, tuple) else seen
        return torch.where(mask, other, view.image)
