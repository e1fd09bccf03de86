"""From I/Q to what a network sees: batched tensor functions of one frame alone."""

from amc_xai.representation.augmented import Augmented
from amc_xai.representation.constellation import Constellation, normalise_power
from amc_xai.representation.fusion import Fusion
from amc_xai.representation.multiscale import Multiscale
from amc_xai.representation.none import Unchanged
from amc_xai.representation.points import Points
from amc_xai.representation.sequence import AmplitudePhase, Iq
from amc_xai.representation.windows import Windows

__all__ = [
    "AmplitudePhase",
    "Augmented",
    "Constellation",
    "Fusion",
    "Iq",
    "Multiscale",
    "Points",
    "Unchanged",
    "Windows",
    "normalise_power",
]
