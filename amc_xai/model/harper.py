"""The dilated convolutional network with squeeze and excitation of Harper, Thornton and Larson."""

import torch
from torch import nn

from amc_xai.model.sequence import keras_initialise, sequence_shape

CHANNELS = (32, 48, 64, 72, 84, 96, 108)
KERNELS = (7, 5, 7, 5, 3, 3, 3)
DILATIONS = (1, 2, 3, 2, 2, 2, 1)


class SqueezeExcite(nn.Module):
    """Scale each channel of (B, C, L) by a sigmoid of all channels' means (Hu, Shen, Sun, CVPR 2018), reduction 2,
    without biases.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.gate = nn.Sequential(
            nn.Linear(channels, channels // 2, bias=False),
            nn.ReLU(),
            nn.Linear(channels // 2, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(x.mean(-1))[..., None]


class Harper(nn.Module):
    """Convolutions pooled by mean and variance: (B, C, L) -> (B, 128) (Harper, Thornton, Larson, "Automatic
    modulation classification with deep neural networks", Electronics 12(18), 2023).

    Seven convolutions over the whole length with ReLU, squeeze and excitation after the first six; mean and
    variance over time; two dense layers with SELU. Published with Adam at 1e-4, gradient norm 1, batches of 128.

    The published form has one head, ``Linear(128, classes)``: with it 202,880 parameters for 24 classes and
    201,203 for 11, whatever the length.

    Args:
        input_shape: (C, L).

    Raises:
        UserError: unless the representation gives sequences.
    """

    accepts = "sequence"
    num_features = 128

    def __init__(self, input_shape: tuple[int, ...]):
        super().__init__()
        width, _ = sequence_shape(input_shape, "harper")
        layers: list[nn.Module] = []
        for channels, kernel, dilation in zip(CHANNELS, KERNELS, DILATIONS, strict=True):
            layers += [nn.Conv1d(width, channels, kernel, dilation=dilation, padding="same"), nn.ReLU()]
            layers += [SqueezeExcite(channels)]
            width = channels
        self.convolutions = nn.Sequential(*layers[:-1])
        self.dense = nn.Sequential(nn.Linear(2 * width, 128), nn.SELU(), nn.Linear(128, 128), nn.SELU())
        keras_initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.convolutions(x)
        return self.dense(torch.cat([x.mean(-1), x.var(-1, correction=0)], 1))
