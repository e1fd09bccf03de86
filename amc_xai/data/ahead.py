"""The next batch is read, and copied to the device, while the device computes on the present one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch.utils.data import DataLoader

from amc_xai.data.contracts import Batch


class Ahead:
    """The batches of ``loader`` on ``device``, each read by a thread during the computing of the one before.

    Frames travel to a CUDA device from pinned memory and on a stream of their own, so that neither the copy nor
    the reading (here, or in the loader's worker processes) holds the next step up. Order and content are those of
    the loader, and what it raises comes in its turn.

    Args:
        device: a CUDA device with its index, or the CPU.
    """

    def __init__(self, loader: DataLoader, device: torch.device):
        self.loader, self.device = loader, device
        self.batch_sampler = loader.batch_sampler

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Batch]:
        batches, on_cuda = iter(self.loader), self.device.type == "cuda"
        copying = torch.cuda.Stream(self.device) if on_cuda else None
        # A thread starts on the first CUDA device, whichever one training is on.
        on_device = {"initializer": torch.cuda.set_device, "initargs": (self.device,)} if on_cuda else {}
        with ThreadPoolExecutor(1, **on_device) as reader:
            ahead = reader.submit(self._next, batches, copying)
            while (read := ahead.result()) is not None:
                ahead = reader.submit(self._next, batches, copying)
                batch, copied = read
                if copied is not None:
                    computing = torch.cuda.current_stream(self.device)
                    computing.wait_event(copied)
                    for part in batch:
                        # Or its memory would be given away while the computing, unseen from there, still reads it.
                        if part is not None:
                            part.record_stream(computing)
                yield batch

    def _next(self, batches: Iterator[Batch], copying: "torch.cuda.Stream | None") -> tuple | None:
        """The next batch on its way to the device, and the event that tells its arrival; None after the last."""
        batch = next(batches, None)
        if batch is None or copying is None:
            return None if batch is None else (batch, None)
        with torch.cuda.stream(copying):
            return Batch(*map(self._sent, batch)), copying.record_event()

    def _sent(self, part: torch.Tensor | None) -> torch.Tensor | None:
        # Frames that are kept on the device are there already.
        if part is None or part.device.type != "cpu":
            return part
        return part.pin_memory().to(self.device, non_blocking=True)
