"""A stand-in for the RadioML 2018.01A file, 4 GB of which a disk holds the labels alone, and a job on it."""

import re
from pathlib import Path

import h5py
import numpy as np

from amc_xai.data import RadioML2018, stratified_split

PER_CELL = 801
# One frame of each cell for training and one for validation: two steps, from the labels of all the file.
RATIOS = (1 / PER_CELL, 1 / PER_CELL, 1 - 2 / PER_CELL)
BATCH, STEPS = 221, 2
JOB = [
    "dataset=radioml2018", f"split.ratios=[{','.join(map(str, RATIOS))}]", "trainer.epochs=1",
    f"trainer.batch_size={BATCH}", "task.test_after=false", "task.explain_after=false", "device=cpu",
]  # fmt: skip


def write_large(path: Path) -> None:
    """Write the file; the frames that JOB reads hold noise, all others were never written."""
    rows = 624 * PER_CELL
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple((rows, 1024, 2))
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        h5py.h5d.create(file.id, b"X", h5py.h5t.NATIVE_FLOAT, space, layout)
        cell = np.repeat(np.arange(624), PER_CELL)
        one_hot = file.create_dataset("Y", (rows, 24), np.int64)
        for begin in range(0, rows, 50_000):
            part = cell[begin : begin + 50_000] // 26
            one_hot[begin : begin + len(part)] = np.eye(24, dtype=np.int64)[part]
        file["Z"] = (-20 + 2 * (cell % 26))[:, None]
    source, columns = RadioML2018(str(path)), RadioML2018(str(path), "all").modulations
    split = stratified_split(source.modulation_index, source.snr_index, RATIOS, seed=0)
    assert len(split.train) == len(split.validation) == STEPS * BATCH
    rng = np.random.default_rng(0)
    with h5py.File(path, "r+") as file:
        for k in np.concatenate([split.train, split.validation]):
            column = columns.index(source.modulations[source.modulation_index[k]])
            row = (column * 26 + source.snr_index[k]) * PER_CELL + k % PER_CELL
            file["X"][row] = rng.standard_normal((1024, 2), np.float32)


def anonymous_bytes(process: int | str = "self") -> int:
    """Private memory of a process (Linux's RssAnon); 0 where it has gone."""
    try:
        found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) * 1024 if found else 0
