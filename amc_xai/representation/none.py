"""Nothing to draw: the source already yields pictures."""

from collections.abc import Sequence

import torch
from torch import nn

from amc_xai.data.contracts import Facts
from amc_xai.errors import UserError


class Unchanged(nn.Module):
    """Pictures (B, C, H, W) pass through as they are; goes with ``dataset=images``.

    Args:
        facts: of the pictures.
        channels: names of the pictures' channels.
    """

    version = 1
    keeps_scale = True

    def __init__(self, facts: Facts, channels: Sequence[str]):
        super().__init__()
        self.channels = tuple(channels)

    def output_shape(self, frame_length: int) -> tuple[int, int, int]:
        """(C, H, W) of square pictures of ``frame_length`` pixels a side."""
        return len(self.channels), frame_length, frame_length

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.ndim != 4 or image.shape[1] != len(self.channels):
            raise UserError(
                f"representation: none passes pictures of {len(self.channels)} channels on, but the dataset gives "
                f"{tuple(image.shape[1:])}; use dataset=images, or another representation for I/Q frames"
            )
        return image
