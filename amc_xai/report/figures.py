"""Every figure that the files of a run folder allow, in one order."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from amc_xai.evaluation.confusion import confusion_matrices
from amc_xai.evaluation.gates import GateShares
from amc_xai.evaluation.limit import Limits, read_limits
from amc_xai.evaluation.metrics import load_metrics
from amc_xai.evaluation.predictions import Predictions
from amc_xai.report import attribution
from amc_xai.report.accuracy import accuracy_by_snr, confusion_figure, f1_by_class
from amc_xai.report.anchors import AnchorRow, read_anchors
from amc_xai.report.attribution_files import read_curves, read_table
from amc_xai.report.attribution_maps import attribution_by_snr, attribution_grid
from amc_xai.report.attribution_points import attribution_points, constellations_of
from amc_xai.report.attribution_traces import attribution_traces
from amc_xai.report.constellations import constellation_grid, masked_twins, taken_from
from amc_xai.report.evidence import evidence_figure, read_evidence
from amc_xai.report.gallery import Gallery
from amc_xai.report.gates import gate_by_snr
from amc_xai.report.heat_maps import channel_maps
from amc_xai.report.history import training_curves
from amc_xai.report.inspection import inspection_figures
from amc_xai.report.inspection_files import ARRAYS, read_inspection
from amc_xai.report.limits import limits_by_snr
from amc_xai.report.perturbation import pis_by_fraction
from amc_xai.report.perturbation_maps import perturbation_maps, published_shares
from amc_xai.report.players import by_symbols, channels_figure, drops_figure, few_fractions
from amc_xai.report.run_files import read_history, read_pis, run_folder_of
from amc_xai.report.stress import read_stress, stress_figure
from amc_xai.report.style import decibels, es_n0_of, snr_label, write_figure
from amc_xai.report.verdicts import verdict_figures
from amc_xai.report.worked import CHANGED, WORKED, counterfactual_figure, read_archive, worked_figure


def draw_figures(run_folder: str | Path) -> list[Path]:
    """Write ``figures/*.png`` from the files present in ``run_folder``; return their paths in reading order.

    ``channels.csv`` gives channels, with its tables by class and SNR maps of these names, and ``pis.csv`` with
    symbols in it symbols. ``limits.csv`` on its own gives limits_by_snr (with ``anchors.csv`` where present).
    ``stress.csv`` gives stress. ``predictions.npz`` gives accuracy_by_snr (with ``limits.csv``, and with
    ``anchors.csv`` a panel for each task, where present), confusion_modulation and confusion_snr;
    ``metrics.json`` f1_by_class, and the name of the SNR axes; ``gates.csv`` gate_by_snr;
    ``history.jsonl`` training_curves; ``pis.csv`` pis_drops, or with four fractions or more
    pis_by_fraction, and, with published masks in it, pis_published; ``pis_by_class.csv`` and ``pis_by_snr.csv``
    maps of these names; ``perturbed_confusions.npz`` perturbed_confusion_<task>; ``perturbed_f1.csv``
    perturbed_f1; ``gallery.npz`` constellations, with masks constellations_masked and with maps attribution and
    attribution_by_snr (with ``_<channel>`` appended if there are several), of sequences
    attribution_samples_<method>, of points attribution_points_<method>; ``attribution.csv``,
    ``attribution_curves.npz``, ``sanity.csv`` and ``pis_vs_attribution.csv`` the figures of how far maps can be
    trusted; ``verdicts.npz`` those named verdicts_<recording> and symbols_of_verdicts; ``inspection.npz`` with
    ``inspection.json`` those named inspection_<what>. Each file is written by
    write-then-rename. Raises ``UserError`` if the folder is missing or a file in it is broken.
    """
    folder = run_folder_of(run_folder)
    return [write_figure(figure, folder / "figures" / f"{name}.png") for name, figure in build_figures(folder)]


def build_figures(folder: Path) -> Iterator[tuple[str, Figure]]:
    """Yield (file name without suffix, figure), one at a time so that only one is held."""
    metrics = load_metrics(folder / "metrics.json") if (folder / "metrics.json").exists() else None
    definition = metrics.get("snr_definition") if metrics else None
    yield from _why_figures(folder, definition)
    anchors = read_anchors(folder / "anchors.csv") if (folder / "anchors.csv").exists() else []
    if (folder / "predictions.npz").exists():
        limits = read_limits(folder / "limits.csv") if (folder / "limits.csv").exists() else None
        table = Predictions.load(folder / "predictions.npz")
        yield from _prediction_figures(table, definition, limits, anchors, es_n0_of(metrics))
    elif (folder / "limits.csv").exists():
        yield "limits_by_snr", limits_by_snr(read_limits(folder / "limits.csv"), anchors, definition)
    if (folder / "stress.csv").exists() and (rows := read_stress(folder / "stress.csv")):
        yield "stress", stress_figure(rows)
    if metrics and metrics.get("by_class"):
        yield "f1_by_class", f1_by_class(metrics)
    if (folder / "gates.csv").exists():
        yield "gate_by_snr", gate_by_snr(GateShares.load(folder / "gates.csv"), snr_definition=definition)
    if (folder / "history.jsonl").exists() and (epochs := read_history(folder / "history.jsonl")):
        yield "training_curves", training_curves(epochs)
    if (folder / "pis.csv").exists() and (rows := read_pis(folder / "pis.csv")):
        _, pixels = by_symbols(rows)
        if pixels and few_fractions(pixels):
            yield "pis_drops", drops_figure(pixels, "What masking pixels of one channel costs")
        elif pixels:
            yield "pis_by_fraction", pis_by_fraction(pixels)
        if any(row["selector"].startswith("published") for row in rows):
            yield "pis_published", published_shares(rows)
    yield from perturbation_maps(folder, definition)
    if (folder / "gallery.npz").exists():
        gallery = Gallery.load(folder / "gallery.npz")
        if len(gallery.snr):
            yield from _gallery_figures(gallery, definition)
    yield from _attribution_figures(folder)
    yield from verdict_figures(folder)
    if (folder / ARRAYS).exists():
        yield from inspection_figures(read_inspection(folder))


def _why_figures(folder: Path, definition: str | None) -> Iterator[tuple[str, Figure]]:
    if (folder / "channels.csv").exists():
        needed = ("channel", "task", "measure", "frames", "value", "low", "high")
        rows = read_table(folder / "channels.csv", needed)
        if len({row["channel"] for row in rows}) > 1:
            yield "channels", channels_figure(rows)
    if (folder / "pis.csv").exists() and (symbols := by_symbols(read_pis(folder / "pis.csv"))[0]):
        yield "symbols", drops_figure(symbols, "What taking symbols out of every channel costs")
    if (folder / "worked.npz").exists():
        yield "worked", worked_figure(read_archive(folder / "worked.npz", WORKED), definition)
    if (folder / "counterfactuals.npz").exists():
        changed = read_archive(folder / "counterfactuals.npz", CHANGED)
        yield "counterfactuals", counterfactual_figure(changed, definition)
    if rows := read_evidence(folder):
        yield "evidence", evidence_figure(rows, definition)
    yield from channel_maps(folder, definition)


def _prediction_figures(
    predictions: Predictions,
    definition: str | None,
    limits: Limits | None,
    anchors: list[AnchorRow],
    es_n0_db: dict[float, float | None],
) -> Iterator[tuple[str, Figure]]:
    counts = confusion_matrices(predictions)
    if (predictions.snr_label >= 0).any():
        figure = accuracy_by_snr(
            predictions, snr_definition=definition, limits=limits, anchors=anchors, es_n0_db=es_n0_db
        )
        yield "accuracy_by_snr", figure
    if counts.modulation.any():
        yield (
            "confusion_modulation",
            confusion_figure(
                counts.modulation,
                predictions.modulations.tolist(),
                title="Which modulation is taken for which",
                quantity="modulation",
            ),
        )
    if counts.snr.any():
        order = np.argsort(predictions.snrs)
        yield (
            "confusion_snr",
            confusion_figure(
                counts.snr[np.ix_(order, order)],
                [decibels(snr) for snr in predictions.snrs[order]],
                title="Which SNR is taken for which",
                quantity=snr_label(definition),
            ),
        )


def _gallery_figures(gallery: Gallery, definition: str | None) -> Iterator[tuple[str, Figure]]:
    if gallery.image.ndim == 3:
        for method in dict.fromkeys(name.rpartition("_")[0] for name in gallery.attributions):
            if constellations_of(gallery.channels.tolist()):
                yield (
                    f"attribution_points_{method}",
                    attribution_points(gallery, method, snr_definition=definition),
                )
            else:
                name = f"attribution_samples_{method}"
                yield name, attribution_traces(gallery, method, snr_definition=definition)
        return
    for stem, draw, there in (
        ("constellations", constellation_grid, True),
        ("constellations_masked", masked_twins, bool(gallery.masks)),
        ("attribution", attribution_grid, bool(gallery.attributions)),
        ("attribution_by_snr", attribution_by_snr, bool(gallery.attributions)),
    ):
        if not there:
            continue
        for channel in gallery.channels.tolist():
            if draw is masked_twins and not taken_from(gallery, channel):
                continue
            name = f"{stem}_{channel}" if len(gallery.channels) > 1 else stem
            yield name, draw(gallery, channel, snr_definition=definition)


def _attribution_figures(folder: Path) -> Iterator[tuple[str, Figure]]:
    if (folder / "attribution.csv").exists():
        rows = read_table(folder / "attribution.csv", ("method", "kind", "network", "task", "difference"))
        for operator, mine in _by_operator(rows, lambda row: row.get("operator", "zero")):
            title = f"How faithful each map is{_in_place(operator)} (higher is better; grey: controls)"
            yield f"faithfulness_scores{_suffix(operator)}", attribution.faithfulness_scores(mine, title=title)
    if (folder / "attribution_curves.npz").exists():
        curves = read_curves(folder / "attribution_curves.npz")
        for operator, mine in _by_operator(curves, lambda curve: curve.operator):
            plain = [curve for curve in mine if not curve.method.endswith("_robust")]
            title = f"Deletion and insertion{_in_place(operator)}"
            yield f"faithfulness_curves{_suffix(operator)}", attribution.faithfulness_curves(plain, title=title)
            robust = [
                curve._replace(method=curve.method.removesuffix("_robust"))
                for curve in mine
                if curve.method.endswith("_robust")
            ]
            if robust:
                title += ", judged by a copy trained on masked images"
                name = f"faithfulness_curves_robust{_suffix(operator)}"
                yield name, attribution.faithfulness_curves(robust, title=title)
    if (folder / "sanity.csv").exists():
        rows = read_table(folder / "sanity.csv", ("method", "task", "check", "share_randomised", "spearman"))
        yield "sanity_by_layer", attribution.sanity_by_layer(rows)
    agreement = folder / "attribution_agreement.csv"
    if (folder / "pis_vs_attribution.csv").exists() and agreement.exists():
        rows = read_table(folder / "pis_vs_attribution.csv", ("selector", "channel", "task", "drop"))
        yield (
            "pis_vs_attribution",
            attribution.pis_against_attribution(rows, read_table(agreement, ("kind", "a", "task", "kendall"))),
        )


def _by_operator(items: list, operator_of: Callable[[Any], str]) -> Iterator[tuple[str, list]]:
    for operator in dict.fromkeys(map(operator_of, items)):
        yield operator, [item for item in items if operator_of(item) == operator]


def _suffix(operator: str) -> str:
    return "" if operator == "zero" else f"_{operator}"


def _in_place(operator: str) -> str:
    """What stands in the place of pixels that a curve takes away."""
    ways = {"zero": "emptied", "resample": "redrawn from the rest", "swap": "taken from another frame"}
    return f", pixels {ways.get(operator, operator.replace('_', ' '))}"
