"""Test and explanation of a classifier, and the report of a run: shared by train, evaluate and explain."""

import logging

import numpy as np
import torch

from amc_xai.errors import UserError
from amc_xai.evaluation import chance, save_metrics
from amc_xai.evaluation.inference import gate_shares, predict
from amc_xai.evaluation.limit import Limits
from amc_xai.evaluation.metrics import metrics
from amc_xai.model import Prediction
from amc_xai.perturbation import PerturbationPlan, View
from amc_xai.progress import progress
from amc_xai.report import Gallery
from amc_xai.tasks.anchoring import anchors_of_run
from amc_xai.tasks.ceiling import limits_of_run
from amc_xai.tasks.perturbing import gallery_masks, known_instants, score_perturbations
from amc_xai.tasks.provenance import write_provenance
from amc_xai.tasks.workbench import Workbench

log = logging.getLogger(__name__)
GALLERY_CLASSES = 8
GALLERY_SNRS = 6


def test(bench: Workbench, indices: np.ndarray) -> dict:
    """Predict these frames; leaves ``predictions.npz``, ``metrics.json``, ``provenance.json`` and, where
    the limit is known, ``limits.csv`` and the classical methods' ``anchors.csv``; returns the metrics."""
    folder = bench.parts.folder
    if len(indices) == 0:
        raise UserError("split.ratios: the part to test holds no frame; give it a share above 0")
    loader = bench.accelerator.prepare(bench.evaluation_batches(indices))
    bench.classifier.to(bench.accelerator.device)
    batches = progress(loader, "testing", 0, len(loader))
    predictions = predict(bench.classifier, batches, bench.accelerator)
    limits = yardsticks(bench, indices) if bench.accelerator.is_main_process else None
    values = metrics(predictions, snr_definition=bench.source.snr_definition, limit=limits, seed=bench.parts.seed)
    if bench.accelerator.is_main_process:
        write_provenance(bench, indices)
        predictions.save(folder / "predictions.npz")
        save_metrics(values, folder / "metrics.json")
    if hasattr(bench.classifier.network.backbone, "gate_shares"):
        gate = gate_shares(bench.classifier, loader, bench.accelerator)
        if bench.accelerator.is_main_process:
            gate.save(folder / "gates.csv")
    return values


def yardsticks(bench: Workbench, indices: np.ndarray) -> Limits | None:
    """Leave the limit and the classical methods' results on these frames where known; return the limit."""
    folder, device = bench.parts.folder, bench.accelerator.device
    for name in ("limits.csv", "anchors.csv"):  # of an earlier test in this folder, on other frames maybe
        (folder / name).unlink(missing_ok=True)
    if bench.parts.config.get("limits") != "auto":
        return None
    normalised = getattr(bench.classifier.representation, "power_normalise", True)
    limits = limits_of_run(bench.source, indices, folder, device, normalised)
    if limits is not None:
        anchors_of_run(bench.source, indices, folder, device)
    return limits


def explain(bench: Workbench, indices: np.ndarray) -> None:
    """Score the perturbations on these frames; leaves ``pis.csv`` with its companions, and ``gallery.npz``."""
    if not bench.accelerator.is_main_process:
        return
    plan: PerturbationPlan = bench.parts.make["perturbation"]
    representation = bench.classifier.representation
    if not hasattr(representation, "cells") and not gives_pictures(bench):
        log.info(
            "perturbations are skipped: they mask pixels, and representation %s draws none",
            type(representation).__name__,
        )
        return
    bench.classifier.to(bench.accelerator.device).eval()
    scored = indices
    if plan.frames is not None and plan.frames < len(indices):
        order = np.random.default_rng(bench.parts.seed).permutation(len(indices))
        scored = np.sort(indices[order[: plan.frames]])
    score_perturbations(bench, plan, scored, view_of)
    # Of all frames: a few hundred don't hold one of each class at each SNR.
    make_gallery(bench, plan, indices).save(bench.parts.folder / "gallery.npz")


def gives_pictures(bench: Workbench) -> bool:
    """Whether the source yields pictures: they can be masked, but their points and samples aren't known."""
    return hasattr(bench.source, "image_shape")


