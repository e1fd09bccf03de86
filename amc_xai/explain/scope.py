"""How far each operator takes a network from inputs that it knows, and what it answers when there is nothing.

A score by masking rests on the answers to inputs that no frame gives. Where such inputs lie out of the network's
scope the answers say as much of the operator as of the evidence.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from amc_xai.explain.attribution.method import TaskOutput
from amc_xai.explain.paired import mean_interval
from amc_xai.explain.streams import Streams
from amc_xai.perturbation.masks import rank_pixels
from amc_xai.perturbation.operators import Operator
from amc_xai.perturbation.view import DoesNotApply, View

Row = dict[str, Any]
TASKS = ("modulation", "snr")
SHARES = (0.25, 0.5, 0.75)


@torch.inference_mode()
def operator_scope(
    network: nn.Module,
    frames: Iterable[tuple[View, torch.Tensor, torch.Tensor]],
    operators: Mapping[str, Operator],
    classes: Mapping[str, Sequence],
    seed: int,
    representation: nn.Module | None = None,
) -> list[Row]:
    """Rows of ``operators.csv``: ``operator, task, measure, frames, value, low, high, named``.

    - ``kept``: the probability that is left of the class named before, when a random quarter, half and three
      quarters of the lit pixels of all channels are masked; the mean over the three. The reference
      out-of-model-scope measure of S. Bluecher, J. Vielhaben and N. Strodthoff, "Decoupling pixel flipping and
      occlusion strategy for consistent XAI benchmarks" (TMLR 2024): random masks hold no opinion of where the
      evidence is, so the lower it is, the more an operator's inputs are strange to the network.
    - ``drift``: of the answers that changed, the share that went to one class, the most frequent one (``named``).
    - ``empty`` (operator ``zero``): the probability of the class that the network names when nothing is lit.

    An operator that doesn't apply to these images has no row.
    """
    network.eval()
    kept: dict[tuple[str, str], list[np.ndarray]] = {}
    moved: dict[tuple[str, str], list[np.ndarray]] = {}
    rows, streams = [], Streams(seed)
    for view, _, _ in frames:
        if view.image.ndim == 3:
            return []
        if not rows:
            rows = _empty(network, view, classes)
        before = network(view.whole)
        masks = [_random_mask(view, share, streams) for share in SHARES]  # the same for every operator
        for name, operator in operators.items():
            try:
                draws = streams("scope operator", name)
                images = [operator(view, mask, representation, draws) for mask in masks]
                answers = [network(view.seen(image)) for image in images]
            except DoesNotApply:
                continue
            for task in TASKS:
                own = getattr(before, task).argmax(1)
                logits = torch.stack([getattr(answer, task).float() for answer in answers])
                left = logits.softmax(-1)[:, torch.arange(len(own)), own].mean(0)
                kept.setdefault((name, task), []).append(left.cpu().double().numpy())
                named = logits.argmax(-1)
                moved.setdefault((name, task), []).append(named[named != own].cpu().numpy())
    for (name, task), parts in kept.items():
        values, gone = np.concatenate(parts), np.concatenate(moved[name, task])
        mean, low, high = mean_interval(values, seed)
        about = {"operator": name, "task": task}
        rows.append({**about, "measure": "kept", **_numbers(len(values), mean, low, high), "named": ""})
        if len(gone):
            most = np.bincount(gone).argmax()
            mean, low, high = mean_interval(gone == most, seed)
            drift = _numbers(len(values), mean, low, high)
            rows.append({**about, "measure": "drift", **drift, "named": str(classes[task][most])})
    return rows


def _random_mask(view: View, share: float, streams: Streams) -> torch.Tensor:
    """Bool (B, C, H, W), true on a random ``share`` of the lit pixels of each channel."""
    mask = torch.zeros(view.image.shape, dtype=torch.bool, device=view.image.device)
    for channel in view.channels:
        ranking = rank_pixels(None, view.support(channel), streams("scope", channel, share))
        mask |= view.place(channel, ranking.cut(share))
    return mask


def _empty(network: nn.Module, view: View, classes: Mapping[str, Sequence]) -> list[Row]:
    """What the network says of an input in which nothing is lit."""
    rows = []
    for task in TASKS:
        logits = TaskOutput(network, task)(view.seen(torch.zeros_like(view.image)))[:1]
        probability, named = logits.softmax(-1).max(-1)
        value = float(probability[0])
        about = {"operator": "zero", "task": task, "measure": "empty"}
        rows.append({**about, **_numbers(1, value, value, value), "named": str(classes[task][int(named[0])])})
    return rows


def _numbers(frames: int, value: float, low: float, high: float) -> Row:
    return {"frames": frames, "value": float(value), "low": float(low), "high": float(high)}
