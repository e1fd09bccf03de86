"""Pictures of single frames: three at work with their rivals' evidence, and frames changed one way at a time."""

import zipfile
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from amc_xai.errors import UserError
from amc_xai.report.attribution_maps import SIGNED, pooled_signed, signed_brightness
from amc_xai.report.constellations import COLORMAP, bare, brightness, pooled, window_of
from amc_xai.report.style import BLUE, INK, MUTED, VERMILION, decibels, new_figure, snr_note, styled

PIXELS = 200
KINDS = {"right": "Named rightly", "wrong": "Named wrongly", "faint": "At a low SNR"}
WORKED = (
    "kind",
    "image",
    "map",
    "channels",
    "modulation",
    "snr",
    "named",
    "rival",
    "pair_probability",
    "snr_named",
    "snr_probability",
    "lost",
    "lost_low",
    "lost_high",
    "top",
    "top_probability",
)
CHANGED = (
    *("variant", "image", "channels", "modulation", "snr"),
    *("named", "probability", "snr_named", "snr_probability"),
)


def read_archive(path: Path, needed: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The arrays of a file. Raises ``UserError`` if it isn't an archive, or lacks one of them."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in needed if name not in archive]
            if missing:
                raise UserError(f"'{path}' lacks {', '.join(missing)}.")
            return {name: archive[name] for name in archive.files}
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"'{path}' is not an archive of pictures ({error}).") from error


@styled
def worked_figure(arrays: dict[str, np.ndarray], definition: str | None = None) -> Figure:
    """A row a frame: its channels, each over its evidence, then the probabilities of the modulations named first.

    ``arrays`` of F frames with C channels: ``kind`` (F,), ``image`` and ``map`` (F, C, H, W; above 0 speaks for
    ``named`` (F,) against ``rival`` (F,)), ``lost``, ``lost_low`` and ``lost_high`` (F, C), what the lead over the
    rival loses with a channel of another frame, in nats; ``top`` and ``top_probability`` (F, 3). Maps of a frame
    have one scale. The gid of pictures is ``<kind>|<channel>|image`` or ``...|map``, of bars ``<kind>|bars``.
    """
    channels = arrays["channels"].tolist()
    frames = len(arrays["kind"])
    figure = new_figure(1.75 * len(channels) + 3.2, 3.75 * frames + 0.7)
    columns = len(channels) + 1
    grid = figure.subplots(2 * frames, columns, squeeze=False, width_ratios=[1] * len(channels) + [1.1])
    for f, kind in enumerate(arrays["kind"].tolist()):
        scaled = signed_brightness(arrays["map"][f])
        for c, channel in enumerate(channels):
            window = window_of(arrays["image"][f, c] > 0)
            upper, lower = grid[2 * f][c], grid[2 * f + 1][c]
            upper.imshow(
                pooled(brightness(arrays["image"][f, c])[window], PIXELS), cmap=COLORMAP, vmin=0, vmax=1,
                origin="lower", interpolation="nearest", gid=f"{kind}|{channel}|image",
            )  # fmt: skip
            colours = SIGNED((pooled_signed(scaled[c][window], PIXELS) + 1) / 2)[..., :3]
            lower.imshow(colours, origin="lower", interpolation="nearest", gid=f"{kind}|{channel}|map")
            for axes in (upper, lower):
                bare(axes)
                axes.set_xticks([])
                axes.set_yticks([])
                for spine in axes.spines.values():
                    spine.set(visible=True, color="#d4d8df", linewidth=0.8)
            lost, low, high = (arrays[name][f, c] for name in ("lost", "lost_low", "lost_high"))
            # Where every other frame's channel costs the same there is no interval.
            text = f"{lost:+.1f}" + (f" ({low:.1f} to {high:.1f})" if np.isfinite(low) else "")
            text = text.replace("-", "\N{MINUS SIGN}")
            upper.set_title(
                f"{channel.replace('_', ' ')}\n{text}", fontsize=8.5, loc="center", fontweight="normal"
            )
        _say(grid[2 * f][-1], arrays, f, KINDS.get(kind, kind))
        _bars(grid[2 * f + 1][-1], arrays, f, kind)
    notes = [
        Patch(facecolor=VERMILION, label="for what was named"),
        Patch(facecolor=BLUE, label="for its rival"),
        Patch(facecolor="none", edgecolor="none", label=snr_note(definition)),
        Patch(
            facecolor="none", edgecolor="none", label="above pictures: what the lead loses with another frame's"
        ),
    ]
    figure.legend(handles=notes, loc="outside lower center", ncols=2, fontsize=9, labelcolor=MUTED)
    figure.suptitle("Single frames at work", fontsize=12, fontweight="bold", x=0.01, ha="left")
    return figure


