"""The limit for the frames of a run, where it is known: synthetic digital frames in white noise."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from amc_xai.data import FrameSource
from amc_xai.errors import UserError
from amc_xai.evaluation import read_limits
from amc_xai.evaluation.limit import Limits
from amc_xai.limits import (
    CarrierPrior,
    FrameModel,
    ReachableRow,
    Settings,
    cached_limits,
    cached_reachable,
    write_limits_csv,
)
from amc_xai.progress import progress
from amc_xai.signal.classes import ANALOG
from amc_xai.signal.constellations import UNIPOLAR
from amc_xai.tasks.limit_scope import bound_in_words, refuse_unknown_limit

log = logging.getLogger(__name__)
FRAMES = 7200  # simulated for a run, over all cells: seconds on two cores
FEWEST, MOST = 25, 200  # a cell
# The same with the carrier unknown, which takes ten times as long a frame.
REACHABLE_FRAMES, REACHABLE_FEWEST, REACHABLE_MOST = 1500, 4, 50


def limit_settings(source: FrameSource, indices: np.ndarray, **options) -> Settings:
    """Settings for the classes and SNRs that these frames have; the analog classes are left out.

    Raises:
        UserError: where the limit of such frames is not known.
    """
    refuse_unknown_limit(source)
    present = np.unique(source.modulation_index[indices])
    names = tuple(source.modulations[m] for m in present if source.modulations[m] not in ANALOG)
    if source.channel.unipolar_ask:
        names = tuple(UNIPOLAR.get(name, name) for name in names)
    snrs = tuple(source.snrs[s] for s in np.unique(source.snr_index[indices]))
    facts = source.frame_length, source.samples_per_symbol
    model = FrameModel.of(*facts, source.channel.roll_off, source.snr_definition)
    if "frames_per_cell" not in options:
        cells = max(1, len(names) * len(snrs))
        options["frames_per_cell"] = min(MOST, max(FEWEST, FRAMES // cells))
    return Settings(names, snrs, model, **options)


def limits_of_run(
    source: FrameSource, indices: np.ndarray, folder: Path, keeps_scale: bool = False
) -> Limits | None:
    """Write ``limits.csv`` for these frames and return it; None, and a line in the log, where it isn't known.

    keeps_scale: whether the classifier can tell at which amplitude a frame came, as its representation says.
    """
    try:
        if any(source.modulations[m] in ANALOG for m in np.unique(source.modulation_index[indices])):
            raise UserError("limits are known for digital classes alone; analog ones have no symbols")
        settings = limit_settings(source, indices, gain="known" if keeps_scale else "unknown")
        if (said := bound_in_words(source)) is not None:
            log.info("%s", said)
        rows = cached_limits(settings, progress_over_snrs)
        reachable = reachable_of_run(source, settings)
        return read_limits(write_limits_csv(rows, settings, folder / "limits.csv", reachable))
    except (UserError, RuntimeError, OSError) as error:
        # A yardstick beside the result; a run doesn't fail for want of it.
        log.info("no limit is shown beside the result: %s", error)
        return None


def carrier_prior(source: FrameSource) -> CarrierPrior:
    """What the source's channel says of the carrier, per symbol."""
    channel, step = source.channel, source.samples_per_symbol
    return CarrierPrior(offset_std=channel.carrier_offset_std * step, phase_known=not channel.random_phase)


def reachable_of_run(
    source: FrameSource, settings: Settings, frames_per_cell: int | None = None
) -> list[ReachableRow]:
    """What is reachable with the source's carrier unknown; nothing where nothing of it is unknown."""
    prior = carrier_prior(source)
    if prior.phase_known and prior.reach == 0:
        return []
    if frames_per_cell is None:
        cells = len(settings.modulations) * len(settings.snrs)
        frames_per_cell = min(REACHABLE_MOST, max(REACHABLE_FEWEST, REACHABLE_FRAMES // cells))
    return cached_reachable(replace(settings, frames_per_cell=frames_per_cell), prior, progress_over_snrs)


def progress_over_snrs(items, text: str, done: int, total: int):
    return progress(items, text, done, total, unit="SNR")
