"""The limit for the frames of a run, where it is known: synthetic digital frames in white noise."""

import logging
from pathlib import Path

import numpy as np

from amc_xai.data import FrameSource
from amc_xai.errors import UserError
from amc_xai.evaluation import read_limits
from amc_xai.evaluation.limit import Limits
from amc_xai.limits import FrameModel, Settings, cached_limits, write_limits_csv
from amc_xai.progress import progress
from amc_xai.signal.classes import ANALOG

log = logging.getLogger(__name__)
FRAMES = 7200  # simulated for a run, over all cells: seconds on two cores
FEWEST, MOST = 25, 200  # a cell


def limit_settings(source: FrameSource, indices: np.ndarray, **options) -> Settings:
    """Settings for the classes and SNRs that these frames have; the analog classes are left out.

    Raises:
        UserError: where the limit of such frames is not known.
    """
    # Told by what it knows, not by its class: where frames are kept (dataset.residency) wraps the source.
    if not hasattr(source, "channel"):
        raise UserError("limits are known for dataset=synthetic alone: other frames don't say how they were made")
    if source.channel.multipath is not None:
        raise UserError("limits are known for white noise alone; use dataset.channel.multipath=null")
    present = np.unique(source.modulation_index[indices])
    names = tuple(source.modulations[m] for m in present if source.modulations[m] not in ANALOG)
    snrs = tuple(source.snrs[s] for s in np.unique(source.snr_index[indices]))
    symbols = int(source.frame_length // source.samples_per_symbol)
    model = FrameModel(symbols, source.frame_length, source.channel.roll_off, source.snr_definition)
    if "frames_per_cell" not in options:
        cells = max(1, len(names) * len(snrs))
        options["frames_per_cell"] = min(MOST, max(FEWEST, FRAMES // cells))
    return Settings(names, snrs, model, **options)


def limits_of_run(
    source: FrameSource, indices: np.ndarray, folder: Path, power_normalised: bool = True
) -> Limits | None:
    """Write ``limits.csv`` for these frames and return it; None, and a line in the log, where it isn't known.

    power_normalised: whether the classifier sees frames at unit power, so that their scale tells it nothing.
    """
    try:
        if any(source.modulations[m] in ANALOG for m in np.unique(source.modulation_index[indices])):
            raise UserError("limits are known for digital classes alone; analog ones have no symbols")
        settings = limit_settings(source, indices, gain="unknown" if power_normalised else "known")
        rows = cached_limits(settings, progress_over_snrs)
        return read_limits(write_limits_csv(rows, settings, folder / "limits.csv"))
    except (UserError, RuntimeError, OSError) as error:
        # A yardstick beside the result; a run doesn't fail for want of it.
        log.info("no limit is shown beside the result: %s", error)
        return None


def progress_over_snrs(items, text: str, done: int, total: int):
    return progress(items, text, done, total, unit="SNR")