def _say(axes: Axes, arrays: dict[str, np.ndarray], f: int, title: str) -> None:
    axes.set_axis_off()
    pair = arrays["pair_probability"][f]
    lines = [
        f"sent: {arrays['modulation'][f]}, {decibels(arrays['snr'][f])} dB",
        f"named: {arrays['named'][f]} ({100 * pair[0]:.0f} %),",
        f"{decibels(arrays['snr_named'][f])} dB ({100 * arrays['snr_probability'][f]:.0f} %)",
        f"rival: {arrays['rival'][f]} ({100 * pair[1]:.0f} %)",
    ]
    axes.text(0, 0.98, title, transform=axes.transAxes, va="top", fontsize=10.5, fontweight="bold", color=INK)
    axes.text(0, 0.78, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=9, linespacing=1.5)


def _bars(axes: Axes, arrays: dict[str, np.ndarray], f: int, kind: str) -> None:
    names, values = arrays["top"][f].tolist(), arrays["top_probability"][f]
    colours = [VERMILION if n == arrays["named"][f] else BLUE if n == arrays["rival"][f] else MUTED for n in names]
    axes.barh(range(len(names)), 100 * values, color=colours, height=0.6, gid=f"{kind}|bars")
    axes.set_yticks(range(len(names)), names, fontsize=8.5)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, 100), xticks=[0, 50, 100])
    axes.set_xlabel("Probability (%)", fontsize=8.5)
    axes.tick_params(labelsize=8.5)


@styled
def counterfactual_figure(arrays: dict[str, np.ndarray], definition: str | None = None) -> Figure:
    """A row a change, a block of channels a frame; beside each block what the network named.

    ``arrays`` of F frames in V versions: ``variant`` (V,), ``image`` (F, V, C, H, W), ``modulation`` and ``snr``
    (F,), ``named``, ``probability``, ``snr_named``, ``snr_probability`` (F, V). Answers other than that to the
    frame as it came are vermilion. The gid of pictures is ``<frame>|<version>|<channel>``.
    """
    channels, variants = arrays["channels"].tolist(), arrays["variant"].tolist()
    frames = len(arrays["modulation"])
    figure = new_figure((0.98 * len(channels) + 1.45) * frames + 0.2, 1.28 * len(variants) + 1.2)
    ratios = ([1.35] + [1] * len(channels)) * frames
    grid = figure.subplots(len(variants), len(ratios), squeeze=False, width_ratios=ratios)
    for f in range(frames):
        begin = f * (len(channels) + 1)
        for v, variant in enumerate(variants):
            text = grid[v][begin]
            text.set_axis_off()
            # Said once; the second frame's rows are the same changes.
            head = _broken(variant) if f == 0 else ""
            text.text(0, 0.95, head, transform=text.transAxes, va="top", fontsize=8.5, fontweight="bold")
            named = f"{arrays['named'][f, v]} ({100 * arrays['probability'][f, v]:.0f} %)"
            snr = f"{decibels(arrays['snr_named'][f, v])} dB ({100 * arrays['snr_probability'][f, v]:.0f} %)"
            for y, said, same in (
                (0.34, named, arrays["named"][f, v] == arrays["named"][f, 0]),
                (0.14, snr, arrays["snr_named"][f, v] == arrays["snr_named"][f, 0]),
            ):
                colour = INK if same else VERMILION
                text.text(0, y, said, transform=text.transAxes, va="center", fontsize=8.5, color=colour)
            for c, channel in enumerate(channels):
                axes = grid[v][begin + 1 + c]
                axes.imshow(
                    pooled(brightness(arrays["image"][f, v, c]), PIXELS), cmap=COLORMAP, vmin=0, vmax=1,
                    origin="lower", interpolation="nearest", gid=f"{f}|{variant}|{channel}",
                )  # fmt: skip
                bare(axes)
                axes.set_xticks([])
                axes.set_yticks([])
                if v == 0:
                    title = channel.replace("_", " ")
                    if c == 0:
                        title = f"{arrays['modulation'][f]}, {decibels(arrays['snr'][f])} dB\n{title}"
                    axes.set_title(title, fontsize=8.5, loc="left", fontweight="normal")
    figure.suptitle(
        "What would it say if the frame were another?", fontsize=12, fontweight="bold", x=0.01, ha="left"
    )
    notes = [
        Patch(facecolor="none", edgecolor="none", label=f"what is named (probability); {snr_note(definition)}"),
        Patch(facecolor=VERMILION, label="another answer than to the frame as it came"),
    ]
    figure.legend(handles=notes, loc="outside lower center", ncols=2, fontsize=9, labelcolor=MUTED)
    return figure


def _broken(text: str, width: int = 17) -> str:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
