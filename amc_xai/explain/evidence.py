"""Whether a network finds its evidence where the optimal observer does: symbol by symbol.

The yardstick is the log-likelihood ratio of each symbol between the class that the network names and its runner-up
(`limits.evidence`), the genie's map. Against it stand the maps of attribution, brought from pixels to symbols, and
the network's own symbol scores: what its lead over the runner-up loses without one symbol. Agreement is Spearman's
correlation over the symbols of a frame. A network has to infer noise and carrier from all symbols, so that 1 is
out of its reach; a uniform and a random map tell what 0 looks like.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from amc_xai.explain.asking import Asker
from amc_xai.explain.paired import mean_interval
from amc_xai.explain.sanity import spearman
from amc_xai.perturbation.operators import refilled
from amc_xai.perturbation.refill import without_symbols
from amc_xai.perturbation.symbol_players import FrameSymbols, symbols_of
from amc_xai.perturbation.view import DoesNotApply, View

Row = dict[str, Any]
# Where the modulation is neither hopeless nor plain; the classes are told apart here.
BAND_DB = (10.0, 20.0)


def on_symbols(scores: torch.Tensor, view: View) -> torch.Tensor:
    """A map over what the network sees as one number a symbol: float (B, K).

    A pixel's score is shared evenly by the points that fell into it, that of a pair of neighbours by both, and
    that of a sample goes to the symbol it belongs to. All channels add up.

    Args:
        scores: (B, C, H, W) of pictures whose points are known, or (B, C, L) of sequences.

    Raises:
        DoesNotApply: the symbols, or a channel's points, are not known.
    """
    symbols = symbols_of(view)
    length = scores.shape[-1] if view.iq is None else view.iq.shape[-1]
    if scores.ndim == 3:
        return _to_symbols(scores.sum(1), symbols, length, columns=True)
    total = torch.zeros(symbols.value.shape, device=scores.device)
    for place, channel in enumerate(view.channels):
        cells = view.drawn(channel, "a map on symbols")
        inside = cells >= 0
        pixels = torch.zeros(len(cells), scores.shape[2] * scores.shape[3] + 1, device=scores.device)
        there = torch.where(inside, cells, pixels.shape[1] - 1)
        pixels.scatter_add_(1, there, torch.ones_like(there, dtype=pixels.dtype))
        values = scores[:, place].flatten(1).gather(1, cells.clamp(min=0)) / pixels.gather(1, there)
        total += _to_symbols(values * inside, symbols, length)
    return total


def _to_symbols(
    values: torch.Tensor, symbols: FrameSymbols, length: int, *, columns: bool = False
) -> torch.Tensor:
    """Values of a channel's points (B, P) as values of symbols (B, K); the cases are those of `takes`."""
    frames, count = symbols.value.shape
    points = values.shape[1]
    found = torch.zeros(frames, count, device=values.device)
    if points == count or (columns and points < count):
        found[:, :points] = values
    elif points == count - 1:
        found[:, 1:] += values / 2
        found[:, :-1] += values / 2
    elif points <= length:
        beyond = (length - points) // 2
        owner = symbols.owners(length)[:, beyond : beyond + points]
        found.scatter_add_(1, owner.clamp(min=0), values * (owner >= 0))
    else:
        raise DoesNotApply(f"evidence: {points} points belong to no symbols in frames of {count}")
    return found


@torch.inference_mode()
def own_scores(
    network: nn.Module, view: View, representation: nn.Module | None, generator: torch.Generator
) -> torch.Tensor:
    """What the network's lead for its modulation over the runner-up loses without each symbol: float (B, K).

    Of a picture the symbol's points are left out of every channel; in a sequence another symbol takes its place.
    One pass a symbol.

    Raises:
        DoesNotApply: the symbols, or a channel's points, are not known.
    """
    symbols, ask = symbols_of(view), Asker(network, view.whole)
    length = view.image.shape[-1] if view.iq is None else view.iq.shape[-1]
    plain = view.image.ndim == 4 and view.sequence is None and representation is not None
    lost = []
    for k in range(symbols.value.shape[1]):
        removed = torch.zeros_like(symbols.known)
        removed[:, k] = symbols.known[:, k]
        if plain and not set(view.channels) - set(view.cells):
            hit = {name: symbols.takes(removed, c.shape[1], length) for name, c in view.cells.items()}
            seen = representation.draw(refilled(view, hit, generator, refill=False)).to(view.image.dtype)
        else:
            seen = without_symbols(view, removed, representation, generator)
        lost.append(ask.clean[2] - ask(seen)[2])
    return torch.stack(lost, 1)


def agreement_of_frames(
    maps: Mapping[str, torch.Tensor], evidence: torch.Tensor, known: torch.Tensor
) -> dict[str, np.ndarray]:
    """Spearman's correlation (B,) of each map (B, K) with the evidence over the known symbols; NaN of no order."""
    # Where it says the same of all symbols (BPSK against QPSK without noise: log 2), rounding gives no order.
    evidence = (1e6 * evidence).round()
    return {name: spearman(scores.cpu(), evidence.cpu(), known.cpu()) for name, scores in maps.items()}


def evidence_rows(
    agreement: Mapping[str, np.ndarray],
    modulation: np.ndarray,
    snr: np.ndarray,
    names: Sequence[str],
    seed: int = 0,
) -> list[Row]:
    """Rows of ``evidence.csv``: the mean agreement of each map over frames, with its bootstrap interval.

    A row for each map over all classes and one for each class, both over the SNRs in `BAND_DB` (all, where none
    lies there), and one for each SNR over all classes (``modulation`` = all).

    Args:
        agreement: by map (N,), NaN where a frame's map has no order; ``frames`` counts the others.
        modulation, snr: true class (N,) as an index into ``names``, and SNR (N,) in dB.
    """
    inside = (snr >= BAND_DB[0]) & (snr <= BAND_DB[1])
    inside = inside if inside.any() else np.ones(len(snr), bool)
    low, high = (float(snr[inside].min()), float(snr[inside].max())) if len(snr) else (np.nan, np.nan)
    groups = [("all", low, high, inside)]
    groups += [(names[k], low, high, inside & (modulation == k)) for k in np.unique(modulation[inside])]
    groups += [("all", float(level), float(level), snr == level) for level in np.unique(snr)]
    rows = []
    for label, lowest, highest, chosen in groups:
        for name, values in agreement.items():
            known = values[chosen & np.isfinite(values)]
            if not len(known):
                continue
            mean, bottom, top = mean_interval(known, seed)
            rows.append(
                {
                    "map": name, "modulation": label, "snr_low": lowest, "snr_high": highest,
                    "frames": len(known), "value": mean, "low": bottom, "high": top,
                }
            )  # fmt: skip
    return rows
