"""Explanation of a classifier by perturbation: scores on some frames, and the gallery of examples."""

import numpy as np

from amc_xai.explain.precision import as_explained
from amc_xai.perturbation import PerturbationPlan
from amc_xai.tasks.gallery import make_gallery
from amc_xai.tasks.perturbing import score_perturbations
from amc_xai.tasks.views import gives_pictures
from amc_xai.tasks.workbench import Workbench
from amc_xai.tasks.worked import show_frames


def explain(bench: Workbench, indices: np.ndarray, at_most: int | None = None) -> None:
    """Score the perturbations on these frames, ``at_most`` so many; leaves the tables of `score_perturbations`.

    Of pictures also ``gallery.npz``, ``worked.npz`` and ``counterfactuals.npz``.
    """
    if not bench.accelerator.is_main_process:
        return
    plan: PerturbationPlan = bench.parts.make["perturbation"]
    as_explained(bench.classifier, bench.accelerator)
    scored, most = indices, min(m for m in (plan.frames, at_most, len(indices)) if m is not None)
    if most < len(indices):
        order = np.random.default_rng(bench.parts.seed).permutation(len(indices))
        scored = np.sort(indices[order[:most]])
    score_perturbations(bench, plan, scored)
    if hasattr(bench.classifier.representation, "cells") or gives_pictures(bench):
        # Of all frames: a few hundred don't hold one of each class at each SNR.
        make_gallery(bench, plan, indices).save(bench.parts.folder / "gallery.npz")
    show_frames(bench, indices)
