"""A split store, one HDF5 file for each modulation and SNR, as a source of frames."""

import logging
from pathlib import Path

import numpy as np
import torch

from amc_xai.data.choice import check_count, check_facts, choose_modulations, choose_snrs
from amc_xai.data.contracts import Origin
from amc_xai.data.copies import MOST_BYTES, origin_of_copies
from amc_xai.data.hdf5 import Told, frames_array, told_beside
from amc_xai.data.split_files import find_cells
from amc_xai.data.stored import StoredFrames, frames_tensor, say_slow
from amc_xai.errors import UserError

log = logging.getLogger(__name__)


class SplitHdf5:
    """A split store as a frame source.

    Args:
        path: the store's root folder.
        modulations: the classes to read, in this order; ``"digital"`` (those of the 17 digital classes that are
            there), ``"all"`` or None, in alphabetical order.
        snrs: the SNRs to read in dB; None reads all, ascending.
        frames_per_cell: read at most so many frames of each file; None reads all.
        frame_length: cut every frame to its first ``frame_length`` samples; None keeps the stored length.
        samples_per_symbol, sample_rate, snr_definition: of a store whose files don't say; None = as they say.

    Raises:
        UserError: for an absent store, class or SNR, counts below 1, a file without ``X`` or of another shape.
    """

    def __init__(
        self,
        path: str | None,
        modulations: list[str] | str | None = None,
        snrs: list[float] | None = None,
        frames_per_cell: int | None = None,
        frame_length: int | None = None,
        samples_per_symbol: float | None = None,
        sample_rate: float | None = None,
        snr_definition: str | None = None,
    ):
        if path is None:
            raise UserError("dataset.path must name the folder of the split store (dataset.path=FOLDER)")
        check_count("dataset.frames_per_cell", frames_per_cell)
        check_count("dataset.frame_length", frame_length)
        check_facts(samples_per_symbol, sample_rate, snr_definition)
        cells = find_cells(Path(path))
        self.modulations = choose_modulations(modulations, sorted({m for m, _ in cells}), path)
        self.snrs = choose_snrs(snrs, sorted({s for _, s in cells}), path)
        self._files: list[StoredFrames] = []
        self._told: list[Told] = []
        starts, modulation, snr = [0], [], []
        for m, name in enumerate(self.modulations):
            for s, db in enumerate(self.snrs):
                if (name, db) not in cells:
                    continue
                file = StoredFrames(frames_array(cells[name, db]))
                frames = len(file) if frames_per_cell is None else min(len(file), frames_per_cell)
                self._files.append(file)
                self._told.append(told_beside(cells[name, db], len(file)))
                starts.append(starts[-1] + frames)
                modulation.append(np.full(frames, m))
                snr.append(np.full(frames, s))
        if not sum(map(len, self._files)):
            raise UserError(
                f"dataset.modulations and dataset.snrs: {path} holds none of the cells that were asked for"
            )
        self.frame_length = common_length(self._files, frame_length)
        self.samples_per_symbol = self._fact("samples_per_symbol", samples_per_symbol)
        self.sample_rate = self._fact("sample_rate", sample_rate)
        self.snr_definition = self._fact("snr_definition", snr_definition)
        self._starts = np.asarray(starts)
        self.origin = self._origin()
        self._rates = self._by_frame("samples_per_symbol")
        if self._rates is not None and not (np.isfinite(self._rates) & (self._rates >= 1)).all():
            raise UserError(f"dataset.path: the samples a symbol of frames in {path} must be numbers from 1 on")
        self.modulation_index = np.concatenate(modulation).astype(np.int64)
        self.snr_index = np.concatenate(snr).astype(np.int64)
        say_slow([file.array for file in self._files if len(file)], "split_hdf5", path)

    def _origin(self) -> Origin | None:
        """As the files tell it, else by copies among the frames; None in a store too large to look through."""
        recording, start = self._by_frame("recording"), self._by_frame("start")
        if recording is not None and start is not None:
            return Origin(recording, start, self.frame_length)
        if all(file.mapped for file in self._files) and sum(f.array.bytes for f in self._files) <= MOST_BYTES:
            return origin_of_copies(int(self._starts[-1]), self._look)
        return None

    def _by_frame(self, name: str) -> np.ndarray | None:
        """What all files tell of each frame, (N,); None where one doesn't."""
        if not all(name in told.by_frame for told in self._told):
            return None
        frames = np.diff(self._starts)
        return np.concatenate([told.by_frame[name][:n] for told, n in zip(self._told, frames, strict=True)])

    def samples_per_symbol_of(self, indices: np.ndarray) -> torch.Tensor | None:
        """Samples a symbol (n,) float32 of these frames; None where all have ``samples_per_symbol``."""
        return None if self._rates is None else torch.from_numpy(self._rates[np.asarray(indices)])

    def _look(self, indices: np.ndarray, samples: int | None) -> np.ndarray:
        """The first samples of these frames as they are stored, (n, samples, 2)."""
        cell = np.searchsorted(self._starts, indices, side="right") - 1
        samples = samples or self.frame_length
        block = np.zeros((len(indices), min(samples, self.frame_length), 2), np.float32)
        for c in np.unique(cell):
            here = np.flatnonzero(cell == c)
            block[here] = self._files[c].look(indices[here] - self._starts[c], block.shape[1])
        return block

    def _fact(self, name: str, given: float | str | None) -> float | str | None:
        """What the files say, else what was given; neither the files nor the two may contradict each other."""
        told: dict[float | str, Path] = {}
        for file, beside in zip(self._files, self._told, strict=True):
            if name in beside.of_all:
                path = file.array.path
                told.setdefault(plain(beside.of_all[name], name, path), path)
        if len(told) > 1:
            (one, first), (other, second) = list(told.items())[:2]
            raise UserError(f"dataset.path: {first} says {name} {one}, but {second} says {other}")
        for said, path in told.items():
            if given is not None and given != said:
                raise UserError(f"dataset.{name}: {path} says {said}, so {given} can't be right; set it to null")
            return said
        return given

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames (n, 2, L) float32 at these positions of the label arrays.

        Raises:
            UserError: naming the row of a frame that isn't finite.
        """
        indices = np.asarray(indices)
        block = np.empty((len(indices), self.frame_length, 2), np.float32)
        cell = np.searchsorted(self._starts, indices, side="right") - 1
        for c in np.unique(cell):
            here = np.flatnonzero(cell == c)
            block[here] = self._files[c].read(indices[here] - self._starts[c], self.frame_length)
        return frames_tensor(block)


def plain(value: object, name: str, path: Path) -> float | str:
    """An HDF5 attribute of a file as the value of the fact ``name``.

    Raises:
        UserError: if it is none that frames can have.
    """
    try:
        found = value.decode() if isinstance(value, bytes) else value
        found = found if isinstance(found, str) else float(np.asarray(found).item())
        check_facts(**{name: found})
    except (UserError, TypeError, ValueError) as error:
        raise UserError(
            f"dataset.path: the attribute {name} of {path} is {str(value)[:40]!r}, which no frames can have"
        ) from error
    return found


def common_length(files: list[StoredFrames], wanted: int | None) -> int:
    """The frame length: as wanted, or the one that all files share.

    Raises:
        UserError: if a file's frames are too short, or the lengths differ and none was named.
    """
    lengths: dict[int, Path] = {}
    for file in files:
        lengths.setdefault(file.length, file.array.path)
    shortest = min(lengths)
    if wanted is not None and wanted > shortest:
        raise UserError(
            f"dataset.frame_length: {lengths[shortest]} holds frames of {shortest} samples, so {wanted} can't be "
            f"had; use {shortest} or fewer"
        )
    if wanted is None and len(lengths) > 1:
        named = ", ".join(f"{n} ({p.name})" for n, p in sorted(lengths.items())[:3])
        raise UserError(
            f"dataset.frame_length: the files hold frames of different lengths: {named}; "
            f"set dataset.frame_length={shortest} to cut all to the shortest"
        )
    return wanted or shortest
