"""A small run folder, made as a run makes it."""

import csv
import json

import numpy as np
import pytest

from amc_xai.evaluation.limit import read_limits
from amc_xai.evaluation.metrics import metrics, save_metrics
from amc_xai.evaluation.predictions import Predictions
from amc_xai.report.gallery import Gallery

MODULATIONS = ["BPSK", "QPSK", "16QAM"]
SNRS = [8.0, -4.0, 0.0]  # deliberately unsorted: figures sort


ANCHORS = """snr,method,task,frames,accuracy,low,high
-4,cumulants,modulation,80,0.25,0.17,0.35
0,cumulants,modulation,0,,,
8,cumulants,modulation,80,0.75,0.65,0.83
-4,m2m4,snr,80,0.5,0.39,0.61
8,m2m4,snr,80,0.1,0.05,0.18
"""


@pytest.fixture
def predictions():
    rng = np.random.default_rng(2)
    frames = 240
    modulation, snr = rng.integers(0, 3, frames), rng.integers(0, 3, frames)
    modulation_probability = rng.dirichlet(np.ones(3), frames)
    snr_probability = rng.dirichlet(np.ones(3), frames)
    modulation_probability[np.arange(frames), modulation] += 0.5
    snr_probability[np.arange(frames), snr] += 0.3
    modulation[:10], snr[5:12] = -1, -1
    return Predictions(
        modulation,
        snr,
        modulation_probability / 1.5,
        snr_probability / 1.3,
        np.array(MODULATIONS),
        np.array(SNRS),
    )


@pytest.fixture
def history():
    return [
        {
            "epoch": epoch,
            "train_loss": 2.0 / epoch,
            "validation_loss": [1.5, 0.9, 1.1, 1.2][epoch - 1],
            "validation_modulation_accuracy": 0.2 * epoch,
            "validation_snr_accuracy": 0.1 * epoch,
            "validation_joint_accuracy": 0.05 * epoch,
            "learning_rate": 0.01 / epoch,
            "weight_modulation": 0.5 + 0.02 * epoch,
            "weight_snr": 0.5 - 0.02 * epoch,
        }
        for epoch in range(1, 5)
    ]


@pytest.fixture
def pis_rows():
    """Two selectors, two channels, three tasks, two fractions, with intervals."""
    rows = []
    for s, selector in enumerate(("top", "random")):
        for channel in ("trajectory", "symbols"):
            for t, task in enumerate(("joint", "modulation", "snr")):
                for fraction in (0.05, 0.01):
                    drop = (0.3 - 0.2 * s) * fraction * 10 + 0.01 * t
                    rows.append(
                        {
                            "selector": selector,
                            "operator": "zero",
                            "channel": channel,
                            "nominal_fraction": fraction,
                            "lit_fraction": fraction * 1.02,
                            "task": task,
                            "accuracy": 0.7 - drop,
                            "accuracy_low": 0.7 - drop - 0.03,
                            "accuracy_high": 0.7 - drop + 0.02,
                            "drop": drop,
                            "drop_low": drop - 0.02,
                            "drop_high": drop + 0.03,
                            "pis_nominal": drop / fraction,
                            "pis_lit": drop / fraction / 1.02,
                            "pis_lit_low": drop / fraction / 1.02 - 1,
                            "pis_lit_high": drop / fraction / 1.02 + 2,
                            "control_drop": "",
                        }
                    )
    return rows


@pytest.fixture
def gallery():
    """Two classes at two SNRs, two channels, one selector; every lit pixel has its own value."""
    rng = np.random.default_rng(4)
    image = np.where(rng.random((4, 2, 16, 16)) < 0.2, rng.random((4, 2, 16, 16)) + 0.1, 0)
    mask = (image > 0) & (rng.random(image.shape) < 0.3)
    return Gallery(
        image,
        np.array(["BPSK", "BPSK", "QPSK", "QPSK"]),
        np.array([0.0, 10.0, 0.0, 10.0]),
        np.array(["trajectory", "symbols"]),
        2.5,
        np.array(["QPSK", "BPSK", "QPSK", "QPSK"]),
        np.array([0.0, 10.0, 0.0, 0.0]),
        np.full((4, 2), 0.75),
        {"top": mask},
        0.3,
    )


@pytest.fixture
def anchors():
    """An ``anchors.csv`` of two methods, without frames at one of the SNRs."""
    return ANCHORS


@pytest.fixture
def run_folder(tmp_path, predictions, history, pis_rows, gallery):
    folder = tmp_path / "run"
    predictions.save(folder / "predictions.npz")
    (folder / "limits.csv").write_text(
        "snr,modulation_accuracy,modulation_low,modulation_high,snr_accuracy,joint_accuracy,crb_db\n"
        "-4,0.5,0.45,0.55,,,0.5\n8,0.95,0.94,0.96,,,0.2\n"
    )
    limit = read_limits(folder / "limits.csv")
    save_metrics(metrics(predictions, snr_definition="es_n0", limit=limit), folder / "metrics.json")
    (folder / "history.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in history))
    with (folder / "pis.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(pis_rows[0]))
        writer.writeheader()
        writer.writerows(pis_rows)
    gallery.save(folder / "gallery.npz")
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text("- dataset=small\n- trainer.note='a<b & ${c}'\n")
    return folder
