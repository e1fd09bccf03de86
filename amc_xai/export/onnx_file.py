"""A classifier as an ONNX file: raw I/Q in, probabilities out, representation inside."""

import json
import logging
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from amc_xai.errors import UserError, one_line
from amc_xai.evaluation.inference import probabilities
from amc_xai.export.pairs import WithoutComplex
from amc_xai.files import replacing
from amc_xai.model import Classifier

NEEDS = ("onnx", "onnxscript", "onnxruntime")
INPUT, OUTPUTS = "iq", ("modulation_probability", "snr_probability")
EXAMPLES = 4  # frames that the graph is traced with; any number goes through it afterwards


class Answers(nn.Module):
    """I/Q (B, 2, L) -> probabilities of modulation (B, M) and of SNR (B, S)."""

    def __init__(self, classifier: Classifier):
        super().__init__()
        self.representation, self.network = classifier.representation, classifier.network

    def forward(self, iq: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return tuple(probabilities(self.network(self.representation(iq))))


def check_installed() -> None:
    """Raise UserError unless what writes and runs ONNX is installed."""
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise UserError(f"task=export needs {' and '.join(missing)}, which pip install 'amc-xai[export]' brings")


@torch.no_grad()
def write_onnx(classifier: Classifier, frame_length: int, about: dict, path: Path) -> None:
    """Write a classifier on frames of ``frame_length`` samples, on the CPU and in evaluation mode.

    Args:
        about: what the file tells of itself, JSON by name in its ``metadata_props``.

    Raises:
        UserError: if the classifier can't be exported.
    """
    answers = Answers(classifier).eval()
    example = torch.randn(EXAMPLES, 2, frame_length, generator=torch.Generator().manual_seed(0))
    # Tables that the representation keeps are made now: made while tracing they would be kept as traces.
    answers(example)
    shapes = ({0: torch.export.Dim("batch", min=1)},)
    try:
        traced = torch.export.export(answers, (example,), dynamic_shapes=shapes, strict=False)
        plain = WithoutComplex(traced.run_decompositions().module())
        program = exported(torch.export.export(plain, (example,), dynamic_shapes=shapes, strict=False))
    except Exception as error:  # of every stage of an exporter; there is no list of them
        raise UserError(
            f"task=export: representation {type(classifier.representation).__name__} with this network can't be "
            f"written as ONNX ({one_line(error)}); iq, amplitude_phase, constellation, augmented and points "
            "(without its group likelihood) can"
        ) from error
    for name, value in about.items():
        program.model.metadata_props[name] = json.dumps(value)
    with replacing(path) as temporary:
        program.save(temporary, external_data=False)


def exported(traced: torch.export.ExportedProgram) -> "torch.onnx.ONNXProgram":
    """The ONNX program of a module without complex numbers; the exporter's talk about itself is left out."""
    quiet = [logging.getLogger(name) for name in ("onnxscript", "onnx_ir", "torch.onnx")]
    levels = [logger.level for logger in quiet]
    for logger in quiet:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = {"input_names": [INPUT], "output_names": list(OUTPUTS)}
            program = torch.onnx.export(traced, dynamo=True, verbose=False, optimize=False, **names)
            simplify(program)
            return program
    finally:
        for logger, level in zip(quiet, levels, strict=True):
            logger.setLevel(level)


def simplify(program: "torch.onnx.ONNXProgram") -> None:
    """Fold constants and drop what is computed twice or for nothing.

    As the exporter's ``optimize`` does, but for its rewriting rules. They take what is below 1e-8 for 0, and leave
    out the 1e-30 that keeps the logarithm of a frame of zeros finite; and one lists the whole graph at each of its
    nodes, half of the time that ``points`` took. onnxruntime fuses as it loads a file.
    """
    import onnx_ir.passes.common as common
    from onnx_ir.passes import Sequential
    from onnxscript.optimizer import fold_constants

    inlined = common.InlinePass()(program.model).model
    fold_constants(inlined)
    Sequential(
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedFunctionsPass(),
        common.RemoveUnusedOpsetsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.LiftSubgraphInitializersToMainGraphPass(),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
        common.OutputFixPass(),
        common.NameFixPass(),
    )(inlined)
    program.model = inlined
