"""The content of a pickle as cells of frames: {(modulation, SNR): array}, and frames of many cells at once."""

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from amc_xai.data.layout import Layout, as_frames, layout_of, select
from amc_xai.errors import UserError

EXPECTED = "a dictionary {(modulation, snr): array (n, 2, 128)} as RML2016.10a and 10b are"


def check_cells(content: object, path: Path) -> tuple[dict[tuple[str, float], np.ndarray], Layout]:
    """The arrays as they are stored, by (modulation, SNR), and the layout that all of them have.

    Raises:
        UserError: if the content is anything else.
    """
    if not isinstance(content, dict) or not content:
        kind = "empty dictionary" if content == {} else type(content).__name__
        raise UserError(f"dataset.path: {path} holds {article(kind)} {kind}, not {EXPECTED}")
    cells: dict[tuple[str, float], np.ndarray] = {}
    found: Layout | None = None
    for key, frames in content.items():
        cell = cell_named(key, path)
        where = f"the array of {cell[0]} at {cell[1]:g} dB in {path}"
        if cell in cells:
            raise UserError(f"dataset.path: {path} has the cell {cell[0]} at {cell[1]:g} dB twice")
        if not isinstance(frames, np.ndarray):
            raise UserError(f"dataset.path: {where} is none but a {type(frames).__name__}; it must be {EXPECTED}")
        layout = layout_of(frames.shape, frames.dtype, where)
        if layout.kind == "last" and layout.length == 2:
            layout = Layout("first", *layout[1:])  # frames of two samples, as the set has its axes
        found = found or layout
        if (layout.kind, layout.length) != (found.kind, found.length):
            raise UserError(
                f"dataset.path: {where} holds frames of {layout.length} samples, {SAID[layout.kind]}, and others "
                f"in the file {found.length} samples, {SAID[found.kind]}; all must be alike"
            )
        cells[cell] = frames
    if not any(map(len, cells.values())):
        raise UserError(f"dataset.path: {path} holds no frames")
    if sum(frames.nbytes for frames in cells.values()) > path.stat().st_size:
        raise UserError(f"dataset.path: {path} gives one array to several cells; each must have frames of its own")
    return cells, found


SAID = {"first": "(n, 2, L)", "last": "(n, L, 2)", "complex": "complex", "pair": "records"}


def cell_named(key: object, path: Path) -> tuple[str, float]:
    """A key of the dictionary as (modulation, SNR in dB)."""
    if isinstance(key, tuple) and len(key) == 2:
        name, snr = key
        # Python 2 wrote names as bytes, and so does Python 3 for whoever read them with encoding="bytes".
        name = name.decode("latin1") if isinstance(name, bytes) else name
        number = isinstance(snr, int | float) and not isinstance(snr, bool) and abs(snr) < 1000
        if isinstance(name, str) and name and len(name) < 40 and name.isprintable() and number:
            return name, float(snr)
    said = str(key)[:60].encode("ascii", "replace").decode()
    raise UserError(f"dataset.path: {path} has an entry {said!r}; it must be {EXPECTED}")


def article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


class CellFrames:
    """The first ``counts`` frames of each of several cells, which all have one layout, in one row.

    To ask each cell for its few frames of a batch takes ten times as long as copying them. Where all cells are
    views of one map of the file, the frames are therefore taken from it by their places in one go.
    """

    def __init__(self, cells: Sequence[np.ndarray], counts: np.ndarray, layout: Layout):
        self.cells, self.layout = cells, layout
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        self.file, self.places = None, None
        files = [map_under(cell) for cell in cells]
        one = files[0][0]
        alike = {(cell.dtype, cell.strides) for cell in cells}
        if one is not None and all(file is one for file, _ in files) and len(alike) == 1 and in_a_row(cells[0]):
            self.file = one
            # As if the row of all frames began where each cell does.
            self.places = np.array([place for _, place in files]) - self.starts[:-1] * cells[0].strides[0]

    def cell_of(self, index: np.ndarray) -> np.ndarray:
        """The cell (n,) that each frame is of."""
        return np.searchsorted(self.starts, index, side="right") - 1

    def look(self, index: np.ndarray, samples: int) -> np.ndarray:
        """The first samples of these frames, (n, samples, 2) float32."""
        cell = self.cell_of(index)
        if self.file is not None and len(index):
            return as_frames(
                self._from_map(self.places[cell] + index * self.cells[0].strides[0], samples), self.layout
            )
        frames = np.empty((len(index), 2, samples), np.float32).transpose(0, 2, 1)
        for c in np.unique(cell):
            here = np.flatnonzero(cell == c)
            rows = index[here] - self.starts[c]
            frames[here] = as_frames(select(self.cells[c], rows, self.layout, samples), self.layout)
        return frames

    def _from_map(self, place: np.ndarray, samples: int) -> np.ndarray:
        """The first samples of the frames whose bytes begin at these places, as they are stored."""
        stored, length = self.cells[0], self.layout.length
        shape, bytes_a_frame = list(stored.shape[1:]), stored.strides[0]
        if samples < length and self.layout.kind == "first":  # I and Q apart
            place = place[:, None] + np.array([0, bytes_a_frame // 2])
        shape[1 if self.layout.kind == "first" else 0] = samples
        size = bytes_a_frame * samples // length // (place[0].size)
        # Bytes of any place as one value each: whole frames are copied, not numbers.
        values = np.ndarray((len(self.file) - size + 1,), f"V{size}", self.file, 0, (1,))
        return values[place].view(stored.dtype).reshape(len(place), *shape)


def map_under(array: np.ndarray) -> tuple[mmap.mmap | None, int]:
    """The memory map that an array is a view of, and its place there in bytes; None if it is none."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    held = base.obj if isinstance(base, memoryview) else None
    if not isinstance(held, mmap.mmap):
        return None, 0
    begin = np.frombuffer(held, np.uint8).__array_interface__["data"][0]
    return held, array.__array_interface__["data"][0] - begin


def in_a_row(cell: np.ndarray) -> bool:
    """Whether a cell's frames follow each other, each in one piece."""
    return cell.flags.c_contiguous and cell.strides[0] > 0
