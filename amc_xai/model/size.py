"""How large a network is and what one frame costs it."""

import copy
import json
import logging
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from amc_xai.files import replacing

log = logging.getLogger(__name__)
COSTS = ("parameters", "multiply_adds")


def count_parameters(network: nn.Module) -> int:
    """Weights, biases and scales, trained or not; statistics of batch norm are none."""
    return sum(parameter.numel() for parameter in network.parameters())


@torch.no_grad()
def count_multiply_adds(network: nn.Module, input_shape: tuple[int, ...]) -> int | None:
    """Multiply-adds of one frame's forward pass in convolutions, matrix products and attention.

    ``input_shape`` is that of the represented frame, without the batch, or a tuple of shapes. Counted on a copy
    without data, or on a copy on the CPU where the network needs values; None, with a line in the log, where
    neither can run.
    """
    for device in ("meta", "cpu"):
        try:
            twin = copy.deepcopy(network).to(device).eval()
            counter = FlopCounterMode(display=False)
            with counter:
                twin(empty_frame(input_shape, device))
            # torch counts a multiplication and an addition as two.
            return counter.get_total_flops() // 2
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    log.info("the multiply-adds of this network can't be counted (%s)", reason[:160])
    return None


def empty_frame(input_shape: tuple, device: str) -> torch.Tensor | tuple[torch.Tensor, ...]:
    """One represented frame of zeros; a tuple of them where the representation gives several shapes (fusion)."""
    if isinstance(input_shape[0], tuple):
        return tuple(empty_frame(shape, device) for shape in input_shape)
    return torch.zeros(1, *input_shape, device=device)


def write_model_card(network: nn.Module, input_shape: tuple[int, ...], device: str, path: Path) -> dict:
    """Write ``model.json``: ``parameters``, ``multiply_adds`` (of one frame, or null) and ``device`` in words."""
    card = {
        "parameters": count_parameters(network),
        "multiply_adds": count_multiply_adds(network, input_shape),
        "device": device,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card
