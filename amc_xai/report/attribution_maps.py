"""Pictures of attribution: each frame's image, what is masked in it, and what speaks for each answer."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from amc_xai.report.attribution_files import title_of
from amc_xai.report.constellations import (
    _TWIN_PIXELS,
    _bare,
    _caption,
    _channel,
    _window,
    brightness,
    chosen_frames,
    pooled,
)
from amc_xai.report.gallery import Gallery
from amc_xai.report.style import BLUE, LOUD, MUTED, VERMILION, new_figure, snr_label, styled

SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "#ffffff", VERMILION])
TASKS = (("modulation", "modulation"), ("snr", "SNR"))


def signed_brightness(scores: np.ndarray) -> np.ndarray:
    """One map (H, W) scaled for the eye to -1..1: 0 stays 0, the largest magnitude but 1 % of the scored is 1.

    Beyond that share single pixels would leave all others pale.
    """
    scored = np.abs(scores[scores != 0])
    top = np.quantile(scored, 0.99) if scored.size else 1.0
    return np.clip(scores / top, -1, 1)


def pooled_signed(scores: np.ndarray, size: int) -> np.ndarray:
    """Shrink (H, W) to ``size`` as ``pooled`` does, keeping each block's value of largest magnitude."""
    high, low = pooled(np.maximum(scores, 0), size), pooled(np.maximum(-scores, 0), size)
    return np.where(high >= low, high, -low)


@styled
def attribution_grid(gallery: Gallery, channel: str, *, snr_definition: str | None = None) -> Figure:
    """Rows = frames; columns = image, the first selector's mask, and each method's map for both tasks.

    Every map has its own scale: vermilion speaks for the class that the network named, blue against it. The
    same frames, cut to the same square, as in ``masked_twins``. The gid of each picture is ``<frame>|image``,
    ``<frame>|mask`` or ``<frame>|<method>|<task>``.
    """
    c = _channel(gallery, channel)
    chosen = chosen_frames(gallery)
    methods = list(dict.fromkeys(name.rpartition("_")[0] for name in gallery.attributions))
    selector = next(iter(gallery.masks), None)
    columns = 1 + (selector is not None) + 2 * len(methods)
    inch = float(np.clip(11.0 / columns, 0.85, 1.9))
    figure = new_figure(inch * columns + 1.7, (inch + 0.06) * len(chosen) + 1.3)
    grid = figure.subplots(len(chosen), columns, squeeze=False)
    for row, g in enumerate(chosen):
        image = gallery.image[g, c]
        used = [image > 0] + ([gallery.masks[selector][g, c]] if selector is not None else [])
        window = _window(np.logical_or.reduce(used))
        grey = np.repeat(pooled(brightness(image)[window], _TWIN_PIXELS)[..., None], 3, axis=-1)
        pictures = [("image", "image", grey)]
        if selector is not None:
            masked = grey.copy()
            masked[pooled(gallery.masks[selector][g, c][window], _TWIN_PIXELS)] = LOUD
            pictures.append((f"mask:\n{selector}", "mask", masked))
        for method in methods:
            for task, name in TASKS:
                scores = signed_brightness(gallery.attributions[f"{method}_{task}"][g, c])[window]
                colours = SIGNED((pooled_signed(scores, _TWIN_PIXELS) + 1) / 2)[..., :3]
                pictures.append((f"{title_of(method)}:\n{name}", f"{method}|{task}", colours))
        for axes, (title, gid, picture) in zip(grid[row], pictures, strict=True):
            axes.imshow(picture, origin="lower", interpolation="nearest", gid=f"{g}|{gid}")
            _bare(axes)
            axes.set_xticks([])
            axes.set_yticks([])
            if gid not in ("image", "mask"):
                for spine in axes.spines.values():  # a map is mostly white, and needs an edge
                    spine.set(visible=True, color="#d4d8df", linewidth=0.8)
            if row == 0:
                axes.set_title(title, loc="center", fontsize=10 if inch > 1.4 else 7)
        grid[row][0].set_ylabel(_caption(gallery, g), rotation=0, ha="right", va="center", fontsize=9, labelpad=8)
    of = f" ({channel})" if len(gallery.channels) > 1 else ""
    figure.suptitle(f"What speaks for the answer{of}", fontsize=11, fontweight="bold")
    notes = [
        Patch(facecolor=VERMILION, label="for the class that was named"),
        Patch(facecolor=BLUE, label="against it"),
    ]
    if selector is not None:
        notes.append(Patch(facecolor=LOUD, label="masked"))
    name = snr_label(snr_definition).removesuffix(" (dB)")
    notes.append(Patch(facecolor="none", edgecolor="none", label=f"dB of {name}"))
    figure.legend(handles=notes, loc="outside lower center", ncols=len(notes), fontsize=9, labelcolor=MUTED)
    return figure
