"""Higher-order cumulants with a small perceptron: what was done before deep learning."""

from typing import Literal

import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.model.sequence import sequence_shape
from amc_xai.ranges import check_range
from amc_xai.representation.synchronisation import Receiver, synchronise

# C_pq: order p, of which q factors are conjugated.
NAMES = ("C20", "C21", "C40", "C41", "C42", "C60", "C61", "C62", "C63")
ORDERS = (2, 2, 4, 4, 4, 6, 6, 6, 6)


def cumulants(z: torch.Tensor) -> torch.Tensor:
    """The cumulants ``NAMES`` of zero-mean complex (B, K) about zero, divided by C21^(order/2): complex (B, 9).

    Second and fourth order as in Swami and Sadler, IEEE Trans. Communications 48(3), 2000, section II:
    C40 = M40 - 3 M20^2, C41 = M41 - 3 M20 M21, ``C42 = M42 - |M20|^2 - 2 M21^2``, M_pq = E[z^(p-q) conj(z)^q].
    The sixth order follows from the same sum over partitions (Leonov and Shiryaev, 1959) without odd moments.
    A frame of zeros gives zeros.
    """
    z2, power = z * z, (z * z.conj()).real
    m20, m21 = z2.mean(-1), power.mean(-1)
    m02 = m20.conj()
    m40, m41, m42 = (z2 * z2).mean(-1), (z2 * power).mean(-1), power.square().mean(-1)
    m60, m61 = (z2 * z2 * z2).mean(-1), (z2 * z2 * power).mean(-1)
    m62, m63 = (z2 * power.square()).mean(-1), power.pow(3).mean(-1)
    values = [
        m20,
        m21 + 0j,
        m40 - 3 * m20**2,
        m41 - 3 * m20 * m21,
        m42 - m20 * m02 - 2 * m21**2,
        m60 - 15 * m20 * m40 + 30 * m20**2 * m20,
        m61 - 5 * m21 * m40 - 10 * m20 * m41 + 30 * m20**2 * m21,
        m62 - 6 * m20 * m42 - 8 * m21 * m41 - m02 * m40 + 6 * m20**2 * m02 + 24 * m21**2 * m20,
        m63 - 9 * m21 * m42 + 12 * m21**3 - 3 * m20 * m41.conj() - 3 * m02 * m41 + 18 * m20 * m02 * m21,
    ]
    scale = torch.where(m21 > 0, m21, 1)
    return torch.stack([v / scale ** (order // 2) for v, order in zip(values, ORDERS, strict=True)], -1)


class Cumulants(nn.Module):
    """Magnitudes of nine normalised cumulants of the frame, through two dense layers: (B, 2, L) -> (B, ``width``).

    A magnitude does not change as the frame turns. Each is raised to 2 / order, so that all grow like a power.
    (C21 is 1 by the normalisation and is left out.)

    Args:
        input_shape: (2, L).
        width: of both dense layers.
        samples_per_symbol: where known, the cumulants of the symbols after a blind matched filter and symbol
            timing join those of the samples: theory gives them at the symbol rate. None: the samples alone.
        roll_off: of that filter.

    Raises:
        UserError: unless the representation gives I/Q sequences.
    """

    accepts = "sequence"
    version = 2

    def __init__(
        self,
        input_shape: tuple[int, ...],
        width: int = 64,
        samples_per_symbol: float | Literal["auto"] | None = None,
        roll_off: float = 0.25,
    ):
        super().__init__()
        sequence_shape(input_shape, "cumulants", channels=2)
        check_range("[1, inf)", backbone__width=width)
        check_range("[0, 1]", backbone__roll_off=roll_off)
        known = isinstance(samples_per_symbol, int | float)
        if samples_per_symbol is not None and not (known and samples_per_symbol >= 2):
            raise UserError(
                f"backbone.samples_per_symbol must be auto, 2 or more, or null, not {samples_per_symbol}"
            )
        self.samples_per_symbol, self.roll_off = samples_per_symbol, roll_off
        sets = 1 if samples_per_symbol is None else 2
        self.dense = nn.Sequential(
            nn.Linear(sets * (len(NAMES) - 1), width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.num_features = width

    @torch.no_grad()
    def statistics(self, x: torch.Tensor) -> torch.Tensor:
        """``|C|^(2/order)`` of frames (B, 2, L): eight of the samples, then eight of the symbols, (B, 8 or 16)."""
        # Sixth powers need full precision.
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            samples = torch.complex(x[:, 0], x[:, 1])
            sets = [samples]
            if self.samples_per_symbol is not None:
                receiver = Receiver((f"rrc_{self.roll_off:g}",))
                power = samples.abs().square().mean(1, keepdim=True)
                unit = samples * torch.where(power > 0, power, 1).rsqrt()
                sets.append(synchronise(unit, self.samples_per_symbol, receiver).symbols)
            exponent = 2 / torch.tensor(ORDERS, device=x.device)
            found = [cumulants(z).abs() ** exponent for z in sets]
            return torch.cat([torch.cat([f[:, :1], f[:, 2:]], -1) for f in found], -1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.statistics(x))
