"""The same frames come out as they did when each version was given: who changes that raises the version."""

import numpy as np
import pytest
import torch

from amc_xai.data import Facts
from amc_xai.model import Cumulants
from amc_xai.representation import AmplitudePhase, Augmented, Constellation, Iq, Multiscale, Points, Windows
from amc_xai.representation.augmented import CHANNELS
from amc_xai.representation.points import GROUPS
from amc_xai.tasks.versions import versions_of

FACTS = Facts(256, 8.0)


def frames() -> torch.Tensor:
    """Four QPSK frames with raised-cosine edges and noise, by numpy alone."""
    rng = np.random.default_rng(13)
    symbols = np.exp(1j * np.pi / 2 * rng.integers(0, 4, (4, 40)))
    upsampled = np.zeros((4, 320), complex)
    upsampled[:, ::8] = symbols
    pulse = np.hanning(17)
    shaped = np.stack([np.convolve(row, pulse, "same") for row in upsampled])[:, 32:288]
    turn = np.exp(2j * np.pi * (0.0001 * np.arange(256) + np.asarray([0.1, 0.3, 0.55, 0.8])[:, None]))
    noise = 0.05 * rng.standard_normal((2, 4, 256))
    iq = shaped * turn + noise[0] + 1j * noise[1]
    return torch.from_numpy(np.stack([iq.real, iq.imag], 1)).float()


MADE = {
    "Iq": lambda: Iq(FACTS),
    "AmplitudePhase": lambda: AmplitudePhase(FACTS),
    "Constellation": lambda: Constellation(FACTS, 16),
    "Windows": lambda: Windows(FACTS, 3, 16),
    "Multiscale": lambda: Multiscale(FACTS, [0, 1.5], 16),
    "Augmented": lambda: Augmented(FACTS, 16, CHANNELS, smoothing=1.0),
    "Points": lambda: Points(FACTS, [group for group in GROUPS if group != "likelihood"]),
    "Points, likelihood": lambda: Points(FACTS, ["likelihood"]),
    "Points, one pulse": lambda: Points(FACTS, pulses=["radioml2018"]),
    "Cumulants": lambda: Cumulants((2, 256), samples_per_symbol=8.0),
}
# Version, and what `mark` gives.
GIVEN = {
    "Iq": (1, [0.072718, 0.5, 0.0022805, 0.048604]),
    "AmplitudePhase": (1, [0.46676, 0.62899, -0.0087151, 0.079503]),
    "Constellation": (1, [0.23018, 0.49932, -0.0021704, 0.040358]),
    "Windows": (1, [0.11837, 0.18837, -0.004372, 0.018933]),
    "Multiscale": (1, [0.23016, 0.34461, -0.00095907, -0.031453]),
    "Augmented": (4, [0.09443, 0.055869, -0.0013653, 0.020405]),
    "Points": (3, [0.32179, 0.62347, 0.013698, -0.0058883]),
    "Points, likelihood": (3, [-0.87957, 0.99469, 0.0079390, 0.15907]),
    "Points, one pulse": (3, [0.28746, 0.59757, 0.014682, -0.10441]),
    "Cumulants": (2, [0.99261, 1.1957, -0.27467, 0.98711]),
}


def mark(seen: torch.Tensor) -> list[float]:
    """Mean, mean square and two mixed sums over what a network sees: any change of what is drawn moves one."""
    flat = seen.double().reshape(len(seen), -1)
    place = torch.arange(flat.shape[1], dtype=torch.float64)
    mixed = [(flat * torch.cos(step * place)).mean() for step in (0.7, 0.011)]
    return [float(value) for value in (flat.mean(), flat.square().mean(), *mixed)]


@pytest.mark.parametrize("name", MADE)
def test_the_same_frames_come_out_as_this_version_has_them(name):
    made = MADE[name]()
    with torch.no_grad():
        seen = made.statistics(frames()) if name == "Cumulants" else made(frames())
    version, values = GIVEN[name]
    told = "the same frames come out differently: raise the version, then write its new numbers here"
    assert versions_of(made)[name.partition(",")[0]] == version, told
    # Another machine rounds a point over a pixel's edge now and then.
    assert mark(seen) == pytest.approx(values, rel=0.02, abs=2e-3), told
