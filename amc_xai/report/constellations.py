"""Pictures of constellations: classes by SNR, and frames beside their masked twins."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from amc_xai.report.gallery import Gallery
from amc_xai.report.style import (
    DPI,
    LOUD,
    MUTED,
    VERMILION,
    decibels,
    new_figure,
    plain,
    snr_label,
    snr_note,
    styled,
)

COLORMAP = "inferno"
FAINTEST = 0.25  # least brightness of a lit pixel, so that it shows on the dark ground
MASKED_FRAMES = 6
TALL = 10
TWIN_PIXELS = 240  # about what a picture in ``masked_twins`` has on paper


def brightness(image: np.ndarray) -> np.ndarray:
    """One image (H, W) scaled for the eye: 0 stays 0, lit pixels lie in ``FAINTEST``..1, 1 at the maximum."""
    lit = image > 0
    top = image.max(initial=0)
    return np.where(lit, FAINTEST + (1 - FAINTEST) * image / (top if top > 0 else 1), 0.0)


def pooled(image: np.ndarray, size: int) -> np.ndarray:
    """Shrink (H, W) by the least whole factor that brings it to ``size``, keeping each block's maximum.

    Averaging, or dropping every other pixel, would lose single lit pixels on a page.
    """
    height, width = image.shape
    factor = -(-max(height, width) // size)
    padded = np.zeros((-(-height // factor) * factor, -(-width // factor) * factor), image.dtype)
    padded[:height, :width] = image
    return padded.reshape(padded.shape[0] // factor, factor, -1, factor).max(axis=(1, 3))


@styled
def constellation_grid(
    gallery: Gallery,
    channel: str,
    *,
    snr_definition: str | None = None,
    title: str = "Constellations as the network sees them",
) -> Figure:
    """Rows = classes, columns = SNRs; in each cell the first frame of both, the image's last row on top.

    A note says what the axes are, as far as the gallery knows. Every image is scaled to its own maximum. A
    vermilion frame marks a modulation named wrongly. The gid of
    each image is ``<class>|<SNR>``.
    """
    c = place_of(gallery, channel)
    classes = list(dict.fromkeys(gallery.modulation.tolist()))
    snrs = sorted(set(gallery.snr.tolist()))
    inch = float(np.clip(8.4 / len(snrs), 0.42, 1.25))
    figure = new_figure(inch * len(snrs) + 1.3, inch * len(classes) + 1.25)
    axes = figure.add_subplot()
    cells: dict[tuple[int, int], int] = {}
    for g in range(len(gallery.snr)):
        cells.setdefault((classes.index(gallery.modulation[g]), snrs.index(gallery.snr[g])), g)
    colours = colormaps[COLORMAP]
    ground = colours(0.0)
    wrong = False
    for (row, column), g in sorted(cells.items()):
        picture = pooled(brightness(gallery.image[g, c]), int(0.85 * inch * DPI))
        # y runs downwards here (the first class is on top), but Q must point up: origin="lower" by hand.
        axes.imshow(
            picture[::-1],
            cmap=colours,
            vmin=0,
            vmax=1,
            extent=(column - 0.48, column + 0.48, row + 0.48, row - 0.48),
            interpolation="nearest",
            gid=f"{gallery.modulation[g]}|{gallery.snr[g]:g}",
        )
        if gallery.modulation_predicted is not None and gallery.modulation_predicted[g] != gallery.modulation[g]:
            wrong = True
            axes.add_patch(
                Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fill=False, edgecolor=VERMILION, linewidth=1.6)
            )
    bare(axes)
    axes.set(xlim=(-0.5, len(snrs) - 0.5), ylim=(len(classes) - 0.5, -0.5), aspect="equal")
    axes.set_xticks(range(len(snrs)), [decibels(snr) for snr in snrs])
    axes.set_yticks(range(len(classes)), [plain(name) for name in classes])
    axes.set_xlabel(snr_label(snr_definition))
    of = f" ({channel})" if len(gallery.channels) > 1 else ""
    axes.set_title(f"{title}{of}")
    # A grid taller than a screen says its SNRs at both ends.
    axes.tick_params(labeltop=len(classes) > TALL)
    told = "" if gallery.axes is None else str(gallery.axes[c])
    notes = [Patch(facecolor=ground, edgecolor=ground, label=fill(told, 88))] if told else []
    if wrong:
        notes.append(Patch(facecolor="none", edgecolor=VERMILION, linewidth=1.6, label="modulation named wrongly"))
    if notes:
        columns = 1 if len(told) > 50 else 2
        figure.legend(handles=notes, loc="outside lower center", ncols=columns, fontsize=9, labelcolor=MUTED)
    return figure


def taken_from(gallery: Gallery, channel: str, frames: Sequence[int] | None = None) -> list[str]:
    """The selectors that mask something of this channel in ``frames``; by default those of ``masked_twins``."""
    c, chosen = place_of(gallery, channel), chosen_frames(gallery) if frames is None else list(frames)
    return [selector for selector, masks in gallery.masks.items() if masks[chosen, c].any()]


@styled
def masked_twins(gallery: Gallery, channel: str, *, snr_definition: str | None = None) -> Figure:
    """Frames close up: the original in grey, then a copy a selector with the masked pixels in a loud colour.

    A selector that takes nothing of this channel has no copy, and a frame of which it takes nothing words in place
    of one. At most ``MASKED_FRAMES`` frames: one a class,
    evenly over the classes, each at its highest SNR. Each row is cut to the square, centred as the image is, that
    holds all lit or masked pixels. The gid of each picture is ``<frame>|<selector>`` or ``<frame>|original``.
    """
    c = place_of(gallery, channel)
    chosen = chosen_frames(gallery)
    selectors = taken_from(gallery, channel)
    inch = float(np.clip(8.8 / (len(selectors) + 1), 1.15, 1.9))
    figure = new_figure(inch * (len(selectors) + 1) + 1.7, (inch + 0.06) * len(chosen) + 1.0)
    grid = figure.subplots(len(chosen), len(selectors) + 1, squeeze=False)
    for row, g in enumerate(chosen):
        masks = {selector: gallery.masks[selector][g, c] for selector in selectors}
        window = window_of(np.logical_or.reduce([gallery.image[g, c] > 0, *masks.values()]))
        grey = pooled(brightness(gallery.image[g, c])[window], TWIN_PIXELS)
        picture = np.repeat(grey[..., None], 3, axis=-1)
        for column, selector in enumerate([None, *selectors]):
            axes = grid[row][column]
            shown = picture.copy()
            bare(axes)
            if selector is not None and not masks[selector].any():
                words_in(axes, "nothing masked")
            else:
                if selector is not None:
                    shown[pooled(masks[selector][window], TWIN_PIXELS)] = LOUD
                axes.imshow(shown, origin="lower", interpolation="nearest", gid=f"{g}|{selector or 'original'}")
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title((selector or "original").replace("_", " "), loc="center", fontsize=10)
        grid[row][0].set_ylabel(caption(gallery, g), rotation=0, ha="right", va="center", fontsize=9, labelpad=8)
    of = f" of channel {channel}" if len(gallery.channels) > 1 else ""
    share = "" if np.isnan(gallery.mask_fraction) else f": {100 * gallery.mask_fraction:g} % of lit pixels"
    figure.suptitle(f"What each selector masks{of}{share}", fontsize=11, fontweight="bold")
    note = Patch(facecolor=LOUD, label=f"masked pixel; {snr_note(snr_definition)}")
    figure.legend(handles=[note], loc="outside lower center", fontsize=9, labelcolor=MUTED)
    return figure


def words_in(axes: Axes, text: str) -> None:
    """Words in the middle of a place that has no picture, or an empty one."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=7, color=MUTED)


