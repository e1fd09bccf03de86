"""``task=predict``: what a checkpoint says about frames, labelled or not."""

import csv
import logging
from dataclasses import replace

import numpy as np

from amc_xai.data import evaluation_loader
from amc_xai.errors import UserError, guess
from amc_xai.evaluation.inference import predict
from amc_xai.evaluation.predictions import Predictions
from amc_xai.files import replacing
from amc_xai.parts import Parts
from amc_xai.progress import progress
from amc_xai.tasks.facts import settle, trained_rates
from amc_xai.tasks.next_step import after_prediction
from amc_xai.tasks.verdict_pictures import save_pictures
from amc_xai.tasks.verdicts import ANNOTATIONS, is_heard, leave_verdicts, own_rates
from amc_xai.tasks.workbench import load_weights, make_classifier
from amc_xai.training import make_accelerator
from amc_xai.verdicts import GIVEN, OF_TRAINING, EmissionFrames

log = logging.getLogger(__name__)
FILES = 10  # whose verdicts are printed


def run(parts: Parts, name: str = "predict", needs_checkpoint: bool = True, annotations: str = "run") -> None:
    """Predict every frame of ``dataset``; leaves ``predictions.npz`` and ``predictions.csv``.

    Of recordings each emission gets one verdict as well: ``verdicts.jsonl``, a page, and SigMF annotations
    (``annotations``: ``run`` = in the run folder, ``beside`` the recordings, ``none``).
    """
    if annotations not in ANNOTATIONS:
        raise UserError(
            f"task.annotations must be one of {', '.join(ANNOTATIONS)}, not {annotations!r}"
            f"{guess(str(annotations), ANNOTATIONS)}"
        )
    options = parts.make["trainer"]
    accelerator = make_accelerator(parts.config["device"], options.precision)
    source = parts.make["dataset"]()
    modulations, snrs = parts.loaded["modulations"], parts.loaded["snrs"]
    stated = source.samples_per_symbol is not None
    searched = is_heard(source) and trained_rates(parts.loaded) is not None
    facts = settle(source, parts.loaded, "checkpoint", heard=searched)
    classifier = make_classifier(
        parts, replace(facts, samples_per_symbol=None) if searched else facts, modulations, snrs
    )
    load_weights(classifier, parts)
    # A label that the network doesn't know is no obstacle here: it counts as unknown.
    source.modulation_index = known_labels(source.modulation_index, source.modulations, modulations)
    source.snr_index = known_labels(source.snr_index, source.snrs, snrs)
    source.modulations, source.snrs = list(modulations), list(snrs)
    heard = None
    if is_heard(source):
        rates = own_rates(parts.loaded, classifier.representation)
        heard = EmissionFrames(source, rates, GIVEN if stated else OF_TRAINING)
    asked = source if heard is None else heard
    frames = np.arange(len(asked.modulation_index))
    loader = accelerator.prepare(evaluation_loader(asked, frames, options.batch_size))
    classifier.to(accelerator.device)
    predictions = predict(classifier, progress(loader, "predicting", 0, len(loader)), accelerator)
    if accelerator.is_main_process:
        predictions.save(parts.folder / "predictions.npz")
        path = parts.folder / "predictions.csv"
        write_csv(path, predictions, asked, parts.config["dataset"].get("path"))
        if heard is not None:
            found = leave_verdicts(parts, source, heard, predictions, annotations)
            save_pictures(parts.folder, classifier, source, heard, predictions, found)
            from amc_xai.report import draw_figures, write_page

            draw_figures(parts.folder)
            path = write_page(parts.folder)
        else:
            for line in verdict(predictions, source):
                log.info("%s", line)
        log.info("%d frames; open %s", len(predictions), path)
        after_prediction(parts, hasattr(source, "image_shape"))


def known_labels(index: np.ndarray, own: list, known: list) -> np.ndarray:
    """Labels (N,) by the class list ``known`` in place of ``own``; -1 where it lacks them."""
    place = np.array([known.index(entry) if entry in known else -1 for entry in own] + [-1])
    return place[index]


def verdict(predictions: Predictions, source) -> list[str]:
    """What was said of the frames, in words: a line for each file, the first ten of many."""
    file = getattr(source, "file_index", np.zeros(len(predictions), dtype=int))
    names = [f"{name}: " for name in source.names] if hasattr(source, "file_index") else [""]
    files = np.unique(file).tolist()
    lines = []
    for index in files[:FILES]:
        mine = file == index
        said = most_frequent(predictions.modulation_predicted[mine], predictions.modulations.tolist(), 3)
        levels = most_frequent(predictions.snr_predicted[mine], [f"{s:g} dB" for s in predictions.snrs], 1)
        count = f"{mine.sum()} frame{'s' if mine.sum() > 1 else ''}"
        lines.append(f"{names[index]}{said} of {count}; SNR {levels}")
    if len(files) > FILES:
        lines.append(f"... and {len(files) - FILES} more files")
    return lines


def most_frequent(index: np.ndarray, names: list[str], most: int) -> str:
    """The most frequent classes among ``index`` (N,) and their shares, such as ``QPSK 81 %, 8PSK 19 %``."""
    counts = np.bincount(index, minlength=len(names))
    first = [k for k in np.argsort(-counts, kind="stable")[:most] if counts[k]]
    return ", ".join(f"{names[k]} {100 * counts[k] / len(index):.0f} %" for k in first)


def write_csv(path, predictions: Predictions, source, dataset_path: str | None) -> None:
    """One row a frame: where it is from, what it was said to be, how surely, and every class's probability."""
    shares, levels = predictions.modulation_probability, predictions.snr_probability
    modulations, snrs = predictions.modulations.tolist(), predictions.snrs.tolist()
    header = ["file", "start", "frame", "modulation", "modulation_probability", "snr", "snr_probability"]
    header += [f"p({m})" for m in modulations] + [f"p({s:g} dB)" for s in snrs]
    named, best = predictions.modulation_predicted, predictions.snr_predicted
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for k in range(len(predictions)):
            where = [dataset_path or "", "", k]
            if hasattr(source, "file_index"):
                where = [source.names[source.file_index[k]], int(source.start[k]), k]
            said = [modulations[named[k]], f"{shares[k, named[k]]:.4f}", f"{snrs[best[k]]:g}"]
            said.append(f"{levels[k, best[k]]:.4f}")
            writer.writerow([*where, *said, *(f"{p:.4f}" for p in [*shares[k], *levels[k]])])
