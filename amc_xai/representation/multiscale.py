"""The constellation diagram at several sharpnesses."""

from collections.abc import Sequence

import torch
from torch import nn

from amc_xai.data.contracts import Facts
from amc_xai.errors import UserError
from amc_xai.ranges import check_range
from amc_xai.representation.constellation import Constellation
from amc_xai.representation.histogram import draw_cells, gaussian_smooth


class Multiscale(nn.Module):
    """I/Q (B, 2, L) -> the histogram of the trajectory, blurred at several widths, (B, C, ``image_size``, same).

    The channel of each width is that of :class:`Constellation` with this ``smoothing``; its name is
    ``trajectory_s<width>``, such as ``trajectory_s0`` for the sharp one.

    Args:
        facts: of the frames.
        widths: standard deviations of the Gaussian blur in pixels, 0 = none; a channel each.
        image_size, extent, power_normalise, log: as :class:`Constellation` has them.

    Raises:
        UserError: for widths below 0 or named twice, and what :class:`Constellation` raises.
    """

    version = 1

    def __init__(
        self,
        facts: Facts,
        widths: Sequence[float] = (0, 1, 2, 4),
        image_size: int = 64,
        extent: float | str = 3.0,
        power_normalise: bool = True,
        log: bool = True,
    ):
        super().__init__()
        if not widths or len(set(widths)) < len(widths) or min(widths) < 0:
            raise UserError(
                f"representation.widths: {list(widths)} won't do; name at least one width in pixels, each 0 or "
                "more and only once"
            )
        self.constellation = Constellation(facts, image_size, extent, power_normalise, log)
        check_range(f"[0, {image_size}]", representation__widths=max(widths))
        self.widths = tuple(float(w) for w in widths)
        self.channels = tuple(f"trajectory_s{w:g}" for w in widths)
        self.keeps_scale = self.constellation.keeps_scale
        self.axes = dict.fromkeys(self.channels, self.constellation.axes["trajectory"])
        self.image_size, self.extent, self.log = image_size, extent, log

    def output_shape(self, frame_length: int) -> tuple[int, int, int]:
        """(C, H, W) of the images of frames of ``frame_length`` samples."""
        return len(self.channels), self.image_size, self.image_size

    def cells(self, iq: torch.Tensor) -> dict[str, torch.Tensor]:
        """Per channel, the flat pixel of each sample, (B, L) int64, -1 outside the picture: the same in all."""
        cells = self.constellation.cells(iq)["trajectory"]
        return dict.fromkeys(self.channels, cells)

    def draw(self, cells: dict[str, torch.Tensor], weights: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
        """The image (B, C, H, W) of points in these cells, each counting ``weights`` (1 where None)."""
        images = []
        for channel, width in zip(self.channels, self.widths, strict=True):
            image = draw_cells(cells[channel], self.image_size, weights and weights[channel], self.log)[:, None]
            images.append(gaussian_smooth(image, width) if width else image)
        return torch.cat(images, 1)

    def forward(self, iq: torch.Tensor) -> torch.Tensor:
        return self.draw(self.cells(iq))