@torch.no_grad()
def view_of(bench: Workbench, iq: torch.Tensor, indices: np.ndarray | None = None) -> View:
    """Frames (B, 2, L) with their images and the pixels of their points.

    With ``indices``, their places in the source, also the symbol instants where a selector asks for them.
    """
    representation = bench.classifier.representation
    if gives_pictures(bench):
        return View(None, representation(iq), list(representation.channels))
    cells = representation.cells(iq)
    # A perturbation of pixels leaves a sequence that goes with them as it is.
    sequence = representation.sequence_of(iq) if hasattr(representation, "sequence_of") else None
    instants = None if indices is None else known_instants(bench, indices)
    return View(iq, representation.draw(cells), list(representation.channels), cells, instants, sequence=sequence)


@torch.no_grad()
def make_gallery(bench: Workbench, plan: PerturbationPlan, indices: np.ndarray) -> Gallery:
    """One frame for each of some classes and SNRs, its image, prediction and masks at the largest fraction."""
    source, device = bench.source, bench.accelerator.device
    chosen = gallery_frames(source.modulation_index[indices], source.snr_index[indices])
    indices = indices[chosen]
    view = view_of(bench, source.read(indices).to(device), indices)
    prediction = bench.classifier.network(view.seen(view.image))
    fraction = max(plan.fractions)
    extent = getattr(bench.classifier.representation, "extent", "unknown")
    return Gallery(
        image=view.image.cpu().numpy(),
        channels=np.asarray(view.channels),
        extent=float("nan") if isinstance(extent, str) else float(extent),
        masks=gallery_masks(plan, view, fraction, bench.parts.seed),
        mask_fraction=fraction,
        **answered(bench, indices, prediction),
    )


@torch.no_grad()
def make_plain_gallery(bench: Workbench, indices: np.ndarray) -> Gallery:
    """The same frames as the network sees them where pixels can't be masked: sequences, or pictures brought."""
    source = bench.source
    indices = indices[gallery_frames(source.modulation_index[indices], source.snr_index[indices])]
    x = bench.classifier.represent(source.read(indices).to(bench.accelerator.device))
    return Gallery(
        image=x.cpu().numpy(),
        channels=np.asarray(bench.classifier.representation.channels),
        **answered(bench, indices, bench.classifier.network(x)),
    )


def answered(bench: Workbench, indices: np.ndarray, prediction: Prediction) -> dict[str, np.ndarray]:
    """What a gallery tells of these frames: what is true, what the network named, and with which probability."""
    source = bench.source
    modulation, snr = (logits.float().softmax(-1).max(-1) for logits in prediction)
    modulations, snrs = np.asarray(source.modulations), np.asarray(source.snrs)
    return {
        "modulation": modulations[source.modulation_index[indices]],
        "snr": snrs[source.snr_index[indices]],
        "modulation_predicted": modulations[modulation.indices.cpu().numpy()],
        "snr_predicted": snrs[snr.indices.cpu().numpy()],
        "confidence": np.stack([modulation.values.cpu().numpy(), snr.values.cpu().numpy()], 1),
    }


def gallery_frames(modulation: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """Positions of the first frame of each shown cell; at most 8 classes and 6 SNRs, evenly spread."""
    shown = []
    for labels, most in ((modulation, GALLERY_CLASSES), (snr, GALLERY_SNRS)):
        present = np.unique(labels[labels >= 0])
        shown.append(present[np.linspace(0, len(present) - 1, min(most, len(present))).round().astype(int)])
    return np.array(
        [
            hits[0]
            for m in shown[0]
            for s in shown[1]
            if len(hits := np.flatnonzero((modulation == m) & (snr == s)))
        ],
        dtype=np.int64,
    )


def report(bench: Workbench, values: dict | None) -> None:
    """Figures and page from the files of the run; closes with the table and the path of what to open."""
    if not bench.accelerator.is_main_process:
        return
    # Here and not above: what draws takes a second to import, and no training waits for it.
    from amc_xai.report import draw_figures, summary_table, write_page

    folder = bench.parts.folder
    figures = draw_figures(folder)
    page = write_page(folder)
    if values is not None:
        log.info("\n%s\n", summary_table(values, chance(values)))
    log.info("%d figures in %s; open %s", len(figures), folder / "figures", page)
