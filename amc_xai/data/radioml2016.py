"""RML2016.10a and RML2016.10b: Python-2 pickles {(modulation, snr): float32 (n, 2, 128)}.

O'Shea and West, "Radio machine learning dataset generation with GNU Radio", GNU Radio Conference 2016.
"""

import logging
from functools import cache
from pathlib import Path

import numpy as np
import torch

from amc_xai.data.array_pickle import load_arrays
from amc_xai.data.choice import check_count, choose_modulations, choose_snrs
from amc_xai.data.copies import origin_of_copies
from amc_xai.data.hdf5 import check_finite
from amc_xai.errors import UserError

log = logging.getLogger(__name__)
CLASSES = {
    "a": ["8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"],
    "b": ["8PSK", "AM-DSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"],
}
DIGITAL = ("8PSK", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK")
CAVEAT = (
    "RML2016.10%s: its SNR labels are doubled dB (its noise amplitude is 10^(-snr/10), so a label of 10 means 20 "
    "dB of power a sample)%s; don't compare its SNRs with those of other sets"
)


class RadioML2016:
    """The frames of the wanted classes and SNRs of an RML2016.10a or 10b pickle, held in memory.

    Args:
        path: the pickle (``RML2016.10a_dict.pkl``, ``RML2016.10b.dat``), already unpacked.
        variant: ``"a"`` (11 classes) or ``"b"`` (10: no AM-SSB).
        modulations: class names as the set has them, ``"digital"`` (8) or ``"all"``.
        snrs: labels in dB, None = all.
        frames_per_cell: take so many frames of each (modulation, SNR); None = all.
        frame_length: cut every frame to its first samples; None = as stored (128).

    Raises:
        UserError: for a file that is no such pickle, another variant's, or that asks for anything but arrays.
    """

    samples_per_symbol = 8.0
    sample_rate = None
    snr_definition = "radioml2016"

    def __init__(
        self,
        path: str | None,
        variant: str = "a",
        modulations: list[str] | str = "all",
        snrs: list[float] | None = None,
        frames_per_cell: int | None = None,
        frame_length: int | None = None,
    ):
        if variant not in CLASSES:
            raise UserError(f"dataset.variant must be a or b, not {variant!r}")
        if path is None:
            raise UserError(
                f"dataset.path must name the RML2016.10{variant} pickle (from deepsig.ai/datasets, unpacked)"
            )
        check_count("dataset.frames_per_cell", frames_per_cell)
        check_count("dataset.frame_length", frame_length)
        cells = check_cells(load_arrays(Path(path)), path)
        held = sorted({m for m, _ in cells})
        if held != CLASSES[variant]:
            raise UserError(
                f"dataset.path: {path} holds the classes {', '.join(held)}; RML2016.10{variant} has "
                f"{', '.join(CLASSES[variant])}"
            )
        warn(variant)
        self.modulations = choose_modulations(modulations, held, path, DIGITAL)
        self.snrs = choose_snrs(snrs, sorted({s for _, s in cells}), path)
        iq, modulation, snr = [], [], []
        for m, name in enumerate(self.modulations):
            for s, db in enumerate(self.snrs):
                frames = cells.pop((name, db), np.empty((0, 2, 0)))[:frames_per_cell]
                if len(frames):
                    check_finite(np.ascontiguousarray(frames), np.arange(len(frames)), f"{name} at {db:g} dB")
                    iq.append(frames)
                    modulation.append(np.full(len(frames), m))
                    snr.append(np.full(len(frames), s))
        if not iq:
            raise UserError(f"dataset.snrs: {path} holds no frame of the classes and SNRs that were asked for")
        stored = iq[0].shape[2]
        if frame_length is not None and frame_length > stored:
            raise UserError(f"dataset.frame_length: {path} holds {stored} samples, so {frame_length} can't be had")
        self.frame_length = frame_length or stored
        self.modulation_index = np.concatenate(modulation).astype(np.int64)
        self.snr_index = np.concatenate(snr).astype(np.int64)
        self._iq = np.concatenate(iq)[:, :, : self.frame_length]
        self.origin = origin_of_copies(len(self._iq), lambda indices, samples: self._iq[indices, :, :samples])

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames (n, 2, L) float32 at these positions of the label arrays."""
        return torch.from_numpy(self._iq[np.asarray(indices)])


def check_cells(content: object, path: str) -> dict[tuple[str, float], np.ndarray]:
    """The pickle's content as {(modulation, SNR): float32 (n, 2, L)}.

    Raises:
        UserError: if it is anything else.
    """
    expected = "a dictionary {(modulation, snr): array (n, 2, 128)} as RML2016.10a and 10b are"
    if not isinstance(content, dict) or not content:
        raise UserError(f"dataset.path: {path} holds a {type(content).__name__}, not {expected}")
    cells, length = {}, None
    for key, frames in content.items():
        if not (isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], str)):
            raise UserError(f"dataset.path: {path} has an entry {str(key)[:60]!r}; it must be {expected}")
        if not isinstance(frames, np.ndarray) or frames.ndim != 3 or frames.shape[1] != 2:
            shape = getattr(frames, "shape", type(frames).__name__)
            raise UserError(f"dataset.path: the frames of {key} in {path} are {shape}; they must be (n, 2, 128)")
        length = frames.shape[2] if length is None else length
        if frames.shape[2] != length or frames.dtype.kind != "f":
            raise UserError(
                f"dataset.path: the frames of {key} in {path} are {frames.dtype} of {frames.shape[2]} samples; "
                f"all must be float32 of {length}"
            )
        cells[key[0], float(key[1])] = frames.astype(np.float32, copy=False)
    return cells


@cache
def warn(variant: str) -> None:
    """Say once in a process what is wrong with this set."""
    log.warning(CAVEAT, variant, " and its AM-SSB frames hold noise alone" if variant == "a" else "")
