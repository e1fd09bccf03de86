"""Channels as players: what each is worth, by swapping it for another frame's and by Shapley's value.

A coalition keeps some channels of a frame and takes the others from a donor frame, all from the same one, so
that the channels that are taken fit each other. The value of a coalition is the accuracy that it leaves, over
frames and donors. What a channel costs alone is `swap` (Breiman, "Random forests", 2001, section 10, with donors
for the permutation); redundant channels each cost little then. `shapley` shares the whole out among them: the
mean, over all orders in which channels are lost, of what each costs when its turn comes (Shapley, "A value for
n-person games", 1953; with donors as reference: Lundberg and Lee, NIPS 2017). The values add up to the accuracy
less that of a donor's answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.explain.asking import named_answers
from amc_xai.explain.paired import RESAMPLES, false_discovery, mean_difference
from amc_xai.explain.perturbed import TASKS
from amc_xai.explain.streams import Streams
from amc_xai.perturbation.swap import Donors, Seen
from amc_xai.perturbation.view import View

# 2^7 - 2 coalitions a donor; beyond, swap alone.
MOST_PLAYERS = 7
# Passes a frame that Shapley's values may take: with more players fewer donors are drawn.
MOST_PASSES = 64

Row = dict[str, Any]
Players = Mapping[str, tuple[int, list[int]]]
Coalition = frozenset[str]


class Worth(NamedTuple):
    """What each of N frames' coalitions are worth.

    Attributes:
        players: their names.
        labels: ``modulation`` and ``snr``, int (N,), -1 = unknown.
        value: per coalition and task float64 (N,), the share of donors with which the answer is right.
    """

    players: list[str]
    labels: dict[str, np.ndarray]
    value: dict[Coalition, dict[str, np.ndarray]]


def players_of(view: View, groups: Sequence[str] = ()) -> dict[str, tuple[int, list[int]]]:
    """The players of what a network sees: name -> (which input, which of its channels).

    A channel each; channels named ``<group> ...`` play together where ``groups`` names it; a sequence beside an
    image is one player, ``sequence``.
    """
    players: dict[str, tuple[int, list[int]]] = {}
    for place, channel in enumerate(view.channels):
        group = next((g for g in groups if channel == g or channel.startswith(f"{g} ")), channel)
        players.setdefault(group, (0, []))[1].append(place)
    if view.sequence is not None:
        players["sequence"] = (1, list(range(view.sequence.shape[1])))
    return players


def mixed(own: Seen, donor: Seen, players: Players, kept: Iterable[str]) -> Seen:
    """What a network sees of frames that keep these players and have the donors' others."""
    several = isinstance(own, tuple)
    parts = [part.clone() for part in (own if several else (own,))]
    others = donor if several else (donor,)
    for name in set(players) - set(kept):
        part, channels = players[name]
        parts[part][:, channels] = others[part][:, channels]
    return tuple(parts) if several else parts[0]


def coalitions(players: Sequence[str], *, every: bool) -> list[Coalition]:
    """The coalitions to ask about: those that lack one player; with ``every`` all but the whole and the empty."""
    sizes = range(1, len(players)) if every else [len(players) - 1]
    return [frozenset(kept) for size in sizes for kept in combinations(players, size) if size]


