"""Classical methods on the frames of a test, to hold beside the network and the limit."""

import csv
import logging
from pathlib import Path

import numpy as np

from amc_xai.data import FrameSource
from amc_xai.errors import UserError
from amc_xai.evaluation import wilson
from amc_xai.evaluation.predictions import Predictions
from amc_xai.explain.paired import tango
from amc_xai.files import replacing
from amc_xai.limits import FrameModel, anchor_decisions
from amc_xai.limits.blind import blind_log_likelihood
from amc_xai.progress import progress
from amc_xai.signal.classes import ANALOG, LINEAR
from amc_xai.signal.constellations import UNIPOLAR
from amc_xai.tasks.ceiling import carrier_prior, limit_settings

log = logging.getLogger(__name__)
BATCH, LIKELIHOOD_BATCH = 512, 2048  # the more frames of one Es/N0 there are, the less each costs
LEAST_SAMPLES_PER_SYMBOL = 2.5  # below, the band has no outside to read the noise from
TASK_OF = {"cumulants": "modulation", "out_of_band": "snr", "m2m4": "snr"}
BOTH = "cumulants_and_out_of_band"
LIKELIHOOD, LIKELIHOOD_BOTH = "likelihood", "likelihood_and_out_of_band"
TASKS = TASK_OF | {BOTH: "joint", LIKELIHOOD: "modulation", LIKELIHOOD_BOTH: "joint"}
LIKELIHOOD_FRAMES = 2000  # at most; it takes milliseconds a frame
NOT_JUDGED = -1


def anchors_apply(source: FrameSource, indices: np.ndarray) -> bool:
    """Whether classical methods can judge these frames: digital ones, with noise to read beside the band."""
    present = {source.modulations[m] for m in np.unique(source.modulation_index[indices])}
    return (
        present.isdisjoint(ANALOG)
        and not present.isdisjoint(LINEAR)
        and source.samples_per_symbol is not None
        and source.samples_per_symbol >= LEAST_SAMPLES_PER_SYMBOL
    )


def anchors_of_run(
    source: FrameSource, indices: np.ndarray, folder: Path, predictions: Predictions | None = None
) -> None:
    """Write ``anchors.csv`` for these frames, of which the limit is known; a line in the log where it can't be.

    With a network's ``predictions`` of the same frames also ``gains.csv``.
    """
    try:
        if not anchors_apply(source, indices):
            raise UserError(
                f"they need linear modulations and {LEAST_SAMPLES_PER_SYMBOL:g} samples a symbol or more"
            )
        model = limit_settings(source, indices).model
        right = write_anchors(source, model, indices, folder / "anchors.csv")
        if predictions is not None:
            write_gains(predictions, right, folder / "gains.csv")
    except (UserError, RuntimeError, OSError) as error:
        # A yardstick beside the result; a run doesn't fail for want of it.
        log.info("no classical methods are shown beside the result: %s", error)


def write_anchors(
    source: FrameSource, model: FrameModel, indices: np.ndarray, path: Path
) -> dict[str, np.ndarray]:
    """Run the classical methods on these frames; one row for each SNR and method. Returns `right_answers`."""
    right = right_answers(source, model, indices)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["snr", "method", "task", "frames", "accuracy", "low", "high"])
        for method, hits in right.items():
            for s in np.argsort(source.snrs):
                here = hits[(source.snr_index[indices] == s) & (hits != NOT_JUDGED)]
                low, high = wilson(int(here.sum()), len(here))
                shares = [f"{float(v):.6g}" for v in (here.mean(), low, high)] if len(here) else ["", "", ""]
                writer.writerow([f"{source.snrs[s]:g}", method, TASKS[method], len(here), *shares])
    lines = [
        f"{m.replace('_', ' ')} ({TASKS[m]}) {100 * hits[hits != NOT_JUDGED].mean():.1f} %"
        for m, hits in right.items()
    ]
    log.info("Classical methods on %d test frames: %s", len(indices), "; ".join(lines))
    return right


def write_gains(predictions: Predictions, right: dict[str, np.ndarray], path: Path) -> None:
    """Write ``gains.csv``: how far a network is ahead of each method, on the frames that both judged.

    ``learned`` and ``classical`` are accuracies, ``value`` their difference with its 95 % interval (`tango`).
    """
    hits = {
        "modulation": predictions.modulation_predicted == predictions.modulation_label,
        "snr": predictions.snr_predicted == predictions.snr_label,
    }
    hits["joint"] = hits["modulation"] & hits["snr"]
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["method", "task", "frames", "learned", "classical", "value", "low", "high"])
        for method, answers in right.items():
            judged = answers != NOT_JUDGED
            own, other = hits[TASKS[method]][judged], answers[judged] == 1
            low, high = tango((own & ~other).sum(), (other & ~own).sum(), len(own))
            shares = own.mean(), other.mean(), own.mean() - other.mean(), low, high
            writer.writerow([method, TASKS[method], len(own), *(f"{float(share):.6g}" for share in shares)])


def right_answers(source: FrameSource, model: FrameModel, indices: np.ndarray) -> dict[str, np.ndarray]:
    """For each method, which of these frames (n,) it gets right: 1, 0, or ``NOT_JUDGED``.

    It chooses among the source's classes or SNRs. The likelihood judges `LIKELIHOOD_FRAMES` of them at most,
    evenly spread.
    """
    unipolar = UNIPOLAR if source.channel.unipolar_ask else {}
    names = [unipolar.get(name, name) for name in source.modulations]
    grid = [[model.es_n0_db(snr, name) for snr in source.snrs] for name in names]
    truth = {"modulation": source.modulation_index, "snr": source.snr_index}
    right = {method: np.zeros(len(indices), dtype=int) for method in TASK_OF}
    starts = range(0, len(indices), BATCH)
    for start in progress(starts, "classical methods", 0, len(starts)):
        chosen = indices[start : start + BATCH]
        # On the CPU, wherever the source keeps its frames: yardsticks are the same on every device.
        found = anchor_decisions(source.read(chosen).cpu(), names, grid, source.samples_per_symbol)
        for method, decision in found.items():
            here = decision.numpy() == truth[TASK_OF[method]][chosen]
            right[method][start : start + BATCH] = here
    right[BOTH] = right["cumulants"] & right["out_of_band"]
    right[LIKELIHOOD] = likelihood_answers(source, names, indices, LIKELIHOOD_FRAMES)
    judged = right[LIKELIHOOD] != NOT_JUDGED
    right[LIKELIHOOD_BOTH] = np.where(judged, right[LIKELIHOOD] & right["out_of_band"], NOT_JUDGED)
    return right


def likelihood_answers(source: FrameSource, names: list[str], indices: np.ndarray, most: int) -> np.ndarray:
    """Where the blind likelihood names the class right, of ``most`` of these frames, evenly spread.

    Classes without a constellation are never named.
    """
    right = np.full(len(indices), NOT_JUDGED)
    chosen = np.unique(np.linspace(0, len(indices) - 1, min(len(indices), most)).round().astype(int))
    known = [c for c, name in enumerate(names) if name in (*LINEAR, *UNIPOLAR.values())]
    prior = carrier_prior(source)
    starts = range(0, len(chosen), LIKELIHOOD_BATCH)
    for start in progress(starts, "likelihood", 0, len(starts)):
        here = chosen[start : start + LIKELIHOOD_BATCH]
        frames = source.read(indices[here]).cpu()
        scores = blind_log_likelihood(frames, [names[c] for c in known], source.samples_per_symbol, prior)
        right[here] = np.array(known)[scores.argmax(1).numpy()] == source.modulation_index[indices[here]]
    return right
