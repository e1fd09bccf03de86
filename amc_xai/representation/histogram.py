"""Two-dimensional histograms of points, batched on the device."""

import torch
from torch.nn import functional


def pixel_cells(x: torch.Tensor, y: torch.Tensor, extent: torch.Tensor | float, size: int) -> torch.Tensor:
    """The flat pixel index row * size + column of each point (B, K), -1 for points outside.

    Columns grow with ``x`` and rows with ``y`` over ``size`` equal bins of [-extent, extent]; as in
    ``numpy.histogram2d`` the last bin includes its right edge. ``extent`` is a number or (B, 1).
    """
    scale = size / (2 * extent)
    column, row = (x + extent) * scale, (y + extent) * scale
    inside = (column >= 0) & (column <= size) & (row >= 0) & (row <= size)
    # NaN compares false, so a point that isn't finite is outside; its index must still be defined.
    column = column.nan_to_num(0).clamp(0, size - 1).long()
    row = row.nan_to_num(0).clamp(0, size - 1).long()
    return torch.where(inside, row * size + column, -1)


def draw_cells(
    cells: torch.Tensor, size: int, weights: torch.Tensor | None = None, log: bool = True
) -> torch.Tensor:
    """Points in each pixel, (B, K) -> (B, size, size) float32, as log(1 + count) if ``log``.

    Each point counts ``weights`` (B, K), 1 where None. The logarithm is taken at the drawn points alone:
    a picture of 1024 points has 50,176 pixels, and visiting the dark ones is most of the work.
    """
    index = cells.clamp(min=0)
    value = (cells >= 0).float() if weights is None else weights * (cells >= 0)
    image = torch.zeros(cells.shape[0], size * size, device=cells.device)
    image.scatter_add_(1, index, value)
    if log:
        image.scatter_(1, index, image.gather(1, index).log1p_())
    return image.view(-1, size, size)


def gaussian_smooth(image: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur (B, C, H, W) with a Gaussian of ``sigma`` pixels, cut at four sigma; zeros lie outside."""
    radius = max(1, round(4 * sigma))
    offset = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-offset.square() / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    channels = image.shape[1]
    row = kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    column = kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    image = functional.conv2d(image, row, padding=(0, radius), groups=channels)
    return functional.conv2d(image, column, padding=(radius, 0), groups=channels)
