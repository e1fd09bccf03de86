"""Frames as PNG trees, originals and perturbed twins, for tools that want files."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from amc_xai.data.cell_names import class_name, snr_name
from amc_xai.data.contracts import FrameSource
from amc_xai.errors import UserError
from amc_xai.files import replacing
from amc_xai.perturbation import PerturbationPlan, SymbolSelector, View, Zero

AT_ONCE = 64
# Parts the names of pictures, so that none may stand in a class's own.
PARTING = "_"


class PngWriter:
    """``<modulation>/SNR_<snr>/<channel>_<modulation>_SNR_<snr>_sample_<k>.png``, 8-bit grey, one a channel.

    Each picture is scaled to its own maximum, so that it depends on its frame alone; lit pixels are at least 1.
    Row 0 of the file is the most negative Q, as in memory. Perturbed twins add ``_<selector><p>_blackout`` with
    ``p`` in percent of the lit pixels, which are black whatever the operator; their random draws depend on
    ``seed`` and the frame's place in its cell.

    Raises:
        UserError: if the representation draws no image, or a fraction is no whole number of percent.
    """

    def __init__(self, representation: torch.nn.Module, plan: PerturbationPlan | None, seed: int):
        if not hasattr(representation, "cells"):
            raise UserError(
                "task.format: images need an image representation, such as representation=constellation"
            )
        self.representation, self.seed = representation, seed
        # Made here: the factories of a configuration can't go to another process.
        chosen = {} if plan is None else plan.chosen()
        self.selectors = {name: s for name, s in chosen.items() if not isinstance(s, SymbolSelector)}
        self.twins = [] if plan is None else [(name, f) for name in self.selectors for f in plan.fractions]

    def names(self, modulation: str, snr: float, k: int) -> dict[tuple[str, str, float], str]:
        """The file name of each (channel, selector, fraction) of frame k; no selector for the original."""
        cell = f"{class_name(modulation, PARTING)}_SNR_{snr_name(snr)}_sample_{k}"
        named = {(c, "", 0.0): f"{c}_{cell}.png" for c in self.representation.channels}
        for c in self.representation.channels:
            for name, fraction in self.twins:
                named[c, name, fraction] = f"{c}_{cell}_{name}{100 * fraction:g}_blackout.png"
        return named

    def is_written(self, root: Path, modulation: str, snr: float, frames: int) -> bool:
        folder = picture_folder(root, modulation, snr)
        if not folder.is_dir():
            return False
        there = {path.name for path in folder.iterdir()}
        return all(name in there for k in range(frames) for name in self.names(modulation, snr, k).values())

    @torch.no_grad()
    def write(self, root: Path, modulation: str, snr: float, source: FrameSource, indices: np.ndarray) -> None:
        folder = picture_folder(root, modulation, snr)
        channels = list(self.representation.channels)
        for begin in range(0, len(indices), AT_ONCE):
            iq = source.read(indices[begin : begin + AT_ONCE])
            cells = self.representation.cells(iq)
            view = View(iq, self.representation.draw(cells), channels, cells)
            pictures = {(c, "", 0.0): view.image[:, i] for i, c in enumerate(channels)}
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + begin)
            for name, fraction in self.twins:
                for i, c in enumerate(channels):
                    mask = self.selectors[name].mask(view, c, fraction, generator)
                    pictures[c, name, fraction] = Zero()(view, mask)[:, i]
            # A twin keeps the scale of its original, so that what is left looks the same.
            top = view.image.amax((2, 3)).clamp(min=1e-12)
            scale = {c: 255 / top[:, i, None, None] for i, c in enumerate(channels)}
            for key, picture in pictures.items():
                grey = (picture * scale[key[0]]).clamp(0, 255)
                grey = torch.where(grey > 0, grey.round().clamp(min=1), 0).byte().numpy()
                for j, pixels in enumerate(grey):
                    with replacing(folder / self.names(modulation, snr, begin + j)[key]) as temporary:
                        Image.fromarray(pixels).save(temporary)


def picture_folder(root: Path, modulation: str, snr: float) -> Path:
    """Where the pictures of one cell lie: always below ``root``."""
    return root / class_name(modulation, PARTING) / f"SNR_{snr_name(snr)}"
