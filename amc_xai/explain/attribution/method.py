"""What every attribution method is, and how one is asked about a classifier."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Protocol

import torch
from torch import nn

from amc_xai.errors import UserError, guess
from amc_xai.model.network import Classifier

TASKS = ("modulation", "snr")


class Method(Protocol):
    """Says how much each value of the input speaks for a class.

    ``unit`` says in what, which decides how `faithfulness.infidelity` asks whether the map is right:

    - ``logit``: what is lost of the logit when a value is emptied;
    - ``gradient``: what it loses for each unit that the value loses;
    - ``window``: as ``logit``, of the window around a place; of windows of one pixel it is that;
    - ``scale``: anything in proportion;
    - ``donors``: what is lost of the logit when other frames take a value's place.
    """

    unit: str

    def __call__(self, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str) -> torch.Tensor:
        """Return a map of the shape of ``x``: images (B, C, H, W) or sequences (B, C, L).

        ``target`` (B,) int64 is the class of ``task`` that is explained. Raises UserError where the method
        doesn't apply to the network or the input.
        """
        ...


class TaskOutput(nn.Module):
    """The network's logits (B, classes) of one task, in float32."""

    def __init__(self, network: nn.Module, task: str):
        super().__init__()
        self.network = network
        self.task = task

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return getattr(self.network(x), self.task).float()


def attribute(
    method: Method, classifier: Classifier, iq: torch.Tensor, target: torch.Tensor, task: str
) -> torch.Tensor:
    """Explain frames (B, 2, L): the map over what the network sees, (B, C, H, W) or (B, C, L) float32.

    The representation counts and is no part of the map: attribution begins at the image.

    Raises:
        UserError: an unknown task, or a method that doesn't apply to this network or representation.
    """
    return attribute_input(method, classifier.network, classifier.represent(iq), target, task)


def attribute_input(
    method: Method, network: nn.Module, x: torch.Tensor, target: torch.Tensor, task: str
) -> torch.Tensor:
    """Explain represented frames, (B, C, H, W) or (B, C, L), with the network in evaluation mode."""
    if task not in TASKS:
        raise UserError(
            f"attribution.tasks: {task!r} has no logits to explain{guess(task, TASKS)}; "
            f"choose from {', '.join(TASKS)}"
        )
    if not isinstance(x, torch.Tensor):
        raise UserError(
            "attribution.methods: this network takes several inputs at once (fused), and every method here "
            "explains one; explain a network on the image or on the samples alone, or set attribution=none"
        )
    training = network.training
    network.eval()
    # cuDNN's recurrent layers have no backward pass in evaluation mode; torch's own have.
    recurrent = any(isinstance(module, nn.RNNBase) for module in network.modules())
    plain = torch.backends.cudnn.flags(enabled=False) if recurrent and x.is_cuda else nullcontext()
    try:
        with torch.enable_grad(), plain:
            # As laid out as captum's metrics take it, whatever layout the network's gradients have.
            return method(network, x.detach(), target, task).detach().to(torch.float32).contiguous()
    except RuntimeError as error:
        if _reaches_its_input(network, x, task):
            raise
        raise UserError(
            "attribution.methods: this network works on statistics that pass no gradient on to its input; use "
            "occlusion or rise, which need none"
        ) from error
    finally:
        network.train(training)


def contrast_input(
    method: Method, network: nn.Module, x: torch.Tensor, pair: torch.Tensor, task: str
) -> torch.Tensor:
    """Why the first class of ``pair`` (B, 2) and not the second: the one's map less the other's.

    Every method here is linear in what it explains, but for Grad-CAM, which is taken without its cut at 0.
    """
    if getattr(method, "relu", False):
        method = replace(method, relu=False)
    named, rival = (attribute_input(method, network, x, pair[:, k], task) for k in (0, 1))
    return named - rival


def _reaches_its_input(network: nn.Module, x: torch.Tensor, task: str) -> bool:
    """Whether the logits have a gradient with respect to the input."""
    x = x[:1].detach().requires_grad_()
    with torch.enable_grad():
        logits = TaskOutput(network, task)(x)
    if not logits.requires_grad:
        return False
    return torch.autograd.grad(logits.sum(), x, allow_unused=True)[0] is not None


def in_chunks(
    explain: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], x: torch.Tensor, target: torch.Tensor, size: int
) -> torch.Tensor:
    """``explain(x, target)`` a few frames at a time, so that methods that copy each frame stay in memory."""
    parts = [
        explain(*pair).detach() for pair in zip(x.split(max(1, size)), target.split(max(1, size)), strict=True)
    ]
    return torch.cat(parts)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from ``seed`` inside the block; torch's and numpy's global streams are untouched afterwards."""
    import numpy as np

    devices = [device] if device.type == "cuda" else []
    # Captum's Gradient SHAP draws from numpy's global stream, so that stream has to be set.
    before = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002
