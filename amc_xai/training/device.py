"""Where the work is done, and in which precision."""

import logging
import os

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState

from amc_xai.errors import UserError

log = logging.getLogger(__name__)
PRECISIONS = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


def make_accelerator(device: str = "auto", precision: str = "auto") -> Accelerator:
    """An accelerator for ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``, whose device has its index.

    Precision ``auto`` is bf16 on CUDA where the card has it, else fp32.

    Raises:
        UserError: for a device that isn't there, an unknown precision, or one that the device can't compute in.
    """
    kind, _, number = device.partition(":")
    present = {
        "auto": True,
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if kind not in present:
        raise UserError(f"device must be auto, cpu, cuda, cuda:N or mps, not {device!r}")
    if not present[kind]:
        raise UserError(f"device: this machine has no {kind} device; use device=auto or device=cpu")
    if number:
        if kind != "cuda" or not number.isdigit() or int(number) >= torch.cuda.device_count():
            raise UserError(
                f"device: there is no {device}; this machine has {torch.cuda.device_count()} CUDA devices"
            )
        torch.cuda.set_device(int(number))
    on_cuda = torch.cuda.is_available() and kind in ("auto", "cuda")
    if precision == "auto":
        precision = "bf16" if on_cuda and has_bf16() else "fp32"
    if precision not in PRECISIONS:
        raise UserError(f"trainer.precision must be auto, fp32, bf16 or fp16, not {precision!r}")
    if precision == "fp16" and not on_cuda:
        raise UserError("trainer.precision: fp16 needs a CUDA device; use fp32 or bf16 here")
    if precision == "bf16" and on_cuda and not has_bf16():
        log.warning(
            "trainer.precision: this card has no bfloat16 of its own and emulates it slowly; better fp16 or fp32"
        )
    # Without a GPU, processes of one training meet through the CPU backend, which accelerate wants to be told.
    several = int(os.environ.get("WORLD_SIZE", 1)) > 1
    on_cpu = kind == "cpu" or (several and kind == "auto" and not torch.cuda.is_available())
    # A sweep runs many jobs in one process, and accelerate keeps the first job's choices otherwise.
    AcceleratorState._reset_state(reset_partial_state=True)
    # Gradients that fade over a thousand recurrent steps end below the normal range of float32, where a CPU takes
    # ten times as long (MCLDNN). Set before the first parallel work, whose threads take it over.
    torch.set_flush_denormal(True)
    try:
        accelerator = Accelerator(cpu=on_cpu, mixed_precision=PRECISIONS[precision])
    except ValueError as error:  # such as bf16 before macOS 14
        raise UserError(f"trainer.precision: {precision} is not to be had here ({error}); use fp32") from error
    for state in (accelerator.state, PartialState()):
        state.device = with_index(state.device)
    return accelerator


def has_bf16() -> bool:
    """Whether the card computes in bfloat16 itself; on those before Ampere torch emulates it, slower than fp32."""
    return torch.cuda.is_bf16_supported(including_emulation=False)


def with_index(device: torch.device) -> torch.device:
    """The same device by its index: ``cuda`` alone means another card in a thread that hasn't chosen one."""
    if device.index is not None or device.type == "cpu":
        return device
    return torch.device(device.type, torch.cuda.current_device() if device.type == "cuda" else 0)
