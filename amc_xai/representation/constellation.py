"""The constellation diagram: a two-dimensional histogram of a frame's I/Q points, batched on the device."""

import torch
from torch import nn

from amc_xai.data.contracts import Facts
from amc_xai.errors import UserError
from amc_xai.ranges import check_range
from amc_xai.representation.histogram import draw_cells, gaussian_smooth, pixel_cells


def axes_in_words(extent: float | str) -> str:
    """What the axes of a picture of I/Q points mean, for a caption; ``extent`` as `Constellation` has it."""
    own = "the edge at the 99.5 % quantile of each frame"
    reach = own if isinstance(extent, str) else f"each from \N{MINUS SIGN}{extent:g} to {extent:g}"
    return f"I to the right, Q upwards, {reach}"


def normalise_power(iq: torch.Tensor) -> torch.Tensor:
    """Scale each frame (B, 2, L) to unit mean power I^2 + Q^2; a frame of zeros stays as it is."""
    power = iq.square().sum(1).mean(-1)
    return iq * torch.where(power > 0, power, 1).rsqrt()[:, None, None]


class Constellation(nn.Module):
    """I/Q (B, 2, L) -> one histogram of the trajectory, (B, 1, ``image_size``, ``image_size``) float32.

    Args:
        facts: of the frames; a picture of all samples is drawn from any.
        image_size: height and width in pixels.
        extent: half the width of the square that is drawn, in units of the (normalised) amplitude; or
            ``"quantile"`` for the 99.5 % quantile of the frame's own ``max(|I|, |Q|)``.
        power_normalise: scale each frame to unit mean power first.
        log: draw log(1 + count) instead of the count.
        smoothing: standard deviation of a Gaussian blur in pixels; 0 leaves the counts as they are.

    A frame's image depends on that frame alone. Row 0 is the most negative Q, column 0 the most negative I.
    """

    channels: tuple[str, ...] = ("trajectory",)
    version = 1

    def __init__(
        self,
        facts: Facts,
        image_size: int = 64,
        extent: float | str = 3.0,
        power_normalise: bool = True,
        log: bool = True,
        smoothing: float = 0.0,
    ):
        super().__init__()
        check_drawing(image_size, smoothing)
        if isinstance(extent, str) and extent != "quantile":
            raise UserError(f"representation.extent must be a positive number or quantile, not {extent!r}")
        if not isinstance(extent, str) and not extent > 0:
            raise UserError(f"representation.extent must be a positive number or quantile, not {extent}")
        self.image_size = image_size
        self.extent = extent
        self.axes = dict.fromkeys(self.channels, axes_in_words(extent))
        self.power_normalise = power_normalise
        self.log = log
        self.smoothing = smoothing
        # An extent of the frame's own is a scaling too.
        self.keeps_scale = not power_normalise and not isinstance(extent, str)

    def output_shape(self, frame_length: int) -> tuple[int, int, int]:
        """(C, H, W) of the images of frames of ``frame_length`` samples."""
        return len(self.channels), self.image_size, self.image_size

    def cells(self, iq: torch.Tensor) -> dict[str, torch.Tensor]:
        """Per channel, the flat pixel of each point that is drawn, (B, L) int64, -1 outside the picture."""
        if self.power_normalise:
            iq = normalise_power(iq)
        extent = self.extent if not isinstance(self.extent, str) else quantile_extent(iq)
        return {"trajectory": pixel_cells(iq[:, 0], iq[:, 1], extent, self.image_size)}

    def draw(self, cells: dict[str, torch.Tensor], weights: dict[str, torch.Tensor] | None = None) -> torch.Tensor:
        """The image (B, C, H, W) of points in these cells, each counting ``weights`` (1 where None)."""
        (channel,) = self.channels
        # Not stacked, as several channels would be: that copies the picture, which is half of the work.
        image = draw_cells(cells[channel], self.image_size, weights and weights[channel], self.log)[:, None]
        return gaussian_smooth(image, self.smoothing) if self.smoothing else image

    def forward(self, iq: torch.Tensor) -> torch.Tensor:
        return self.draw(self.cells(iq))


def check_drawing(image_size: int, smoothing: float) -> None:
    """Raise UserError unless a picture of this size and blur can be drawn."""
    if image_size < 1:
        raise UserError(f"representation.image_size must be 1 or more pixels, not {image_size}")
    # A blur wider than the image leaves nothing to see, and its kernel has no end.
    check_range(f"[0, {image_size}]", representation__smoothing=smoothing)


def quantile_extent(iq: torch.Tensor, share: float = 0.995) -> torch.Tensor:
    """Half the width (B, 1) that holds ``share`` of each frame's points; 1 for a frame of zeros."""
    reach = torch.quantile(iq.abs().amax(1), share, dim=-1, keepdim=True)
    return torch.where(reach > 0, reach, 1)
