"""An image and a sequence of the same frame."""

from collections.abc import Callable

import torch
from torch import nn

from amc_xai.data.contracts import Facts
from amc_xai.errors import UserError


class Fusion(nn.Module):
    """I/Q (B, 2, L) -> (image (B, C, H, W), sequence (B, C, L)) of each frame.

    Names, cells and pictures are those of the image part, so that perturbations of pixels act on it; what they
    leave as it is, the network gets from :meth:`sequence_of`.

    Args:
        facts: of the frames, which both parts are built from.
        image: makes an image representation.
        sequence: makes a sequence representation.

    Raises:
        UserError: if either is of the other kind.
    """

    version = 1

    def __init__(self, facts: Facts, image: Callable[[Facts], nn.Module], sequence: Callable[[Facts], nn.Module]):
        super().__init__()
        self.image, self.sequence = image(facts), sequence(facts)
        if not hasattr(self.image, "cells"):
            raise UserError(
                "representation.image must draw an image, such as representation@representation.image=augmented"
            )
        if hasattr(self.sequence, "cells"):
            raise UserError(
                "representation.sequence must give a sequence, such as representation@representation.sequence=iq"
            )
        self.channels, self.image_size = self.image.channels, self.image.image_size
        self.extent = self.image.extent
        self.axes = getattr(self.image, "axes", {})
        self.keeps_scale = self.image.keeps_scale or self.sequence.keeps_scale

    def output_shape(self, frame_length: int) -> tuple[tuple[int, int, int], tuple[int, int]]:
        """((C, H, W), (C, L)) of frames of ``frame_length`` samples."""
        return self.image.output_shape(frame_length), self.sequence.output_shape(frame_length)

    def cells(self, iq: torch.Tensor) -> dict[str, torch.Tensor]:
        """Per channel of the image, the flat pixel of each point that is drawn, -1 outside the picture."""
        return self.image.cells(iq)

    def draw(self, cells: dict[str, torch.Tensor], weights: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
        """The image (B, C, H, W) of points in these cells, each counting ``weights`` (1 where None)."""
        return self.image.draw(cells, weights)

    def sequence_of(self, iq: torch.Tensor) -> torch.Tensor:
        """The sequence (B, C, L) that the network sees beside the image."""
        return self.sequence(iq)

    def forward(self, iq: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.image(iq), self.sequence(iq)
