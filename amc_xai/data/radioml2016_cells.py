"""The content of a pickle as cells of frames: {(modulation, SNR): array}."""

from pathlib import Path

import numpy as np

from amc_xai.data.layout import Layout, layout_of
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
