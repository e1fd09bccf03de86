"""RadioML 2018.01A (``GOLD_XYZ_OSC.0001_1024.hdf5``), read in place.

``X`` (N, 1024, 2) float32, ``Y`` (N, 24) one-hot, ``Z`` (N, 1) SNR in dB; N = 2,555,904. Rows are ordered:
row = (modulation * 26 + snr) * n + k with n = N / 624 (O'Shea, Roy and Clancy, "Over-the-air deep learning based
radio signal classification", IEEE J-STSP 12(1), 2018). Smaller files of the same layout are read too.
"""

import logging
from pathlib import Path

import h5py
import numpy as np
import torch

from amc_xai.data.choice import check_count, choose_modulations, choose_snrs
from amc_xai.data.copies import MOST_BYTES, origin_of_copies
from amc_xai.data.hdf5 import Hdf5Frames, frames_tensor, open_hdf5
from amc_xai.errors import UserError
from amc_xai.signal.classes import MODULATIONS, SNRS_RADIOML

log = logging.getLogger(__name__)
CELLS = len(MODULATIONS) * len(SNRS_RADIOML)
ROWS_AT_ONCE = 65_536


class RadioML2018:
    """The frames of the wanted classes and SNRs of a RadioML 2018.01A file.

    The order of the classes is that of the label columns as the signals show it; the ``classes.txt`` that ships
    with the file lists another. The labels of all rows are checked against the row formula; ``X`` isn't touched.

    Args:
        path: the HDF5 file.
        modulations: class names, ``"digital"`` (the 17 digital classes) or ``"all"`` (24).
        snrs: SNRs in dB, None = all 26.
        frames_per_cell: take so many frames of each (modulation, SNR); None = all.
        frame_length: cut every frame to its first samples; None = as stored.

    Raises:
        UserError: for an absent, truncated or differently built file, or rows out of order.
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
    ):
        if path is None:
            raise UserError(
                "dataset.path must name the RadioML 2018.01A file: dataset.path=.../GOLD_XYZ_OSC.0001_1024.hdf5 "
                "(from deepsig.ai/datasets, under CC BY-NC-SA; it can't be downloaded by program)"
            )
        file = Path(path)
        if file.is_dir():
            raise UserError(
                f"dataset.path: {file} is a folder; name the file itself: {file}/GOLD_XYZ_OSC.0001_1024.hdf5"
            )
        self._frames = Hdf5Frames(file)
        rows, length, _ = self._frames.shape
        if rows == 0 or rows % CELLS:
            raise UserError(
                f"dataset.path: X of {file} has {rows} rows; RadioML 2018.01A has n frames for each of "
                f"{len(MODULATIONS)} classes x {len(SNRS_RADIOML)} SNRs, so a multiple of {CELLS} "
                f"({CELLS * 4096} in the original)"
            )
        check_labels(file, rows)
        if not self._frames.mapped:
            log.warning(
                "X of %s is chunked or compressed, so random reads are 4 to 500 times slower than from a "
                "contiguous file; write one once with: python -m amc_xai task=convert dataset=radioml2018 "
                "dataset.path=%s task.to=FOLDER", file, file,
            )  # fmt: skip
        check_count("dataset.frames_per_cell", frames_per_cell)
        check_count("dataset.frame_length", frame_length)
        for key, wanted, held in (
            ("frames_per_cell", frames_per_cell, rows // CELLS),
            ("frame_length", frame_length, length),
        ):
            if wanted is not None and wanted > held:
                raise UserError(f"dataset.{key}: {file} holds {held}, so {wanted} can't be had")
        self.frame_length = frame_length or length
        self.modulations = choose_modulations(modulations, list(MODULATIONS), str(file))
        self.snrs = choose_snrs(snrs, [float(s) for s in SNRS_RADIOML], str(file))
        stored = rows // CELLS
        taken = frames_per_cell or stored
        m = np.asarray([MODULATIONS.index(name) for name in self.modulations])
        s = np.asarray([SNRS_RADIOML.index(int(db)) for db in self.snrs])
        first = (m[:, None] * len(SNRS_RADIOML) + s) * stored
        self._row = (first[:, :, None] + np.arange(taken)).reshape(-1)
        cell = np.repeat(np.arange(first.size), taken)
        self.modulation_index, self.snr_index = np.divmod(cell, len(s))
        few = self._frames.mapped and self._frames.bytes <= MOST_BYTES
        self.origin = origin_of_copies(len(cell), self._look) if few else None

    def _look(self, indices: np.ndarray, samples: int | None) -> np.ndarray:
        """The first samples of these frames as they are stored, (n, samples, 2)."""
        return self._frames.rows()[self._row[indices], :samples]

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames (n, 2, L) float32 at these positions of the label arrays.

        Raises:
            UserError: naming the row of a frame that isn't finite.
        """
        return frames_tensor(self._frames.read(self._row[np.asarray(indices)], self.frame_length))


def check_labels(path: Path, rows: int) -> None:
    """Check ``Y`` and ``Z`` of all rows against the row formula, a piece at a time.

    Raises:
        UserError: if one is absent, has another shape, or names another class or SNR for a row.
    """
    with open_hdf5(path) as file:
        for name, shape in (("Y", (rows, len(MODULATIONS))), ("Z", (rows, 1))):
            if name not in file:
                what = "one-hot labels" if name == "Y" else "SNRs"
                raise UserError(f"dataset.path: {path} lacks {name}, the {what} of its {rows} frames")
            if file[name].shape != shape:
                raise UserError(
                    f"dataset.path: {name} of {path} has shape {file[name].shape}; beside X of {rows} rows it "
                    f"must be {shape}"
                )
        one_hot, decibel = as_rows(path, file["Y"]), as_rows(path, file["Z"])
        for begin in range(0, rows, ROWS_AT_ONCE):
            row = np.arange(begin, min(begin + ROWS_AT_ONCE, rows))
            cell = row // (rows // CELLS)
            m, s = np.divmod(cell, len(SNRS_RADIOML))
            y, z = one_hot[begin : row[-1] + 1], decibel[begin : row[-1] + 1, 0]
            wrong = (y[np.arange(len(row)), m] != 1) | (y.sum(1) != 1) | (z != np.asarray(SNRS_RADIOML)[s])
            if wrong.any():
                k = int(np.argmax(wrong))
                said = f"class {np.argmax(y[k])} ({MODULATIONS[np.argmax(y[k])]}) at {z[k]:g} dB"
                if y[k].sum() != 1:
                    said = "not exactly one class"
                raise UserError(
                    f"dataset.path: row {row[k]} of {path} is labelled {said}, where RadioML 2018.01A has "
                    f"{MODULATIONS[m[k]]} at {SNRS_RADIOML[s[k]]} dB: the rows were permuted or the file is "
                    "damaged; use the original file"
                )


def as_rows(path: Path, data: h5py.Dataset) -> np.ndarray | h5py.Dataset:
    """The dataset mapped in place where it is contiguous."""
    offset = data.id.get_offset()
    return data if offset is None else np.memmap(path, data.dtype, "r", offset, data.shape)
