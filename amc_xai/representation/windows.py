"""The constellation diagram of one part of the frame after the other."""

import torch
from torch import nn

from amc_xai.data.contracts import Facts
from amc_xai.errors import UserError
from amc_xai.representation.constellation import Constellation
from amc_xai.representation.histogram import draw_cells, gaussian_smooth


class Windows(nn.Module):
    """I/Q (B, 2, L) -> one histogram for each of ``parts`` of the frame in turn, (B, parts, ``image_size``, same).

    Part k (channel ``window_k``) holds the samples from k L / parts, rounded down, to the next part's first. The
    frame is scaled as a whole, so that a change of power between parts can be seen.

    Args:
        facts: of the frames.
        parts: how many; a channel each.
        image_size, extent, power_normalise, log, smoothing: as :class:`Constellation` has them.

    Raises:
        UserError: for less than one part, and what :class:`Constellation` raises.
    """

    version = 1

    def __init__(
        self,
        facts: Facts,
        parts: int = 4,
        image_size: int = 64,
        extent: float | str = 3.0,
        power_normalise: bool = True,
        log: bool = True,
        smoothing: float = 0.0,
    ):
        super().__init__()
        if parts < 1:
            raise UserError(f"representation.parts must be 1 or more, not {parts}")
        self.constellation = Constellation(facts, image_size, extent, power_normalise, log, smoothing)
        self.parts = parts
        self.channels = tuple(f"window_{k}" for k in range(parts))
        self.keeps_scale = self.constellation.keeps_scale
        self.axes = dict.fromkeys(self.channels, self.constellation.axes["trajectory"])
        self.image_size, self.extent, self.log, self.smoothing = image_size, extent, log, smoothing

    def output_shape(self, frame_length: int) -> tuple[int, int, int]:
        """(C, H, W) of the images of frames of ``frame_length`` samples.

        Raises:
            UserError: if a part would hold no sample.
        """
        if frame_length < self.parts:
            raise UserError(
                f"representation.parts: a frame of {frame_length} samples can't be cut into {self.parts} parts; "
                f"use {frame_length} or fewer"
            )
        return self.parts, self.image_size, self.image_size

    def cells(self, iq: torch.Tensor) -> dict[str, torch.Tensor]:
        """Per channel, the flat pixel of each sample of the frame, (B, L) int64, -1 outside picture or part.

        Point k is sample k in every channel, so that pixels lead back to samples as in :class:`Constellation`.
        """
        cells = self.constellation.cells(iq)["trajectory"]
        length = cells.shape[-1]
        part = torch.arange(length, device=cells.device)
        # Sample n belongs to the last part k with k L / parts, rounded down, at or before n.
        part = ((part + 1) * self.parts - 1) // length
        return {channel: cells.where(part == k, -1) for k, channel in enumerate(self.channels)}

    def draw(self, cells: dict[str, torch.Tensor], weights: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
        """The image (B, C, H, W) of points in these cells, each counting ``weights`` (1 where None)."""
        image = torch.stack(
            [draw_cells(cells[c], self.image_size, weights and weights[c], self.log) for c in self.channels], 1
        )
        return gaussian_smooth(image, self.smoothing) if self.smoothing else image

    def forward(self, iq: torch.Tensor) -> torch.Tensor:
        return self.draw(self.cells(iq))
