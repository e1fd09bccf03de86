"""PET-CGDNN: a learned turn of the frame, two convolutions and a GRU."""

import torch
from torch import nn

from amc_xai.model.sequence import keras_initialise, sequence_shape


class PetCgdnn(nn.Module):
    """Parameter estimation and transformation network (Zhang, Luo, Xu, Luo, Zheng, IEEE Communications Letters
    25(10), 2021): (B, 2, L) -> (B, 128).

    A dense layer over the whole frame gives one angle t, by which the frame is turned back:
    I' = I cos t + Q sin t, Q' = Q cos t - I sin t. Two convolutions leave L-11 steps of 25 channels for a GRU.

    The published form has one head, ``Linear(128, classes)``: with it 71,871 parameters for 11 classes at
    L = 128 and 75,340 for 24 at L = 1024.

    Args:
        input_shape: (2, L), L at least 12.

    Raises:
        UserError: unless the representation gives sequences of two channels.
    """

    accepts = "sequence"
    num_features = 128

    def __init__(self, input_shape: tuple[int, ...]):
        super().__init__()
        _, length = sequence_shape(input_shape, "pet_cgdnn", channels=2, shortest=12)
        self.angle = nn.Linear(2 * length, 1)
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 75, (2, 8)), nn.ReLU(), nn.Conv2d(75, 25, (1, 5)), nn.ReLU()
        )
        self.gru = nn.GRU(25, 128, batch_first=True)
        keras_initialise(self)

    def turned(self, x: torch.Tensor) -> torch.Tensor:
        """The frames (B, 2, L), each turned back by its own angle."""
        angle = self.angle(x.flatten(1))
        i, q = x[:, 0], x[:, 1]
        return torch.stack([i * angle.cos() + q * angle.sin(), q * angle.cos() - i * angle.sin()], 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = self.convolutions(self.turned(x)[:, None]).squeeze(2).transpose(1, 2)
        return self.gru(steps)[0][:, -1]
