"""``limits.csv``, and the same as text."""

import csv
from collections.abc import Sequence
from pathlib import Path

from amc_xai.evaluation.intervals import wilson
from amc_xai.files import replacing
from amc_xai.limits.decisions import LimitRow, Settings
from amc_xai.limits.reachable import ReachableRow

COLUMNS = (
    "snr", "es_n0_db", "modulation_accuracy", "modulation_low", "modulation_high", "snr_accuracy",
    "joint_accuracy", "crb_db", "reachable_modulation_accuracy", "reachable_modulation_low",
    "reachable_modulation_high", "reachable_joint_accuracy", "frames", "reachable_frames",
)  # fmt: skip


def interval(frames: int, settings: Settings, right: float) -> tuple[float, float]:
    """95 % Monte Carlo interval of an accuracy; classes that are assumed right add no width."""
    judged, classes = len(settings.judged), len(settings.modulations)
    if not frames:
        return 1.0, 1.0
    low, high = wilson(right, frames)
    assumed = classes - judged
    return (judged * float(low) + assumed) / classes, (judged * float(high) + assumed) / classes


def reachable_accuracies(limit: LimitRow, row: ReachableRow, settings: Settings) -> dict[str, float]:
    """What is reachable at one SNR, over all classes: the limit less what not knowing the carrier costs.

    The cost is counted on the same frames, so it is surer than the count itself, whose interval
    stands beside it.
    """
    share = len(settings.judged) / len(settings.modulations)
    cost = max(0, row.known_modulation_right - row.modulation_right) / row.frames
    joint_cost = max(0, row.known_joint_right - row.joint_right) / row.frames
    accuracy = limit.modulation_accuracy - share * cost
    right = (accuracy - (1 - share)) / share * row.frames
    low, high = interval(row.frames, settings, min(max(right, 0.0), row.frames))
    return {
        "reachable_modulation_accuracy": accuracy,
        "reachable_modulation_low": low,
        "reachable_modulation_high": high,
        "reachable_joint_accuracy": limit.joint_accuracy - share * joint_cost,
    }


def write_limits_csv(
    rows: Sequence[LimitRow], settings: Settings, path: Path, reachable: Sequence[ReachableRow] = ()
) -> Path:
    """Write ``limits.csv``: one row for each SNR, in ascending order; what isn't known stays empty."""
    found = {row.snr: row for row in reachable}
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in sorted(rows, key=lambda row: row.snr):
            low, high = interval(row.frames, settings, row.modulation_right)
            values = {"modulation_low": low, "modulation_high": high}
            values |= {"es_n0_db": own[0]} if len(own := settings.es_n0_db(row.snr)) == 1 else {}
            values |= {name: getattr(row, name) for name in COLUMNS if hasattr(row, name)}
            if row.snr in found:
                values |= reachable_accuracies(row, found[row.snr], settings)
                values["reachable_frames"] = found[row.snr].frames
            writer.writerow({name: f"{value:.6g}" for name, value in values.items()})
    return path


def limits_text(rows: Sequence[LimitRow], settings: Settings, reachable: Sequence[ReachableRow] = ()) -> str:
    """The limits as aligned lines, with Monte Carlo intervals and the mean over all SNRs.

    Behind them what is reachable without knowing the carrier, where that was worked out.
    """
    found = {row.snr: row for row in reachable}
    ordered = sorted(rows, key=lambda row: row.snr)
    names = ["modulation_accuracy", "snr_accuracy", "joint_accuracy"]
    table = [
        {name: getattr(row, name) for name in names}
        | (reachable_accuracies(row, found[row.snr], settings) if found else {})
        for row in ordered
    ]
    header = ["SNR (dB)", "modulation", "95 % interval", "SNR", "joint", "bound (dB)"]
    if found:
        names += ["reachable_modulation_accuracy", "reachable_joint_accuracy"]
        header += ["carrier unknown: modulation", "joint"]
    lines = [header]
    for row, values in zip(ordered, table, strict=True):
        span = "{:.1f} to {:.1f}".format(*(100 * b for b in interval(row.frames, settings, row.modulation_right)))
        shares = [f"{100 * values[name]:.1f} %" for name in names]
        lines.append([f"{row.snr:g}", shares[0], span, *shares[1:3], f"{row.crb_db:.2f}", *shares[3:]])
    mean = [f"{100 * sum(values[name] for values in table) / len(table):.1f} %" for name in names]
    lines.append(["mean", mean[0], "", *mean[1:3], "", *mean[3:]])
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    text = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    text.insert(1, "-" * max(map(len, text)))
    return "\n".join(text)
