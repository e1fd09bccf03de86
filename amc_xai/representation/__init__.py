"""From I/Q to what a network sees: batched tensor functions of one frame alone."""

from amc_xai.representation.augmented import Augmented
from amc_xai.representation.constellation import Constellation, normalise_power
from amc_xai.representation.none import Unchanged

__all__ = ["Augmented", "Constellation", "Unchanged", "normalise_power"]
