"""DC: a receiver's own carrier, or the middle of a constellation that doesn't lie around 0."""

import torch


def dc_of(z: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
    """The DC (B, 1) in symbols (B, K), complex; ``valid`` bool (B, K), all where None.

    Two witnesses, weighted by how much each can be trusted in either direction: the mean, which a message of few
    symbols moves by itself; and the middle of the circle nearest to the symbols (Kasa, "A circle fitting procedure
    and its error analysis", IEEE Trans. Instrum. Meas. 25(1), 1976), which a constant amplitude holds in place.
    """
    weight = torch.ones_like(z.real) if valid is None else valid.to(z.real.dtype)
    count = weight.sum(-1, keepdim=True).clamp(min=1)

    def mean(x: torch.Tensor) -> torch.Tensor:
        return (x * weight).sum(-1, keepdim=True) / count

    x0, y0 = mean(z.real), mean(z.imag)
    x, y = z.real - x0, z.imag - y0
    power = x.square() + y.square()
    scale = mean(power).clamp(min=1e-20)
    x, y, power = x * scale.rsqrt(), y * scale.rsqrt(), power / scale
    xx, xy, yy = mean(x * x) + 1e-6, mean(x * y), mean(y * y) + 1e-6
    px, py = mean(x * power), mean(y * power)
    det = (xx * yy - xy.square()).clamp(min=1e-9)
    # What a circle leaves of the powers' variance.
    explained = (yy * px.square() - 2 * xy * px * py + xx * py.square()) / det
    spread = (mean(power.square()) - 1 - explained).clamp(min=1e-6)
    # Around the mean, the circle's middle is S^-1 p / 2 with precision 4 K S / spread, and 0 with precision K
    # S^-1.
    a, b, c = 4 * xx / spread + yy / det, 4 * xy / spread - xy / det, 4 * yy / spread + xx / det
    right_x, right_y = 2 * px / spread, 2 * py / spread
    whole = (a * c - b.square()).clamp(min=1e-12)
    dx, dy = (c * right_x - b * right_y) / whole, (a * right_y - b * right_x) / whole
    return torch.complex(x0 + dx * scale.sqrt(), y0 + dy * scale.sqrt())
