"""Existing trees of constellation PNGs, originals or their perturbed twins.

``<root>/<modulation>/SNR_<snr>/<type>_<modulation>_SNR_<snr>_sample_<k>.png``; a twin adds
``_<top|bottom|random><p>_blackout`` (or another selector's name) before ``.png``.
"""

import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from amc_xai.data.cell_names import class_of
from amc_xai.data.choice import check_count, check_facts, check_names, choose_modulations, choose_snrs
from amc_xai.errors import UserError, guess

NAME = re.compile(
    r"(?P<type>.+?)_(?P<modulation>[^_]+)_SNR_(?P<snr>[+-]?\d+(?:\.\d+)?)_sample_(?P<k>\d+)"
    r"(?:_(?P<twin>.+)_blackout)?\.png",
    re.IGNORECASE,
)


class Images:
    """Grey pictures (n, C, H, W) in 0..1 in place of I/Q; goes with ``representation=none``.

    Frames are ordered by class, SNR and sample number, so that originals and twins fall into the same parts of a
    split.

    Args:
        path: the tree's root folder.
        channels: the picture types that make the channels, as the file names begin.
        twin: None reads the originals; ``"top5"`` reads their twins ``..._top5_blackout.png``.
        modulations: class names, ``"digital"``, ``"all"`` or None, in alphabetical order.
        snrs: SNRs in dB, None = all.
        frames_per_cell: take so many samples of each (modulation, SNR); None = all.
        snr_definition: what the labels mean (`signal.snr.DEFINITIONS`); None = not known.

    Raises:
        UserError: for an absent tree, type, twin, class or SNR, or pictures that aren't square.
    """

    samples_per_symbol = sample_rate = None
    origin = None

    def __init__(
        self,
        path: str | None,
        channels: list[str],
        twin: str | None = None,
        modulations: list[str] | str | None = None,
        snrs: list[float] | None = None,
        frames_per_cell: int | None = None,
        snr_definition: str | None = None,
    ):
        if path is None or not Path(path).is_dir():
            raise UserError(
                f"dataset.path must name the folder of the pictures, not {path}; they lie in it as "
                "<modulation>/SNR_<snr>/<type>_<modulation>_SNR_<snr>_sample_<k>.png"
            )
        check_count("dataset.frames_per_cell", frames_per_cell)
        check_facts(snr_definition=snr_definition)
        channels = check_names("dataset.channels", channels)
        found, types, twins = find_images(Path(path))
        for channel in channels:
            if channel not in types:
                raise UserError(
                    f"dataset.channels: {path} holds no pictures of type {channel}{guess(channel, types)}; "
                    f"it holds {', '.join(types)}"
                )
        if twin is not None and twin not in twins:
            raise UserError(
                f"dataset.twin: {path} holds no twins named {twin}{guess(twin, twins)}; "
                f"it holds {', '.join(twins) or 'none'}"
            )
        wanted = twin or ""
        held = {key[:3] for key in found if key[3] == channels[0] and key[4] == wanted}
        self.modulations = choose_modulations(modulations, sorted({m for m, _, _ in held}), path)
        self.snrs = choose_snrs(snrs, sorted({s for _, s, _ in held}), path)
        self.paths: list[list[Path]] = []
        modulation, snr = [], []
        for m, name in enumerate(self.modulations):
            for s, db in enumerate(self.snrs):
                samples = sorted(k for mm, ss, k in held if mm == name and ss == db)[:frames_per_cell]
                for k in samples:
                    paths = [found.get((name, db, k, c, wanted)) for c in channels]
                    if None in paths:
                        raise UserError(
                            f"dataset.channels: sample {k} of {name} at {db:g} dB has no picture of type "
                            f"{channels[paths.index(None)]}"
                        )
                    self.paths.append(paths)
                    modulation.append(m)
                    snr.append(s)
        if not self.paths:
            raise UserError(f"dataset.path: {path} holds no picture of the classes and SNRs that were asked for")
        self.modulation_index = np.asarray(modulation, dtype=np.int64)
        self.snr_index = np.asarray(snr, dtype=np.int64)
        self.snr_definition = snr_definition
        height, width = read_grey(self.paths[0][0]).shape
        if height != width:
            raise UserError(f"dataset.path: {self.paths[0][0]} is {width} x {height}; pictures must be square")
        self.frame_length = height
        self.image_shape = (len(channels), height, width)

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Pictures (n, C, H, W) float32 in 0..1 at these positions of the label arrays."""
        pictures = np.empty((len(indices), *self.image_shape), np.float32)
        for n, index in enumerate(np.asarray(indices)):
            for c, path in enumerate(self.paths[index]):
                grey = read_grey(path)
                if grey.shape != self.image_shape[1:]:
                    raise UserError(
                        f"dataset.path: {path} is {grey.shape[1]} x {grey.shape[0]} pixels, the first picture "
                        f"{self.frame_length} x {self.frame_length}; all must be of one size"
                    )
                pictures[n, c] = grey
        return torch.from_numpy(pictures / np.float32(255))


def find_images(root: Path) -> tuple[dict[tuple[str, float, int, str, str], Path], list[str], list[str]]:
    """Pictures by (modulation, SNR, sample, type, twin or ""), with the types and twins that there are.

    Raises:
        UserError: if there is none.
    """
    found = {}
    for path in sorted(root.glob("*/*/*.[pP][nN][gG]")):
        match = NAME.fullmatch(path.name)
        if match and match["modulation"].lower() == path.parent.parent.name.lower():
            key = (class_of(path.parent.parent.name), float(match["snr"]), int(match["k"]))
            found[*key, match["type"], match["twin"] or ""] = path
    if not found:
        raise UserError(
            f"dataset.path: {root} holds no picture named "
            "<modulation>/SNR_<snr>/<type>_<modulation>_SNR_<snr>_sample_<k>.png"
        )
    return found, sorted({k[3] for k in found}), sorted({k[4] for k in found} - {""})


def read_grey(path: Path) -> np.ndarray:
    """A picture (H, W) uint8; colour is turned to grey.

    Raises:
        UserError: if it can't be read.
    """
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("L"))
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"dataset.path: {path} is no readable picture ({error})") from error
