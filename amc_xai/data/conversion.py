"""Writing a source's frames cell by cell: over several processes, each file whole or absent, and resumable."""

import json
import logging
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from amc_xai.data.cell_names import check_apart
from amc_xai.data.contracts import FrameSource, rates_of
from amc_xai.data.split_files import cell_path, write_cell
from amc_xai.errors import UserError
from amc_xai.files import replacing

log = logging.getLogger(__name__)
STAMP = "conversion.json"


class CellWriter(Protocol):
    """Writes all frames of one (modulation, SNR) cell; the same frames always give the same bytes."""

    def is_written(self, root: Path, modulation: str, snr: float, frames: int) -> bool:
        """Whether the files of this cell of ``frames`` frames all stand there already."""
        ...

    def write(self, root: Path, modulation: str, snr: float, source: FrameSource, indices: np.ndarray) -> None:
        """Write the frames at ``indices`` of ``source``."""
        ...


class SplitStoreWriter:
    """One contiguous HDF5 file a cell, as ``dataset=split_hdf5`` reads it."""

    def is_written(self, root: Path, modulation: str, snr: float, frames: int) -> bool:
        return cell_path(root, modulation, snr).is_file()

    def write(self, root: Path, modulation: str, snr: float, source: FrameSource, indices: np.ndarray) -> None:
        about = {
            "samples_per_symbol": source.samples_per_symbol,
            "sample_rate": source.sample_rate,
            "snr_definition": source.snr_definition,
        }
        by_frame = {"samples_per_symbol": rates_of(source, indices)}
        if source.origin is not None:
            by_frame |= {"recording": source.origin.recording[indices], "start": source.origin.start[indices]}
        write_cell(root, modulation, snr, source.read(indices).numpy(), about, by_frame)


def labelled_cells(source: FrameSource) -> dict[tuple[int, int], np.ndarray]:
    """The frames of each (modulation, SNR) cell that holds any; frames with an unknown label are left out."""
    known = np.flatnonzero((source.modulation_index >= 0) & (source.snr_index >= 0))
    cell = source.modulation_index[known] * len(source.snrs) + source.snr_index[known]
    order = known[np.argsort(cell, kind="stable")]
    numbers, first = np.unique(np.sort(cell), return_index=True)
    parts = np.split(order, first[1:]) if len(numbers) else []
    return {divmod(int(n), len(source.snrs)): part for n, part in zip(numbers, parts, strict=True)}


def cells_of(source: FrameSource) -> list[tuple[str, float, np.ndarray]]:
    """Modulation, SNR and frames of every cell that holds any.

    Raises:
        UserError: if none does, or two classes would share their files.
    """
    cells = labelled_cells(source)
    if not cells:
        raise UserError("dataset: there is no frame with both labels known, so there is nothing to write")
    check_apart([source.modulations[m] for m in sorted({m for m, _ in cells})])
    return [(source.modulations[m], source.snrs[s], indices) for (m, s), indices in cells.items()]


def write_cells(
    source: FrameSource,
    writer: CellWriter,
    root: Path,
    stamp: dict[str, Any],
    workers: int = 1,
    cells: list[tuple[str, float, np.ndarray]] | None = None,
) -> Iterator[bool]:
    """Write every cell below ``root``, yielding for each whether it had to be (False: it stood there already).

    ``stamp`` says what is written; it is left in ``root`` as ``conversion.json``, and a folder that was begun with
    another one is refused. What an interrupted run left half done is removed. ``cells``: what to write in place of
    :func:`cells_of`, a file each.

    Raises:
        UserError: if the folder holds the work of another conversion, or there is no labelled frame.
    """
    cells = cells_of(source) if cells is None else cells
    if workers < 1:
        raise UserError(f"task.workers must be 1 or more, not {workers}")
    prepare(root, stamp)
    open_cells = []
    for modulation, snr, indices in cells:
        if writer.is_written(root, modulation, snr, len(indices)):
            yield False
        else:
            open_cells.append((modulation, snr, indices))
    if workers == 1 or len(open_cells) < 2:
        for modulation, snr, indices in open_cells:
            writer.write(root, modulation, snr, source, indices)
            yield True
        return
    # Spawned, not forked: HDF5 handles and torch's threads don't survive a fork.
    pool = ProcessPoolExecutor(
        min(workers, len(open_cells)), multiprocessing.get_context("spawn"), start_worker, (source, writer, root)
    )
    try:
        for done in as_completed([pool.submit(write_in_worker, *cell) for cell in open_cells]):
            done.result()
            yield True
    except BrokenProcessPool as error:
        raise UserError(
            "task.workers: a worker process was killed, likely for want of memory; use fewer workers, and start "
            "again: finished cells stay"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def prepare(root: Path, stamp: dict[str, Any]) -> None:
    """Make ``root``, or check that it was begun for the same work, and clear what an interruption left."""
    text = json.dumps(stamp, indent=1, sort_keys=True)
    file = root / STAMP
    if file.is_file() and file.read_text(encoding="utf-8") != text:
        raise UserError(
            f"{root} holds what was written from another source or with other settings ({file} says which); use "
            "another folder, or remove this one"
        )
    if root.is_dir() and not file.is_file() and any(root.iterdir()):
        raise UserError(f"{root} is not empty and holds no {STAMP}; choose another folder, or empty this one")
    root.mkdir(parents=True, exist_ok=True)
    for leftover in root.rglob(".*.partial*"):
        leftover.unlink(missing_ok=True)
    if not file.is_file():
        with replacing(file) as temporary:
            temporary.write_text(text, encoding="utf-8")


_job: tuple[FrameSource, CellWriter, Path] | None = None


def start_worker(source: FrameSource, writer: CellWriter, root: Path) -> None:
    """What each worker process keeps for all its cells."""
    global _job
    _job = source, writer, root
    torch.set_num_threads(1)
    threading.Thread(target=leave_with_parent, daemon=True).start()


def leave_with_parent() -> None:
    """End this process when the one that started it is gone: killed, it could tell nobody to stop."""
    multiprocessing.parent_process().join()
    os._exit(1)


def write_in_worker(modulation: str, snr: float, indices: np.ndarray) -> None:
    """Write one cell in a worker process."""
    source, writer, root = _job
    writer.write(root, modulation, snr, source, indices)
