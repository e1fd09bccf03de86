"""Scores of the perturbations on a run's frames, and the tables that they leave; wiring only."""

import logging
from contextlib import suppress

import numpy as np

from amc_xai.explain import (
    PisResult,
    grouped_rows,
    perturbation_scores,
    write_grouped_csv,
    write_perturbed_confusions,
    write_pis_csv,
)
from amc_xai.explain.channels import channel_rows, channel_worth
from amc_xai.explain.contrast import contrast_rows, flow_rows
from amc_xai.explain.perturbed_frames import frames_of, write_perturbed_frames
from amc_xai.explain.perturbing import NothingToTake
from amc_xai.explain.scope import operator_scope
from amc_xai.explain.table_files import write_rows
from amc_xai.perturbation import Donors, LocalMean, PerturbationPlan, Resample, Swap, Zero
from amc_xai.perturbation.operators import Operator
from amc_xai.progress import progress
from amc_xai.tasks.views import donors_of, gives_pictures, views
from amc_xai.tasks.workbench import Workbench

log = logging.getLogger(__name__)
# Enough to tell how strange an operator's inputs are.
SCOPE_FRAMES = 128


def score_perturbations(bench: Workbench, plan: PerturbationPlan, indices: np.ndarray) -> None:
    """Score the plan on these frames; the first process scores all.

    Leaves ``pis.csv`` with the confusions, ``channels.csv``, the tables by class and SNR of both,
    ``contrast.csv``, ``flows.csv``, ``operators.csv`` and ``perturbed_frames.npz``.
    """
    donors = donors_of(bench, indices)
    operators = operators_of(bench, plan)
    try:
        write_scores(bench, plan, perturbed_result(bench, plan, indices, donors, operators), indices)
    except NothingToTake as nothing:
        log.info("pis.csv is left out: %s", nothing)
    if donors is not None:
        if plan.donors:
            score_channels(bench, plan, indices, donors)
        describe_operators(bench, plan, indices[:SCOPE_FRAMES], donors, operators)


def perturbed_result(
    bench: Workbench, plan: PerturbationPlan, indices: np.ndarray, donors: Donors | None, operators: dict
) -> PisResult:
    """The scores of every selector, in one pass over the frames."""
    loader = bench.evaluation_batches(indices)
    return perturbation_scores(
        bench.classifier.network,
        views(bench, progress(loader, "perturbing", 0, len(loader)), indices, donors),
        plan.chosen(),
        operators,
        plan.fractions,
        plan.channels,
        bench.parts.seed,
        control=plan.control,
        repeats=plan.repeats,
        resamples=plan.resamples,
        representation=bench.classifier.representation,
        said=bench.said,
    )


def operators_of(bench: Workbench, plan: PerturbationPlan) -> dict[str, Operator]:
    """What becomes of masked pixels, by name: as the plan has it, but for two cases, each said in the log.

    Pictures whose points aren't known can't be drawn again: `Swap` takes the place of `Resample`. And emptiness is
    no neutral reference: `Zero` has another operator beside it.
    """
    known = not gives_pictures(bench)
    other = Resample() if known else Swap()
    operators, what = {plan.operator_name: plan.operator}, None
    if isinstance(plan.operator, Resample) and not known:
        operators, what = {other.name: other}, "the points of these pictures are not known, so swap is used"
    elif isinstance(plan.operator, Zero):
        operators[other.name] = other
        what = f"emptiness is an answer of its own to a network; {other.name} is scored beside zero"
    if what is not None and what not in bench.said:
        log.info("perturbation/operator: %s", what)
        bench.said.add(what)
    return operators


