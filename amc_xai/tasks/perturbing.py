"""Scores of the perturbations on a run's frames, and the tables that they leave; wiring only."""

from collections.abc import Iterator

import numpy as np
import torch

from amc_xai.data.contracts import rates_of
from amc_xai.explain import (
    PisResult,
    grouped_rows,
    perturbation_scores,
    write_grouped_csv,
    write_perturbed_confusions,
    write_pis_csv,
)
from amc_xai.perturbation import PerturbationPlan, SymbolInstants, Transitions, View, whole_instants
from amc_xai.progress import progress
from amc_xai.tasks.workbench import Workbench


def score_perturbations(bench: Workbench, plan: PerturbationPlan, indices: np.ndarray) -> PisResult:
    """Score the plan on these frames; leaves ``pis.csv``, its tables by class and SNR, and the confusions.

    The first process scores all frames.
    """
    loader = bench.evaluation_batches(indices)
    result = perturbation_scores(
        bench.classifier.network,
        views(bench, progress(loader, "perturbing", 0, len(loader)), indices),
        plan.chosen(),
        (plan.operator_name, plan.operator),
        plan.fractions,
        plan.channels,
        bench.parts.seed,
        control=plan.control,
        repeats=plan.repeats,
        resamples=plan.resamples,
        representation=bench.classifier.representation,
    )
    write_scores(bench, plan, result)
    return result


def write_scores(bench: Workbench, plan: PerturbationPlan, result: PisResult) -> None:
    """Write every table of a result into the run folder."""
    folder, classifier = bench.parts.folder, bench.classifier
    write_pis_csv(result.rows, folder / "pis.csv")
    write_perturbed_confusions(result.predictions, classifier.modulations, classifier.snrs, folder)
    for by, names, file in (
        ("modulation", classifier.modulations, "pis_by_class.csv"),
        ("snr", classifier.snrs, "pis_by_snr.csv"),
    ):
        rows = grouped_rows(result.predictions, by, names, plan.resamples, bench.parts.seed)
        if rows:
            write_grouped_csv(rows, by, folder / file)


def views(bench: Workbench, batches, indices: np.ndarray) -> Iterator[tuple]:
    """Each batch as a perturbation sees it, with its labels."""
    done = 0
    for batch in batches:
        size = len(batch.modulation)
        iq = batch.iq.to(bench.accelerator.device)
        yield view_of(bench, iq, indices[done : done + size]), batch.modulation, batch.snr
        done += size


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
    rates = None if indices is None else rates_of(bench.source, indices)
    cells = representation.cells(iq) if rates is None else representation.cells(iq, rates.to(iq.device))
    # A perturbation of pixels leaves a sequence that goes with them as it is.
    sequence = representation.sequence_of(iq) if hasattr(representation, "sequence_of") else None
    instants = None if indices is None else known_instants(bench, indices)
    return View(iq, representation.draw(cells), list(representation.channels), cells, instants, sequence=sequence)


def known_instants(bench: Workbench, indices: np.ndarray) -> torch.Tensor | None:
    """The symbol instants int64 (B, N) of these frames, where a selector asks and the source knows them."""
    chosen = bench.parts.make["perturbation"].chosen().values()
    if not hasattr(bench.source, "symbol_instants"):
        return None
    # Making them takes as long as making the frames.
    if not any(isinstance(selector, SymbolInstants | Transitions) for selector in chosen):
        return None
    instants = whole_instants(bench.source.symbol_instants(indices), bench.source.frame_length)
    return instants.to(bench.accelerator.device)
