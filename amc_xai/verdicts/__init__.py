"""One answer to each emission of a recording: what it is, how surely, at which SNR, or why it is of no class."""

from amc_xai.verdicts.calibration import Calibration, calibration_error
from amc_xai.verdicts.frames import GIVEN, OF_TRAINING, EmissionFrames
from amc_xai.verdicts.verdict import Verdict, verdict_of, verdicts_of

__all__ = [
    "GIVEN", "OF_TRAINING", "Calibration", "EmissionFrames", "Verdict", "calibration_error", "verdict_of",
    "verdicts_of",
]  # fmt: skip
