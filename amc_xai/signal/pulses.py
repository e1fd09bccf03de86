"""Pulses of the linearly modulated classes, as spectra over frequency in cycles a symbol."""

import math
from typing import NamedTuple

import torch

from amc_xai.signal.filters import root_raised_cosine_spectrum

PULSES = ("root_raised_cosine", "raised_cosine", "rectangular", "half_sine", "gaussian", "radioml2018")
ORTHOGONAL = ("root_raised_cosine", "rectangular", "half_sine")
"""Pulses whose shifts by whole symbols are orthogonal: a matched filter meets no intersymbol interference."""
RADIOML_EDGES = (0.29, 0.64)
"""Where the pulse of RadioML 2018.01A begins to fall, and where it has ended, in cycles a symbol."""


def pulse_spectrum(
    name: str, frequency: torch.Tensor, roll_off: torch.Tensor | float, gaussian_bt: float = 0.5
) -> torch.Tensor:
    """Real spectrum of a pulse centred on its instant, up to a factor; its peak is 1.

    frequency: cycles a symbol; roll_off: 0..1, of the two cosine pulses; the two broadcast against each other.

    - ``root_raised_cosine``, ``raised_cosine``: Proakis and Salehi, Digital Communications, equation 9.2-26.
    - ``rectangular``: constant over one symbol, sin(pi f) / (pi f).
    - ``half_sine``: cos(pi t) over one symbol (as in MSK), cos(pi f) / (1 - 4 f^2).
    - ``gaussian``: exp(-(ln 2 / 2) (f / BT)^2), 3 dB down at f = ``gaussian_bt``.
    - ``radioml2018``: flat to .29, a squared cosine from there to .64 cycles a symbol; on the true BPSK frames
      (label 30) measured as 1.00, .93, .78, .57, .35, .16, .05, 0 at .30, .35 ... .65. It is received already
      filtered: near a raised cosine of roll-off .3, but 6 dB down at .465 and not at half the symbol rate.
    """
    if name == "root_raised_cosine":
        return root_raised_cosine_spectrum(frequency, roll_off)
    if name == "raised_cosine":
        return root_raised_cosine_spectrum(frequency, roll_off).square()
    if name == "rectangular":
        return torch.sinc(frequency)
    if name == "half_sine":
        # cos(pi f) / (1 - 4 f^2) as the mean of two sinc half a cycle apart, which has no singularity.
        return math.pi / 4 * (torch.sinc(frequency - 0.5) + torch.sinc(frequency + 0.5))
    if name == "gaussian":
        return torch.exp(-math.log(2) / 2 * (frequency / gaussian_bt).square())
    first, last = RADIOML_EDGES
    transition = ((frequency.abs() - first) / (last - first)).clamp(0.0, 1.0)
    return torch.cos(math.pi / 2 * transition).square()


def band_edge(name: str, roll_off: torch.Tensor | float, gaussian_bt: float = 0.5) -> torch.Tensor | float:
    """The highest frequency of a pulse's main lobe in cycles a symbol (Gaussian: where it is 20 dB down)."""
    if name in ("root_raised_cosine", "raised_cosine"):
        return (1 + roll_off) / 2
    if name == "gaussian":
        return gaussian_bt * math.sqrt(2 * math.log(10) / math.log(2))
    return {"rectangular": 1.0, "half_sine": 1.5, "radioml2018": RADIOML_EDGES[1]}[name]


def fills_band(name: str) -> bool:
    """Whether a pulse's spectrum has no end: what lies beyond the sampled band is cut off."""
    return name in ("rectangular", "half_sine", "gaussian")


class Pulses(NamedTuple):
    """The pulses of B linearly modulated frames, scaled so that they keep the power of their symbols."""

    names: tuple[str, ...]
    kind: torch.Tensor | None
    """int64 (B,): which of the names; None where there is one."""
    roll_off: torch.Tensor
    """float32 (B,)."""
    widest: float
    """No pulse reaches further, in cycles a symbol; infinite where one has no end."""
    gaussian_bt: float
    mean_power: torch.Tensor | None = None
    """float32 (B,): squared magnitude of the mean symbol over the mean energy; None = 0. (A root-raised cosine
    keeps the power whatever the mean.)"""

    def of(self, rows: torch.Tensor) -> "Pulses":
        """Those of some frames."""
        picked = {"kind": self.kind, "roll_off": self.roll_off, "mean_power": self.mean_power}
        return self._replace(**{name: value if value is None else value[rows] for name, value in picked.items()})

    def shape(self, frequency: torch.Tensor, bins: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
        """Spectrum float32 (B, bins) at frequency = bins / count cycles a symbol, with an energy of 1 a symbol."""
        if self.names == ("root_raised_cosine",):
            return pulse_spectrum("root_raised_cosine", frequency, self.roll_off[:, None])
        shape = frequency.new_zeros(len(self.roll_off), frequency.shape[1])
        for index, name in enumerate(self.names):
            rows = slice(None) if self.kind is None else (self.kind == index).nonzero()[:, 0]
            here = frequency if len(frequency) == 1 else frequency[rows]
            shape[rows] = pulse_spectrum(name, here, self.roll_off[rows, None], self.gaussian_bt)
        energy = (shape.square() / count).sum(1)
        if self.mean_power is not None:
            # The mean symbol is a line at every whole multiple of the symbol rate.
            lines = (shape.square() * (bins % count == 0)).sum(1)
            energy = energy + self.mean_power * (lines - energy)
        return shape * energy.rsqrt()[:, None]
