"""Explanation of a classifier by perturbation: scores on some frames, and the gallery of examples."""

import numpy as np

from amc_xai.explain.precision import as_explained
from amc_xai.perturbation import PerturbationPlan
from amc_xai.tasks.even_choice import evenly
from amc_xai.tasks.gallery import make_gallery
from amc_xai.tasks.perturbing import score_perturbations
from amc_xai.tasks.views import gives_pictures
from amc_xai.tasks.workbench import Workbench
from amc_xai.tasks.worked import show_frames


def explain(bench: Workbench, indices: np.ndarray, at_most: int | None = None) -> None:
    """Score the perturbations on these frames, or on ``at_most`` so many, evenly over classes and SNRs.

    Leaves the tables of `score_perturbations`; of pictures also ``gallery.npz``, ``worked.npz`` and
    ``counterfactuals.npz``.
    """
    if not bench.accelerator.is_main_process:
        return
    plan: PerturbationPlan = bench.parts.make["perturbation"]
    as_explained(bench.classifier, bench.accelerator)
    most = min(m for m in (plan.frames, at_most, len(indices)) if m is not None)
    score_perturbations(bench, plan, evenly(bench.source, indices, most, bench.parts.seed))
    if hasattr(bench.classifier.representation, "cells") or gives_pictures(bench):
        # Of all frames: a few hundred don't hold one of each class at each SNR.
        make_gallery(bench, plan, indices).save(bench.parts.folder / "gallery.npz")
    show_frames(bench, indices)
