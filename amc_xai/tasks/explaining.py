"""Explanation of a classifier by perturbation: scores on some frames, and the gallery of examples."""

import logging

import numpy as np

from amc_xai.explain.precision import as_explained
from amc_xai.perturbation import PerturbationPlan
from amc_xai.tasks.gallery import make_gallery
from amc_xai.tasks.perturbing import gives_pictures, score_perturbations
from amc_xai.tasks.workbench import Workbench

log = logging.getLogger(__name__)


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
    as_explained(bench.classifier, bench.accelerator)
    scored = indices
    if plan.frames is not None and plan.frames < len(indices):
        order = np.random.default_rng(bench.parts.seed).permutation(len(indices))
        scored = np.sort(indices[order[: plan.frames]])
    score_perturbations(bench, plan, scored)
    # Of all frames: a few hundred don't hold one of each class at each SNR.
    make_gallery(bench, plan, indices).save(bench.parts.folder / "gallery.npz")
