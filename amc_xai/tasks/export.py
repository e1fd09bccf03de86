"""``task=export``: a checkpoint as an ONNX file, compared with torch."""

import json
import logging

import numpy as np

from amc_xai import __version__
from amc_xai.data import FrameSource
from amc_xai.data.contracts import lengths_of
from amc_xai.errors import UserError
from amc_xai.files import replacing
from amc_xai.model.network import synchronises
from amc_xai.parts import Parts
from amc_xai.tasks.facts import settle
from amc_xai.tasks.workbench import load_weights, make_classifier

log = logging.getLogger(__name__)


def run(parts: Parts, frames: int = 1000, name: str = "export", needs_checkpoint: bool = True) -> None:
    """Leave ``model.onnx`` and ``export.json``, what was compared and measured.

    Args:
        frames: of ``dataset`` that torch and onnxruntime are compared on.

    Raises:
        UserError: if the export's packages aren't installed, or the network can't be exported.
    """
    from amc_xai.export.comparing import compared, latencies, open_session
    from amc_xai.export.onnx_file import Answers, check_installed, write_onnx

    check_installed()
    if not isinstance(frames, int) or isinstance(frames, bool) or frames < 1:
        raise UserError(f"task.frames must be a whole number of frames, 1 or more, not {frames!r}")
    source = parts.make["dataset"]()
    facts = settle(source, parts.loaded, "checkpoint")
    classifier = make_classifier(parts, facts, parts.loaded["modulations"], parts.loaded["snrs"])
    check_one_shape(classifier.representation, source, facts.samples_per_symbol)
    load_weights(classifier, parts)
    classifier.eval()
    about = {
        "amc_xai": __version__,
        "modulations": classifier.modulations,
        "snrs_db": classifier.snrs,
        "frame_length": facts.frame_length,
        "samples_per_symbol": facts.samples_per_symbol,
        "sample_rate": facts.sample_rate,
    }
    path = parts.folder / "model.onnx"
    write_onnx(classifier, facts.frame_length, about, path)
    session, answers = open_session(path), Answers(classifier).eval()
    count = len(source.modulation_index)
    chosen = np.sort(np.random.default_rng(parts.seed).permutation(count)[:frames])
    iq = source.read(chosen).contiguous()
    found = {"bytes": path.stat().st_size, **compared(answers, session, iq), **latencies(answers, session, iq)}
    with replacing(parts.folder / "export.json") as temporary:
        temporary.write_text(json.dumps(found, indent=2))
    tell(found, path)


def check_one_shape(representation, source: FrameSource, samples_per_symbol: float | None) -> None:
    """Raise UserError unless frames come in one shape, which the file is made for."""
    if lengths_of(source) is not None:
        raise UserError("dataset.frame_length: an ONNX file is made for frames of one length; give it one value")
    if synchronises(representation) and samples_per_symbol is None:
        raise UserError(
            "dataset.samples_per_symbol: the network takes several, and an ONNX file is made for one; say which, "
            "such as dataset.samples_per_symbol=8"
        )
    for part in representation.modules():  # a fusion has two
        check_fixed_steps(part)


def check_fixed_steps(representation) -> None:
    """Raise UserError if what a representation computes hangs on the frames."""
    receiver = getattr(representation, "receiver", None)
    if getattr(receiver, "symbol_rate", "given") != "given":
        raise UserError(
            "representation.symbol_rate=refined looks for each frame's own symbol rate, and an ONNX file is made "
            "for one; the network can be exported with representation.symbol_rate=given"
        )
    if "likelihood" in getattr(representation, "groups", ()):
        raise UserError(
            "representation.groups: an ONNX file can't hold likelihood, whose steps hang on the number of frames; "
            "train a network without that group"
        )


def tell(found: dict[str, float], path) -> None:
    """What the log says of the file."""
    log.info("%s: %.2f MB", path, found["bytes"] / 1e6)
    log.info(
        "torch and onnxruntime on %d frames: the same modulation in %.2f %%, the same SNR in %.2f %%; "
        "probabilities within 0.001 in %.2f %% of the frames, the largest difference %.2g", found["frames"],
        100 * found["same_modulation"], 100 * found["same_snr"], 100 * found["within_1e-3"],
        found["largest_difference"],
    )  # fmt: skip
    for count, what in ((1, "one frame"), (256, "256 frames")):
        log.info(
            "%s on one thread: onnxruntime %.2f ms, torch %.2f ms", what, found[f"onnxruntime_{count}_ms"],
            found[f"torch_{count}_ms"],
        )  # fmt: skip
