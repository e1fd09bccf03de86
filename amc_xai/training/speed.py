"""What makes a step faster without changing what it computes: compilation and memory layout."""

import logging

import torch
from torch import nn

from amc_xai.errors import UserError

log = logging.getLogger(__name__)


def compile_in_place(network: nn.Module, device: torch.device) -> bool:
    """Let ``torch.compile`` speed the network up from its first call on; tell whether it can.

    In place: the network stays the same object with the same weight names. A tiny function is compiled first,
    since a missing compiler shows itself only in the first call; then the network is left as it is.
    """
    try:
        torch.compile(_probe)(torch.ones(8, device=device))
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        log.warning(
            "trainer.compile: torch.compile finds no working compiler here (%s); training goes on without it, "
            "with the same results",
            reason[:200],
        )
        return False
    # Dropout draws as it does uncompiled, or the option would change the result and not the speed alone.
    network.compile(options={"fallback_random": True})
    return True


def undo_compile(network: nn.Module) -> None:
    """Back to plain calls: explanations look inside the network, where compiled code can't be watched."""
    network._compiled_call_impl = None


def _probe(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(x) + 1


def channels_last(asked: bool | str, device: torch.device) -> bool:
    """Whether images are laid out channels last on ``device``, for a value of ``trainer.channels_last``.

    Raises:
        UserError: for a value that isn't one.
    """
    if asked == "auto":
        # Convolutions of CPUs and of cards with tensor cores work so; on Macs nobody has measured it.
        return device.type != "mps"
    if isinstance(asked, bool):
        return asked
    raise UserError(f"trainer.channels_last must be auto, true or false, not {asked!r}")


def in_channels_last(x: torch.Tensor | tuple) -> torch.Tensor | tuple:
    """Images (B, C, H, W) with the same values, laid out channels last; anything else, in a tuple too, as it is.

    Networks then give the same numbers to rounding, save that dropout inside a feature map draws in the order
    of memory, and so blanks other places of it.
    """
    if isinstance(x, tuple):
        return tuple(map(in_channels_last, x))
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
