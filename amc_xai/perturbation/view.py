"""One batch as a perturbation sees it: the frames, their images, and what links the two."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from amc_xai.errors import UserError, guess
from amc_xai.perturbation.masks import Support

# Asked for like a channel: every channel of the image, masked at once.
TOGETHER = "together"

if TYPE_CHECKING:
    from amc_xai.perturbation.swap import Donors
    from amc_xai.perturbation.symbol_players import FrameSymbols


class DoesNotApply(UserError):
    """A selector or an operator has no meaning for a channel, or lacks what it needs to know of the frames."""


@dataclass(frozen=True, eq=False)
class View:
    """A batch of frames, the images drawn from them, and what is known about both.

    Attributes:
        iq: frames (B, 2, L), channel 0 = I and 1 = Q; None where the source yields images only.
        image: (B, C, H, W), zero where nothing was drawn; or what a network on sequences sees, (B, C, L), in which
            there are symbols but no pixels to select.
        channels: the C names of its channels.
        cells: per channel the flat pixel (row * W + column) of each drawn point, int64 (B, K), -1 for a point
            outside the image. A channel that is missing here has no known link from pixels to samples.
        symbol_instants: sample index of each symbol, int64 (B, N), -1 where there is none; None if unknown.
        reference_mask: bool (B, C, H, W), the mask that a matched control has to match; None if there is
            none.
        score_map: (B, C, H, W), what ranks the pixels in a map-driven selector, or one for each task by its name;
            None if there is none.
        sequence: what the network sees beside the image, (B, C', L); None where the image is all.
        places: int64 (B,), the place of each frame in its source; None if unknown.
        donors: other frames to draw parts from; None if there are none.
        symbols: the frames' symbols; None where the samples a symbol are not known.

    Raises:
        ValueError: the image isn't (B, C, H, W) or (B, C, L) with one name for each channel, or an optional map
            differs from it in shape.
    """

    iq: torch.Tensor | None
    image: torch.Tensor
    channels: list[str]
    cells: dict[str, torch.Tensor] = field(default_factory=dict)
    symbol_instants: torch.Tensor | None = None
    reference_mask: torch.Tensor | None = None
    score_map: torch.Tensor | dict[str, torch.Tensor] | None = None
    sequence: torch.Tensor | None = None
    places: torch.Tensor | None = None
    donors: "Donors | None" = None
    symbols: "FrameSymbols | None" = None
    _supports: dict[str, Support] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.image.ndim not in (3, 4) or self.image.shape[1] != len(self.channels):
            raise ValueError(
                f"an image of shape {tuple(self.image.shape)} is not (B, C, H, W) or (B, C, L) "
                f"with the channels {self.channels}"
            )
        scores = self.score_map if isinstance(self.score_map, dict) else {"score_map": self.score_map}
        for name, tensor in {"reference_mask": self.reference_mask, **scores}.items():
            if tensor is not None and tensor.shape != self.image.shape:
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}, the image {tuple(self.image.shape)}")

    def seen(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Return what the network gets where ``image`` (B, C, H, W) stands for the view's own."""
        return image if self.sequence is None else (image, self.sequence)

    @property
    def whole(self) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """What the network sees of the frames as they are."""
        return self.seen(self.image)

    def index(self, channel: str) -> int:
        """Return the place of ``channel`` among the image's channels; raise UserError if it has none."""
        if channel not in self.channels:
            raise UserError(
                f"perturbation.channels: the image has no channel {channel!r}{guess(channel, self.channels)}; "
                f"choose from {', '.join(self.channels)}, or {TOGETHER} for every one at once."
            )
        return self.channels.index(channel)

    def members(self, channel: str) -> list[str]:
        """Return the channels that ``channel`` stands for: itself, or every one for `TOGETHER`."""
        return list(self.channels) if channel == TOGETHER else [channel]

    def within(self, values: torch.Tensor, channel: str) -> torch.Tensor:
        """Return the pixels of ``channel`` of ``values`` (B, C, H, W), flat: (B, P), of `TOGETHER` all of them."""
        return values.flatten(1) if channel == TOGETHER else values[:, self.index(channel)].flatten(1)

    def intensity(self, channel: str) -> torch.Tensor:
        """Return the pixels of one channel, flat: (B, P), P = H * W, or C * H * W of `TOGETHER`."""
        return self.within(self.image, channel)

    def lit(self, channel: str) -> torch.Tensor:
        """Return which pixels of one channel are lit (above zero): bool (B, P)."""
        return self.intensity(channel) > 0

    def support(self, channel: str) -> Support:
        """Return the lit pixels of one channel as a list, made once however many selectors ask."""
        if channel not in self._supports:
            self._supports[channel] = Support.of(self.lit(channel))
        return self._supports[channel]

    def drawn(self, channel: str, by: str) -> torch.Tensor:
        """Return the flat pixel of each drawn point, (B, K); ``by`` names who asks, for the message.

        Raises:
            DoesNotApply: the link from this channel's pixels to points is not known.
        """
        self.index(channel)
        if channel not in self.cells:
            raise DoesNotApply(
                f"perturbation: {by} does not apply to channel {channel!r}, whose points are not known; "
                f"channels with known points: {', '.join(self.cells) or 'none'}."
            )
        return self.cells[channel]

    def place(self, channel: str, pixels: torch.Tensor) -> torch.Tensor:
        """Return bool (B, C, H, W) that is ``pixels`` (bool (B, P)) in one channel, false in the rest."""
        if channel == TOGETHER:
            return pixels.view(self.image.shape)
        pixels = pixels.unflatten(1, self.image.shape[2:])
        mask = torch.zeros(self.image.shape, dtype=torch.bool, device=pixels.device)
        mask[:, self.index(channel)] = pixels
        return mask
