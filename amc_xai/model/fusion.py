"""An image network and a sequence network side by side."""

from collections.abc import Callable

import torch
from torch import nn

from amc_xai.errors import UserError


class Fusion(nn.Module):
    """Both networks' features, one after the other: (image (B, C, H, W), sequence (B, C, L)) -> (B, F).

    F = ``num_features`` is the sum of both widths; the extractor and the heads see one network.

    Args:
        input_shape: the pair of shapes ((C, H, W), (C, L)) that ``representation=fusion`` gives.
        image: the network of the image, called with (C, H, W).
        sequence: the network of the sequence, called with (C, L).

    Raises:
        UserError: unless the representation gives such pairs, and what either network raises.
    """

    accepts = "fusion"

    def __init__(
        self,
        input_shape: tuple,
        image: Callable[[tuple[int, ...]], nn.Module],
        sequence: Callable[[tuple[int, ...]], nn.Module],
    ):
        super().__init__()
        if len(input_shape) != 2 or isinstance(input_shape[0], int):
            raise UserError(
                "backbone: fusion takes an image and a sequence, but this representation gives one of them, of "
                f"shape {tuple(input_shape)}; choose representation=fusion"
            )
        image_shape, sequence_shape = input_shape
        self.image, self.sequence = image(image_shape), sequence(sequence_shape)
        self.num_features = self.image.num_features + self.sequence.num_features

    def forward(self, x: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        image, sequence = x
        return torch.cat([self.image(image), self.sequence(sequence)], 1)
