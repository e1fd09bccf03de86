"""The split store: one HDF5 file for each modulation and SNR.

``<root>/<modulation>/SNR_<snr>/<modulation>_SNR_<snr>.h5`` with the dataset ``X`` (n, L, 2) float32,
channel 0 = I and 1 = Q. Written contiguous, so that frames can be read at random without decompression.
"""

import logging
import re
from pathlib import Path

import h5py
import numpy as np
import torch

from amc_xai.data.choice import check_count, check_facts, choose_modulations, choose_snrs
from amc_xai.data.contracts import Origin
from amc_xai.data.copies import MOST_BYTES, origin_of_copies
from amc_xai.data.hdf5 import Hdf5Frames, frames_tensor
from amc_xai.errors import UserError
from amc_xai.files import replacing

log = logging.getLogger(__name__)
SNR_FOLDER = re.compile(r"SNR_([+-]?\d+(?:\.\d+)?)", re.IGNORECASE)


def cell_path(root: Path, modulation: str, snr: float) -> Path:
    """Where the frames of one cell lie."""
    return root / modulation / f"SNR_{snr:g}" / f"{modulation}_SNR_{snr:g}.h5"


def write_cell(
    root: Path, modulation: str, snr: float, iq: np.ndarray, attributes: dict, origin: Origin | None = None
) -> Path:
    """Write the frames ``iq`` (n, 2, L) of one cell; the file appears whole or not at all.

    What recording they are from is written beside them, so that frames with common samples stay together.
    """
    path = cell_path(root, modulation, snr)
    with replacing(path) as temporary, h5py.File(temporary, "w", libver="latest") as file:
        file.create_dataset("X", data=np.ascontiguousarray(iq.transpose(0, 2, 1), dtype=np.float32))
        if origin is not None:
            file.create_dataset("recording", data=origin.recording)
            file.create_dataset("start", data=origin.start)
        file.attrs.update({key: value for key, value in attributes.items() if value is not None})
    return path


def find_cells(root: Path) -> dict[tuple[str, float], Path]:
    """The files of a store by (modulation, SNR).

    Raises:
        UserError: if the folder does not exist or holds no such file.
    """
    if not root.is_dir():
        raise UserError(
            f"dataset.path: {root} is not a folder; it must hold files named "
            "<modulation>/SNR_<snr>/<modulation>_SNR_<snr>.h5"
        )
    cells: dict[tuple[str, float], Path] = {}
    for path in sorted(root.glob("*/[sS][nN][rR]_*/*.[hH]*5")):
        match = SNR_FOLDER.fullmatch(path.parent.name)
        modulation = path.parent.parent.name
        # Trees made by hand vary in case ("snr_10") and in the ending (".h5", ".hdf5").
        if match and path.stem.lower() == f"{modulation}_{path.parent.name}".lower():
            twin = cells.setdefault((modulation, float(match[1])), path)
            if twin != path:
                raise UserError(f"dataset.path: {twin} and {path} both claim to be {modulation} at {match[1]} dB")
    if not cells:
        raise UserError(
            f"dataset.path: {root} holds no file named <modulation>/SNR_<snr>/<modulation>_SNR_<snr>.h5"
        )
    return cells


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
        self._files: list[Hdf5Frames] = []
        starts, modulation, snr = [0], [], []
        for m, name in enumerate(self.modulations):
            for s, db in enumerate(self.snrs):
                if (name, db) not in cells:
                    continue
                file = Hdf5Frames(cells[name, db])
                frames = file.shape[0] if frames_per_cell is None else min(file.shape[0], frames_per_cell)
                self._files.append(file)
                starts.append(starts[-1] + frames)
                modulation.append(np.full(frames, m))
                snr.append(np.full(frames, s))
        if not self._files:
            raise UserError(
                f"dataset.modulations and dataset.snrs: {path} holds none of the cells that were asked for"
            )
        self.frame_length = common_length(self._files, frame_length)
        self.samples_per_symbol = self._fact("samples_per_symbol", samples_per_symbol)
        self.sample_rate = self._fact("sample_rate", sample_rate)
        self.snr_definition = self._fact("snr_definition", snr_definition)
        self._starts = np.asarray(starts)
        self.origin = self._origin()
        self.modulation_index = np.concatenate(modulation).astype(np.int64)
        self.snr_index = np.concatenate(snr).astype(np.int64)
        slow = [file.path for file in self._files if not file.mapped]
        if slow:
            log.warning(
                "%d of %d files are chunked or compressed (such as %s), so random reads from disk are slow; write "
                "contiguous ones once with: python -m amc_xai task=convert dataset=split_hdf5 dataset.path=%s "
                "task.to=FOLDER", len(slow), len(self._files), slow[0].name, path,
            )  # fmt: skip

    def _origin(self) -> Origin | None:
        """As the files tell it, else by copies among the frames; None in a store too large to look through."""
        if all(file.origin is not None for file in self._files):
            frames = np.diff(self._starts)
            parts = [[told[:n] for told in file.origin] for file, n in zip(self._files, frames, strict=True)]
            recording, start = (np.concatenate(column) for column in zip(*parts, strict=True))
            return Origin(recording, start, self.frame_length)
        if all(file.mapped for file in self._files) and sum(file.bytes for file in self._files) <= MOST_BYTES:
            return origin_of_copies(int(self._starts[-1]), self._look)
        return None

    def _look(self, indices: np.ndarray, samples: int | None) -> np.ndarray:
        """The first samples of these frames as they are stored, (n, samples, 2)."""
        cell = np.searchsorted(self._starts, indices, side="right") - 1
        samples = samples or self.frame_length
        block = np.zeros((len(indices), min(samples, self.frame_length), 2), np.float32)
        for c in np.unique(cell):
            here = np.flatnonzero(cell == c)
            block[here] = self._files[c].rows()[indices[here] - self._starts[c], : block.shape[1]]
        return block

    def _fact(self, name: str, given: float | str | None) -> float | str | None:
        """What the files say, else what was given; neither the files nor the two may contradict each other."""
        told: dict[float | str, Path] = {}
        for file in self._files:
            if name in file.attributes:
                told.setdefault(plain(file.attributes[name], name, file.path), file.path)
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


def common_length(files: list[Hdf5Frames], wanted: int | None) -> int:
    """The frame length: as wanted, or the one that all files share.

    Raises:
        UserError: if a file's frames are too short, or the lengths differ and none was named.
    """
    lengths: dict[int, Path] = {}
    for file in files:
        lengths.setdefault(file.shape[1], file.path)
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
