"""Frames in plain arrays: a .npz, .mat or HDF5 file with frames, classes and SNRs, or .npy files of them."""

import logging
from pathlib import Path

import numpy as np
import torch

from amc_xai.data.array_files import ArrayFile
from amc_xai.data.array_labels import classes_of, levels_of, places
from amc_xai.data.choice import check_count, check_facts, check_names, choose_modulations, choose_snrs
from amc_xai.data.copies import MOST_BYTES, origin_of_copies
from amc_xai.data.stored import StoredArray, StoredFrames, frames_tensor, say_slow
from amc_xai.errors import UserError, guess, printable

log = logging.getLogger(__name__)
DEFAULT = {"x": "X", "y": "y", "snr": "snr"}


class Arrays:
    """Frames in plain arrays, read in place where the file allows it.

    Frames may be (N, 2, L), (N, L, 2) or complex (N, L). Classes may be names, numbers or one-hot columns, (N,)
    or (N, K); SNRs are numbers in dB, (N,).

    Args:
        path: a ``.npz``, ``.h5``, ``.hdf5`` or ``.mat`` file, or the ``.npy`` file of the frames.
        x, y, snr: what the file calls frames, classes and SNRs; beside a ``.npy``, the other files (``y`` =
            ``y.npy``). None for ``y`` or ``snr`` = without such labels; a number for ``snr`` = that of all frames.
        classes: the name of each number or column of ``y``, in order; None where ``y`` holds names.
        modulations: the classes to keep, in this order; ``"digital"``, ``"all"`` or None = all.
        snrs: the SNRs to keep, in dB; None = all.
        frames_per_cell: take at most so many frames of each (modulation, SNR); None = all.
        frame_length: cut every frame to its first samples; None = as stored.
        samples_per_symbol, sample_rate, snr_definition: of these frames; None = not known.

    Raises:
        UserError: for a file that can't be read, an absent array, or labels that don't fit the frames.
    """

    def __init__(
        self,
        path: str | None,
        x: str = "X",
        y: str | None = "y",
        snr: str | float | None = "snr",
        classes: list[str] | None = None,
        modulations: list[str] | str | None = None,
        snrs: list[float] | None = None,
        frames_per_cell: int | None = None,
        frame_length: int | None = None,
        samples_per_symbol: float | None = None,
        sample_rate: float | None = None,
        snr_definition: str | None = None,
    ):
        if path is None:
            raise UserError(
                "dataset.path must name a .npz, .mat or .h5 file of frames, classes and SNRs, or a .npy of frames"
            )
        check_count("dataset.frames_per_cell", frames_per_cell)
        check_count("dataset.frame_length", frame_length)
        check_facts(samples_per_symbol, sample_rate, snr_definition)
        classes = check_names("dataset.classes", classes)
        if classes is not None and (len(set(classes)) < len(classes) or not classes):
            raise UserError(f"dataset.classes must name each class once, not {classes}")
        self.samples_per_symbol, self.sample_rate = samples_per_symbol, sample_rate
        self.snr_definition = snr_definition
        file = ArrayFile(Path(path))
        self._frames = StoredFrames(find(file, "x", x))
        frames, length = len(self._frames), self._frames.length
        if not frames:
            raise UserError(f"dataset.path: {x} of {path} has no frames")
        if frame_length is not None and frame_length > length:
            raise UserError(f"dataset.frame_length: {path} holds {length} samples, so {frame_length} can't be had")
        self.frame_length = frame_length or length
        labelled = None if y is None else find(file, "y", y)
        held, modulation = ([], np.full(frames, -1)) if labelled is None else classes_of(labelled, frames, classes)
        levels, level = self._levels(file, snr, frames)
        self.modulations = choose_modulations(modulations, held, path) if held or modulations else []
        self.snrs = choose_snrs(snrs, levels, path) if levels or snrs else []
        modulation, level = places(self.modulations, held)[modulation], places(self.snrs, levels)[level]
        self._choose(modulation, level, modulations is not None, snrs is not None, frames_per_cell)
        if not len(self._row):
            raise UserError(f"dataset.snrs: {path} holds no frame of the classes and SNRs that were asked for")
        array = self._frames.array
        here = array.mapped or isinstance(array.rows(), np.ndarray)
        say_slow([array], "arrays", path)
        self.origin = origin_of_copies(len(self._row), self._look) if here and array.bytes <= MOST_BYTES else None

    def _levels(self, file: ArrayFile, snr: str | float | None, frames: int) -> tuple[list[float], np.ndarray]:
        """SNRs and the place of each frame's."""
        if isinstance(snr, int | float) and not isinstance(snr, bool):
            if not abs(snr) <= 1000:
                raise UserError(f"dataset.snr must be a name, null, or the SNR of all frames in dB, not {snr}")
            return [float(snr)], np.zeros(frames, np.int64)
        found = None if snr is None else find(file, "snr", snr)
        return ([], np.full(frames, -1)) if found is None else levels_of(found, frames)

    def _choose(
        self, modulation: np.ndarray, snr: np.ndarray, by_class: bool, by_snr: bool, frames_per_cell: int | None
    ) -> None:
        """Keep the frames that were asked for, in the order of the file, of each cell the first so many."""
        keep = np.ones(len(modulation), dtype=bool)
        if by_class:
            keep &= modulation >= 0
        if by_snr:
            keep &= snr >= 0
        row = np.flatnonzero(keep)
        if frames_per_cell is not None:
            cell = modulation[row] * (len(self.snrs) + 1) + snr[row]
            order = np.argsort(cell, kind="stable")
            rank = np.arange(len(row)) - np.searchsorted(cell[order], cell[order])
            row = np.sort(row[order[rank < frames_per_cell]])
        self._row = row
        self.modulation_index, self.snr_index = modulation[row], snr[row]

    def _look(self, indices: np.ndarray, samples: int | None) -> np.ndarray:
        """The first samples of these frames, (n, samples, 2)."""
        return self._frames.look(self._row[indices], min(samples or self.frame_length, self.frame_length))

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames (n, 2, L) float32 at these positions of the label arrays.

        Raises:
            UserError: naming the row of a frame that isn't finite.
        """
        return frames_tensor(self._frames.read(self._row[np.asarray(indices)], self.frame_length))


def find(file: ArrayFile, key: str, name: str) -> StoredArray | None:
    """The array that ``dataset.<key>`` names; None for SNRs that nobody named and that aren't there.

    Raises:
        UserError: if it isn't there, with the names of those that are.
    """
    if not isinstance(name, str):
        raise UserError(f"dataset.{key} must be the name of an array, not {name!r}")
    if not name or not name.isprintable():
        raise UserError(f"dataset.{key} must be the name of an array, not {name!r}")
    if file.kind == "npy" and key != "x":
        return beside(file.path, key, name)
    found = file.find(name)
    if found is not None:
        return found
    others = [held for held in file.names if held not in DEFAULT.values()]
    if key == "snr" and name == DEFAULT[key] and not others:
        log.warning("%s holds no SNRs: its frames have no SNR label (dataset.snr=10 gives all one)", file.path)
        return None
    more = ", or null for frames without such labels" if key != "x" else ""
    raise UserError(
        f"dataset.{key}: {file.path} holds no {name}; it holds {printable(', '.join(file.names[:20]), 300)}"
        f"{printable(guess(name, file.names), 80)}; "
        f"name frames, classes and SNRs by dataset.x, dataset.y and dataset.snr{more}"
    )


def beside(path: Path, key: str, name: str) -> StoredArray | None:
    """The array of another .npy file, in the same folder unless the name has one."""
    files = [path.parent / name, path.parent / f"{name}.npy"]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        if key == "snr" and name == DEFAULT[key]:
            log.warning("beside %s lies no snr.npy: its frames have no SNR label (dataset.snr names it)", path)
            return None
        raise UserError(
            f"dataset.{key}: there is no file {files[1]}; name the .npy of the "
            f"{'classes' if key == 'y' else 'SNRs'} beside {path.name}, or null for frames without such labels"
        )
    found = ArrayFile(file)
    if found.kind != "npy":
        raise UserError(f"dataset.{key}: {file} is no .npy file")
    return found.find(name)
