"""``task=limits``: what no classifier can beat on the dataset's frames, and what classical methods reach."""

import logging
from collections.abc import Sequence

import numpy as np

from amc_xai.limits import cached_limits, write_limits_csv
from amc_xai.limits.crb import non_data_aided_db
from amc_xai.limits.table import limits_text
from amc_xai.parts import Parts
from amc_xai.report import draw_figures
from amc_xai.signal.classes import ANALOG
from amc_xai.signal.constellations import constellation
from amc_xai.tasks.anchoring import anchors_apply, write_anchors
from amc_xai.tasks.ceiling import limit_settings, progress_over_snrs, reachable_of_run
from amc_xai.tasks.limit_scope import bound_in_words
from amc_xai.tasks.next_step import after_limits
from amc_xai.training import make_accelerator

log = logging.getLogger(__name__)


def run(
    parts: Parts,
    name: str = "limits",
    frames_per_cell: int = 200,
    reachable: int = 50,
    gain: str = "unknown",
    assume_right: Sequence[str] = ("GMSK",),
    anchors: bool = True,
    needs_checkpoint: bool = False,
) -> None:
    """Leaves ``limits.csv``, ``anchors.csv`` and their figure in the run folder, and prints the table."""
    make_accelerator(parts.config["device"], "fp32")  # refuses a device that isn't there, as every task does
    source = parts.make["dataset"]()
    everything = np.arange(len(source.modulation_index))
    assumed = tuple(assume_right)
    settings = limit_settings(
        source, everything, frames_per_cell=frames_per_cell, gain=gain, assume_right=assumed, seed=parts.seed
    )
    if (said := bound_in_words(source)) is not None:
        log.info("%s", said)
    left_out = [m for m in source.modulations if m in ANALOG]
    if left_out:
        log.info("left out, because a message has no symbols and so no such limit: %s", ", ".join(left_out))
    counted = [m for m in settings.modulations if m in assumed]
    if counted:
        log.info("counted as always right: %s", ", ".join(counted))
    rows = cached_limits(settings, progress_over_snrs)
    unknown = reachable_of_run(source, settings, reachable) if reachable else []
    write_limits_csv(rows, settings, parts.folder / "limits.csv", unknown)
    log.info(
        "The limit for %d classes, %d symbols in %d samples, gain %s, %d simulated frames an SNR:\n\n%s\n",
        len(settings.modulations), settings.model.symbols, settings.model.samples, settings.gain,
        rows[0].frames, limits_text(rows, settings, unknown),
    )  # fmt: skip
    log.info("Bound of the SNR's standard deviation with unknown symbols, mean over classes:\n%s", blind(settings))
    if anchors and anchors_apply(source, everything):
        test = parts.make["split"](source.modulation_index, source.snr_index).test
        write_anchors(source, settings.model, test, parts.folder / "anchors.csv")
    figures = draw_figures(parts.folder)
    log.info("%s", ", ".join(str(path) for path in (parts.folder / "limits.csv", *figures)))
    after_limits(parts)


def blind(settings) -> str:
    """The non-data-aided bound at each SNR, as one line."""
    names = [name for name in settings.judged if name != "OQPSK"]
    model = settings.model
    parts = []
    for snr in sorted(settings.snrs):
        bounds = [
            non_data_aided_db(constellation(name), model.es_n0_db(snr, name), model.symbols, model.samples)
            for name in names
        ]
        parts.append(f"{snr:g} dB: {np.mean(bounds):.2f}" if bounds else f"{snr:g} dB: unknown")
    return ", ".join(parts) + " (dB)"
