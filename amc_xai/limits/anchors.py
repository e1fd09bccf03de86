"""Classical methods without learning, to hold beside a network and the limit. They see the frame alone.

Symbols come from the blind synchronisation that the image representation uses as well.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike

from amc_xai.representation.constellation import normalise_power
from amc_xai.representation.synchronisation import band_es_n0, recover_carrier, synchronise
from amc_xai.signal.classes import LINEAR
from amc_xai.signal.constellations import UNIPOLAR, constellation


def m2m4_snr(symbols: torch.Tensor, kurtosis: float = 1.0) -> torch.Tensor:
    """Es/N0 in dB (B,) from the second and fourth moments of the symbols, complex (B, K).

    S = sqrt((2 M2^2 - M4) / (2 - kurtosis)), N = M2 - S: Pauluzzi and Beaulieu, IEEE Trans. Commun. 48(10), 2000,
    section III.D. ``kurtosis`` of the constellation is 1 for PSK; which class it is is not known, so that 1 is
    the usual choice and classes with several amplitudes come out too low.
    """
    power = symbols.abs().square()
    second, fourth = power.mean(1), power.square().mean(1)
    signal = ((2 * second.square() - fourth) / (2 - kurtosis)).clamp(min=0).sqrt()
    signal = torch.minimum(torch.maximum(signal, 1e-3 * second), (1 - 1e-4) * second)
    return 10 * (signal / (second - signal)).log10()


def cumulants(symbols: torch.Tensor, noise: torch.Tensor | float = 0.0) -> torch.Tensor:
    """(|C20|, |C40|, C42) over the powers of C21 less the noise, float (B, 3), of symbols complex (B, K).

    Swami and Sadler, "Hierarchical digital modulation classification using cumulants", IEEE Trans. Commun. 48(3),
    2000, equations 3 to 5 and 8.
    """
    power = symbols.abs().square()
    second = power.mean(1)
    c20 = symbols.square().mean(1)
    c40 = symbols.pow(4).mean(1) - 3 * c20.square()
    c42 = power.square().mean(1) - c20.abs().square() - 2 * second.square()
    signal = torch.maximum(second - noise, 0.05 * second)
    return torch.stack([c20.abs() / signal, c40.abs() / signal.square(), c42 / signal.square()], 1)


def nearest_cumulants(found: torch.Tensor, modulations: Sequence[str]) -> torch.Tensor:
    """The class (B,) int64 whose theoretical cumulants lie nearest to ``found`` (B, 3).

    Classes without a constellation are never named. Nor is the second of two with the same cumulants: 32PSK
    behind 16PSK, OQPSK behind QPSK.
    """
    known = [index for index, name in enumerate(modulations) if name in (*LINEAR, *UNIPOLAR.values())]
    ideal = torch.cat([cumulants(constellation(modulations[index])[None]) for index in known]).to(found)
    nearest = torch.cdist(found, ideal).argmin(1)
    return torch.tensor(known, device=found.device)[nearest]


def anchor_decisions(
    iq: torch.Tensor, modulations: Sequence[str], es_n0_db: ArrayLike, samples_per_symbol: float
) -> dict[str, torch.Tensor]:
    """Decisions (B,) int64 on frames (B, 2, L): ``cumulants`` on modulation, ``out_of_band`` and ``m2m4`` on SNR.

    es_n0_db: the grid of SNRs as Es/N0, (S,), or (M, S) where classes have their own; the nearest one is taken, of
    the class that the cumulants name. Needs a band wider than the signal: above 2.4 samples a symbol.
    """
    found = synchronise(normalised(iq), samples_per_symbol)
    grid = torch.as_tensor(np.asarray(es_n0_db, dtype=np.float32), device=iq.device)
    named = nearest_cumulants(cumulants(recover_carrier(found.symbols), found.symbol_noise[:, 0]), modulations)

    def nearest(estimate: torch.Tensor) -> torch.Tensor:
        return (estimate[:, None] - (grid if grid.ndim == 1 else grid[named])).abs().argmin(1)

    return {
        "cumulants": named,
        "out_of_band": nearest(10 * band_es_n0(found.frame, found.bin_noise)[:, 0].log10()),
        "m2m4": nearest(m2m4_snr(found.symbols)),
    }


def normalised(iq: torch.Tensor) -> torch.Tensor:
    """Frames (B, 2, L) as complex (B, L) of unit mean power."""
    iq = normalise_power(iq)
    return torch.complex(iq[:, 0], iq[:, 1])
