"""The closing table in the terminal: what was reached, how sure that is, and what guessing would reach."""

from collections.abc import Mapping, Sequence
from typing import Any

from amc_xai.evaluation.limit import ACCURACIES
from amc_xai.signal.snr import decibels_a_label

HEADLINE = dict(zip(ACCURACIES, ("modulation", "SNR", "joint (both right)"), strict=True))


def percent(value: float | None) -> str:
    """A share 0..1 as ``76.39 %``; an en dash for ``None``."""
    return "\N{EN DASH}" if value is None else f"{100 * value:.2f} %".replace("-", "\N{MINUS SIGN}")


def percent_interval(interval: Sequence[float] | None) -> str:
    """Two shares as ``76.14 to 76.64 %``; an en dash for ``None``."""
    if interval is None:
        return "\N{EN DASH}"
    return f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f} %".replace("-", "\N{MINUS SIGN}")


def summary_table(metrics: Mapping[str, Any], chance: Mapping[str, float]) -> str:
    """Modulation, SNR and joint accuracy with 95 % intervals beside chance, as aligned lines of plain text.

    ``metrics`` as ``evaluation.metrics`` gives it, ``chance`` as ``evaluation.chance`` does. A column
    with the share of the limit is there when ``metrics`` has ``share_of_limit``.
    """
    shares = metrics.get("share_of_limit")
    header = ["", "accuracy", "95 % interval", "chance"] + (["of the limit"] if shares else [])
    rows = [header]
    for name, label in HEADLINE.items():
        row = [
            label,
            percent(metrics[name]),
            percent_interval(metrics["interval95"].get(name)),
            percent(chance[name]),
        ]
        rows.append(row + ([percent(shares.get(name))] if shares else []))
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = [
        "  ".join([row[0].ljust(widths[0])] + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)])
        for row in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    closing = f"{metrics['frames']:,} frames"
    if metrics.get("snr_mae_db") is not None:
        doubled = decibels_a_label(metrics.get("snr_definition")) == 2
        closing += f"; mean SNR error {metrics['snr_mae_db']:.2f} {'labels' if doubled else 'dB'}"
        interval = metrics["interval95"].get("snr_mae_db")
        closing += f" ({interval[0]:.2f} to {interval[1]:.2f})" if interval else ""
        if doubled:
            error = metrics.get("snr_mae_es_n0_db")
            closing += ", Es/N0 not known for all classes" if error is None else f", {error:.2f} dB of Es/N0"
    return "\n".join(line.rstrip() for line in [*lines, closing])
