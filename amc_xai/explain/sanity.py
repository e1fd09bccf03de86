"""Whether a map depends on what the network learned: randomise the weights from the top, and compare.

Adebayo et al., "Sanity checks for saliency maps" (NeurIPS 2018), section 3: the cascading randomisation.
"""

import copy
from collections.abc import Callable, Iterator

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from amc_xai.explain.attribution.method import TaskOutput, seeded
from amc_xai.explain.faithfulness import unit_scores, units
from amc_xai.explain.paired import mean_interval


def spearman(a: torch.Tensor, b: torch.Tensor, allowed: torch.Tensor) -> np.ndarray:
    """Rank correlation of two maps (B, P) over the allowed places of each frame: float64 (B,).

    Ties share their mean rank. NaN where a map is constant there, or fewer than two places are allowed.
    """
    a, b, allowed = (t.detach().cpu().numpy() for t in (a, b, allowed))
    found = np.full(len(a), np.nan)
    for i, places in enumerate(allowed):
        ranks = [rankdata(scores[i, places]) for scores in (a, b)]
        if places.sum() >= 2 and all(np.ptp(r) > 0 for r in ranks):
            found[i] = np.corrcoef(*ranks)[0, 1]
    return found


def map_correlation(x: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Spearman's correlation of two maps of ``x`` over its lit pixels, with signs and of magnitudes: (B,) each."""
    first, second = unit_scores(a), unit_scores(b)
    return spearman(first, second, units(x)), spearman(first.abs(), second.abs(), units(x))


def layers_from_the_top(network: nn.Module, x: torch.Tensor, task: str) -> list[str]:
    """Names of the modules that hold parameters which ``task`` depends on, the one nearest the output first.

    The order is that of a pass through the network, backwards. A module that a parent computes with without
    calling it (the projection inside torch's attention) goes with that parent.
    """
    called: dict[str, int] = {}
    names = {module: name for name, module in network.named_modules()}

    def note(module: nn.Module, args: tuple) -> None:
        called.setdefault(names[module], len(called))

    handles = [module.register_forward_pre_hook(note) for module in names]
    try:
        with torch.enable_grad():
            logits = TaskOutput(network, task)(x)
    finally:
        for handle in handles:
            handle.remove()
    parameters = dict(network.named_parameters())
    gradients = torch.autograd.grad(logits.sum(), list(parameters.values()), allow_unused=True)
    used = {name.rpartition(".")[0] for name, g in zip(parameters, gradients, strict=True) if g is not None}

    def place(name: str) -> int:
        while name not in called:
            name = name.rpartition(".")[0]
        return called[name]

    return sorted(used, key=place, reverse=True)


@torch.no_grad()
def randomise(module: nn.Module) -> None:
    """Draw a module's own parameters anew, in place; torch's generator decides.

    As the layer itself does it (``reset_parameters``, batch norm's running statistics included), else from a
    normal distribution with each tensor's own mean and standard deviation.
    """
    if callable(getattr(module, "reset_parameters", None)):
        module.reset_parameters()
        return
    for parameter in module.parameters(recurse=False):
        spread = parameter.std() if parameter.numel() > 1 else parameter.abs().mean()
        parameter.copy_(parameter.mean() + spread * torch.randn_like(parameter))


def cascade(
    network: nn.Module, x: torch.Tensor, task: str, points: int, seed: int
) -> Iterator[tuple[str, float, nn.Module]]:
    """Yield (layer, share of layers randomised, network) as more and more layers are randomised from the top.

    The first is ("none", 0, the network itself); then at most ``points`` stops, evenly spread over the layers,
    the last with every layer randomised; ``layer`` is the lowest that is random. The given network stays as it
    is; the yielded copy is changed between stops.
    """
    network.eval()
    yield "none", 0.0, network
    layers = layers_from_the_top(network, x[:1], task)
    if not layers or points < 1:
        return
    stops = {-(-len(layers) * i // points) for i in range(1, points + 1)}
    changed = copy.deepcopy(network)
    for done, name in enumerate(layers, start=1):
        # A seed of its own for each layer: what the caller draws between two stops changes nothing.
        with seeded(seed + done, x.device):
            randomise(changed.get_submodule(name))
        if done in stops:
            yield name, done / len(layers), changed


def cascade_correlations(
    explain: Callable[[nn.Module], torch.Tensor],
    network: nn.Module,
    x: torch.Tensor,
    task: str,
    points: int,
    seed: int,
) -> list[dict]:
    """One row a stop of `cascade`: rank correlation of ``explain(randomised)`` with ``explain(network)``.

    ``spearman`` and ``spearman_abs`` (of magnitudes) are means over the ``frames`` whose two maps aren't
    constant, NaN where there is none.
    """
    original, rows = None, []
    for layer, share, changed in cascade(network, x, task, points, seed):
        found = explain(changed)
        original = found if original is None else original  # the first stop is the network itself
        signed, magnitude = map_correlation(x, original, found)
        rows.append({"layer": layer, "share_randomised": share, **correlation_means(signed, magnitude, seed)})
    return rows


def correlation_means(signed: np.ndarray, magnitude: np.ndarray, seed: int = 0) -> dict:
    """Means over the frames that have a correlation, the first with its 95 % interval, and how many have."""
    known = np.isfinite(signed)
    mean, low, high = mean_interval(signed[known], seed)
    return {
        "spearman": mean,
        "spearman_low": low,
        "spearman_high": high,
        "spearman_abs": float(np.nanmean(magnitude)) if np.isfinite(magnitude).any() else float("nan"),
        "frames": int(known.sum()),
    }


def untrained_copy(network: nn.Module, seed: int) -> nn.Module:
    """A copy with every layer drawn anew: what the architecture shows without having learned anything."""
    copied = copy.deepcopy(network).eval()
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    with seeded(seed, device):
        for module in copied.modules():
            if next(module.parameters(recurse=False), None) is not None:
                randomise(module)
    return copied
