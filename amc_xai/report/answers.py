"""What the tables of a run say in sentences, each with its numbers; only what their intervals support is said."""

from pathlib import Path
from typing import Any

import numpy as np

from amc_xai.evaluation.confusion import confusion_matrices
from amc_xai.evaluation.intervals import wilson
from amc_xai.evaluation.metrics import chance, load_metrics
from amc_xai.evaluation.predictions import Predictions
from amc_xai.report.answers_players import (
    channel_sentence,
    hundredfold,
    pixels_sentence,
    redundancy_sentence,
    symbols_sentence,
)
from amc_xai.report.attribution_files import read_table
from amc_xai.report.evidence import evidence_sentence, read_evidence
from amc_xai.report.players import EVERYWHERE
from amc_xai.report.run_files import PisRow, read_pis

MOST = 6
# An answer to an empty picture is a leaning where it is given with this probability; and a mistake is one worth
# telling where it was made so many times.
LEANING, FEWEST_TIMES = 0.5, 3
Row = dict[str, Any]


def sentences(folder: Path) -> list[str]:
    """Up to six sentences on a run, the first ones the most telling; fewer where the tables support fewer.

    An effect is told only where its interval excludes 0 (of several: at a false-discovery rate of 5 %), a lack of
    one only where the interval excludes more than five points.
    """

    def rows(name: str, *needed: str) -> list[Row]:
        path = folder / name
        return read_table(path, needed) if path.exists() else []

    channels = rows("channels.csv", "channel", "task", "measure", "frames", "value", "low", "high")
    masks = read_pis(folder / "pis.csv") if (folder / "pis.csv").exists() else []
    said: list[str | None] = [accuracy_sentence(folder)]
    for task in ("snr", "modulation"):
        said.append(channel_sentence(channels, task))
    said.append(symbols_sentence(masks))
    said.append(evidence_sentence(read_evidence(folder)))
    said.append(redundancy_sentence(channels))
    said.append(mistake_sentence(folder))
    said.append(pixels_sentence(masks))
    said.append(emptiness_sentence(rows("operators.csv", "operator", "task", "measure", "value", "named"), masks))
    return [sentence for sentence in said if sentence][:MOST]


def accuracy_sentence(folder: Path) -> str | None:
    """How often the answers are right."""
    if not (folder / "metrics.json").exists():
        return None
    metrics = load_metrics(folder / "metrics.json")
    return accuracy_text(metrics, chance(metrics))


def accuracy_text(metrics: Row, guess: dict[str, float]) -> str | None:
    """The accuracies with their intervals, and by ``guess``; of the frames whose label is known."""
    told = []
    for name, label, rows in (
        ("modulation_accuracy", "the modulation", metrics["by_class"]),
        ("snr_accuracy", "the SNR", metrics["by_snr"]),
    ):
        interval = metrics["interval95"].get(name)
        # Where there is one answer alone, being right says nothing.
        if metrics.get(name) is not None and interval is not None and guess[name] < 1:
            share = (
                f"{label} of {hundredfold(metrics[name])} % ({hundredfold(interval[0])} to "
                f"{hundredfold(interval[1])}; guessing: {hundredfold(guess[name])})"
            )
            told.append((share, sum(row["frames"] for row in rows)))
    if not told:
        return None
    if len({frames for _, frames in told}) == 1:
        return f"It names {' and '.join(share for share, _ in told)} of {told[0][1]:,} frames rightly."
    return f"It names {' and '.join(f'{share} of {frames:,} frames' for share, frames in told)} rightly."


def emptiness_sentence(operators: list[Row], masks: list[PisRow]) -> str | None:
    """What the network makes of nothing, where masked pixels are therefore not emptied."""
    empty = {row["task"]: row for row in operators if row["measure"] == "empty"}
    used = {row["operator"] for row in masks if row["channel"] != EVERYWHERE}
    if len(empty) < 2 or len(used) != 1 or not used <= {"resample", "swap"}:
        return None
    modulation, snr = empty["modulation"], empty["snr"]
    if max(modulation["value"], snr["value"]) < LEANING:
        return None
    ways = {"resample": "filled up from the frame's other points", "swap": "taken from other frames"}
    return (
        "An empty picture is no neutral one: it is named "
        f"{modulation['named']} ({hundredfold(modulation['value'])} %) at {snr['named']} dB "
        f"({hundredfold(snr['value'])} %). So what is masked here is {ways[used.pop()]}."
    )


def mistake_sentence(folder: Path) -> str | None:
    """The most frequent mistake, where it is clearly more frequent than by guessing."""
    if not (folder / "predictions.npz").exists():
        return None
    predictions = Predictions.load(folder / "predictions.npz")
    counts = confusion_matrices(predictions).modulation
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return None
    true, named = np.unravel_index(int(wrong.argmax()), wrong.shape)
    frames, times = int(counts[true].sum()), int(wrong[true, named])
    low, high = (float(bound) for bound in wilson(times, frames))
    if low <= 1 / len(counts) or times < FEWEST_TIMES:
        return None
    names = predictions.modulations
    return (
        f"Its most frequent mistake is {names[named]} for {names[true]}: {times} of {frames} frames "
        f"({hundredfold(times / frames)} %, {hundredfold(low)} to {hundredfold(high)})."
    )
