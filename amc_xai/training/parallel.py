"""Several processes on one training (``accelerate launch`` or ``torchrun``), to the same numbers as one.

Every process takes its share of each batch, so the batch size is the whole one's; gradients are those of the mean
over all frames of the batch, however unequal the shares of the last one are. Batch norm alone sees the frames of
its own process: its running statistics are those of the first one. A step waits for nothing that another process
says but its gradients.
"""

import statistics
from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.data_loader import prepare_data_loader
from accelerate.utils import broadcast, broadcast_object_list, gather_object
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from amc_xai.data import SamplerHooks
from amc_xai.data.ahead import Ahead


def in_parallel(module: nn.Module, accelerator: Accelerator) -> nn.Module:
    """The same module, whose gradients are averaged over the processes as they are taken."""
    if accelerator.num_processes == 1:
        return module
    device = accelerator.device
    return DistributedDataParallel(module, device_ids=[device] if device.type == "cuda" else None)


def on_device(loader, accelerator: Accelerator):
    """The loader's own batches on the accelerator's device, read ahead of a GPU; nothing is shared out."""
    # A CPU computes on all its cores: there, a reader beside it would only take its turn.
    if accelerator.device.type == "cuda" and isinstance(loader, DataLoader):
        return Ahead(loader, accelerator.device)
    if not isinstance(loader, DataLoader):
        return loader
    return prepare_data_loader(
        loader, accelerator.device, num_processes=1, process_index=0, put_on_device=True, dispatch_batches=False
    )


def shares_of_epoch(sampler: SamplerHooks, accelerator: Accelerator) -> Callable[[int, int], float]:
    """By step and frames here, what to multiply this process's mean with for averages over the whole batch.

    Known from the sampler, so that no step has to ask the others.
    """
    sizes = sampler.sizes() if accelerator.num_processes > 1 else []
    return lambda step, frames: accelerator.num_processes * frames / sizes[step] if sizes else 1.0


def mean_over_batch(share: float, accelerator: Accelerator) -> Callable[[torch.Tensor], torch.Tensor]:
    """What averages a tensor of this process's frames over the whole batch."""
    if accelerator.num_processes == 1:
        return lambda values: values
    return lambda values: accelerator.reduce(values * share, "mean")


def of_all(value: Any, accelerator: Accelerator) -> list:
    """A plain value as each process has it, in their order."""
    return [value] if accelerator.num_processes == 1 else gather_object([value])


def total(sums: dict[str, float], accelerator: Accelerator) -> dict[str, float]:
    """Named sums over all processes."""
    parts = of_all(sums, accelerator)
    return {name: sum(part[name] for part in parts) for name in sums}


def mean_of_all(values: dict[str, float], accelerator: Accelerator) -> dict[str, float]:
    """Named values as they are on average over the processes that have them."""
    parts = of_all(values, accelerator)
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: statistics.fmean(part[name] for part in parts if name in part) for name in names}


def any_process(flag: bool, accelerator: Accelerator) -> bool:
    """Whether ``flag`` is set in any process, so that all of them go the same way."""
    return any(of_all(flag, accelerator))


def another_is_gone(error: Exception, accelerator: Accelerator) -> bool:
    """Whether this is how a process finds that another one of its training has ended."""
    if accelerator.num_processes == 1 or not isinstance(error, RuntimeError):
        return False
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error).lower()


def same_buffers(network: nn.Module, accelerator: Accelerator) -> None:
    """Give every process the running statistics (batch norm) of the first."""
    if accelerator.num_processes > 1:
        for buffer in network.buffers():
            buffer.copy_(broadcast(buffer))


def of_first_process(value, accelerator: Accelerator):
    """A plain value as the first process has it."""
    if accelerator.num_processes == 1:
        return value
    return broadcast_object_list([value])[0]


class Alone:
    """An accelerator for work that one of several processes does by itself, while the others go on or wait."""

    num_processes, process_index, is_main_process = 1, 0, True

    def __init__(self, accelerator: Accelerator):
        self._accelerator = accelerator

    def __getattr__(self, name: str) -> Any:
        return getattr(self._accelerator, name)

    def wait_for_everyone(self) -> None:
        """Nobody else takes part."""
