"""Pictures of attribution: each frame's image, what is masked in it, and what speaks for each answer."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from amc_xai.report.attribution_files import title_of
from amc_xai.report.constellations import (
    TWIN_PIXELS,
    bare,
    brightness,
    caption,
    chosen_frames,
    place_of,
    pooled,
    taken_from,
    window_of,
    words_in,
)
from amc_xai.report.gallery import Gallery
from amc_xai.report.style import (
    BLUE,
    DPI,
    INK,
    LOUD,
    MUTED,
    VERMILION,
    decibels,
    new_figure,
    snr_label,
    snr_note,
    styled,
)

SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "#ffffff", VERMILION])
TASKS = (("modulation", "modulation"), ("snr", "SNR"))


def signed_brightness(scores: np.ndarray) -> np.ndarray:
    """One map, all its channels, scaled for the eye to -1..1: 0 stays 0, the largest magnitude but 1 % is 1.

    One scale for all channels, so that one that says little looks like it. Beyond that share single pixels would
    leave all others pale.
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
    """Rows = frames; columns = image, the mask of the first selector that takes some of this channel, and each
    method's map for both tasks.

    Every map has its own scale, the same in all channels: vermilion speaks for the class that the network named,
    blue against it. Titles tell this channel's share of the maps that are shown; a map of zeros says so. The same
    frames, cut to the same square, as in ``masked_twins``. The gid of each picture is ``<frame>|image``,
    ``<frame>|mask`` or ``<frame>|<method>|<task>``.
    """
    c = place_of(gallery, channel)
    chosen = chosen_frames(gallery)
    methods = list(dict.fromkeys(name.rpartition("_")[0] for name in gallery.attributions))
    selector = next(iter(taken_from(gallery, channel)), None)
    tasks = tasks_shown(gallery, methods)
    columns = 1 + (selector is not None) + len(tasks) * len(methods)
    inch = float(np.clip(11.0 / columns, 0.85, 1.9))
    # In small pictures single pixels would be too small to see: keep the strongest of each block.
    size = TWIN_PIXELS if inch > 1.4 else int(0.4 * inch * DPI)
    figure = new_figure(inch * columns + 1.7, (inch + 0.06) * len(chosen) + 1.3)
    grid = figure.subplots(len(chosen), columns, squeeze=False)
    for row, g in enumerate(chosen):
        image = gallery.image[g, c]
        used = [image > 0] + ([gallery.masks[selector][g, c]] if selector is not None else [])
        window = window_of(np.logical_or.reduce(used))
        grey = np.repeat(pooled(brightness(image)[window], size)[..., None], 3, axis=-1)
        pictures = [("image", "image", grey)]
        if selector is not None:
            masked = grey.copy()
            masked[pooled(gallery.masks[selector][g, c][window], size)] = LOUD
            pictures.append((f"mask:\n{selector}", "mask", masked))
        for method in methods:
            for task, name in tasks:
                maps = gallery.attributions[f"{method}_{task}"]
                scores = signed_brightness(maps[g])[c][window]
                colours = SIGNED((pooled_signed(scores, size) + 1) / 2)[..., :3]
                title = f"{title_of(method)}:" if inch > 1.4 else f"{title_of(method)}:".replace(" ", "\n")
                share = share_of(maps[chosen], c)
                pictures.append((f"{title}\n{name}{share}", f"{method}|{task}", colours))
        for axes, (title, gid, picture) in zip(grid[row], pictures, strict=True):
            bare(axes)
            if gid == "mask" and not gallery.masks[selector][g, c].any():
                words_in(axes, "nothing\nmasked")
            else:
                axes.imshow(picture, origin="lower", interpolation="nearest", gid=f"{g}|{gid}")
            axes.set_xticks([])
            axes.set_yticks([])
            if gid not in ("image", "mask"):
                for spine in axes.spines.values():  # a map is mostly white, and needs an edge
                    spine.set(visible=True, color="#d4d8df", linewidth=0.8)
                if (picture == picture[:1, :1]).all():
                    words_in(axes, "empty")
            if row == 0:
                axes.set_title(title, loc="center", fontsize=10 if inch > 1.4 else 7)
        grid[row][0].set_ylabel(caption(gallery, g), rotation=0, ha="right", va="center", fontsize=9, labelpad=8)
    of = f" ({channel})" if len(gallery.channels) > 1 else ""
    figure.suptitle(f"What speaks for the answer{of}", fontsize=11, fontweight="bold")
    notes = [
        Patch(facecolor=VERMILION, label="for the class that was named"),
        Patch(facecolor=BLUE, label="against it"),
    ]
    if selector is not None:
        notes.append(Patch(facecolor=LOUD, label="masked"))
    notes.append(Patch(facecolor="none", edgecolor="none", label=snr_note(snr_definition)))
    figure.legend(handles=notes, loc="outside lower center", ncols=len(notes), fontsize=9, labelcolor=MUTED)
    return figure