def check_explainable(bench: Workbench) -> None:
    """Try every selector and operator on two frames, so that what doesn't apply is refused before the work.

    Raises:
        UserError: as `perturbation_scores` does.
    """
    plan: PerturbationPlan = bench.parts.make["perturbation"]
    indices = np.flatnonzero((bench.source.modulation_index >= 0) | (bench.source.snr_index >= 0))[:2]
    if not bench.accelerator.is_main_process or len(indices) < 2:
        return
    network = bench.classifier.network.to(bench.accelerator.device)
    training = network.training
    donors = donors_of(bench, indices)
    loader = bench.evaluation_batches(indices)
    with suppress(NothingToTake):
        perturbation_scores(
            network.eval(), views(bench, loader, indices, donors), plan.chosen(), operators_of(bench, plan),
            plan.fractions[:1] or plan.fractions, plan.channels, representation=bench.classifier.representation,
            said=bench.said,
        )  # fmt: skip
    network.train(training)


def score_channels(bench: Workbench, plan: PerturbationPlan, indices: np.ndarray, donors: Donors) -> None:
    """Leave ``channels.csv`` and its tables by class and by SNR."""
    folder, classifier = bench.parts.folder, bench.classifier
    loader = bench.evaluation_batches(indices)
    frames = views(bench, progress(loader, "swapping channels", 0, len(loader)), indices, scored=False)
    groups = getattr(classifier.representation, "groups", ())
    worth = channel_worth(classifier.network, frames, donors, plan.donors, bench.parts.seed, groups)
    for by, names, file in (
        (None, (), "channels.csv"),
        ("modulation", classifier.modulations, "channels_by_class.csv"),
        ("snr", classifier.snrs, "channels_by_snr.csv"),
    ):
        rows = channel_rows(worth, by, names, bench.parts.seed, plan.resamples)
        if rows:
            write_rows(rows, folder / file)


def describe_operators(
    bench: Workbench, plan: PerturbationPlan, indices: np.ndarray, donors: Donors, operators: dict
) -> None:
    """Leave ``operators.csv``, and say what the network answers to nothing."""
    classifier = bench.classifier
    beside = {operator.name: operator for operator in (Zero(), LocalMean(), Resample(), Swap())}
    loader = bench.evaluation_batches(indices)
    rows = operator_scope(
        classifier.network,
        views(bench, loader, indices, donors, scored=False),
        {**beside, **operators},
        {"modulation": classifier.modulations, "snr": [f"{snr:g}" for snr in classifier.snrs]},
        bench.parts.seed,
        classifier.representation,
    )
    if not rows:
        return
    write_rows(rows, bench.parts.folder / "operators.csv")
    empty = {row["task"]: row for row in rows if row["measure"] == "empty"}
    log.info(
        "an empty picture is named %s (%.0f %%) at %s dB (%.0f %%); operators.csv tells how strange each "
        "operator's pictures are",
        empty["modulation"]["named"], 100 * empty["modulation"]["value"],
        empty["snr"]["named"], 100 * empty["snr"]["value"],
    )  # fmt: skip


def write_scores(bench: Workbench, plan: PerturbationPlan, result: PisResult, indices: np.ndarray) -> None:
    """Write every table of a result, which is of the frames at ``indices``, into the run folder."""
    folder, classifier = bench.parts.folder, bench.classifier
    write_pis_csv(result.rows, folder / "pis.csv")
    write_perturbed_confusions(
        result.predictions, classifier.modulations, classifier.snrs, folder, bench.parts.seed, plan.resamples
    )
    write_perturbed_frames(frames_of(result.predictions, indices), folder / "perturbed_frames.npz")
    write_rows(contrast_rows(result.predictions, bench.parts.seed, plan.resamples), folder / "contrast.csv")
    classes = {"modulation": classifier.modulations, "snr": [f"{snr:g}" for snr in classifier.snrs]}
    write_rows(flow_rows(result.predictions, classes, bench.parts.seed, plan.resamples), folder / "flows.csv")
    for by, names, file in (
        ("modulation", classifier.modulations, "pis_by_class.csv"),
        ("snr", classifier.snrs, "pis_by_snr.csv"),
    ):
        rows = grouped_rows(result.predictions, by, names, plan.resamples, bench.parts.seed)
        if rows:
            write_grouped_csv(rows, by, folder / file)
