"""Several processes on one training (``accelerate launch`` or ``torchrun``), to the same numbers as one.

Every process takes its share of each batch, so the batch size is the whole one's; gradients are those of the mean
over all frames of the batch, however unequal the shares of the last one are.
"""

import torch
from accelerate import Accelerator
from accelerate.data_loader import prepare_data_loader
from accelerate.utils import broadcast, broadcast_object_list
from torch import nn
from torch.utils.data import DataLoader

from amc_xai.data.ahead import Ahead


def on_device(loader, accelerator: Accelerator):
    """The loader's own batches on the accelerator's device, read ahead of a GPU; nothing is shared out."""
    # A CPU computes on all its cores: there, a reader beside it would only take its turn.
    if accelerator.device.type == "cuda" and isinstance(loader, DataLoader) and loader.num_workers == 0:
        return Ahead(loader, accelerator.device)
    if accelerator.num_processes == 1:
        return accelerator.prepare(loader)
    if not isinstance(loader, DataLoader):
        return loader
    return prepare_data_loader(
        loader, accelerator.device, num_processes=1, process_index=0, put_on_device=True, dispatch_batches=False
    )


def share_of_batch(frames: int, accelerator: Accelerator) -> torch.Tensor | float:
    """What to multiply this process's mean loss with, so that averaged gradients are those of the whole batch."""
    if accelerator.num_processes == 1:
        return 1.0
    here = torch.tensor(float(frames), device=accelerator.device)
    return here * accelerator.num_processes / accelerator.reduce(here.clone())


def any_process(flag: bool, accelerator: Accelerator) -> bool:
    """Whether ``flag`` is set in any process, so that all of them go the same way."""
    if accelerator.num_processes == 1:
        return flag
    return bool(accelerator.reduce(torch.tensor(float(flag), device=accelerator.device)) > 0)


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
