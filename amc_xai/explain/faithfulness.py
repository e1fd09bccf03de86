"""Whether a map points at what the answer rests on: deletion and insertion, infidelity, sensitivity.

Pixels are ranked exactly: only lit pixels (all channels together), ties in a seeded random order. A percentile
threshold would remove far more than it says, because log-scaled counts take few values.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from amc_xai.explain.attribution.method import Method, TaskOutput, attribute_input, seeded
from amc_xai.explain.removal import kept, units
from amc_xai.perturbation.masks import rank_pixels


class Curves(NamedTuple):
    """Probability of the explained class as pixels go or come, most relevant first; all float64 (B, steps + 1).

    - ``share``: of the lit pixels that have gone (deletion) or come (insertion), from 0 to 1
    - ``deletion``: the image without that share; ``insertion``: that share alone

    Least relevant first needs no passes of its own: an image without its least relevant k of n pixels is one
    with only its most relevant n - k. So that order's deletion curve is this insertion curve read from right
    to left, and the other way round, and their areas are equal.
    """

    share: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray

    def areas(self) -> dict[str, np.ndarray]:
        """Area under each curve by the trapezoidal rule, and insertion less deletion: float64 (B,) each.

        A faithful map has a small area of deletion and a large one of insertion (Petsiuk et al., RISE, BMVC
        2018, section 4.1). A frame with nothing lit has two flat curves.
        """
        dark = self.share[:, -1:] == 0
        share = np.where(dark, np.linspace(0, 1, self.share.shape[1]), self.share)
        deletion = np.trapezoid(self.deletion, share, axis=1)
        insertion = np.trapezoid(self.insertion, share, axis=1)
        return {"deletion_auc": deletion, "insertion_auc": insertion, "difference": insertion - deletion}


def unit_scores(scores: torch.Tensor) -> torch.Tensor:
    """A map as one number for each of `units`: (B, P). An instant of a sequence has the sum over its channels."""
    return scores.flatten(1) if scores.ndim == 4 else scores.sum(1)


@torch.no_grad()
def curves(
    network: nn.Module,
    x: torch.Tensor,
    scores: torch.Tensor,
    target: torch.Tensor,
    task: str,
    steps: int,
    generator: torch.Generator,
    remove: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = kept,
) -> Curves:
    """Remove, and insert, the lit pixels of ``x`` in the order of ``scores`` (same shape), highest first.

    After step j of ``steps`` the nearest whole number to j / steps of each image's lit pixels has gone or come
    (a half goes up). The probability is the softmax of the logits of ``task`` at ``target`` (B,). ``remove`` gives
    ``x`` without what isn't kept, bool (B, P).
    """
    network.eval()
    output = TaskOutput(network, task)
    ranking = rank_pixels(unit_scores(scores), units(x), generator, highest_first=True)
    share, deletion, insertion = [], [], []
    for step in range(steps + 1):
        # Whole numbers throughout: (2 j n + steps) // (2 steps) rounds j n / steps, a half up.
        count = (2 * step * ranking.size + steps) // (2 * steps)
        first = ranking.mask(count)
        both = torch.cat([remove(x, ~first), remove(x, first)])
        probability = output(both).softmax(-1).gather(1, target.repeat(2)[:, None]).squeeze(1)
        without, alone = probability.cpu().double().numpy().reshape(2, -1)
        deletion.append(without)
        insertion.append(alone)
        share.append((count.cpu().double() / ranking.size.cpu().clamp(min=1)).numpy())
    return Curves(*(np.stack(column, axis=1) for column in (share, deletion, insertion)))


def control_scores(x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Orders that know nothing of the network: ``random`` (all tie, and ties fall at random) and ``brightest``.

    For sequences the brightest instant is the one of the largest power.
    """
    return {"random": torch.zeros_like(x), "brightest": x if x.ndim == 4 else x.square()}


def infidelity(
    network: nn.Module,
    x: torch.Tensor,
    scores: torch.Tensor,
    target: torch.Tensor,
    task: str,
    seed: int,
    unit: str = "logit",
    samples: int = 16,
    share: float = 0.2,
) -> np.ndarray:
    """How badly a map foretells what emptying a random ``share`` of the lit pixels does to the logit: (B,).

    Yeh et al., "On the (in)fidelity and sensitivity of explanations" (NeurIPS 2019), definition 2.1: the mean over
    ``samples`` of (a - b)^2, where b = F(x) - F(x without the share). 0 is perfect; a map of zeros scores the mean
    squared change of the logit itself. By the map's ``unit`` (`attribution.method.Method`) its forecast a is

    - ``logit``: its sum over what was emptied (the binary mask);
    - ``gradient``: its product with the values that were emptied (the mask times the input);
    - ``scale``, ``window``: the former times one factor for each frame, the best there is (their section 2.1);
    - ``donors``: NaN, since such a map doesn't speak of emptying.
    """
    if unit == "donors":
        return np.full(len(x), np.nan)
    output = TaskOutput(network.eval(), task)
    generator = torch.Generator().manual_seed(seed)
    weights = scores * x if unit == "gradient" else scores
    with torch.no_grad():
        before = output(x).gather(1, target[:, None])[:, 0]
        foretold, lost = [], []
        for _ in range(samples):
            gone = (torch.rand(units(x).shape, generator=generator) < share).to(x.device) & units(x)
            left = output(kept(x, ~gone)).gather(1, target[:, None])[:, 0]
            foretold.append(kept(weights, gone).flatten(1).sum(1))
            lost.append(before - left)
    a, b = (torch.stack(part).cpu().double() for part in (foretold, lost))
    if unit in ("scale", "window"):
        a = a * ((a * b).sum(0) / a.square().sum(0).clamp(min=torch.finfo(torch.float64).tiny))
    return (a - b).square().mean(0).numpy()


def sensitivity(
    method: Method,
    network: nn.Module,
    x: torch.Tensor,
    target: torch.Tensor,
    task: str,
    seed: int,
    samples: int = 4,
    radius: float = 0.05,
) -> np.ndarray:
    """The largest change of the map, relative to its norm, under noise too small to see: (B,).

    Yeh et al. (NeurIPS 2019), definition 3.1 (SENS-MAX), by Captum, estimated with ``samples`` draws of uniform
    noise within ``radius`` (in log counts, where one point is .69) on the lit pixels; dark pixels stay dark.
    """
    import captum.metrics

    def noisy(inputs: torch.Tensor) -> torch.Tensor:
        noise = radius * (2 * torch.rand_like(inputs) - 1)
        return inputs + kept(noise, units(inputs))

    def explain(inputs: tuple[torch.Tensor] | torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor]:
        # Captum hands over a tuple for the clean input, a tensor for the noisy ones, and wants a tuple.
        inputs = inputs[0] if isinstance(inputs, tuple) else inputs
        if len(target) == 1:  # it repeats the targets of several frames, but not that of a single one
            target = target.expand(len(inputs))
        return (attribute_input(method, network, inputs, target, task),)

    with seeded(seed, x.device):
        found = captum.metrics.sensitivity_max(explain, x, noisy, n_perturb_samples=samples, target=target)
    return found.cpu().double().numpy()


def average(draw: Callable[[int], Curves], times: int) -> Curves:
    """The mean of the curves that ``draw(0)`` .. ``draw(times - 1)`` give for the same frames."""
    drawn = [draw(i) for i in range(times)]
    return Curves(*(np.mean(column, axis=0) for column in zip(*drawn, strict=True)))
