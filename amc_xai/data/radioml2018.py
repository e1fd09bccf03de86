"""RadioML 2018.01A (``GOLD_XYZ_OSC.0001_1024.hdf5``) and what was saved again from it, read in place.

``X`` (N, 1024, 2) float32, ``Y`` (N, 24) one-hot, ``Z`` (N, 1) SNR in dB; N = 2,555,904. Rows are ordered:
row = (modulation * 26 + snr) * n + k with n = N / 624 (O'Shea, Roy and Clancy, "Over-the-air deep learning based
radio signal classification", IEEE J-STSP 12(1), 2018). Files of other rows, of fewer classes or SNRs, with labels
as numbers, or with frames of another layout are read by their labels.
"""

import logging
from functools import partial
from pathlib import Path

import numpy as np
import torch

from amc_xai.data.choice import check_count, check_names, choose_modulations, choose_snrs
from amc_xai.data.class_order import contradictions
from amc_xai.data.copies import MOST_BYTES, origin_of_copies
from amc_xai.data.hdf5 import ENDINGS, frames_array
from amc_xai.data.radioml2018_labels import Labels, name_classes, read_labels
from amc_xai.data.stored import StoredFrames, frames_tensor, say_slow
from amc_xai.errors import UserError
from amc_xai.signal.classes import MODULATIONS, SNRS_RADIOML

log = logging.getLogger(__name__)
# From this label on, 20 dB of power a sample for classes of unit power, a few frames show what class they are of.
TELLING_LABEL = 10


