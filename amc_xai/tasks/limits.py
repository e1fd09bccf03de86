"""``task=limits``: what no classifier can beat on the dataset's frames, and what classical methods reach."""

import csv
import logging
from pathlib import Path

import numpy as np

from amc_xai.evaluation import wilson
from amc_xai.files import replacing
from amc_xai.limits import anchor_decisions, cached_limits, write_limits_csv
from amc_xai.limits.crb import non_data_aided_db
from amc_xai.limits.table import limits_text
from amc_xai.parts import Parts
from amc_xai.progress import progress
from amc_xai.report import draw_figures
from amc_xai.signal.classes import ANALOG, LINEAR
from amc_xai.signal.constellations import constellation
from amc_xai.tasks.ceiling import limit_settings, progress_over_snrs
from amc_xai.training import make_accelerator

log = logging.getLogger(__name__)
BATCH = 512
LEAST_SAMPLES_PER_SYMBOL = 2.5  # below, the band has no outside to read the noise from


def run(
    parts: Parts,
    name: str = "limits",
    frames_per_cell: int = 200,
    gain: str = "unknown",
    assume_right: list[str] | None = None,
    anchors: bool = True,
    needs_checkpoint: bool = False,
) -> None:
    """Leaves ``limits.csv``, ``anchors.csv`` and their figure in the run folder, and prints the table."""
    device = make_accelerator(parts.config["device"], "fp32").device
    source = parts.make["dataset"]()
    everything = np.arange(len(source.modulation_index))
    assumed = tuple(["GMSK"] if assume_right is None else assume_right)
    settings = limit_settings(
        source, everything, frames_per_cell=frames_per_cell, gain=gain, assume_right=assumed, seed=parts.seed
    )
    left_out = [m for m in source.modulations if m in ANALOG]
    if left_out:
        log.info("left out, because a message has no symbols and so no such limit: %s", ", ".join(left_out))
    counted = [m for m in settings.modulations if m in assumed]
    if counted:
        log.info("counted as always right: %s", ", ".join(counted))
    rows = cached_limits(settings, device, progress_over_snrs)
    write_limits_csv(rows, settings, parts.folder / "limits.csv")
    log.info(
        "The limit for %d classes, %d symbols in %d samples, gain %s, %d simulated frames an SNR:\n\n%s\n",
        len(settings.modulations), settings.model.symbols, settings.model.samples, settings.gain,
        rows[0].frames, limits_text(rows, settings),
    )  # fmt: skip
    log.info("Bound of the SNR's standard deviation with unknown symbols, mean over classes:\n%s", blind(settings))
    if anchors and not left_out and source.samples_per_symbol >= LEAST_SAMPLES_PER_SYMBOL:
        test = parts.make["split"](source.modulation_index, source.snr_index).test
        write_anchors(source, settings, test, device, parts.folder / "anchors.csv")
    figures = draw_figures(parts.folder)
    log.info("%s", ", ".join(str(path) for path in (parts.folder / "limits.csv", *figures)))


def blind(settings) -> str:
    """The non-data-aided bound at each SNR, as one line."""
    points = [constellation(name) for name in settings.modulations if name in LINEAR and name != "OQPSK"]
    model = settings.model
    parts = []
    for snr in sorted(settings.snrs):
        bounds = [non_data_aided_db(p, model.es_n0_db(snr), model.symbols, model.samples) for p in points]
        parts.append(f"{snr:g} dB: {np.mean(bounds):.2f}" if bounds else f"{snr:g} dB: unknown")
    return ", ".join(parts) + " (dB)"


def write_anchors(source, settings, indices: np.ndarray, device, path: Path) -> None:
    """Run the classical methods on these frames; one row for each SNR and method."""
    grid = [settings.model.es_n0_db(snr) for snr in source.snrs]
    truth = {"cumulants": source.modulation_index, "out_of_band": source.snr_index, "m2m4": source.snr_index}
    right = {method: np.zeros(len(indices), dtype=bool) for method in truth}
    starts = range(0, len(indices), BATCH)
    for start in progress(starts, "classical methods", 0, len(starts)):
        chosen = indices[start : start + BATCH]
        found = anchor_decisions(
            source.read(chosen).to(device), source.modulations, grid, source.samples_per_symbol
        )
        for method, decision in found.items():
            right[method][start : start + BATCH] = decision.cpu().numpy() == truth[method][chosen]
    right["cumulants_and_out_of_band"] = right["cumulants"] & right["out_of_band"]
    tasks = dict(zip(right, ("modulation", "snr", "snr", "joint"), strict=True))
    lines = []
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["snr", "method", "task", "frames", "accuracy", "low", "high"])
        for method, hits in right.items():
            for s in np.argsort(source.snrs):
                here = hits[source.snr_index[indices] == s]
                low, high = wilson(int(here.sum()), len(here))
                shares = [f"{float(v):.6g}" for v in (here.mean(), low, high)] if len(here) else ["", "", ""]
                writer.writerow([f"{source.snrs[s]:g}", method, tasks[method], len(here), *shares])
            lines.append(f"{method.replace('_', ' ')} ({tasks[method]}) {100 * hits.mean():.1f} %")
    log.info("Classical methods on %d test frames: %s", len(indices), "; ".join(lines))
