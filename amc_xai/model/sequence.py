"""What the sequence networks share: the check of their input, and Keras's conventions where torch's differ."""

import math

import torch
from torch import nn

from amc_xai.errors import UserError


def sequence_shape(
    input_shape: tuple, name: str, channels: int | None = None, shortest: int = 1, advised: str = "iq"
) -> tuple[int, int]:
    """(C, L) of the sequences that ``backbone=name`` is given; ``advised`` is the representation made for it.

    Raises:
        UserError: if the representation gives images or pairs, if the network needs another number of
            ``channels``, or a frame is shorter than ``shortest`` samples.
    """
    if len(input_shape) == 2 and not isinstance(input_shape[0], int):
        raise UserError(
            f"backbone: {name} takes sequences, but this representation gives an image and a sequence; choose "
            f"representation={advised}, or join two networks with backbone=fusion"
        )
    if len(input_shape) != 2:
        raise UserError(
            f"backbone: {name} takes sequences, but this representation gives images of shape "
            f"{tuple(input_shape)}; choose a sequence representation such as representation={advised}"
        )
    width, length = input_shape
    if channels is not None and width != channels:
        raise UserError(
            f"representation: backbone={name} takes sequences of {channels} channels, not {width}; choose "
            "representation=iq or representation=amplitude_phase"
        )
    if length < shortest:
        raise UserError(
            f"dataset.frame_length: backbone={name} needs frames of {shortest} samples or more, not {length}"
        )
    return width, length


def keras_initialise(module: nn.Module) -> None:
    """Give every layer inside ``module`` Keras's default start.

    Kernels Glorot uniform (Glorot and Bengio, AISTATS 2010), biases zero; recurrent kernels orthogonal, and the
    forget gate of an LSTM with a bias of 1 (Jozefowicz et al., ICML 2015).
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.LSTM | nn.GRU):
            for name, parameter in layer.named_parameters():
                if name.startswith("weight_ih"):
                    nn.init.xavier_uniform_(parameter)
                elif name.startswith("weight_hh"):
                    nn.init.orthogonal_(parameter)
                else:
                    nn.init.zeros_(parameter)
                    if isinstance(layer, nn.LSTM) and name.startswith("bias_ih"):
                        # torch stacks the gates as input, forget, cell, output.
                        nn.init.ones_(parameter[layer.hidden_size : 2 * layer.hidden_size])


class SamePadding(nn.ZeroPad2d):
    """Keras's ``same`` padding of (B, C, H, W) for a kernel (height, width): the odd zero goes to the bottom
    and to the right, so that a kernel of (2, 8) gets bottom 1, left 3, right 4.
    """

    def __init__(self, kernel: tuple[int, int]):
        (top, left) = ((size - 1) // 2 for size in kernel)
        super().__init__((left, kernel[1] - 1 - left, top, kernel[0] - 1 - top))


class GaussianDropout(nn.Module):
    """Multiply by noise of mean 1 and variance rate / (1 - rate) while training (Srivastava et al., JMLR 2014,
    section 10); the identity in evaluation.
    """

    def __init__(self, rate: float):
        super().__init__()
        if not 0 <= rate < 1:
            raise UserError(f"backbone.dropout must lie in [0, 1), not {rate}")
        self.deviation = math.sqrt(rate / (1 - rate))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.deviation == 0:
            return x
        return x * (1 + self.deviation * torch.randn_like(x))
