"""Where the frames live while a run lasts: on disk (or made anew), in memory, or on the device."""

import logging
import os
from typing import Any

import numpy as np
import torch

from amc_xai.data.choice import check_switch
from amc_xai.data.contracts import FrameSource, lengths_of
from amc_xai.errors import UserError, guess

log = logging.getLogger(__name__)
RESIDENCIES = ("auto", "disk", "memory", "device")
# Auto keeps in memory at most this much: a larger file is read in place, through the system's own cache.
AUTO_MEMORY_BYTES = 1_000_000_000
SHARE_OF_FREE = 0.4


def resident(source: FrameSource, residency: str, half: bool, device: torch.device) -> FrameSource:
    """The source itself (``disk``), or one that keeps each frame after its first reading.

    ``auto`` takes the device where it is CUDA and the frames fit in 40 % of its free memory, else memory where
    they fit in 40 % of the free part and in 1 GB, else the disk. ``half`` keeps float16.

    Raises:
        UserError: for an unknown residency, or ``device`` without the memory for it.
    """
    if residency not in RESIDENCIES:
        near = guess(residency, RESIDENCIES)
        raise UserError(f"dataset.residency must be one of {', '.join(RESIDENCIES)}, not {residency!r}{near}")
    check_switch("dataset.half_precision", half)
    if residency == "disk" or getattr(source, "endless", False):
        return source
    if lengths_of(source) is not None:
        # One table can't hold frames of several lengths.
        if residency != "auto":
            log.info("dataset.residency: frames of several lengths are made anew each time")
        return source
    shape = getattr(source, "image_shape", (2, source.frame_length))
    size = len(source.modulation_index) * int(np.prod(shape)) * (2 if half else 4)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else 0
    if residency == "auto":
        if size <= SHARE_OF_FREE * free:
            residency = "device"
        elif size <= min(SHARE_OF_FREE * free_memory(), AUTO_MEMORY_BYTES):
            residency = "memory"
        else:
            return source
    if residency == "device" and device.type == "cuda" and size > 0.9 * free:
        raise UserError(
            f"dataset.residency: the frames take {size / 1e9:.1f} GB and the device has {free / 1e9:.1f} GB free; "
            "use auto, memory or disk, or dataset.half_precision=true"
        )
    return Resident(source, shape, half, device if residency == "device" else torch.device("cpu"))


def free_memory() -> int:
    """Bytes of free main memory, 0 where the system doesn't say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0


class Resident:
    """A source that reads each frame once and keeps it on ``device``, in float32 or float16.

    Labels and class lists are the inner source's until they are set anew. Worker processes get the inner source
    alone: each would fill a copy of its own.
    """

    def __init__(self, source: FrameSource, shape: tuple[int, ...], half: bool, device: torch.device):
        self.inner = source
        frames = len(source.modulation_index)
        # Untouched memory costs nothing: only frames that are read take room on the CPU.
        self._frames: torch.Tensor | None = torch.empty(
            frames, *shape, dtype=torch.float16 if half else torch.float32, device=device
        )
        self._kept = np.zeros(frames, dtype=bool)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Frames float32 at these positions, on the device where they are kept.

        Raises:
            UserError: for what the inner source can't read, or an amplitude beyond float16.
        """
        indices = np.asarray(indices)
        if self._frames is None:
            return self.inner.read(indices)
        device = self._frames.device
        missing = np.unique(indices[~self._kept[indices]])
        if len(missing):
            frames = self.inner.read(missing).to(self._frames.dtype)
            if frames.dtype == torch.float16 and not frames.isfinite().all():
                raise UserError("dataset.half_precision: an amplitude exceeds 65504, float16's largest")
            self._frames[torch.from_numpy(missing).to(device)] = frames.to(device)
            self._kept[missing] = True
        return self._frames[torch.from_numpy(indices).to(device)].float()

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_frames": None}
