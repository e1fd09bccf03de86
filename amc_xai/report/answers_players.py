"""Sentences on what an answer rests on: channels, symbols and pixels, each beside what chance would give."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from amc_xai.explain.paired import false_discovery
from amc_xai.report.players import EVERYWHERE, SURE, TOGETHER, certain
from amc_xai.report.run_files import PisRow

# An effect of which not even this much can be excluded is not called small.
SMALL = 0.05
Row = dict[str, Any]
CHANNELS = {
    "trajectory": "all samples",
    "symbols": "the symbols as they arrive",
    "recovered": "the symbols with the carrier taken out",
    "recovered_8": "the carrier taken out by the eighth power",
    "recovered_16": "the carrier taken out by the sixteenth power",
    "differential": "the turn from symbol to symbol",
    "residual": "the noise beside the band",
    "noise": "the noise beside the band",
    "amplitude": "the symbols' amplitudes",
    "staggered": "the symbols as OQPSK sends them",
    "sequence": "what it sees beside the picture",
}
TASKS = {"modulation": "The modulation", "snr": "The SNR"}


def points(value: float, low: float, high: float) -> str:
    """An accuracy's change in points with its interval."""
    return f"{hundredfold(value)} points ({hundredfold(low)} to {hundredfold(high)})"


def hundredfold(share: float) -> str:
    """A share in per cent, or in points, to one place."""
    return f"{100 * share:.1f}".replace("-", "\N{MINUS SIGN}")


def channel_sentence(rows: list[Row], task: str) -> str | None:
    """Which channel an answer is read from; only of several channels."""
    mine = [row for row in rows if (row["task"], row["measure"]) == (task, "swap")]
    if len(mine) < 2:
        return None
    frames = f"{int(mine[0]['frames']):,} frames"
    mine.sort(key=lambda row: -row["value"])
    felt = [row for row in mine if certain(row) and row["low"] > 0]
    if not felt:
        bound = max(row["high"] for row in mine)
        if bound > SMALL:
            return None
        return (
            f"No single channel is missed for {TASKS[task].lower().replace('snr', 'SNR')}: another frame's in "
            f"place of any one costs at most {hundredfold(bound)} points ({frames})."
        )
    first, others = felt[0], felt[1:]
    if first["low"] > max(row["high"] for row in mine if row is not first):
        told = (
            f"{TASKS[task]} is read above all from {name_of(first['channel'])}: with another frame's in its place "
            f"{points(*_values(first))} of accuracy are lost"
        )
        if others:
            told += f", with that of {others[0]['channel'].replace('_', ' ')} {points(*_values(others[0]))}"
        elif not any(certain(row) for row in mine if row is not first):
            told += ", with that of any other none that can be told from 0"
    else:
        level = [first, *(row for row in others if row["high"] >= first["low"])]
        listed = [f"{points(*_values(row))} for {row['channel'].replace('_', ' ')}" for row in level]
        several = (
            "is read from several channels, none clearly ahead"
            if len(level) > 1
            else "has no channel that is clearly ahead of all"
        )
        told = f"{TASKS[task]} {several}: with another frame's in its place the accuracy loses {_listed(listed)}"
    return f"{told} ({frames})."


def redundancy_sentence(rows: list[Row]) -> str | None:
    """A channel that says what others say too: worth clearly more in company than it costs alone."""
    best = None
    for task in TASKS:
        swap, shapley = (
            {row["channel"]: row for row in rows if (row["task"], row["measure"]) == (task, measure)}
            for measure in ("swap", "shapley")
        )
        for channel in set(swap) & set(shapley):
            gap = shapley[channel]["low"] - swap[channel]["high"]
            if gap > 0 and (best is None or gap > best[0]):
                best = gap, task, swap[channel], shapley[channel]
    if best is None:
        return None
    _, task, alone, shared = best
    return (
        f"Channels say the same: of the {'SNR' if task == 'snr' else task} accuracy {points(*_values(shared))} "
        f"are due to {alone['channel'].replace('_', ' ')} (Shapley), though lacking it alone costs "
        f"{points(*_values(alone))}."
    )


