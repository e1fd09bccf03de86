"""The next batch is read while the device computes on the present one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch.utils.data import DataLoader

from amc_xai.data.contracts import Batch


class Ahead:
    """The batches of ``loader`` on ``device``, each read by a thread during the computing of the one before.

    Frames travel to a CUDA device from pinned memory, so that neither the copy nor the reading holds the next step
    up. Order and content are those of the loader, and what it raises comes in its turn.
    """

    def __init__(self, loader: DataLoader, device: torch.device):
        self.loader, self.device = loader, device
        self.batch_sampler = loader.batch_sampler

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self.loader)
        # A thread starts on the first CUDA device, whichever one training is on.
        on_device = {"initializer": torch.cuda.set_device, "initargs": (self.device,)}
        with ThreadPoolExecutor(1, **(on_device if self.device.type == "cuda" else {})) as reader:
            ahead = reader.submit(self._next, batches)
            while (batch := ahead.result()) is not None:
                ahead = reader.submit(self._next, batches)
                yield Batch(*(part.to(self.device, non_blocking=True) for part in batch))

    def _next(self, batches: Iterator[Batch]) -> Batch | None:
        batch = next(batches, None)
        if batch is None or self.device.type != "cuda":
            return batch
        # Frames that are kept on the device are there already.
        return Batch(*(part.pin_memory() if part.device.type == "cpu" else part for part in batch))
