"""The attribution part of ``task=explain``: maps, how faithful they are, and how they sit with PIS."""

import logging
from dataclasses import replace

import numpy as np
import torch

from amc_xai.errors import UserError
from amc_xai.explain import read_pis_csv
from amc_xai.explain.agreement import compare_with_pis, drops_of, forecast, pixel_agreement
from amc_xai.explain.asking import rivals_of
from amc_xai.explain.attribution import AttributionPlan, Method
from amc_xai.explain.attribution_scores import (
    Drawn,
    Maps,
    Subject,
    control_rows,
    maps_of,
    method_scores,
    robust_rows,
)
from amc_xai.explain.faithfulness import control_scores
from amc_xai.explain.precision import as_explained
from amc_xai.explain.removal import ByOperator, BySwap, Remove, emptied, units
from amc_xai.explain.sanity import cascade_correlations, correlation_means, map_correlation, untrained_copy
from amc_xai.explain.table_files import write_rows
from amc_xai.files import replacing
from amc_xai.perturbation import Donors, PerturbationPlan, SymbolSelector
from amc_xai.progress import progress
from amc_xai.report import Gallery
from amc_xai.tasks.attribution_methods import applicable, contrast_of, explained_frames, say
from amc_xai.tasks.gallery import make_plain_gallery
from amc_xai.tasks.perturbing import operators_of
from amc_xai.tasks.refitting import fit_random_masks, fit_shuffled_labels
from amc_xai.tasks.views import donors_of, view_of
from amc_xai.tasks.workbench import Workbench

log = logging.getLogger(__name__)


def explain_by_attribution(bench: Workbench, indices: np.ndarray) -> None:
    """Explain some of these frames with the methods of ``attribution=``; nothing if there is none.

    Of several processes the first one explains.

    Leaves ``attribution.csv``, ``attribution_curves.npz``, ``sanity.csv``, ``attribution_agreement.csv``,
    maps in ``gallery.npz`` and, of images, ``pis_vs_attribution.csv`` (from the ``pis.csv`` that lies there).
    """
    plan: AttributionPlan = bench.parts.make["attribution"]
    if not plan.methods or len(indices) == 0 or not bench.accelerator.is_main_process:
        return
    folder, seed = bench.parts.folder, bench.parts.seed
    network = as_explained(bench.classifier, bench.accelerator).network
    places, iq, subject = explained_frames(bench, plan, indices)
    donors = donors_of(bench, indices)
    methods = applicable(bench, plan, subject, donors)
    if not methods:
        return
    subject = subject._replace(removals=removals_of(bench, places, iq, subject, donors))
    untrained = untrained_copy(network, seed)
    robust = fit_random_masks(bench, plan.robust_epochs) if plan.robust_epochs else None
    nonsense = fit_shuffled_labels(bench, plan.shuffled_label_epochs) if plan.shuffled_label_epochs else None
    rows: list[dict] = []
    sanity: list[dict] = []
    agreement: list[dict] = []
    maps: Maps = {}
    drawn: dict[tuple[str, str], Drawn] = {}
    work = [(task, name) for task in subject.target for name in methods]
    few = subject.head(plan.sanity_frames)
    for task, name in progress(work, "attributing", 0, len(work), unit="method"):
        method = methods[name]
        more, maps[name, task], drawn[name, task] = method_scores(network, subject, name, method, task, plan, seed)
        rows += more
        about = {"method": name, "task": task}
        if plan.sanity_layers and plan.sanity_frames:

            def explain(other: torch.nn.Module, method: Method = method, task: str = task) -> torch.Tensor:
                return maps_of(method, other, few, task, plan.batch_size)

            stops = cascade_correlations(explain, network, few.x, task, plan.sanity_layers, seed)
            sanity += [{**about, "check": "weights", **stop} for stop in stops]
        if nonsense is not None:
            found = map_correlation(
                few.x, maps[name, task][: len(few.x)], maps_of(method, nonsense, few, task, plan.batch_size)
            )
            stop = {"layer": "shuffled labels", "share_randomised": 1.0, **correlation_means(*found)}
            sanity.append({**about, "check": "labels", **stop})
    for task in subject.target:
        more, found = control_rows(network, untrained, subject, methods, task, plan, seed)
        rows += more
        drawn |= {(name, task): these for name, these in found.items()}
        mine = {name: maps[name, task] for name in methods}
        brightest = {"brightest": control_scores(subject.x)["brightest"]}
        agreement += pixel_agreement(subject.x, mine | brightest, task)
    if robust is not None:
        more, found = robust_rows(robust, subject, maps, plan, seed)
        rows += more
        drawn |= {(f"{name}_robust", task): these for (name, task), these in found.items()}
    if subject.x.ndim == 4 and (folder / "pis.csv").exists():
        table, more = against_pis(bench, places, iq, subject, maps)
        agreement += more
        if table:
            write_rows(table, folder / "pis_vs_attribution.csv")
    write_rows(rows, folder / "attribution.csv")
    save_curves(drawn, plan, folder)
    if sanity:
        write_rows(sanity, folder / "sanity.csv")
    if agreement:
        write_rows(agreement, folder / "attribution_agreement.csv")
    labelled = (bench.source.modulation_index[indices] >= 0) & (bench.source.snr_index[indices] >= 0)
    if labelled.any():  # pictures go by class and SNR
        if not (folder / "gallery.npz").exists():
            make_plain_gallery(bench, indices).save(folder / "gallery.npz")
        extend_gallery(bench, methods, plan)