def symbols_sentence(rows: list[PisRow]) -> str | None:
    """Which symbols the modulation rests on, beside as many at random."""
    mine = [row for row in rows if (row["channel"], row["task"]) == (EVERYWHERE, "modulation")]
    mine = [row for row in mine if math.isfinite(row.get("excess_low", math.nan))]
    if not mine:
        return None
    largest = max(row["nominal_fraction"] for row in mine)
    mine = [row for row in mine if row["nominal_fraction"] == largest]
    felt = [row for row, q in zip(mine, _excess_q(mine), strict=True) if q < SURE]
    row = max(felt or mine, key=lambda row: abs(row["excess"]) if felt else row["drop"])
    if not certain(row):
        return None
    which = row["selector"].removesuffix("_symbols").replace("_", " ")
    told = (
        f"Without {_share(largest)} of the symbols, the {which} ones, in every channel the modulation loses "
        f"{points(row['drop'], row['drop_low'], row['drop_high'])}"
    )
    excess = (row["excess"], row["excess_low"], row["excess_high"])
    if felt and row["excess"] > 0:
        told += f", {points(*excess)} more than without as many at random"
    elif felt:
        told += f", {points(*(-x for x in (excess[0], excess[2], excess[1])))} less than without as many at random"
    else:
        told += (
            "; that is not told apart from what as many at random cost (difference "
            f"{hundredfold(excess[0])}, {hundredfold(excess[1])} to {hundredfold(excess[2])})"
        )
    others = [one for one in felt if one is not row]
    if others:
        other = max(others, key=lambda one: abs(one["excess"]))
        name = other["selector"].removesuffix("_symbols").replace("_", " ")
        told += f"; without the {name} ones {points(other['drop'], other['drop_low'], other['drop_high'])}"
    return f"{told} ({int(row['frames']):,} frames)."


def pixels_sentence(rows: list[PisRow]) -> str | None:
    """Whether it matters which pixels of a channel are masked, beside as many at random."""
    mine = [row for row in rows if row["channel"] != EVERYWHERE and row["task"] in TASKS]
    mine = [row for row in mine if row["operator"] != "zero" and math.isfinite(row.get("excess_low", math.nan))]
    if not mine:
        return None
    told = [row for row, q in zip(mine, _excess_q(mine), strict=True) if q < SURE]
    felt = [row for row in told if row["excess"] > 0]
    if felt:
        row = max(felt, key=lambda row: row["excess"])
        alone = row["channel"] != TOGETHER
        where = row["channel"].replace("_", " ") if alone else "all channels at once"
        return (
            f"Of {'one channel' if alone else 'the picture'}'s pixels it matters most which are masked in "
            f"{where}: "
            f"{row['selector'].replace('_', ' ')} {_share(row['nominal_fraction'])} cost the "
            f"{'SNR' if row['task'] == 'snr' else row['task']} "
            f"{points(row['excess'], row['excess_low'], row['excess_high'])} more than as many at random "
            f"({int(row['frames']):,} frames)."
        )
    mine = [row for row in mine if row["channel"] != TOGETHER]
    bound = max((max(row["excess_high"], -row["excess_low"]) for row in mine), default=math.inf)
    if told or bound > SMALL:
        return None
    masks = {(row["channel"], row["selector"], row["operator"], row["nominal_fraction"]) for row in mine}
    return (
        f"Which pixels of one channel are masked makes no difference that shows: what any of {len(masks)} masks "
        f"costs differs by {hundredfold(bound)} points at most from what as many at random cost."
    )


def name_of(channel: str) -> str:
    """A channel's name, and what it shows."""
    plain = channel.replace("_", " ")
    return f"{plain} ({CHANNELS[channel]})" if channel in CHANNELS else plain


def _excess_q(rows: list[PisRow]) -> np.ndarray:
    """The false-discovery rates of excesses over the control; of files without p-values what the interval says."""
    p = np.array([row.get("excess_p_value", math.nan) for row in rows])
    if np.isfinite(p).any():
        return np.nan_to_num(false_discovery(p), nan=1.0)
    return np.array([0.0 if row["excess_low"] > 0 or row["excess_high"] < 0 else 1.0 for row in rows])


def _values(row: Mapping[str, Any]) -> tuple[float, float, float]:
    return row["value"], row["low"], row["high"]


def _share(fraction: float) -> str:
    return "half" if fraction == 0.5 else f"{100 * fraction:g} %"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
