"""CGDNet: three convolutions, a shortcut over two of them, and a GRU."""

import torch
from torch import nn
from torch.nn import functional

from amc_xai.model.sequence import GaussianDropout, keras_initialise, sequence_shape


class Block(nn.Module):
    """Conv (1, 6) valid, ReLU, max pooling (2, 2) at stride 1 with the size kept, GaussianDropout."""

    def __init__(self, channels: int, dropout: float):
        super().__init__()
        self.convolution = nn.Conv2d(channels, 50, (1, 6))
        self.dropout = GaussianDropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.convolution(x))
        # Keras pads at the bottom and to the right; zeros never win over what a ReLU left.
        return self.dropout(functional.max_pool2d(functional.pad(x, (0, 1, 0, 1)), 2, stride=1))


class CgdNet(nn.Module):
    """Convolutional GRU deep network (Njoku, Morocho-Cayamcela, Lim, IEEE Networking Letters 3(2), 2021):
    (B, 2, L) -> (B, 256).

    The outputs of the first and the third block are joined along time; the GRU reads them as 50 steps, one a
    channel, of 4 L - 40 values.

    The published form has one head, ``Linear(256, classes)``: with it 124,933 parameters for 11 classes at
    L = 128 and 665,874 for 24 at L = 1024.

    Args:
        input_shape: (2, L), L at least 16.
        dropout: rate of the Gaussian dropout after the blocks, the GRU and the dense layer.

    Raises:
        UserError: unless the representation gives sequences of two channels.
    """

    accepts = "sequence"
    num_features = 256

    def __init__(self, input_shape: tuple[int, ...], dropout: float = 0.2):
        super().__init__()
        _, length = sequence_shape(input_shape, "cgdnet", channels=2, shortest=16)
        self.first, self.second, self.third = Block(1, dropout), Block(50, dropout), Block(50, dropout)
        self.gru = nn.GRU(4 * length - 40, 50, batch_first=True)
        self.after_gru = GaussianDropout(dropout)
        self.dense = nn.Sequential(nn.Linear(50, 256), nn.ReLU(), GaussianDropout(dropout))
        keras_initialise(self)

    def steps(self, x: torch.Tensor) -> torch.Tensor:
        """What the GRU reads: (B, 50, 4 L - 40), a step for each channel."""
        first = self.first(x[:, None])
        third = self.third(self.second(first))
        return torch.cat([first, third], 3).flatten(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.after_gru(self.gru(self.steps(x))[0][:, -1]))
