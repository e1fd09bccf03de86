"""The residual network of O'Shea, Roy and Clancy."""

import torch
from torch import nn
from torch.nn import functional

from amc_xai.model.sequence import keras_initialise, sequence_shape
from amc_xai.ranges import check_range

STACKS = 6


class ResidualUnit(nn.Module):
    """x + conv(ReLU(conv(x))) over (B, 32, L), kernels of 3."""

    def __init__(self):
        super().__init__()
        self.first, self.second = (nn.Conv1d(32, 32, 3, padding=1) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(functional.relu(self.first(x)))


class OsheaResnet(nn.Module):
    """Residual network (O'Shea, Roy, Clancy, "Over-the-air deep learning based radio signal classification", IEEE
    JSTSP 12(1), 2018, table IV): (B, C, L) -> (B, 128).

    Six stacks of a linear 1x1 convolution to 32 channels, two residual units and max pooling by 2; then two dense
    layers with SELU and AlphaDropout.

    The published form has one head, ``Linear(128, classes)``: with it 165,144 parameters for 24 classes at
    L = 1024, with kernels of 3 and no batch normalisation. The paper's own 236,344 can't be had from its text,
    which leaves the kernels open.

    Args:
        input_shape: (C, L), L at least 64.
        dropout: AlphaDropout after each dense layer; the paper gives no rate.

    Raises:
        UserError: unless the representation gives sequences of 64 samples or more.
    """

    accepts = "sequence"
    num_features = 128

    def __init__(self, input_shape: tuple[int, ...], dropout: float = 0.3):
        super().__init__()
        channels, length = sequence_shape(input_shape, "oshea_resnet", shortest=2**STACKS)
        check_range("[0, 1)", backbone__dropout=dropout)
        stacks: list[nn.Module] = []
        for _ in range(STACKS):
            stacks += [nn.Conv1d(channels, 32, 1), ResidualUnit(), ResidualUnit(), nn.MaxPool1d(2)]
            channels = 32
        self.stacks = nn.Sequential(*stacks)
        self.dense = nn.Sequential(
            nn.Linear(32 * (length // 2**STACKS), 128),
            nn.SELU(),
            nn.AlphaDropout(dropout),
            nn.Linear(128, 128),
            nn.SELU(),
            nn.AlphaDropout(dropout),
        )
        keras_initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.stacks(x).flatten(1))