@torch.inference_mode()
def channel_worth(
    network: nn.Module,
    frames: Iterable[tuple[View, torch.Tensor, torch.Tensor]],
    donors: Donors,
    draws: int,
    seed: int,
    groups: Sequence[str] = (),
) -> Worth:
    """Ask the network about every coalition of up to seven players, or about those that lack one of more.

    Args:
        network: as `pis.perturbation_scores` has it.
        frames: as there, with ``places``.
        donors: what parts are taken from; ``draws`` of them for each frame, fewer where the passes for Shapley's
            values would be more than `MOST_PASSES` a frame.
        seed: of the donors.
        groups: as `players_of` has them.

    Raises:
        UserError: there are no frames.
    """
    network.eval()
    streams = Streams(seed)
    size = 128
    given = [named_answers(network, donors.of(part)) for part in torch.arange(len(donors.places)).split(size)]
    given = torch.cat(given, 1).to(donors.places.device)
    labels, found, names = [], {}, []
    for view, modulation, snr in frames:
        players = players_of(view, groups)
        names = list(players)
        every = 1 < len(names) <= MOST_PLAYERS
        asked = coalitions(names, every=every)
        times = max(1, min(draws, MOST_PASSES // len(asked))) if every else draws
        label = torch.stack([modulation, snr]).to(given.device)
        labels.append(label.cpu())
        batch = {frozenset(names): [named_answers(network, view.whole)] * times}
        for time in range(times):
            donor = donors.drawn(view.places, streams("donor", time))
            other = donors.of(donor)
            batch.setdefault(frozenset(), []).append(given[:, donor])
            for kept in asked:
                answers = named_answers(network, mixed(view.whole, other, players, kept))
                batch.setdefault(kept, []).append(answers)
        for kept, answers in batch.items():
            right = torch.stack(answers) == label
            right = torch.cat([right, right.all(1, keepdim=True)], 1)  # joint: both
            found.setdefault(kept, []).append(right.to(torch.float32).mean(0).cpu().numpy())
    if not labels:
        raise UserError("There are no frames to explain; choose a split that holds some.")
    joined = {kept: np.concatenate(parts, 1).astype(np.float64) for kept, parts in found.items()}
    both = torch.cat(labels, 1).numpy()
    return Worth(
        names,
        {"modulation": both[0], "snr": both[1]},
        {kept: dict(zip(TASKS, value, strict=True)) for kept, value in joined.items()},
    )


def swap_values(worth: Worth, task: str) -> dict[str, np.ndarray]:
    """What each frame loses of its accuracy when one player is a donor's: float64 (N,) by player."""
    whole = frozenset(worth.players)
    return {name: worth.value[whole][task] - worth.value[whole - {name}][task] for name in worth.players}


def shapley_values(worth: Worth, task: str) -> dict[str, np.ndarray]:
    """Each player's Shapley value on each frame, float64 (N,); nothing where not every coalition was asked."""
    players, count = worth.players, len(worth.players)
    if len(worth.value) < 2**count:
        return {}
    values = {}
    for name in players:
        others = [player for player in players if player != name]
        total = 0.0
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for kept in map(frozenset, combinations(others, size)):
                total = total + weight * (worth.value[kept | {name}][task] - worth.value[kept][task])
        values[name] = total
    return values


def channel_rows(
    worth: Worth, by: str | None = None, names: Sequence = (), seed: int = 0, resamples: int = RESAMPLES
) -> list[Row]:
    """Rows of ``channels.csv``; with ``by`` ("modulation" or "snr", entries ``names``) those by label.

    ``value`` is in accuracy (0..1), with a 95 % interval over frames; ``q_value`` is the false-discovery rate
    among the rows of one task and measure.
    """
    rows: list[Row] = []
    both = {task: label >= 0 for task, label in worth.labels.items()}
    both["joint"] = both["modulation"] & both["snr"]
    for task in TASKS:
        for measure, values in (("swap", swap_values(worth, task)), ("shapley", shapley_values(worth, task))):
            begin = len(rows)
            for channel, value in values.items():
                group = np.zeros(len(value), np.int64) if by is None else worth.labels[by]
                known = both[task] & (group >= 0)
                groups = 1 if by is None else len(names)
                low, high, p = mean_difference(value[known], group[known], groups, seed, resamples)
                frames = np.bincount(group[known], minlength=groups)
                total = np.bincount(group[known], weights=value[known], minlength=groups)
                rows += [
                    ({} if by is None else {by: names[g]})
                    | {
                        "channel": channel, "task": task, "measure": measure, "frames": int(frames[g]),
                        "value": float(total[g] / frames[g]), "low": float(low[g]), "high": float(high[g]),
                        "q_value": float(p[g]),
                    }
                    for g in np.flatnonzero(frames)
                ]  # fmt: skip
            mine = rows[begin:]
            for row, q in zip(mine, false_discovery(np.array([row["q_value"] for row in mine])), strict=True):
                row["q_value"] = float(q)
    return rows
