"""MCLDNN: I and Q together and apart, then in time."""

import torch
from torch import nn

from amc_xai.model.sequence import SamePadding, keras_initialise, sequence_shape
from amc_xai.ranges import check_range


class Mcldnn(nn.Module):
    """Multi-channel convolutional LSTM network (Xu, Luo, Parr, Luo, IEEE WCL 9(10), 2020): (B, 2, L) -> (B, 128).

    One convolution over I and Q together, one causal convolution over each apart, joined by two more; the L-4
    time steps of 100 channels go through two LSTMs, whose last step goes through two dense layers.

    The published form has one head, ``Linear(128, classes)``: with it 406,199 parameters for 11 classes and
    407,876 for 24, whatever the length. (These count two bias vectors in each LSTM, as cuDNN's and torch's have;
    Keras's own LSTM has one, 1,024 parameters fewer in total.)

    Args:
        input_shape: (2, L), L at least 5.
        dropout: after each dense layer.

    Raises:
        UserError: unless the representation gives sequences of two channels.
    """

    accepts = "sequence"
    num_features = 128

    def __init__(self, input_shape: tuple[int, ...], dropout: float = 0.5):
        super().__init__()
        sequence_shape(input_shape, "mcldnn", channels=2, shortest=5)
        check_range("[0, 1)", backbone__dropout=dropout)
        self.together = nn.Sequential(SamePadding((2, 8)), nn.Conv2d(1, 50, (2, 8)), nn.ReLU())
        # Causal: seven zeros before the frame, none after it.
        self.in_phase = nn.Sequential(nn.ConstantPad1d((7, 0), 0.0), nn.Conv1d(1, 50, 8), nn.ReLU())
        self.quadrature = nn.Sequential(nn.ConstantPad1d((7, 0), 0.0), nn.Conv1d(1, 50, 8), nn.ReLU())
        self.apart = nn.Sequential(SamePadding((1, 8)), nn.Conv2d(50, 50, (1, 8)), nn.ReLU())
        self.joined = nn.Sequential(nn.Conv2d(100, 100, (2, 5)), nn.ReLU())
        self.lstm = nn.LSTM(100, 128, num_layers=2, batch_first=True)
        self.dense = nn.Sequential(
            nn.Linear(128, 128),
            nn.SELU(),
            nn.Dropout(dropout),
            nn.Linear(128, 128),
            nn.SELU(),
            nn.Dropout(dropout),
        )
        keras_initialise(self)

    def steps(self, x: torch.Tensor) -> torch.Tensor:
        """What the LSTM reads: (B, L-4, 100), time before channels."""
        together = self.together(x[:, None])
        apart = torch.stack([self.in_phase(x[:, :1]), self.quadrature(x[:, 1:])], 2)
        joined = self.joined(torch.cat([together, self.apart(apart)], 1))
        # A permutation, not a reshape: that would mix times and channels, and the network stays at chance.
        return joined.squeeze(2).transpose(1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.lstm(self.steps(x))[0][:, -1])
