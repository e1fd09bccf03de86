"""Test of a classifier on some frames: predictions, metrics, and the yardsticks beside them."""

import numpy as np

from amc_xai.errors import UserError
from amc_xai.evaluation import save_metrics
from amc_xai.evaluation.inference import gate_shares, predict
from amc_xai.evaluation.limit import Limits
from amc_xai.evaluation.metrics import metrics
from amc_xai.evaluation.predictions import Predictions
from amc_xai.progress import progress
from amc_xai.tasks.anchoring import anchors_of_run
from amc_xai.tasks.ceiling import limits_of_run
from amc_xai.tasks.provenance import write_provenance
from amc_xai.tasks.workbench import Workbench


def test(bench: Workbench, indices: np.ndarray) -> dict:
    """Predict these frames; leaves ``predictions.npz``, ``metrics.json``, ``provenance.json`` and, where
    the limit is known, ``limits.csv`` and the classical methods' ``anchors.csv`` and ``gains.csv``; returns the
    metrics."""
    folder = bench.parts.folder
    if len(indices) == 0:
        raise UserError("split.ratios: the part to test holds no frame; give it a share above 0")
    loader = bench.accelerator.prepare(bench.evaluation_batches(indices))
    bench.classifier.to(bench.accelerator.device)
    batches = progress(loader, "testing", 0, len(loader))
    predictions = predict(bench.classifier, batches, bench.accelerator)
    limits = yardsticks(bench, indices, predictions) if bench.accelerator.is_main_process else None
    values = metrics(
        predictions,
        snr_definition=bench.source.snr_definition,
        samples_per_symbol=bench.source.samples_per_symbol,
        limit=limits,
        seed=bench.parts.seed,
    )
    if bench.accelerator.is_main_process:
        write_provenance(bench, indices)
        predictions.save(folder / "predictions.npz")
        save_metrics(values, folder / "metrics.json")
    if hasattr(bench.classifier.network.backbone, "gate_shares"):
        gate = gate_shares(bench.classifier, loader, bench.accelerator)
        if bench.accelerator.is_main_process:
            gate.save(folder / "gates.csv")
    return values


def yardsticks(bench: Workbench, indices: np.ndarray, predictions: Predictions) -> Limits | None:
    """Leave the limit and the classical methods' results on these frames where known; return the limit."""
    folder = bench.parts.folder
    # Of an earlier test in this folder, on other frames maybe.
    for name in ("limits.csv", "anchors.csv", "gains.csv"):
        (folder / name).unlink(missing_ok=True)
    if bench.parts.config.get("limits") != "auto":
        return None
    limits = limits_of_run(bench.source, indices, folder, bench.classifier.representation.keeps_scale)
    if limits is not None:
        anchors_of_run(bench.source, indices, folder, predictions)
    return limits
