"""``task=convert``: any source to a split store or to PNG trees; goes on where it was interrupted."""

import logging
import os
from pathlib import Path

from amc_xai.data import Facts
from amc_xai.data.conversion import SplitStoreWriter, labelled_cells, write_cells
from amc_xai.errors import UserError
from amc_xai.parts import OF_THE_KEEPER, Parts
from amc_xai.progress import progress

log = logging.getLogger(__name__)


def run(
    parts: Parts,
    name: str = "convert",
    to: str | None = None,
    format: str = "split",
    perturbed: bool = False,
    workers: int = 1,
    needs_checkpoint: bool = False,
) -> None:
    """Write the frames of ``dataset`` below ``to``, as ``split`` (HDF5) or ``images`` (PNG).

    ``perturbed`` adds the twins that the ``perturbation`` group asks for.
    """
    if to is None:
        raise UserError("task.to must name the folder to write to (task.to=FOLDER)")
    if format not in ("split", "images"):
        raise UserError(f"task.format must be split or images, not {format!r}")
    source = parts.make["dataset"]()
    root = Path(os.path.abspath(os.path.expanduser(to)))
    if hasattr(source, "image_shape"):
        raise UserError("dataset: images can't be converted again; convert from the I/Q frames they came from")
    # How frames are held says nothing of what is written.
    frames = {key: value for key, value in parts.config["dataset"].items() if key not in OF_THE_KEEPER}
    stamp = {"seed": parts.seed, "format": format, "dataset": frames}
    writer = SplitStoreWriter()
    if format == "images":
        from amc_xai.tasks.images import PngWriter

        if source.origin is not None and source.origin.overlaps():
            log.warning(
                "pictures don't tell which frames share samples, and some of these do: a split of the pictures "
                "would have such on both sides; convert frames without overlap (dataset.hop=null for recordings)"
            )
        representation = parts.make["representation"](Facts.of(source))
        writer = PngWriter(representation, parts.make["perturbation"] if perturbed else None, parts.seed)
        stamp |= {"representation": parts.config["representation"]}
        stamp |= {"perturbation": parts.config["perturbation"]} if perturbed else {}
    cells = len(labelled_cells(source))
    work = write_cells(source, writer, root, stamp, workers)
    written = sum(progress(work, "writing cells", 0, cells, unit="cell"))
    dataset = "split_hdf5" if format == "split" else "images representation=none"
    log.info(
        "%d cells written and %d found in %s; use them with: python -m amc_xai dataset=%s dataset.path=%s",
        written, cells - written, root, dataset, root,
    )  # fmt: skip
