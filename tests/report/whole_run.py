"""A run folder of the default size, with every table that the page knows; the numbers are drawn at random."""

import csv
from pathlib import Path

import numpy as np

from amc_xai.evaluation.metrics import metrics, save_metrics
from amc_xai.evaluation.predictions import Predictions
from amc_xai.report.gallery import Gallery
from amc_xai.signal.classes import DIGITAL_17

CLASSES, SNRS = list(DIGITAL_17), [float(snr) for snr in range(0, 31, 2)]
CHANNELS = ["symbols", "recovered", "differential", "residual"]
MASKS = [
    *(("top", channel, fraction) for channel in CHANNELS for fraction in (0.1, 0.5)),
    *(("bottom", channel, fraction) for channel in CHANNELS for fraction in (0.1, 0.5)),
    *((f"{which}_symbols", "all", fraction) for which in ("outer", "inner") for fraction in (0.1, 0.5)),
]
TASKS = ("modulation", "snr", "joint")
LABELS = {"modulation": CLASSES, "snr": SNRS}


def write_whole_run(folder: Path) -> Path:
    """Fill ``folder`` as a training and ``task=explain`` do, figures and page apart."""
    rng = np.random.default_rng(0)
    predictions = _predictions(rng)
    predictions.save(folder / "predictions.npz")
    save_metrics(metrics(predictions, snr_definition="es_n0"), folder / "metrics.json")
    _csv(folder / "pis.csv", [_mask(rng, *mask, task) for mask in MASKS for task in TASKS])
    for name, label, values in (("class", "modulation", CLASSES), ("snr", "snr", SNRS)):
        rows = [{label: v, **_mask(rng, *m, label)} for v in values for m in MASKS]
        _csv(folder / f"pis_by_{name}.csv", rows)
        rows = [{label: v, **_worth(rng, c, t, "swap")} for v in values for c in CHANNELS for t in TASKS]
        _csv(folder / f"channels_by_{name}.csv", rows)
    measures = ("swap", "shapley")
    _csv(folder / "channels.csv", [_worth(rng, c, t, m) for c in CHANNELS for t in TASKS for m in measures])
    _csv(folder / "evidence.csv", _evidence(rng))
    _csv(folder / "flows.csv", [_flow(rng, *m, t, c) for m in MASKS for t, cs in LABELS.items() for c in cs])
    _csv(folder / "perturbed_f1.csv", [_f1(rng, *mask) for mask in MASKS])
    _pictures(rng, folder)
    _confusions(rng, folder)
    return folder


