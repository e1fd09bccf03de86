"""From I/Q to what a network sees: batched tensor functions of one frame alone.

Each states its ``version`` (of what it computes) and whether it ``keeps_scale``: whether the network can tell at
which amplitude a frame came. Who can, and knows the signal's power, reads the SNR off the frame's.
"""

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
