"""The gallery of a run: one frame for each of some classes and SNRs, what the network sees and what it says."""

import numpy as np
import torch

from amc_xai.data.contracts import rates_of
from amc_xai.model import Prediction
from amc_xai.perturbation import DoesNotApply, PerturbationPlan, SymbolSelector, View
from amc_xai.perturbation.operators import refilled
from amc_xai.perturbation.selectors import Selector
from amc_xai.report import Gallery
from amc_xai.tasks.lengths import of_one_length
from amc_xai.tasks.views import view_of
from amc_xai.tasks.workbench import Workbench

GALLERY_CLASSES = 8
GALLERY_SNRS = 6


@torch.no_grad()
def make_gallery(bench: Workbench, plan: PerturbationPlan, indices: np.ndarray) -> Gallery:
    """One frame for each of some classes and SNRs, its image, prediction and masks at the largest fraction."""
    source, device = bench.source, bench.accelerator.device
    indices = of_one_length(source, indices)
    chosen = gallery_frames(source.modulation_index[indices], source.snr_index[indices])
    indices = indices[chosen]
    view = view_of(bench, source.read(indices).to(device), indices)
    prediction = bench.classifier.network(view.seen(view.image))
    fraction = max(plan.fractions)
    extent = getattr(bench.classifier.representation, "extent", "unknown")
    return Gallery(
        image=view.image.cpu().numpy(),
        channels=np.asarray(view.channels),
        extent=float("nan") if isinstance(extent, str) else float(extent),
        axes=axes_of(bench),
        masks=gallery_masks(plan, view, fraction, bench.parts.seed, bench.classifier.representation),
        mask_fraction=fraction,
        **answered(bench, indices, prediction),
    )


@torch.no_grad()
def make_plain_gallery(bench: Workbench, indices: np.ndarray) -> Gallery:
    """The same frames as the network sees them where pixels can't be masked: sequences, or pictures brought."""
    source = bench.source
    indices = of_one_length(source, indices)
    indices = indices[gallery_frames(source.modulation_index[indices], source.snr_index[indices])]
    device, rates = bench.accelerator.device, rates_of(source, indices)
    x = bench.classifier.represent(source.read(indices).to(device), rates if rates is None else rates.to(device))
    return Gallery(
        image=x.cpu().numpy(),
        channels=np.asarray(bench.classifier.representation.channels),
        axes=axes_of(bench),
        **answered(bench, indices, bench.classifier.network(x)),
    )


def axes_of(bench: Workbench) -> np.ndarray:
    """What the axes of each channel's pictures are (C,), in words; empty of pictures that nobody here drew."""
    representation = bench.classifier.representation
    told = getattr(representation, "axes", {})
    return np.asarray([told.get(channel, "") for channel in representation.channels], np.str_)


def answered(bench: Workbench, indices: np.ndarray, prediction: Prediction) -> dict[str, np.ndarray]:
    """What a gallery tells of these frames: what is true, what the network named, and with which probability."""
    source = bench.source
    modulation, snr = (logits.float().softmax(-1).max(-1) for logits in prediction)
    modulations, snrs = np.asarray(source.modulations), np.asarray(source.snrs)
    return {
        "modulation": modulations[source.modulation_index[indices]],
        "snr": snrs[source.snr_index[indices]],
        "modulation_predicted": modulations[modulation.indices.cpu().numpy()],
        "snr_predicted": snrs[snr.indices.cpu().numpy()],
        "confidence": np.stack([modulation.values.cpu().numpy(), snr.values.cpu().numpy()], 1),
    }


def gallery_frames(modulation: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """Positions of the first frame of each shown cell; at most 8 classes and 6 SNRs, evenly spread."""
    shown = []
    for labels, most in ((modulation, GALLERY_CLASSES), (snr, GALLERY_SNRS)):
        present = np.unique(labels[labels >= 0])
        shown.append(present[np.linspace(0, len(present) - 1, min(most, len(present))).round().astype(int)])
    return np.array(
        [
            hits[0]
            for m in shown[0]
            for s in shown[1]
            if len(hits := np.flatnonzero((modulation == m) & (snr == s)))
        ],
        dtype=np.int64,
    )


def gallery_masks(
    plan: PerturbationPlan, view: View, fraction: float, seed: int, representation: torch.nn.Module
) -> dict[str, np.ndarray]:
    """Per selector its mask bool (B, C, H, W) in all channels that it applies to."""
    masks = {}
    for name, selector in plan.chosen().items():
        if not isinstance(selector, SymbolSelector):
            masks[name] = _everywhere(plan, selector, view, fraction, seed)
        elif view.symbols is not None and view.cells:
            masks[name] = _of_symbols(selector, view, fraction, seed, representation)
    return masks


def _everywhere(plan: PerturbationPlan, selector: Selector, view: View, fraction: float, seed: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(view.image.shape, dtype=torch.bool, device=view.image.device)
    named = plan.channels or view.channels
    for channel in dict.fromkeys(part for name in named for part in view.members(name)):
        try:
            mask |= selector.mask(view, channel, fraction, generator)
        except DoesNotApply:
            if plan.channels is not None:
                raise
    return mask.cpu().numpy()


def _of_symbols(
    selector: SymbolSelector, view: View, fraction: float, seed: int, representation: torch.nn.Module
) -> np.ndarray:
    """The lit pixels that hold points of the selected symbols alone."""
    generator = torch.Generator().manual_seed(seed)
    removed = selector.rank(view, generator).cut(fraction)
    length = view.iq.shape[-1]
    hit = {name: view.symbols.takes(removed, cells.shape[1], length) for name, cells in view.cells.items()}
    left = representation.draw(refilled(view, hit, generator, refill=False))
    return ((view.image > 0) & (left <= 0)).cpu().numpy()