@styled
def attribution_by_snr(gallery: Gallery, channel: str, *, snr_definition: str | None = None) -> Figure:
    """Rows = classes, columns = SNRs; one block for the image with the first selector's mask, one for each task.

    In each cell the first frame of both. The maps are those of the first method, each of its own scale, the same
    in all channels; titles tell this channel's share of them. Below each stands the probability of what was
    named, in a frame where that was wrong. All are cut to one square. The gid of each picture is
    ``<frame>|image`` or ``<frame>|<task>``.
    """
    c = place_of(gallery, channel)
    classes, snrs = list(dict.fromkeys(gallery.modulation.tolist())), sorted(set(gallery.snr.tolist()))
    cells: dict[tuple[int, int], int] = {}
    for g in range(len(gallery.snr)):
        cells.setdefault((classes.index(gallery.modulation[g]), snrs.index(gallery.snr[g])), g)
    method = next(iter(gallery.attributions)).rpartition("_")[0]
    selector = next(iter(taken_from(gallery, channel, list(cells.values()))), None)
    window = window_of((gallery.image[:, c] > 0).any(0))
    inch = float(np.clip(11.0 / (3 * len(snrs)), 0.45, 1.1))
    size = int(0.45 * inch * DPI)  # as above: the strongest of each block
    figure = new_figure(3 * inch * len(snrs) + 1.5, 1.16 * inch * len(classes) + 1.5)
    blocks = figure.subplots(1, 1 + len(TASKS), sharey=True)
    for (row, column), g in cells.items():
        grey = np.repeat(pooled(brightness(gallery.image[g, c])[window], size)[..., None], 3, axis=-1)
        if selector is not None:
            grey[pooled(gallery.masks[selector][g, c][window], size)] = LOUD
        _cell(blocks[0], row, column, grey, f"{g}|image")
        for t, (task, _) in enumerate(TASKS):
            scores = signed_brightness(gallery.attributions[f"{method}_{task}"][g])[c][window]
            colours = SIGNED((pooled_signed(scores, size) + 1) / 2)[..., :3]
            _cell(blocks[1 + t], row, column, colours, f"{g}|{task}", wrong=_wrong(gallery, g, task))
            if gallery.confidence is not None:
                text = f"{100 * gallery.confidence[g, t]:.0f}"
                blocks[1 + t].text(column, row + 0.5, text, ha="center", va="center", fontsize=6.5, color=MUTED)
    titles = [
        "image" if selector is None else f"image, masked by {selector}",
        *(f"map for the {n}{share_of(gallery.attributions[f'{method}_{task}'], c)}" for task, n in TASKS),
    ]
    for axes, title in zip(blocks, titles, strict=True):
        bare(axes)
        axes.set(xlim=(-0.5, len(snrs) - 0.5), ylim=(len(classes) - 0.4, -0.5), aspect=1.16)
        axes.set_xticks(range(len(snrs)), [decibels(snr) for snr in snrs], fontsize=9)
        axes.set_yticks(range(len(classes)), classes, fontsize=9)
        axes.set_xlabel(snr_label(snr_definition))
        axes.set_title(title, loc="center", fontsize=10)
    of = f" ({channel})" if len(gallery.channels) > 1 else ""
    figure.suptitle(f"What speaks for the answer, by class and SNR{of}: {title_of(method)}", fontweight="bold")
    notes = [
        Patch(facecolor=VERMILION, label="for the class that was named"),
        Patch(facecolor=BLUE, label="against it"),
        Patch(facecolor="none", edgecolor=INK, linewidth=1.4, label="named wrongly"),
        Patch(facecolor="none", edgecolor="none", label="number: probability of what was named (%)"),
    ]
    figure.legend(handles=notes, loc="outside lower center", ncols=len(notes), fontsize=9, labelcolor=MUTED)
    # The title's place is right only once the pictures have their shape.
    figure.draw_without_rendering()
    return figure


def tasks_shown(gallery: Gallery, methods: list[str]) -> tuple[tuple[str, str], ...]:
    """The tasks of a grid and their names; of few methods also what speaks against the runner-up."""
    there = all(f"{method}_contrast" in gallery.attributions for method in methods)
    return (*TASKS, ("contrast", "not the\nrunner-up")) if there and len(methods) <= 3 else TASKS


def share_of(maps: np.ndarray, c: int) -> str:
    """How much of the magnitude of maps (G, C, H, W) lies in one of several channels, for a title."""
    size = np.abs(maps).sum((0, 2, 3), dtype=np.float64)
    return f", {100 * size[c] / size.sum():.0f} %" if len(size) > 1 and size.sum() > 0 else ""


def _wrong(gallery: Gallery, g: int, task: str) -> bool:
    named = {"modulation": gallery.modulation_predicted, "snr": gallery.snr_predicted}[task]
    true = {"modulation": gallery.modulation, "snr": gallery.snr}[task]
    return named is not None and bool(named[g] != true[g])


def _cell(axes: Axes, row: int, column: int, picture: np.ndarray, gid: str, *, wrong: bool = False) -> None:
    """Draw one picture (H, W, 3) around (column, row), Q upwards though rows run down."""
    place = (column - 0.46, column + 0.46, row + 0.4, row - 0.4)
    axes.imshow(picture[::-1], extent=place, interpolation="nearest", gid=gid, aspect="auto")
    look = {"edgecolor": INK, "linewidth": 1.4} if wrong else {"edgecolor": "#d4d8df", "linewidth": 0.6}
    axes.add_patch(Rectangle((column - 0.46, row - 0.4), 0.92, 0.8, fill=False, **look))
