"""A run folder of the default size, with every table that the page knows; the numbers are drawn at random."""

import csv
import itertools
import json
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
METHODS = (
    "expected_gradients", "gradient_shap", "integrated_gradients", "occlusion", "rise", "saliency", "smooth_grad",
)  # fmt: skip
CONTROLS = ("random", "brightest", "integrated_gradients_untrained")
OPERATORS = ("zero", "resample")
LEARNED = (
    "train_loss", "validation_loss", "validation_modulation_accuracy", "validation_snr_accuracy",
    "validation_joint_accuracy", "weight_modulation", "weight_snr",
)  # fmt: skip


def write_whole_run(folder: Path, labels: dict[str, list] = LABELS) -> Path:
    """Fill ``folder`` as a training and ``task=explain`` do, figures and page apart."""
    rng = np.random.default_rng(0)
    classes, snrs = labels["modulation"], labels["snr"]
    predictions = _predictions(rng, classes, snrs)
    predictions.save(folder / "predictions.npz")
    save_metrics(metrics(predictions, snr_definition="es_n0"), folder / "metrics.json")
    _csv(folder / "pis.csv", [mask_row(rng, *mask, task) for mask in MASKS for task in TASKS])
    for name, label, values in (("class", "modulation", classes), ("snr", "snr", snrs)):
        rows = [{label: v, **mask_row(rng, *m, label)} for v in values for m in MASKS]
        _csv(folder / f"pis_by_{name}.csv", rows)
        rows = [{label: v, **_worth(rng, c, t, "swap")} for v in values for c in CHANNELS for t in TASKS]
        _csv(folder / f"channels_by_{name}.csv", rows)
    measures = ("swap", "shapley")
    _csv(folder / "channels.csv", [_worth(rng, c, t, m) for c in CHANNELS for t in TASKS for m in measures])
    _csv(folder / "evidence.csv", _evidence(rng, classes, snrs))
    _csv(folder / "flows.csv", [_flow(rng, *m, t, c) for m in MASKS for t, cs in labels.items() for c in cs])
    _csv(folder / "perturbed_f1.csv", [f1_row(rng, *mask) for mask in MASKS])
    _pictures(rng, folder, classes, snrs)
    _confusions(rng, folder, classes, snrs)
    _attribution(rng, folder)
    write_verdicts(rng, folder, classes)
    epochs = [{"epoch": k, "learning_rate": 0.01 / (k + 1), **dict.fromkeys(LEARNED, 0.5)} for k in range(9)]
    (folder / "history.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
    return folder


def write_verdicts(rng: np.random.Generator, folder: Path, classes: list[str]) -> None:
    """What ``task=predict`` leaves of a recording with six emissions, the last of them out of scope."""
    name, starts = "<script>alert(1)</script> $\\alpha.cf32", np.arange(6) * 40_000
    rows, arrays = [], {"recording_names": np.array([name]), "sample_rate": np.float64(1e6)}
    for k, start in enumerate(starts.tolist()):
        named = classes[k % len(classes)] if k < 5 else None
        rows.append(
            {"recording": name, "start": start, "stop": start + 20_000, "frames": 19, "modulation": named,
             "probability": 0.9 if named else None, "top": [[classes[0], 0.9], [classes[-1], 0.1]], "snr_db": -1.2,
             "snr_low": -3.0, "snr_high": 1.0, "samples_per_symbol": 8.02 if named else None, "symbol_rate": 1e5,
             "out_of_scope": None if named else "two signals at once, in bands of their own"}
        )  # fmt: skip
        arrays[f"symbols_{k}"] = (rng.standard_normal((99, 2)) @ [1, 1j]).astype(np.complex64)
        arrays[f"worth_{k}"] = rng.standard_normal(99) if k else np.full(99, np.nan)
    (folder / "verdicts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    labels = [row["modulation"] or "out of scope: two signals at once" for row in rows]
    np.savez(
        folder / "verdicts.npz", **arrays, power_0=rng.standard_normal((64, 300)),
        edges_0=np.linspace(0, 240_000, 301), cut_start_0=starts, cut_stop_0=starts + 20_000,
        cut_label_0=np.array(labels),
        titles=np.array([f"{label}\nrather than {classes[-1]}, from sample {start:,}" for label, start in
                         zip(labels, starts, strict=True)]),
    )  # fmt: skip


def _csv(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _predictions(rng: np.random.Generator, classes: list[str], snrs: list[float]) -> Predictions:
    cells = len(classes) * len(snrs)
    modulation, snr = np.divmod(np.arange(cells), len(snrs))
    parts = [rng.dirichlet(np.full(len(names), 0.05), cells) for names in (classes, snrs)]
    for part, label in zip(parts, (modulation, snr), strict=True):
        part[np.arange(cells), label] += 0.7
    scaled = [part / part.sum(1, keepdims=True) for part in parts]
    return Predictions(modulation, snr, *scaled, np.array(classes), np.array(snrs))


def mask_row(rng: np.random.Generator, selector: str, channel: str, fraction: float, task: str) -> dict:
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


def f1_row(rng: np.random.Generator, selector: str, channel: str, fraction: float) -> dict:
    row = {"selector": selector, "operator": "resample", "channel": channel, "nominal_fraction": fraction}
    for task in LABELS:
        loss, name = float(rng.normal(0.05, 0.1)), f"{task}_f1_macro"
        row |= {name: 0.8 - loss, f"{name}_before": 0.8, f"{name}_loss": loss, f"{name}_loss_low": loss - 0.05}
        row |= {f"{name}_loss_high": loss + 0.05, f"{name}_loss_q_value": 0.001 if abs(loss) > 0.05 else 0.3}
    return row


def _evidence(rng: np.random.Generator, classes: list[str], snrs: list[float]) -> list[dict]:
    groups = [("all", 10, 20), *((name, 10, 20) for name in classes), *(("all", snr, snr) for snr in snrs)]
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


def _pictures(rng: np.random.Generator, folder: Path, classes: list[str], snrs: list[float]) -> None:
    # As `tasks.gallery.gallery_frames` chooses: some classes and SNRs, evenly spread.
    shown, levels = classes[:: -(-len(classes) // 6)], snrs[:: -(-len(snrs) // 6)]
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
    some = np.resize(image, (2, 5, *image.shape[1:]))
    np.savez(
        folder / "worked.npz", kind=["right", "wrong", "faint"], image=some[0, :3], channels=CHANNELS,
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
        folder / "counterfactuals.npz", variant=variants, image=some, axes=axes,
        channels=CHANNELS, modulation=names[:2], snr=[20.0, 20.0],
        named=[[names[0]] * 5, list(names[[1, 1, 2, 0, 1]])],
        probability=np.full((2, 5), 0.98), snr_named=np.full((2, 5), 20.0), snr_probability=np.full((2, 5), 0.97),
    )  # fmt: skip


def _attribution(rng: np.random.Generator, folder: Path) -> None:
    """What ``attribution=all`` leaves of how far maps can be trusted."""
    columns = dict.fromkeys(("insertion_auc", "deletion_auc"), 0.5)
    share, rows, curves, sanity, agreement = np.linspace(0, 1, 6), [], {}, [], []
    curves["share"] = share
    for task, name in itertools.product(LABELS, (*METHODS, *CONTROLS)):
        kind, value = "method" if name in METHODS else "control", float(rng.normal(0.2, 0.1))
        bounds = {"difference": value, "difference_low": value - 0.05, "difference_high": value + 0.05}
        about = {"method": name, "task": task}
        rows += [
            {**about, "kind": kind, "network": "trained", "operator": o, **columns, **bounds} for o in OPERATORS
        ]
        for measure, operator in itertools.product(("deletion", "insertion"), OPERATORS):
            curves[f"{measure}|{name}|{task}|{operator}"] = rng.random((3, 6))
        if kind == "method":
            stops = [(layer, k / 3) for k, layer in enumerate(("none", "head", "body", "stem"))]
            row = {**about, "check": "weights"}
            sanity += [{**row, "layer": x, "share_randomised": s, "spearman": rng.random()} for x, s in stops]
            ranks = {"spearman": rng.random(), "kendall": rng.random()}
            agreement += [
                {"task": task, "kind": "drops", "a": name, "b": "pis", "nominal_fraction": fraction, **ranks}
                for fraction in (0.1, 0.5)
            ]
    _csv(folder / "attribution.csv", rows)
    _csv(folder / "sanity.csv", sanity)
    np.savez(folder / "attribution_curves.npz", **curves)
    drops = [
        {"selector": s, "channel": c, "nominal_fraction": f, "task": task, "drop": rng.normal(0.1, 0.1)}
        | {"drop_rank": 1.0, **{f"rank_{name}": 1.0 for name in METHODS}}
        | {f"share_{name}": rng.random() for name in METHODS}
        for (s, c, f), task in itertools.product(MASKS[:16], LABELS)
    ]
    _csv(folder / "pis_vs_attribution.csv", drops)
    _csv(folder / "attribution_agreement.csv", agreement)


def _confusions(rng: np.random.Generator, folder: Path, classes: list[str], snrs: list[float]) -> None:
    kinds, counts = len(MASKS), {"modulation": len(classes), "snr": len(snrs)}
    arrays = {f"{t}": rng.integers(0, 9, (kinds, n, n)) + 20 * np.eye(n, dtype=int) for t, n in counts.items()}
    arrays |= {f"{t}_before": rng.integers(0, 9, (n, n)) + 20 * np.eye(n, dtype=int) for t, n in counts.items()}
    np.savez(
        folder / "perturbed_confusions.npz", selector=[m[0] for m in MASKS], channel=[m[1] for m in MASKS],
        operator=["resample"] * kinds, nominal_fraction=[m[2] for m in MASKS], repeats=1, modulations=classes,
        snrs=snrs, **arrays,
    )  # fmt: skip
