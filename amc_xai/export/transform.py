"""The discrete Fourier transform as products with small matrices: real numbers, any length, any runtime."""

import math

import torch
from torch import nn


class MatrixTransform(nn.Module):
    """Real and imaginary parts (B, N) -> those of the transform of N complex numbers.

    N = N1 N2 numbers are transformed as N2 columns of N1, turned, and then as rows of N2 (Cooley and Tukey, "An
    algorithm for the machine calculation of complex Fourier series", Math. Comput. 19(90), 1965): 1024 is two
    products with matrices of 32, which round less than a float32 chirp does. ONNX's own DFT is slow for lengths
    that are no power of two.

    Args:
        length: N.
        forward: whether the exponent's sign is minus.
        scale: of the result.
    """

    def __init__(self, length: int, forward: bool, scale: float = 1.0):
        super().__init__()
        self.rows = max(k for k in range(1, math.isqrt(length) + 1) if length % k == 0)
        self.columns = length // self.rows
        sign = -1 if forward else 1
        row, column = torch.arange(self.rows), torch.arange(self.columns)

        def turns(product: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
            angle = sign * 2 * math.pi / count * (product % count).double()
            return angle.cos(), angle.sin()

        cosine, sine = turns(row[:, None] * row, self.rows)
        first = torch.cat([torch.cat([cosine, -sine], 1), torch.cat([sine, cosine], 1)])
        cosine, sine = turns(column[:, None] * column, self.columns)
        last = torch.cat([torch.cat([cosine, sine], 1), torch.cat([-sine, cosine], 1)])
        cosine, sine = turns(row[:, None] * column, length)
        self.register_buffer("first", first.float())
        self.register_buffer("last", (last * scale).float())
        self.register_buffer("cosine", cosine.float())
        self.register_buffer("sine", sine.float())

    def forward(self, real: torch.Tensor, imaginary: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shape = (-1, self.rows, self.columns)
        x = self.first @ torch.cat([real.reshape(shape), imaginary.reshape(shape)], 1)
        real, imaginary = x[:, : self.rows], x[:, self.rows :]
        turned = (real * self.cosine - imaginary * self.sine, real * self.sine + imaginary * self.cosine)
        x = (torch.cat(turned, 2) @ self.last).transpose(1, 2)
        return x[:, : self.columns].flatten(1), x[:, self.columns :].flatten(1)