def chosen_frames(gallery: Gallery) -> list[int]:
    """Indices of the frames that ``masked_twins`` shows."""
    best: dict[str, int] = {}
    for g, modulation in enumerate(gallery.modulation.tolist()):
        if modulation not in best or gallery.snr[g] > gallery.snr[best[modulation]]:
            best[modulation] = g
    frames = list(best.values())
    if len(frames) <= MASKED_FRAMES:
        return frames
    return [frames[i] for i in np.linspace(0, len(frames) - 1, MASKED_FRAMES).round().astype(int)]


def place_of(gallery: Gallery, channel: str) -> int:
    """The place of a channel among those of the gallery."""
    return gallery.channels.tolist().index(channel)


def window_of(used: np.ndarray) -> tuple[slice, slice]:
    """The smallest centred square with a border of two pixels that holds every used pixel."""
    margins = []
    for axis, length in enumerate(used.shape):
        lines = np.flatnonzero(used.any(axis=1 - axis))
        margins.append(min(lines[0], length - 1 - lines[-1]) if lines.size else 0)
    margin = max(0, int(min(margins)) - 2)
    return slice(margin, used.shape[0] - margin), slice(margin, used.shape[1] - margin)


def caption(gallery: Gallery, g: int) -> str:
    """What frame ``g`` is, and what the network named it with which probability."""
    lines = [f"{gallery.modulation[g]}, {decibels(gallery.snr[g])} dB"]
    if gallery.modulation_predicted is not None and gallery.snr_predicted is not None:
        said = [f"{gallery.modulation_predicted[g]}", f"{decibels(gallery.snr_predicted[g])} dB"]
        if gallery.confidence is not None:
            said = [
                f"{text} ({100 * share:.0f} %)" for text, share in zip(said, gallery.confidence[g], strict=True)
            ]
        lines += [f"named {said[0]},", said[1]]
    if gallery.runner_up is not None:
        lines.append(f"runner-up {gallery.runner_up[g]}")
    return "\n".join(lines)


def bare(axes: Axes) -> None:
    """Take grid, ticks and edges off a picture."""
    axes.grid(False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
