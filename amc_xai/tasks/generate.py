"""``task=generate``: write the dataset as a split store, one HDF5 file for each (modulation, SNR)."""

import logging
from pathlib import Path

import numpy as np

from amc_xai.data.split_hdf5 import write_cell
from amc_xai.errors import UserError
from amc_xai.parts import Parts
from amc_xai.progress import progress

log = logging.getLogger(__name__)


def run(parts: Parts, name: str = "generate", needs_checkpoint: bool = False) -> None:
    """Make every frame of ``dataset`` and write it below ``dataset.path``."""
    if parts.config["dataset"].get("path") is None:
        raise UserError("dataset.path must name the folder to write to (dataset.path=FOLDER)")
    source = parts.make["dataset"]()
    root = Path(parts.config["dataset"]["path"])
    cells = [(m, s) for m in range(len(source.modulations)) for s in range(len(source.snrs))]
    attributes = {
        "samples_per_symbol": source.samples_per_symbol,
        "snr_definition": source.snr_definition,
    }
    for m, s in progress(cells, "writing cells", 0, len(cells), unit="cell"):
        indices = np.flatnonzero((source.modulation_index == m) & (source.snr_index == s))
        write_cell(root, source.modulations[m], source.snrs[s], source.read(indices).numpy(), attributes)
    log.info(
        "wrote %d frames in %d cells to %s; train on them with: python -m amc_xai dataset=split_hdf5 "
        "dataset.path=%s",
        len(source.modulation_index), len(cells), root, root,
    )  # fmt: skip
