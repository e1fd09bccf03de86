"""``task=generate``: write the synthetic set as a split store; goes on where it was interrupted."""

import logging
from pathlib import Path

from amc_xai.data.conversion import SplitStoreWriter, labelled_cells, write_cells
from amc_xai.errors import UserError
from amc_xai.parts import OF_THE_KEEPER, Parts
from amc_xai.progress import progress
from amc_xai.tasks.next_step import command

log = logging.getLogger(__name__)


def run(parts: Parts, name: str = "generate", workers: int = 1, needs_checkpoint: bool = False) -> None:
    """Make every frame of ``dataset`` and write it below ``dataset.path``, over ``workers`` processes."""
    if parts.config["dataset"].get("path") is None:
        raise UserError("dataset.path must name the folder to write to (dataset.path=FOLDER)")
    source = parts.make["dataset"]()
    root = Path(parts.config["dataset"]["path"])
    # Where the set is written, and how it is held and trained on, says nothing of what is in it.
    unrelated = ("path", "endless", "frames_per_epoch", *OF_THE_KEEPER)
    stamp = {"dataset": {k: v for k, v in parts.config["dataset"].items() if k not in unrelated}}
    cells = len(labelled_cells(source))
    work = write_cells(source, SplitStoreWriter(), root, stamp, workers)
    written = sum(progress(work, "writing cells", 0, cells, unit="cell"))
    log.info(
        "%d frames in %d cells (%d written now) in %s; train on them with: %s",
        len(source.modulation_index), cells, written, root, command("dataset=split_hdf5", f"dataset.path={root}"),
    )  # fmt: skip
