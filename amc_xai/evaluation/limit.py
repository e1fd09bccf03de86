"""How much of what is possible was reached: accuracies beside a limit known for each SNR."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from amc_xai.errors import UserError
from amc_xai.evaluation.intervals import wilson

ACCURACIES = ("modulation_accuracy", "snr_accuracy", "joint_accuracy")

Limits = dict[float, dict[str, float]]


def read_limits(path: str | Path) -> Limits:
    """Read ``limits.csv`` as ``{snr in dB: {column: value}}``, sorted by SNR; empty cells are left out.

    Raises ``UserError`` if the file or its column ``snr`` is missing, or a cell is not a number.
    """
    if not Path(path).is_file():
        raise UserError(f"limits: there is no file '{path}'.")
    limits: Limits = {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                snr = float(row.pop("snr"))
                values = {name: float(cell) for name, cell in row.items() if cell not in ("", None)}
            except (KeyError, ValueError, TypeError) as error:
                raise UserError(
                    f"limits: '{path}' must have a column snr and numbers in every cell ({error})."
                ) from error
            limits[snr] = {name: value for name, value in values.items() if math.isfinite(value)}
    return dict(sorted(limits.items()))


class Reached(NamedTuple):
    """An accuracy at one SNR, of a network or a classical method."""

    name: str
    """One of ``ACCURACIES``."""
    snr: float
    share: float
    frames: float


def closest(limit: Mapping[str, float], name: str) -> float | None:
    """The limit of an accuracy at one SNR: with the carrier unknown where that is known, else with it known."""
    return limit.get(f"reachable_{name}", limit.get(name))


def above_limit(reached: Sequence[Reached], limits: Limits) -> tuple[list[Reached], int]:
    """Those that lie above the limit, and how many were compared; only where ``limits`` tell their frames.

    By 95 % intervals of the difference that hold for all together (Bonferroni): both shares have their error, the
    limit that of its simulated frames. Newcombe's hybrid of Wilson's intervals ("Interval estimation for the
    difference between independent proportions", Statistics in Medicine 17, 1998, method 10).
    """
    compared = []
    for one in reached:
        limit = limits.get(one.snr, {})
        frames = limit.get("reachable_frames" if f"reachable_{one.name}" in limit else "frames")
        if frames and one.frames and (possible := closest(limit, one.name)) is not None:
            compared.append((one, possible, frames))
    z = NormalDist().inv_cdf(1 - 0.025 / max(1, len(compared)))
    above = []
    for one, possible, frames in compared:
        low, _ = wilson(one.share * one.frames, one.frames, z)
        _, high = wilson(possible * frames, frames, z)
        if one.share - possible > math.hypot(one.share - float(low), float(high) - possible):
            above.append(one)
    return above, len(compared)


def share_of_limit(
    counts: Mapping[str, tuple[np.ndarray, np.ndarray]],
    snrs: np.ndarray,
    limits: Mapping[float, Mapping[str, float]],
) -> dict[str, float]:
    """Accuracy divided by the limit's, for each of ``ACCURACIES`` that the limit speaks of.

    The limit is what can be reached without knowing the carrier, where ``limits`` have it (``reachable_*``).

    ``counts`` maps a name to (right (S,), frames (S,)), as ``accuracy_counts_by_snr`` gives them; ``limits``
    maps an SNR in dB to accuracies (0..1), as ``read_limits`` gives them. Both sides are means over the same
    frames: those at SNRs that have a limit, weighted as the frames are spread. Above 1 by luck, or where the
    limit was worked out for other frames than these.
    """
    shares = {}
    for name in ACCURACIES:
        right, frames = counts[name]
        reached = possible = 0.0
        for snr, limit in limits.items():
            possible_here = closest(limit, name)
            if possible_here is None:
                continue
            here = np.isclose(snrs, snr, rtol=0, atol=1e-6)
            reached += float(right[here].sum())
            possible += float(frames[here].sum()) * possible_here
        if possible > 0:
            shares[name] = reached / possible
    return shares
