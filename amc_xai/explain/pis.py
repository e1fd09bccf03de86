"""The Perturbation Impact Score: what a network gets wrong when part of the lit pixels is masked.

The score of a mask is the accuracy that it costs divided by the fraction of the pixels that it takes: the
fraction that was asked for (``pis_nominal``, as published), or the share of the lit pixels that really was
masked (``pis_lit``). With masks of an exact count the two differ by the rounding to whole pixels alone.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.explain.perturbed import SHARES, PerturbedPredictions, Setting, score_rows
from amc_xai.explain.pis_table import Row, impact, read_pis_csv, write_pis_csv
from amc_xai.perturbation.operators import Operator
from amc_xai.perturbation.selectors import RankedSelector, Selector
from amc_xai.perturbation.view import View

__all__ = ["PisResult", "impact", "perturbation_scores", "read_pis_csv", "score_rows", "write_pis_csv"]

Frames = Iterable[tuple[View, torch.Tensor, torch.Tensor]]
_Arrays = dict[str, np.ndarray]


class PisResult(NamedTuple):
    """``rows`` of ``pis.csv``, and the ``predictions`` frame by frame that they are computed from."""

    rows: list[Row]
    predictions: PerturbedPredictions


def perturbation_scores(
    network: nn.Module,
    frames: Frames,
    selectors: Mapping[str, Selector],
    operator: tuple[str, Operator],
    fractions: Sequence[float],
    channels: Sequence[str] | None = None,
    seed: int = 0,
    *,
    representation: nn.Module | None = None,
    progress: Callable[[int], None] | None = None,
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
        selectors: by the name that they have in the table.
        operator: its name in the table, and the operator.
        fractions: of the lit pixels, each above 0 and at most 1.
        channels: perturbed one at a time; None takes every channel of the view.
        seed: of all draws.
        representation: handed to the operator.
        progress: called after each batch with the number of frames done so far.

    Raises:
        UserError: nothing to score (no selector, fraction, frame or label), a fraction out of range, a
            channel that the image doesn't have or that a selector or the operator doesn't apply to.
    """
    _check(selectors, fractions, channels)
    fractions = [float(fraction) for fraction in fractions]
    network.eval()
    streams = _Streams(seed)
    known: defaultdict[str, list[np.ndarray]] = defaultdict(list)
    clean: defaultdict[str, list[np.ndarray]] = defaultdict(list)
    perturbed: defaultdict[Setting, defaultdict] = defaultdict(lambda: defaultdict(list))
    shares: defaultdict[Setting, defaultdict] = defaultdict(lambda: defaultdict(list))
    done = 0
    # Only the scoring runs without gradients: whoever yields the frames may need them (attribution maps).
    for view, modulation, snr in frames:
        labels = {"modulation": modulation.to(view.image.device), "snr": snr.to(view.image.device)}
        _extend(known, _with_joint({task: label >= 0 for task, label in labels.items()}))
        _extend(clean, _correct(network, view.seen(view.image), labels))
        for setting, mask in _settings(view, selectors, operator[0], fractions, channels, streams):
            image = _perturb(view, mask, operator[1], representation, streams(*setting, "operator"))
            _extend(perturbed[setting], _correct(network, view.seen(image), labels))
            _extend(shares[setting], _shares(view, mask, setting.channel))
        done += modulation.shape[0]
        if progress is not None:
            progress(done)
    if done == 0:
        raise UserError("There are no frames to explain; choose a split that holds some.")
    predictions = PerturbedPredictions(
        _joined(known),
        _joined(clean),
        {setting: _joined(arrays) for setting, arrays in perturbed.items()},
        {setting: _joined(arrays) for setting, arrays in shares.items()},
    )
    if not any(array.any() for array in predictions.known.values()):
        raise UserError("No frame to explain has a known label; choose frames with labels.")
    return PisResult(score_rows(predictions), predictions)


class _Streams:
    """Random generators by name: each its own stream, carried on from batch to batch."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._generators: dict[tuple, torch.Generator] = {}

    def __call__(self, *name: str | float) -> torch.Generator:
        if name not in self._generators:
            # Not hash(), which differs from process to process for text.
            digest = hashlib.blake2b(repr((self._seed, name)).encode(), digest_size=8).digest()
            self._generators[name] = torch.Generator().manual_seed(int.from_bytes(digest, "little"))
        return self._generators[name]


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


def _settings(
    view: View,
    selectors: Mapping[str, Selector],
    operator: str,
    fractions: Sequence[float],
    channels: Sequence[str] | None,
    streams: _Streams,
) -> Iterator[tuple[Setting, torch.Tensor]]:
    """Yield each setting with its mask (B, C, H, W), ranking once where the selector ranks."""
    for name, selector in selectors.items():
        for channel in view.channels if channels is None else channels:
            ranked = isinstance(selector, RankedSelector)
            ranking = selector.rank(view, channel, streams(name, channel)) if ranked else None
            for fraction in fractions:
                if ranking is not None:
                    mask = view.place(channel, ranking.cut(fraction))
                else:
                    mask = selector.mask(view, channel, fraction, streams(name, channel, fraction))
                yield Setting(name, operator, channel, fraction), mask


@torch.inference_mode()
def _perturb(
    view: View,
    mask: torch.Tensor,
    operator: Operator,
    representation: nn.Module | None,
    generator: torch.Generator,
) -> torch.Tensor:
    return operator(view, mask, representation, generator)


@torch.inference_mode()
def _correct(
    network: nn.Module, x: torch.Tensor | tuple[torch.Tensor, ...], labels: dict[str, torch.Tensor]
) -> _Arrays:
    """Return per task bool (B,): right, and the label known (no class has the index -1)."""
    prediction = network(x)
    return _with_joint({task: getattr(prediction, task).argmax(1) == label for task, label in labels.items()})


def _with_joint(by_task: dict[str, torch.Tensor]) -> _Arrays:
    arrays = {task: flags.cpu().numpy() for task, flags in by_task.items()}
    return {**arrays, "joint": arrays["modulation"] & arrays["snr"]}


@torch.inference_mode()
def _shares(view: View, mask: torch.Tensor, channel: str) -> _Arrays:
    """Return per name in `SHARES` float64 (B,), the share of each frame's channel that the mask takes."""
    masked = mask[:, view.index(channel)].flatten(1)
    intensity = view.intensity(channel)
    lit = view.lit(channel)
    taken = [masked & lit, masked, intensity * masked]
    whole = [lit.sum(1), torch.full_like(lit[:, 0], masked.shape[1], dtype=torch.int64), intensity.sum(1)]
    if channel in view.cells:
        cells = view.cells[channel]
        drawn = cells >= 0
        taken.append(masked.gather(1, cells.clamp(min=0)) & drawn)
        whole.append(drawn.sum(1))
    # One transfer for all; float32 holds the counts of any image below 2^24 pixels exactly.
    sums = torch.stack([part.sum(1).to(torch.float32) for part in taken] + [w.to(torch.float32) for w in whole])
    top, bottom = np.split(sums.cpu().numpy().astype(np.float64), 2)
    share = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    unknown = np.full(share.shape[1:], np.nan)
    return dict(zip(SHARES, [*share, unknown][: len(SHARES)], strict=True))


def _extend(lists: defaultdict[str, list[np.ndarray]], arrays: _Arrays) -> None:
    for name, array in arrays.items():
        lists[name].append(array)


def _joined(lists: defaultdict[str, list[np.ndarray]]) -> _Arrays:
    return {name: np.concatenate(arrays) for name, arrays in lists.items()}
