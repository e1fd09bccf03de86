"""The split store: one HDF5 file for each modulation and SNR.

``<root>/<modulation>/SNR_<snr>/<modulation>_SNR_<snr>.h5`` with the dataset ``X`` (n, L, 2) float32,
channel 0 = I and 1 = Q. Written contiguous, so that frames can be read at random without decompression.
"""

import re
from pathlib import Path

import h5py
import numpy as np
import torch

from amc_xai.errors import UserError
from amc_xai.files import replacing

SNR_FOLDER = re.compile(r"SNR_(-?\d+(?:\.\d+)?)")


def cell_path(root: Path, modulation: str, snr: float) -> Path:
    """Where the frames of one cell lie."""
    return root / modulation / f"SNR_{snr:g}" / f"{modulation}_SNR_{snr:g}.h5"


def write_cell(root: Path, modulation: str, snr: float, iq: np.ndarray, attributes: dict) -> Path:
    """Write the frames ``iq`` (n, 2, L) of one cell; the file appears whole or not at all."""
    path = cell_path(root, modulation, snr)
    with replacing(path) as temporary, h5py.File(temporary, "w", libver="latest") as file:
        file.create_dataset("X", data=np.ascontiguousarray(iq.transpose(0, 2, 1), dtype=np.float32))
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
    cells = {}
    for path in sorted(root.glob("*/SNR_*/*.h5")):
        match = SNR_FOLDER.fullmatch(path.parent.name)
        if match and path.name == f"{path.parent.parent.name}_{path.parent.name}.h5":
            cells[path.parent.parent.name, float(match[1])] = path
    if not cells:
        raise UserError(
            f"dataset.path: {root} holds no file named <modulation>/SNR_<snr>/<modulation>_SNR_<snr>.h5"
        )
    return cells


class SplitHdf5:
    """A split store as a frame source.

    Args:
        path: the store's root folder.
        modulations: the classes to read, in this order; None reads all, in alphabetical order.
        snrs: the SNRs to read in dB; None reads all, ascending.
        frames_per_cell: read at most so many frames of each file; None reads all.
        frame_length: cut every frame to its first ``frame_length`` samples; None keeps the stored length.

    Raises:
        UserError: for an absent store, class or SNR, counts below 1, a file without ``X`` or of another shape.
    """

    def __init__(
        self,
        path: str | None,
        modulations: list[str] | None = None,
        snrs: list[float] | None = None,
        frames_per_cell: int | None = None,
        frame_length: int | None = None,
    ):
        if path is None:
            raise UserError("dataset.path must name the folder of the split store (dataset.path=FOLDER)")
        for key, value in {"frames_per_cell": frames_per_cell, "frame_length": frame_length}.items():
            if value is not None and value < 1:
                raise UserError(f"dataset.{key} must be 1 or more, not {value}")
        cells = find_cells(Path(path))
        self.modulations = choose(modulations, sorted({m for m, _ in cells}), "dataset.modulations", path)
        self.snrs = [float(s) for s in choose(snrs, sorted({s for _, s in cells}), "dataset.snrs", path)]
        self.paths, starts, modulation, snr = [], [0], [], []
        lengths: dict[int, Path] = {}
        self.samples_per_symbol = self.sample_rate = None
        self.snr_definition = "es_n0"
        for m, name in enumerate(self.modulations):
            for s, db in enumerate(self.snrs):
                if (name, db) not in cells:
                    continue
                cell = cells[name, db]
                frames, length = self._open_cell(cell)
                lengths.setdefault(length, cell)
                frames = frames if frames_per_cell is None else min(frames, frames_per_cell)
                self.paths.append(cell)
                starts.append(starts[-1] + frames)
                modulation.append(np.full(frames, m))
                snr.append(np.full(frames, s))
        if not self.paths:
            raise UserError(
                f"dataset.modulations and dataset.snrs: {path} holds none of the cells that were asked for"
            )
        shortest = min(lengths)
        if frame_length is not None and frame_length > shortest:
            raise UserError(
                f"dataset.frame_length: {lengths[shortest]} holds frames of {shortest} samples, so "
                f"{frame_length} can't be had; use {shortest} or fewer"
            )
        if frame_length is None and len(lengths) > 1:
            named = ", ".join(f"{n} ({p.name})" for n, p in sorted(lengths.items())[:3])
            raise UserError(
                f"dataset.frame_length: the files hold frames of different lengths: {named}; "
                f"set dataset.frame_length={shortest} to cut all to the shortest"
            )
        self.frame_length = frame_length or shortest
        self.starts = np.asarray(starts)
        self.modulation_index = np.concatenate(modulation).astype(np.int64)
        self.snr_index = np.concatenate(snr).astype(np.int64)
        self._maps: dict[int, np.ndarray] = {}

    def _open_cell(self, path: Path) -> tuple[int, int]:
        try:
            with h5py.File(path, "r") as file:
                if "X" not in file or file["X"].ndim != 3 or file["X"].shape[2] != 2:
                    raise UserError(f"dataset.path: {path} must hold a dataset X of shape (frames, samples, 2)")
                self.samples_per_symbol = (
                    float(file.attrs["samples_per_symbol"])
                    if ("samples_per_symbol" in file.attrs)
                    else self.samples_per_symbol
                )
                self.snr_definition = str(file.attrs.get("snr_definition", self.snr_definition))
                return file["X"].shape[0], file["X"].shape[1]
        except OSError as error:
            raise UserError(f"dataset.path: {path} is not a readable HDF5 file ({error})") from error

    def _map(self, cell: int) -> np.ndarray:
        """The stored frames (n, L, 2): mapped where the file is contiguous float32, else read into memory."""
        if cell not in self._maps:
            with h5py.File(self.paths[cell], "r") as file:
                data = file["X"]
                offset = data.id.get_offset()
                if offset is not None and data.dtype == np.float32:
                    self._maps[cell] = np.memmap(
                        self.paths[cell], np.float32, mode="r", offset=offset, shape=data.shape
                    )
                else:
                    self._maps[cell] = data[...].astype(np.float32)
        return self._maps[cell]

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames (n, 2, L) float32 at these positions of the label arrays."""
        indices = np.asarray(indices)
        iq = np.empty((len(indices), 2, self.frame_length), np.float32)
        cell = np.searchsorted(self.starts, indices, side="right") - 1
        for c in np.unique(cell):
            here = np.flatnonzero(cell == c)
            rows = self._map(c)[indices[here] - self.starts[c], : self.frame_length]
            iq[here] = rows.transpose(0, 2, 1)
        return torch.from_numpy(iq)

    def __getstate__(self) -> dict:
        # A worker process opens its own maps: handles don't travel.
        return {**self.__dict__, "_maps": {}}


def choose(wanted: list | None, present: list, key: str, where: str) -> list:
    """The wanted entries, all of them if None.

    Raises:
        UserError: naming an entry that isn't there, and those that are.
    """
    if wanted is None:
        return present
    absent = [w for w in wanted if w not in present]
    if absent:
        allowed = ", ".join(f"{p:g}" if isinstance(p, float) else p for p in present)
        raise UserError(f"{key}: {where} holds no {absent[0]}; it holds {allowed}")
    if len(set(wanted)) < len(wanted) or not wanted:
        raise UserError(f"{key} must name at least one entry, and each only once, not {list(wanted)}")
    return list(wanted)