class RadioML2018:
    """The frames of the wanted classes and SNRs of a RadioML 2018.01A file, or of one saved again from it.

    The order of the classes is that of the label columns as the signals show it; the ``classes.txt`` that ships
    with the file lists another. The labels of all rows are read. ``X`` is not touched where the rows stand as
    published; elsewhere, and where classes are named, a few frames of each class must look like their name.

    Args:
        path: the HDF5 file. ``X`` may be (N, L, 2), (N, 2, L) or complex (N, L).
        modulations: class names, ``"digital"`` (the 17 digital classes) or ``"all"``.
        snrs: SNRs in dB, None = all.
        frames_per_cell: take so many frames of each (modulation, SNR), or all of a smaller one; None = all.
        frame_length: cut every frame to its first samples; None = as stored.
        classes: the name of each column or number of ``Y``, in order; None = the published 24.

    Raises:
        UserError: for an absent, packed, truncated or differently built file, labels that aren't RadioML's, or
            names that are needed and not given, or contradicted by the signals.
    """

    samples_per_symbol = 8.0
    sample_rate = None
    snr_definition = "radioml2018"

    def __init__(
        self,
        path: str | None,
        modulations: list[str] | str = "digital",
        snrs: list[float] | None = None,
        frames_per_cell: int | None = None,
        frame_length: int | None = None,
        classes: list[str] | None = None,
    ):
        if path is None:
            raise UserError(
                "dataset.path must name the RadioML 2018.01A file: dataset.path=.../GOLD_XYZ_OSC.0001_1024.hdf5 "
                "(from deepsig.ai/datasets, under CC BY-NC-SA; it can't be downloaded by program)"
            )
        classes = check_names("dataset.classes", classes)
        file = named_file(Path(path))
        self._frames = StoredFrames(frames_array(file))
        if not len(self._frames):
            raise UserError(f"dataset.path: X of {file} has no rows")
        labels = read_labels(file, len(self._frames))
        against = partial(self._contradictions, labels)
        names, numbers = name_classes(file, labels, classes, lambda *order: not against(*order))
        if labels.displaced or names != list(MODULATIONS):
            refuse_contradiction(file, against(names, numbers), classes is not None)
            tell_displaced(file, labels)
        say_slow([self._frames.array], "radioml2018", file)
        check_count("dataset.frames_per_cell", frames_per_cell)
        check_count("dataset.frame_length", frame_length)
        cells = np.bincount(numbers * len(SNRS_RADIOML) + labels.snrs)
        for key, wanted, held in (
            ("frames_per_cell", frames_per_cell, int(cells.max())),
            ("frame_length", frame_length, self._frames.length),
        ):
            if wanted is not None and wanted > held:
                raise UserError(f"dataset.{key}: {file} holds {held}, so {wanted} can't be had")
        self.frame_length = frame_length or self._frames.length
        held = set(np.unique(numbers).tolist())
        self.modulations = choose_modulations(
            modulations, [n for k, n in enumerate(names) if k in held], str(file)
        )
        self.snrs = choose_snrs(snrs, [float(SNRS_RADIOML[s]) for s in np.unique(labels.snrs)], str(file))
        place_of_class, place_of_snr = np.full(len(names), -1), np.full(len(SNRS_RADIOML), -1)
        place_of_class[[names.index(name) for name in self.modulations]] = np.arange(len(self.modulations))
        place_of_snr[[SNRS_RADIOML.index(int(db)) for db in self.snrs]] = np.arange(len(self.snrs))
        self._choose(place_of_class[numbers], place_of_snr[labels.snrs], frames_per_cell)
        if not len(self._row):
            raise UserError(f"dataset.snrs: {file} holds no frame of the classes and SNRs that were asked for")
        few = self._frames.mapped and self._frames.array.bytes <= MOST_BYTES
        self.origin = origin_of_copies(len(self._row), self._look) if few else None

    def _choose(self, modulation: np.ndarray, snr: np.ndarray, frames_per_cell: int | None) -> None:
        """Keep the rows of wanted cells, cell by cell, of each the first so many; -1 is not wanted."""
        row = np.flatnonzero((modulation >= 0) & (snr >= 0))
        # A small type sorts in linear time.
        cell = (modulation[row] * len(self.snrs) + snr[row]).astype(np.int16)
        order = np.argsort(cell, kind="stable")
        row, cell = row[order], cell[order].astype(np.int64)
        if frames_per_cell is not None:
            first = np.searchsorted(cell, cell)
            keep = np.arange(len(cell)) - first < frames_per_cell
            row, cell = row[keep], cell[keep]
        self._row = row
        self.modulation_index, self.snr_index = np.divmod(cell, len(self.snrs))

    def _contradictions(self, labels: Labels, names: list[str], numbers: np.ndarray) -> list[str]:
        """What classes under these names don't look like what they are called."""
        snrs = np.asarray(SNRS_RADIOML)[labels.snrs]
        return contradictions(self._frames.look, names, numbers, snrs, TELLING_LABEL)

    def _look(self, indices: np.ndarray, samples: int | None) -> np.ndarray:
        """The first samples of these frames, (n, samples, 2)."""
        return self._frames.look(self._row[indices], samples)

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames (n, 2, L) float32 at these positions of the label arrays.

        Raises:
            UserError: naming the row of a frame that isn't finite.
        """
        return frames_tensor(self._frames.read(self._row[np.asarray(indices)], self.frame_length))


def named_file(path: Path) -> Path:
    """The path, if it isn't a folder.

    Raises:
        UserError: for a folder, with the file in it to name.
    """
    if path.is_dir():
        held = sorted(file for file in path.iterdir() if file.suffix in ENDINGS)
        file = held[0] if held else path / "GOLD_XYZ_OSC.0001_1024.hdf5"
        raise UserError(f"dataset.path: {path} is a folder; name the file itself: {file}")
    return path


def refuse_contradiction(file: Path, said: list[str], named: bool) -> None:
    """Raise UserError if the signals contradict the names of their classes."""
    if said:
        raise UserError(
            f"dataset.{'classes' if named else 'path'}: the signals of {file} contradict "
            f"{'these names' if named else 'its labels'}: {'; '.join(said)}; "
            + ("the list must name the columns or numbers of Y in their order" if named else
               "the rows of X and Y were permuted apart, or the file is damaged; use the original file")
        )  # fmt: skip


def tell_displaced(file: Path, labels: Labels) -> None:
    """Say in the log that labels count, not places; and loudly where a few rows alone are out of place."""
    rows = len(labels.classes)
    if 0 < labels.displaced < rows // 2:
        log.warning(
            "%d of the %d rows of %s are labelled other than the published order has them; the labels are taken "
            "as they are, and are wrong if nobody moved these rows", labels.displaced, rows, file,
        )  # fmt: skip
    elif labels.displaced:
        log.info("the rows of %s don't stand in the published order; its labels Y and Z are taken", file)