def _csv(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _predictions(rng: np.random.Generator) -> Predictions:
    modulation, snr = (np.repeat(np.arange(17), 16), np.tile(np.arange(16), 17))
    parts = [rng.dirichlet(np.full(count, 0.05), 272) for count in (17, 16)]
    for part, label in zip(parts, (modulation, snr), strict=True):
        part[np.arange(272), label] += 0.7
    scaled = [part / part.sum(1, keepdims=True) for part in parts]
    return Predictions(modulation, snr, *scaled, np.array(CLASSES), np.array(SNRS))


def _mask(rng: np.random.Generator, selector: str, channel: str, fraction: float, task: str) -> dict:
    drop, spread = rng.normal(0.05, 0.1), rng.uniform(0.01, 0.06)
    return {
        "selector": selector, "operator": "resample", "channel": channel, "nominal_fraction": fraction,
        "lit_fraction": fraction, "task": task, "frames": 100, "accuracy": 0.8 - drop,
        "accuracy_low": 0.75 - drop, "accuracy_high": 0.85 - drop, "drop": drop, "drop_low": drop - spread,
        "drop_high": drop + spread, "q_value": 0.01 if abs(drop) > spread else 0.4,
        "pis_nominal": drop / fraction, "pis_lit": drop / fraction, "pis_lit_low": (drop - spread) / fraction,
        "pis_lit_high": (drop + spread) / fraction, "control_drop": 0.02, "excess": drop - 0.02,
        "excess_low": drop - 0.02 - spread, "excess_high": drop - 0.02 + spread,
        "excess_p_value": 0.001 if abs(drop - 0.02) > spread else 0.5,
    }  # fmt: skip


def _worth(rng: np.random.Generator, channel: str, task: str, measure: str) -> dict:
    value = float(rng.uniform(-0.02, 0.6))
    return {
        "channel": channel, "task": task, "measure": measure, "frames": 100, "value": value, "low": value - 0.05,
        "high": value + 0.05, "q_value": 0.001 if value > 0.05 else 0.5,
    }  # fmt: skip


def _flow(rng: np.random.Generator, selector: str, channel: str, fraction: float, task: str, name) -> dict:
    value = float(rng.normal(0, 0.05))
    return {
        "selector": selector, "operator": "resample", "channel": channel, "nominal_fraction": fraction,
        "task": task, "class": name, "frames": 100, "value": value, "low": value - 0.04, "high": value + 0.04,
        "q_value": 0.001 if abs(value) > 0.06 else 0.4, "recall_loss": -value, "recall_low": -value - 0.2,
        "recall_high": -value + 0.2,
    }  # fmt: skip


def _f1(rng: np.random.Generator, selector: str, channel: str, fraction: float) -> dict:
    row = {"selector": selector, "operator": "resample", "channel": channel, "nominal_fraction": fraction}
    for task in LABELS:
        loss, name = float(rng.normal(0.05, 0.1)), f"{task}_f1_macro"
        row |= {name: 0.8 - loss, f"{name}_before": 0.8, f"{name}_loss": loss, f"{name}_loss_low": loss - 0.05}
        row |= {f"{name}_loss_high": loss + 0.05, f"{name}_loss_q_value": 0.001 if abs(loss) > 0.05 else 0.3}
    return row


def _evidence(rng: np.random.Generator) -> list[dict]:
    groups = [("all", 10, 20), *((name, 10, 20) for name in CLASSES), *(("all", snr, snr) for snr in SNRS)]
    rows = []
    for label, low, high in groups:
        for name, middle in (("own", 0.4), ("integrated_gradients", 0.2), ("uniform", 0.05), ("random", 0.0)):
            value = float(rng.normal(middle, 0.05))
            rows.append(
                {
                    "map": name, "modulation": label, "snr_low": low, "snr_high": high, "frames": 90,
                    "value": value, "low": value - 0.05, "high": value + 0.05,
                }
            )  # fmt: skip
    return rows


def _pictures(rng: np.random.Generator, folder: Path) -> None:
    shown, levels = CLASSES[::3], SNRS[::3]
    frames = len(shown) * len(levels)
    image = np.where(rng.random((frames, 4, 32, 32)) < 0.15, rng.random((frames, 4, 32, 32)) + 0.1, 0)
    axes = np.array(["I to the right, Q upwards, each from −2 to 2"] * 3 + ["angle: the phase of the noise"])
    masks = {"top": image > 0.9, "outer_symbols": (image > 0.3) & (image < 0.4)}
    modulation, snr = np.repeat(shown, len(levels)), np.tile(levels, len(shown))
    Gallery(
        image, modulation, snr, np.array(CHANNELS), 2.0, modulation, snr, np.full((frames, 2), 0.8), masks, 0.5,
        {f"smooth_grad_{t}": rng.normal(size=image.shape) for t in ("modulation", "snr")}, axes=axes,
    ).save(folder / "gallery.npz")  # fmt: skip
    names = np.array(["128APSK", "64QAM", "OQPSK"])
    np.savez(
        folder / "worked.npz", kind=["right", "wrong", "faint"], image=image[:3], channels=CHANNELS,
        map=rng.normal(size=(3, 4, 32, 32)), axes=axes, modulation=names, snr=[14.0, 30.0, 6.0], named=names,
        rival=names[::-1], pair_probability=np.full((3, 2), 0.45), snr_named=[14.0, 30.0, 6.0],
        snr_probability=[0.9, 0.8, 0.7], top=[names] * 3, top_probability=[[0.5, 0.3, 0.1]] * 3,
        lost=rng.normal(size=(3, 4)), lost_low=rng.normal(size=(3, 4)) - 2, lost_high=rng.normal(size=(3, 4)) + 2,
    )  # fmt: skip
    variants = [
        "as it came", "turned by 30°", "with noise for 10 dB less", "with Q half a symbol late",
        "without its outermost 25 % of symbols",
    ]  # fmt: skip
    np.savez(
        folder / "counterfactuals.npz", variant=variants, image=np.stack([image[:5], image[5:10]]), axes=axes,
        channels=CHANNELS, modulation=names[:2], snr=[20.0, 20.0],
        named=[[names[0]] * 5, list(names[[1, 1, 2, 0, 1]])],
        probability=np.full((2, 5), 0.98), snr_named=np.full((2, 5), 20.0), snr_probability=np.full((2, 5), 0.97),
    )  # fmt: skip


def _confusions(rng: np.random.Generator, folder: Path) -> None:
    kinds, counts = len(MASKS), {"modulation": 17, "snr": 16}
    arrays = {f"{t}": rng.integers(0, 9, (kinds, n, n)) + 20 * np.eye(n, dtype=int) for t, n in counts.items()}
    arrays |= {f"{t}_before": rng.integers(0, 9, (n, n)) + 20 * np.eye(n, dtype=int) for t, n in counts.items()}
    np.savez(
        folder / "perturbed_confusions.npz", selector=[m[0] for m in MASKS], channel=[m[1] for m in MASKS],
        operator=["resample"] * kinds, nominal_fraction=[m[2] for m in MASKS], repeats=1, modulations=CLASSES,
        snrs=SNRS, **arrays,
    )  # fmt: skip
