"""A band of a recording: mixed down to 0 Hz, and filtered so that its neighbours are gone."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

STOP_BAND_DB = 60.0
# From the edge of the band to where the stop band begins, in parts of the band's width: edges are drawn by eye.
TRANSITION = 0.25
MOST_TAPS = 8191


@dataclass(frozen=True)
class Band:
    """``lower``..``upper`` in cycles a sample, about the middle of the recording."""

    lower: float
    upper: float

    @property
    def margin(self) -> int:
        """Samples before and after those wanted that the filter needs."""
        return len(taps(self.upper - self.lower)) // 2

    def filtered(self, samples: np.ndarray, first: int) -> np.ndarray:
        """The samples (2, n) float32 without ``margin`` at each end; ``first`` is the number of the first of them.

        The carrier's phase goes by the number, so that frames of one recording fit together.
        """
        from scipy.signal import fftconvolve

        centre = (self.lower + self.upper) / 2
        turns = np.mod(centre * np.arange(first, first + samples.shape[1], dtype=np.float64), 1.0)
        with np.errstate(all="ignore"):  # NaN passes, and is named by the source
            mixed = (samples[0] + 1j * samples[1].astype(np.complex128)) * np.exp(-2j * np.pi * turns)
            z = fftconvolve(mixed, taps(self.upper - self.lower), mode="valid")
            return np.stack([z.real, z.imag]).astype(np.float32)


@lru_cache(maxsize=64)
def taps(width: float) -> np.ndarray:
    """A low-pass for a band ``width`` cycles a sample wide: linear phase, Kaiser's window, gain 1 at 0 Hz."""
    from scipy.signal import firwin, kaiserord

    transition = TRANSITION * width
    edge = width / 2 + transition
    if edge >= 0.5:
        return np.ones(1)  # nothing is left to be filtered out
    count, beta = kaiserord(STOP_BAND_DB, 2 * transition)
    count = min(count | 1, MOST_TAPS)
    return firwin(count, edge - transition / 2, window=("kaiser", beta), fs=1.0)
