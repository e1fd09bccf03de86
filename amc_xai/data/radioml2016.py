"""RML2016.10a, 10b and 2016.04C: pickles {(modulation, snr): frames} of any Python and numpy, read in place."""

import logging
from functools import cache
from pathlib import Path

import numpy as np
import torch

from amc_xai.data.array_pickle import load_arrays
from amc_xai.data.choice import check_count, check_facts, choose_modulations, choose_snrs
from amc_xai.data.copies import MOST_BYTES, origin_of_copies
from amc_xai.data.radioml2016_cells import CellFrames, check_cells
from amc_xai.data.radioml2016_variants import NAMES, variant_of
from amc_xai.data.stored import broken_frames, check_finite, frames_tensor
from amc_xai.errors import UserError

log = logging.getLogger(__name__)
DIGITAL = ("8PSK", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK")
DOUBLED = (
    "%s: its SNR labels are doubled dB (its noise amplitude is 10^(-snr/10), so a label of 10 means 20 dB of "
    "power a sample); don't compare its SNRs with those of other sets"
)
NOT_KNOWN = (
    "%s: what its SNR labels mean is not known, for nothing says that it is RML2016.10a or 10b (dataset.variant, "
    "or classes, labels and full cells); dataset.snr_definition can say it, and so dataset.samples_per_symbol"
)
NOISE = "%s: AM-SSB frames hold noise alone, as the set was made; leave them out with dataset.modulations"


class RadioML2016:
    """The frames of the wanted classes and SNRs of an RML2016 pickle.

    Frames stay in the file where their bytes stand there as they are: what Python 2 wrote, and Python 3 from
    protocol 3 on. They may be (n, 2, L), (n, L, 2) or complex (n, L).

    Args:
        path: the pickle (``RML2016.10a_dict.pkl``, ``RML2016.10b.dat``, ``2016.04C.multisnr.pkl``), unpacked.
        variant: ``"a"`` (10a: 11 classes), ``"b"`` (10b: 10, no AM-SSB), ``"c"`` (04C), or parts of them; None =
            which the file shows to be.
        modulations: class names as the set has them, ``"digital"`` (8) or ``"all"``.
        snrs: labels in dB, None = all.
        frames_per_cell: take so many frames of each (modulation, SNR); None = all.
        frame_length: cut every frame to its first samples; None = as stored (128).
        samples_per_symbol, snr_definition: of a file that is neither 10a nor 10b; None = not known.

    Raises:
        UserError: for a file that is no such pickle, another variant's, or that asks for anything but arrays.
    """

    sample_rate = None

    def __init__(
        self,
        path: str | None,
        variant: str | None = "a",
        modulations: list[str] | str = "all",
        snrs: list[float] | None = None,
        frames_per_cell: int | None = None,
        frame_length: int | None = None,
        samples_per_symbol: float | None = None,
        snr_definition: str | None = None,
    ):
        if variant not in (None, *NAMES):
            raise UserError(f"dataset.variant must be a, b, c or null (as the file shows), not {variant!r}")
        if path is None:
            raise UserError(
                f"dataset.path must name the {NAMES.get(variant, 'RML2016')} pickle (from deepsig.ai/datasets, "
                "unpacked)"
            )
        check_count("dataset.frames_per_cell", frames_per_cell)
        check_count("dataset.frame_length", frame_length)
        check_facts(samples_per_symbol, None, snr_definition)
        self._path = Path(path)
        cells = self._open()
        sizes = {cell: len(frames) for cell, frames in cells.items() if len(frames)}
        name, definition, symbols = variant_of(variant, sizes, self._layout.length, self._path)
        self.samples_per_symbol = agreed("samples_per_symbol", samples_per_symbol, symbols, name)
        self.snr_definition = agreed("snr_definition", snr_definition, definition, name)
        self.modulations = choose_modulations(modulations, sorted({m for m, _ in cells}), path, DIGITAL)
        self.snrs = choose_snrs(snrs, sorted({s for _, s in cells}), path)
        self._names = [(m, s) for m in self.modulations for s in self.snrs if len(cells.get((m, s), ()))]
        if not self._names:
            raise UserError(f"dataset.snrs: {path} holds no frame of the classes and SNRs that were asked for")
        stored = self._layout.length
        if frame_length is not None and frame_length > stored:
            raise UserError(f"dataset.frame_length: {path} holds {stored} samples, so {frame_length} can't be had")
        self.frame_length = frame_length or stored
        taken = np.asarray([min(len(cells[name]), frames_per_cell or len(cells[name])) for name in self._names])
        self._taken = taken
        self._cells: CellFrames | None = CellFrames([cells[name] for name in self._names], taken, self._layout)
        self.modulation_index = np.repeat([self.modulations.index(m) for m, _ in self._names], taken)
        self.snr_index = np.repeat([self.snrs.index(s) for _, s in self._names], taken)
        few = sum(cells[name].nbytes for name in self._names) <= MOST_BYTES
        self.origin = origin_of_copies(int(taken.sum()), self._look) if few else None
        if self.snr_definition is None:
            warn(NOT_KNOWN, name)
        elif self.snr_definition == "radioml2016":
            warn(DOUBLED, name)
        if "AM-SSB" in self.modulations:
            warn(NOISE, name)

    def _open(self) -> dict[tuple[str, float], np.ndarray]:
        """The frames of each cell as they are stored."""
        cells, self._layout = check_cells(load_arrays(self._path), self._path)
        return cells

    def _look(self, indices: np.ndarray, samples: int | None) -> np.ndarray:
        """The first samples of these frames, (n, samples, 2) float32."""
        if self._cells is None:
            cells = self._open()
            self._cells = CellFrames([cells[name] for name in self._names], self._taken, self._layout)
        return self._cells.look(indices, min(samples or self.frame_length, self.frame_length))

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames (n, 2, L) float32 at these positions of the label arrays.

        Raises:
            UserError: naming a frame that isn't finite.
        """
        indices = np.asarray(indices)
        frames = self._look(indices, None)
        if len(broken := broken_frames(frames)):
            cell = int(self._cells.cell_of(indices[broken[0]]))
            name, db = self._names[cell]
            check_finite(frames, indices - self._cells.starts[cell], f"{name} at {db:g} dB in {self._path}")
        return frames_tensor(frames)

    def __getstate__(self) -> dict:
        # A worker process opens the file by itself.
        return {**self.__dict__, "_cells": None}


def agreed(key: str, given: float | str | None, told: float | str | None, name: str) -> float | str | None:
    """What the variant tells, else what was given.

    Raises:
        UserError: if both tell, differently.
    """
    if None not in (given, told) and given != told:
        raise UserError(f"dataset.{key}: {name} has {told}, so {given} can't be right; set it to null")
    return told if given is None else given


@cache
def warn(sentence: str, name: str) -> None:
    """Say once in a process what is wrong with a set."""
    log.warning(sentence, name)