def against_pis(
    bench: Workbench, places: np.ndarray, iq: torch.Tensor, subject: Subject, maps: Maps
) -> tuple[list, list]:
    """The drops in ``pis.csv`` beside what each map foretells for the same maskings."""
    perturbation: PerturbationPlan = bench.parts.make["perturbation"]
    view = view_of(bench, iq, places)
    measured = read_pis_csv(bench.parts.folder / "pis.csv")
    operator = next(iter(operators_of(bench, perturbation)))
    pixels = {n: s for n, s in perturbation.chosen().items() if not isinstance(s, SymbolSelector)}
    wanted = {key for task in subject.target for key in drops_of(measured, task, operator) if key[0] in pixels}
    masks = {}
    for name, selector in pixels.items():
        for _, channel, fraction in sorted(key for key in wanted if key[0] == name):
            generator = torch.Generator().manual_seed(bench.parts.seed)
            try:
                masks[name, channel, fraction] = selector.mask(view, channel, fraction, generator)
            except UserError as error:
                log.info("%s is left out of the comparison with PIS: %s", name, error)
                break
    table, agreement = [], []
    for task in subject.target:
        drops = {k: d for k, d in drops_of(measured, task, operator).items() if k in masks}
        forecasts = {
            name: {key: float(forecast(scores, subject.x, masks[key]).mean()) for key in drops}
            for (name, of), scores in maps.items()
            if of == task
        }
        # What every map agrees with for the number of pixels alone: a map that is the same everywhere.
        forecasts["uniform"] = {
            key: float(forecast(torch.ones_like(subject.x), subject.x, masks[key]).mean()) for key in drops
        }
        more, ranks = compare_with_pis(drops, forecasts, task, bench.parts.seed)
        unknown = [f"{row['a']} at {row['nominal_fraction']:g} ({row['note']})" for row in ranks if row["note"]]
        if unknown:
            log.info("PIS against attribution, %s: no agreement is known of %s", task, "; ".join(unknown))
        table, agreement = table + more, agreement + ranks
    return table, agreement


def removals_of(
    bench: Workbench, places: np.ndarray, iq: torch.Tensor, subject: Subject, donors: Donors | None
) -> dict[str, Remove]:
    """How the curves take pixels away: by emptying them, and by the operators of the perturbations beside it.

    Of sequences whole instants go; beside zeros another frame's take their place. ``places`` are those of the
    subject in the source.
    """
    removals: dict[str, Remove] = {"zero": emptied}
    draws = torch.Generator().manual_seed(bench.parts.seed)
    if subject.x.ndim == 3:
        if donors is not None and donors.seen.shape[1:] == subject.x.shape[1:]:
            own = torch.from_numpy(places).to(subject.x.device)
            removals["swap"] = BySwap(donors.of(donors.drawn(own, draws)))
        return removals
    view = replace(view_of(bench, iq, places), donors=donors)
    for name, operator in operators_of(bench, bench.parts.make["perturbation"]).items():
        by = ByOperator(view, operator, bench.classifier.representation, bench.parts.seed)
        try:
            by(subject.x[:1], torch.zeros_like(units(subject.x[:1])), slice(0, 1))
        except UserError as why:
            say(bench, f"curves by {name} are left out: {why}")
        else:
            removals[name] = by
    return removals


def save_curves(drawn: dict[tuple[str, str], Drawn], plan: AttributionPlan, folder) -> None:
    """``attribution_curves.npz``: ``share`` (steps + 1,), and (N, steps + 1) for each method, task and operator.

    Their names are ``deletion|<method>|<task>|<operator>`` and ``insertion|...``.
    """
    arrays = {"share": np.linspace(0, 1, plan.curve_steps + 1)}
    for (name, task), by_operator in drawn.items():
        for operator, found in by_operator.items():
            arrays[f"deletion|{name}|{task}|{operator}"] = found.deletion.astype(np.float32)
            arrays[f"insertion|{name}|{task}|{operator}"] = found.insertion.astype(np.float32)
    with replacing(folder / "attribution_curves.npz") as temporary:
        np.savez_compressed(temporary, **arrays)


def extend_gallery(bench: Workbench, methods: dict[str, Method], plan: AttributionPlan) -> None:
    """Add maps of the classes named, and of the modulation named against its runner-up, to ``gallery.npz``."""
    path = bench.parts.folder / "gallery.npz"
    gallery = Gallery.load(path)
    network, device = bench.classifier.network, bench.accelerator.device
    x = torch.from_numpy(gallery.image).to(device)
    with torch.no_grad():
        said = [network(part) for part in x.split(plan.batch_size)]
    target = {task: torch.cat([getattr(p, task).argmax(-1) for p in said]) for task in ("modulation", "snr")}
    shown, pair = Subject(x, target), torch.cat([rivals_of(p.modulation) for p in said])
    for name, method in methods.items():
        for task in target:
            maps = maps_of(method, network, shown, task, plan.batch_size)
            gallery.attributions[f"{name}_{task}"] = maps.cpu().numpy()
        maps = contrast_of(method, network, shown.x, pair, "modulation", plan.batch_size)
        gallery.attributions[f"{name}_contrast"] = maps.cpu().numpy()
    runner_up = np.asarray(bench.classifier.modulations)[pair[:, 1].cpu().numpy()]
    replace(gallery, runner_up=runner_up).save(path)
