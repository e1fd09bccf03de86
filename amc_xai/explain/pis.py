"""The Perturbation Impact Score: what a network gets wrong when part of the lit pixels is masked.

The score of a mask is the accuracy that it costs divided by the fraction of the pixels that it takes: the
fraction that was asked for (``pis_nominal``, as published), or the share of the lit pixels that really was
masked (``pis_lit``). With masks of an exact count the two differ by the rounding to whole pixels alone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.explain.asking import Asker, split_answers
from amc_xai.explain.control import Control
from amc_xai.explain.paired import RESAMPLES
from amc_xai.explain.perturbed import PerturbedPredictions, Setting, score_rows
from amc_xai.explain.perturbing import Perturber
from amc_xai.explain.pis_table import Row, impact, read_pis_csv, write_pis_csv
from amc_xai.explain.shares import BatchShares
from amc_xai.explain.streams import Streams
from amc_xai.perturbation.operators import Operator
from amc_xai.perturbation.selectors import Selector
from amc_xai.perturbation.symbol_players import SymbolSelector
from amc_xai.perturbation.view import View

__all__ = ["PisResult", "impact", "perturbation_scores", "read_pis_csv", "score_rows", "write_pis_csv"]

Frames = Iterable[tuple[View, torch.Tensor, torch.Tensor]]


class PisResult(NamedTuple):
    """``rows`` of ``pis.csv``, and the ``predictions`` frame by frame that they are computed from."""

    rows: list[Row]
    predictions: PerturbedPredictions


def perturbation_scores(
    network: nn.Module,
    frames: Frames,
    selectors: Mapping[str, Selector | SymbolSelector],
    operator: tuple[str, Operator] | Mapping[str, Operator],
    fractions: Sequence[float],
    channels: Sequence[str] | None = None,
    seed: int = 0,
    *,
    control: str | None = None,
    repeats: int = 1,
    resamples: int = RESAMPLES,
    representation: nn.Module | None = None,
    progress: Callable[[int], None] | None = None,
    said: set[str] | None = None,
) -> PisResult:
    """Score every selector at every fraction, in one pass over the frames.

    What a selector draws depends on the seed, its name, the channel and the frame's place in the order: not
    on the other selectors, channels and fractions, nor on how the frames are cut into batches. A ranked
    selector's masks are nested from one fraction to the next.

    Args:
        network: image (B, C, H, W), with the view's sequence where it has one, -> an object with ``modulation``
            (B, M) and ``snr`` (B, S) logits; it is put in evaluation mode.
        frames: batches of (view, modulation labels (B,), snr labels (B,)), views on the network's device. A
            label of -1 is unknown: that frame doesn't count for the task, nor for "joint" (both right).
        selectors: by the name that they have in the table. Those of symbols act on all channels at once (channel
            ``all``), and the frame's other symbols take their place (operator ``resample``); where a network sees
            no pixels, or the symbols aren't known, the selectors of these are passed over.
        operator: its name in the table, and the operator; or several by name, which get the same masks.
        fractions: of the lit pixels, each above 0 and at most 1.
        channels: perturbed one at a time; None takes every channel of the view that a selector and the operator
            apply to, with a line in the log for each that is passed over.
        seed: of all draws.
        control: a random mask beside each: "random" (as many lit pixels) or "random_matched" (as many of each
            intensity); None for none.
        repeats: draws of every random part, averaged.
        resamples: of the bootstrap behind the intervals.
        representation: handed to the operator.
        progress: called after each batch with the number of frames done so far.
        said: what was logged before and isn't again.

    Raises:
        UserError: nothing to score (no selector, fraction, frame or label), a fraction out of range, a
            named channel that the image doesn't have or that a selector or the operator doesn't apply to, a
            selector that applies to no channel. `perturbing.NothingToTake`, one of them, where a network sees no
            pixels and the symbols aren't known.
    """
    _check(selectors, fractions, channels)
    fractions = [float(fraction) for fraction in fractions]
    network.eval()
    streams = Streams(seed)
    beside = Control(control, streams, representation) if control is not None else None
    operators = dict([operator]) if isinstance(operator, tuple) else operator
    perturbed = Perturber(selectors, operators, fractions, channels, streams, repeats, representation)
    perturbed.said = perturbed.said if said is None else said
    kept, shares = _Kept(), defaultdict(list)
    done = 0
    # Only the scoring runs without gradients: whoever yields the frames may need them (attribution maps).
    for view, modulation, snr in frames:
        kept.labels.append(torch.stack([modulation, snr]).cpu())
        ask = Asker(network, view.whole)
        answers = {("clean",): [ask.clean]}
        measured = BatchShares(view)
        for found in perturbed(view):
            draws = answers.setdefault(("masked", found.setting), [])
            draws.append(ask(found.seen))
            measured.add(found.setting, found.taken)
            if beside is not None:
                answers.setdefault(("control", found.setting), []).append(
                    beside.answers(ask, view, found, len(draws) - 1)
                )
        perturbed.check()  # after the first batch, not after the last
        kept.add(answers)
        for setting, share in measured.of_batch().items():
            shares[setting].append(share)
        done += modulation.shape[0]
        if progress is not None:
            progress(done)
    if done == 0:
        raise UserError("There are no frames to explain; choose a split that holds some.")
    predictions = kept.predictions(shares)
    if not any(array.any() for array in predictions.known.values()):
        raise UserError("No frame to explain has a known label; choose frames with labels.")
    return PisResult(score_rows(predictions, resamples, seed), predictions)


class _Kept:
    """Labels and answers, batch by batch; one transfer from the device for each batch."""

    def __init__(self) -> None:
        self.labels: list[torch.Tensor] = []
        self._answers: defaultdict[tuple, list[np.ndarray]] = defaultdict(list)

    def add(self, answers: Mapping[tuple, list[torch.Tensor]]) -> None:
        """Keep the answers (4, B) of each draw, by what they answer to."""
        flat = torch.stack([draw for draws in answers.values() for draw in draws]).cpu().numpy()
        for (key, draws), stop in zip(answers.items(), np.cumsum([len(d) for d in answers.values()]), strict=True):
            self._answers[key].append(flat[stop - len(draws) : stop])

    def predictions(self, shares: Mapping[Setting, list[dict[str, np.ndarray]]]) -> PerturbedPredictions:
        labels = torch.cat(self.labels, 1).numpy()
        joined = {key: np.concatenate(parts, axis=2) for key, parts in self._answers.items()}

        found = {key: split_answers(draws) for key, draws in joined.items()}

        def by_setting(kind: str, part: int) -> dict[Setting, dict[str, np.ndarray]]:
            return {key[1]: draws[part] for key, draws in found.items() if key[0] == kind}

        clean, lead = ({task: draws[0] for task, draws in part.items()} for part in found[("clean",)])
        return PerturbedPredictions(
            {"modulation": labels[0], "snr": labels[1]},
            clean,
            by_setting("masked", 0),
            {
                s: {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
                for s, parts in shares.items()
            },
            by_setting("control", 0),
            lead,
            by_setting("masked", 1),
            by_setting("control", 1),
        )


def _check(selectors: Mapping[str, Selector], fractions: Sequence[float], channels: Sequence[str] | None) -> None:
    if not selectors:
        raise UserError("perturbation.selectors: it is empty; name at least one selector.")
    if channels is not None and (not channels or len(set(channels)) < len(channels)):
        raise UserError(
            f"perturbation.channels: {list(channels)} is empty or names a channel twice; "
            "name each channel once, or give null for all."
        )
    if not fractions or len(set(fractions)) < len(fractions) or not all(0 < f <= 1 for f in fractions):
        raise UserError(
            f"perturbation.fractions: {list(fractions)} won't do; "
            "give at least one number, each above 0, at most 1, and only once."
        )
