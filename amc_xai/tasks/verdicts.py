"""The emissions of recordings and the verdicts on them, for ``task=predict``."""

import json
import logging
import os
from pathlib import Path

import torch

from amc_xai.data import FrameSource, Recordings
from amc_xai.evaluation.predictions import Predictions
from amc_xai.files import replacing
from amc_xai.model.network import synchronises
from amc_xai.parts import Parts
from amc_xai.tasks.facts import trained_rates
from amc_xai.verdicts import Calibration, EmissionFrames, Verdict, verdicts_of
from amc_xai.verdicts.annotations import write_annotations

log = logging.getLogger(__name__)
SHOWN = 10  # verdicts that are printed
# Of a network that nobody calibrated: frames of one emission are about as dependent in all that were.
DEFAULT = Calibration()
ANNOTATIONS = ("run", "beside", "none")


def own_rates(loaded: dict, representation: torch.nn.Module) -> tuple[float, float] | None:
    """The samples a symbol that a network takes frame by frame, from the lowest to the highest that it knows."""
    return trained_rates(loaded) if synchronises(representation) else None


def calibration_of(loaded: dict) -> Calibration:
    """The checkpoint's; where it has none a cautious one, and the log says so."""
    found = Calibration.of(loaded)
    if found is None:
        log.warning(
            "the checkpoint holds no calibration: probabilities of emissions are cautious guesses; "
            "task=calibrate checkpoint=... fits them"
        )
    return found or DEFAULT


def leave_verdicts(
    parts: Parts, source: Recordings, frames: EmissionFrames, predictions: Predictions, annotations: str
) -> list[Verdict]:
    """Write ``verdicts.jsonl`` and the annotations, and print what was found."""
    found = verdicts_of(
        frames, predictions.modulation_probability, predictions.snr_probability, predictions.modulations.tolist(),
        predictions.snrs.tolist(), calibration_of(parts.loaded), source.names,
        [recording.sample_rate or source.sample_rate for recording in source.recordings],
    )  # fmt: skip
    path = parts.folder / "verdicts.jsonl"
    with replacing(path) as temporary:
        temporary.write_text("".join(json.dumps(v.as_dict()) + "\n" for v in found), encoding="utf-8")
    for verdict in found[:SHOWN]:
        log.info("%s", verdict)
    if len(found) > SHOWN:
        log.info("... and %d more emissions: see %s", len(found) - SHOWN, path)
    if annotations != "none":
        annotate(source, frames, found, parts.folder / "annotations" if annotations == "run" else None)
    return found


def annotate(
    source: Recordings, frames: EmissionFrames, verdicts: list[Verdict], folder: Path | None
) -> list[Path]:
    """A file of SigMF metadata for each file of samples, in ``folder`` or beside it."""
    by_file: dict[Path, tuple[int, list[Verdict]]] = {}
    for heard, verdict in zip(frames.heard, verdicts, strict=True):
        recording = source.recordings[heard.emission.recording]
        by_file.setdefault(recording.path, (heard.emission.recording, []))[1].append(verdict)
    written = []
    for path, (recording, mine) in by_file.items():
        where = path.parent if folder is None else folder
        if not os.access(path.parent, os.W_OK) and folder is None:
            log.warning("task.annotations=beside: nothing can be written in %s; none are left there", where)
            continue
        where.mkdir(parents=True, exist_ok=True)
        written.append(write_annotations(source.recordings[recording], mine, where))
    return [path for path in written if path is not None]


def is_heard(source: FrameSource) -> bool:
    """Whether emissions can be told apart in a source: recordings, cut into frames."""
    return isinstance(source, Recordings)
