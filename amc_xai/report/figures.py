"""Every figure that the files of a run folder allow, in one order."""

from collections.abc import Iterator
from pathlib import Path

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
from amc_xai.report.constellations import constellation_grid, masked_twins
from amc_xai.report.gallery import Gallery
from amc_xai.report.gates import gate_by_snr
from amc_xai.report.history import training_curves
from amc_xai.report.limits import limits_by_snr
from amc_xai.report.perturbation import pis_by_fraction
from amc_xai.report.perturbation_maps import perturbation_maps, published_shares
from amc_xai.report.run_files import read_history, read_pis, run_folder_of
from amc_xai.report.stress import read_stress, stress_figure
from amc_xai.report.style import decibels, es_n0_of, snr_label, write_figure


def draw_figures(run_folder: str | Path) -> list[Path]:
    """Write ``figures/*.png`` from the files present in ``run_folder``; return their paths in reading order.

    ``limits.csv`` on its own gives limits_by_snr (with ``anchors.csv`` where present).
    ``stress.csv`` gives stress. ``predictions.npz`` gives accuracy_by_snr (with ``limits.csv``, and with
    ``anchors.csv`` a panel for each task, where present), confusion_modulation and confusion_snr;
    ``metrics.json`` f1_by_class, and the name of the SNR axes; ``gates.csv`` gate_by_snr;
    ``history.jsonl`` training_curves; ``pis.csv`` pis_by_fraction and, with published masks in it,
    pis_published; ``pis_by_class.csv`` and ``pis_by_snr.csv`` maps of these names; ``perturbed_confusions.npz``
    perturbed_confusion_<task> and perturbed_f1; ``gallery.npz`` constellations, with masks constellations_masked
    and with maps attribution and attribution_by_snr (with ``_<channel>`` appended if there are several), of
    sequences attribution_samples_<method>, of points attribution_points_<method>; ``attribution.csv``,
    ``attribution_curves.npz``, ``sanity.csv`` and ``pis_vs_attribution.csv`` the figures of how far maps can be
    trusted. Each file is written by write-then-rename. Raises ``UserError`` if the folder is missing or a file
    in it is broken.
    """
    folder = run_folder_of(run_folder)
    return [write_figure(figure, folder / "figures" / f"{name}.png") for name, figure in build_figures(folder)]


def build_figures(folder: Path) -> Iterator[tuple[str, Figure]]:
    """Yield (file name without suffix, figure), one at a time so that only one is held."""
    metrics = load_metrics(folder / "metrics.json") if (folder / "metrics.json").exists() else None
    definition = metrics.get("snr_definition") if metrics else None
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
        yield "pis_by_fraction", pis_by_fraction(rows)
        if any(row["selector"].startswith("published") for row in rows):
            yield "pis_published", published_shares(rows)
    yield from perturbation_maps(folder, definition)
    if (folder / "gallery.npz").exists():
        gallery = Gallery.load(folder / "gallery.npz")
        if len(gallery.snr):
            yield from _gallery_figures(gallery, definition)
    yield from _attribution_figures(folder)


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
            name = f"{stem}_{channel}" if len(gallery.channels) > 1 else stem
            yield name, draw(gallery, channel, snr_definition=definition)


def _attribution_figures(folder: Path) -> Iterator[tuple[str, Figure]]:
    if (folder / "attribution.csv").exists():
        rows = read_table(folder / "attribution.csv", ("method", "kind", "network", "task", "difference"))
        yield "faithfulness_scores", attribution.faithfulness_scores(rows)
    if (folder / "attribution_curves.npz").exists():
        curves = read_curves(folder / "attribution_curves.npz")
        plain = [curve for curve in curves if not curve.method.endswith("_robust")]
        robust = [
            curve._replace(method=curve.method.removesuffix("_robust"))
            for curve in curves
            if curve.method.endswith("_robust")
        ]
        yield "faithfulness_curves", attribution.faithfulness_curves(plain)
        if robust:
            title = "Deletion and insertion, judged by a copy trained on masked images"
            yield "faithfulness_curves_robust", attribution.faithfulness_curves(robust, title=title)
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
