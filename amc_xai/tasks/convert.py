"""``task=convert``: any source to files of another kind; goes on where it was interrupted."""

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np

from amc_xai.data import Facts, FrameSource
from amc_xai.data.conversion import SplitStoreWriter, cells_of, prepare, write_cells
from amc_xai.data.npz_file import AT_ONCE, NAME, write_npz, written_frames
from amc_xai.data.sigmf_files import SigmfWriter, WholeSigmfWriter
from amc_xai.errors import UserError, guess
from amc_xai.parts import OF_THE_KEEPER, Parts
from amc_xai.progress import progress
from amc_xai.tasks.next_step import command

log = logging.getLogger(__name__)
FORMATS = ("split", "images", "sigmf", "npz")


def run(
    parts: Parts,
    name: str = "convert",
    to: str | None = None,
    format: str = "split",
    whole: bool = False,
    perturbed: bool = False,
    workers: int = 1,
    needs_checkpoint: bool = False,
) -> None:
    """Write the frames of ``dataset`` below ``to``, in one of ``FORMATS``.

    ``split`` is HDF5 and ``images`` PNG, a file a cell or a frame; ``perturbed`` adds the twins that the
    ``perturbation`` group asks for. ``sigmf`` is a recording for each cell, or with ``whole`` for each stretch
    that the frames were cut from. ``npz`` is one file of arrays.
    """
    if to is None:
        raise UserError("task.to must name the folder to write to (task.to=FOLDER)")
    if format not in FORMATS:
        raise UserError(f"task.format must be one of {', '.join(FORMATS)}, not {format!r}{guess(format, FORMATS)}")
    if whole and format != "sigmf":
        raise UserError(f"task.whole: only task.format=sigmf writes recordings whole, not {format}")
    source = parts.make["dataset"]()
    root = Path(os.path.abspath(os.path.expanduser(to)))
    if hasattr(source, "image_shape"):
        raise UserError("dataset: images can't be converted again; convert from the I/Q frames they came from")
    # How frames are held says nothing of what is written.
    frames = {key: value for key, value in parts.config["dataset"].items() if key not in OF_THE_KEEPER}
    stamp: dict[str, Any] = {"seed": parts.seed, "format": format, "dataset": frames}
    stamp |= {"whole": True} if whole else {}
    if format == "npz":
        npz(source, root, stamp)
        return
    writer, cells = SplitStoreWriter() if format == "split" else SigmfWriter(), None
    if whole:
        writer = WholeSigmfWriter()
        cells = writer.parts(source)
    elif format == "images":
        writer = picture_writer(parts, source, perturbed)
        stamp |= {"representation": parts.config["representation"]}
        stamp |= {"perturbation": parts.config["perturbation"]} if perturbed else {}
    cells = cells_of(source) if cells is None else cells
    left = len(source.modulation_index) - sum(len(indices) for _, _, indices in cells)
    if left:
        log.warning(
            "%d frames without a label for both modulation and SNR are left out: files of this format are named "
            "by both", left,
        )  # fmt: skip
    work = write_cells(source, writer, root, stamp, workers, cells)
    written = sum(progress(work, "writing cells", 0, len(cells), unit="cell"))
    log.info(
        "%d files or folders written and %d found in %s; use them with: %s",
        written, len(cells) - written, root,
        command(*how_to_read(format, source, writer), f"dataset.path={root}"),
    )  # fmt: skip


def npz(source: FrameSource, root: Path, stamp: dict[str, Any]) -> None:
    """Write all frames into one file below ``root``, or find it there."""
    prepare(root, stamp)
    path, kept = root / NAME, written_frames(source)
    frames, found = len(kept), path.is_file()
    if frames < len(source.modulation_index):
        log.warning("%d frames without a class are left out", len(source.modulation_index) - frames)
    if not found:
        chunks = np.split(kept, range(AT_ONCE, frames, AT_ONCE))
        write_npz(source, path, progress(chunks, "writing frames", 0, len(chunks)))
    log.info(
        "%d frames %s %s; use them with: %s",
        frames, "found in" if found else "written to", path,
        command(*how_to_read("npz", source), f"dataset.path={path}"),
    )  # fmt: skip


def picture_writer(parts: Parts, source: FrameSource, perturbed: bool) -> Any:
    """What draws the frames of ``source``."""
    from amc_xai.tasks.images import PngWriter

    if source.origin is not None and source.origin.overlaps():
        log.warning(
            "pictures don't tell which frames share samples, and some of these do: a split of the pictures "
            "would have such on both sides; convert frames without overlap (dataset.hop=null for recordings)"
        )
    representation = parts.make["representation"](Facts.of(source))
    return PngWriter(representation, parts.make["perturbation"] if perturbed else None, parts.seed)


def how_to_read(format: str, source: FrameSource, writer: Any = None) -> list[str]:
    """The groups and facts that read these files as what they were; ``writer`` is that of pictures."""
    facts = {
        "samples_per_symbol": source.samples_per_symbol,
        "sample_rate": source.sample_rate if format == "npz" else None,
        "snr_definition": source.snr_definition,
    }
    told = [f"dataset.{key}={value}" for key, value in facts.items() if value is not None]
    if format == "sigmf":
        return ["dataset=recordings", f"dataset.frame_length={source.frame_length}", *told]
    if format == "npz":
        labels = (("y", source.modulation_index), ("snr", source.snr_index))
        without = [f"dataset.{key}=null" for key, index in labels if not (index >= 0).any()]
        return ["dataset=arrays", *told, *without]
    if format == "split":
        return ["dataset=split_hdf5"]
    meaning = [o for o in told if o.startswith("dataset.snr_definition=")]
    channels = ",".join(writer.representation.channels)
    return ["dataset=images", "representation=none", f"dataset.channels=[{channels}]", *meaning]
