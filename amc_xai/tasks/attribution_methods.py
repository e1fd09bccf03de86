"""Which frames are explained, and by which methods: those that apply to the network, the others said in words."""

import logging
from dataclasses import replace

import numpy as np
import torch

from amc_xai.data.contracts import rates_of
from amc_xai.errors import UserError
from amc_xai.explain.attribution import (
    AttributionPlan,
    ExpectedGradients,
    GradCam,
    Method,
    attribute_input,
    contrast_input,
)
from amc_xai.explain.attribution_scores import Subject
from amc_xai.explain.precision import as_explained
from amc_xai.perturbation import Donors
from amc_xai.tasks.even_choice import evenly
from amc_xai.tasks.lengths import of_one_length
from amc_xai.tasks.views import donors_of
from amc_xai.tasks.workbench import Workbench

log = logging.getLogger(__name__)


@torch.no_grad()
def explained_frames(
    bench: Workbench, plan: AttributionPlan, indices: np.ndarray
) -> tuple[np.ndarray, torch.Tensor, Subject]:
    """``plan.frames`` of these, evenly over classes and SNRs: places (N,), samples (N, 2, L), and a subject.

    Raises:
        UserError: ``attribution.target=true`` without a frame whose labels are both known.
    """
    source = bench.source
    indices = of_one_length(source, indices)
    if plan.target == "true":
        known = (source.modulation_index[indices] >= 0) & (source.snr_index[indices] >= 0)
        indices = indices[known]
        if len(indices) == 0:
            raise UserError("attribution.target: no frame has both labels; use attribution.target=predicted")
    indices = np.sort(evenly(source, indices, plan.frames, bench.parts.seed))
    device, rates = bench.accelerator.device, rates_of(source, indices)
    iq = source.read(indices).contiguous().to(device)
    x = bench.classifier.represent(iq, rates if rates is None else rates.to(device))
    if plan.target == "true":
        labels = (source.modulation_index[indices], source.snr_index[indices])
        modulation, snr = (torch.from_numpy(label).to(device) for label in labels)
    else:
        prediction = bench.classifier.network(x)
        modulation, snr = prediction.modulation.argmax(-1), prediction.snr.argmax(-1)
    return indices, iq, Subject(x, {"modulation": modulation, "snr": snr})


def with_donors(methods: dict[str, Method], donors: Donors | None) -> dict[str, Method]:
    """The methods, with other frames as references for those that compare with frames."""
    seen = None if donors is None or isinstance(donors.seen, tuple) else donors.seen
    return {n: replace(m, donors=seen) if isinstance(m, ExpectedGradients) else m for n, m in methods.items()}


def applicable(
    bench: Workbench, plan: AttributionPlan, subject: Subject, donors: Donors | None
) -> dict[str, Method]:
    """The plan's methods that work on this network, each tried on one frame; says plainly which don't.

    ``donors`` are the references of those that compare with other frames.
    """
    methods = with_donors(plan.chosen(), donors)
    if not isinstance(subject.x, torch.Tensor):
        say(
            bench,
            "attribution is skipped: this network takes several inputs at once (fused), and each method here "
            f"explains a single one: {', '.join(methods)}",
        )
        return {}
    fitting, network = {}, bench.classifier.network
    for name, method in methods.items():
        try:
            if isinstance(method, GradCam) and len(planes_of(bench)) > 1:
                raise UserError(
                    "its map says where in a plane, and the channels of this picture are different planes: "
                    + ", ".join(planes_of(bench))
                )
            attribute_input(method, network, subject.x[:1], subject.target["modulation"][:1], "modulation")
        except UserError as error:
            say(bench, f"{name} is skipped: {error}")
        else:
            fitting[name] = method
    return fitting


def contrast_of(
    method: Method, network: torch.nn.Module, x: torch.Tensor, pair: torch.Tensor, task: str, size: int
) -> torch.Tensor:
    """The method's maps of all frames for the first class of each ``pair`` (N, 2) and against the second."""
    parts = zip(x.split(size), pair.split(size), strict=True)
    return torch.cat([contrast_input(method, network, part, these, task) for part, these in parts])


def say(bench: Workbench, what: str) -> None:
    """Log this, but for what the log has said before."""
    if what not in bench.said:
        log.info("%s", what)
        bench.said.add(what)


def check_methods(bench: Workbench, indices: np.ndarray) -> None:
    """Try every method on a frame before the work; what doesn't apply is said in the log then, and once."""
    plan: AttributionPlan = bench.parts.make["attribution"]
    if not plan.methods or len(indices) == 0 or not bench.accelerator.is_main_process:
        return
    as_explained(bench.classifier, bench.accelerator)
    *_, subject = explained_frames(bench, replace(plan, frames=1), indices)
    applicable(bench, plan, subject, donors_of(bench, indices[:2]))


def planes_of(bench: Workbench) -> list[str]:
    """What the axes of a picture's channels mean, each once; one where all channels are pictures of one plane."""
    planes = getattr(bench.classifier.representation, "planes", {})
    return list(dict.fromkeys(planes.values())) or ["I and Q"]
