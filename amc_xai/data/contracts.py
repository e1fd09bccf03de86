"""What every source of frames offers, and what a batch of them is."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch


class Batch(NamedTuple):
    """Frames with their labels, all on one device; a label of -1 is unknown.

    Shapes: ``iq`` (B, 2, L) float32, channel 0 = I and 1 = Q (or (B, C, H, W) from an image source);
    ``modulation`` and ``snr`` (B,) int64, indices into the source's ``modulations`` and ``snrs``;
    ``samples_per_symbol`` (B,) float32, or None where all frames have what the source states; ``posterior`` (B, M)
    float32, how likely each modulation is to who knows how the frame was made, or None. All frames of a batch are
    of one length; another batch's may be of another.
    """

    iq: torch.Tensor
    modulation: torch.Tensor
    snr: torch.Tensor
    samples_per_symbol: torch.Tensor | None = None
    posterior: torch.Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same on another device, without waiting for the copy."""
        return Batch(*(part if part is None else part.to(device, non_blocking=True) for part in self))


@dataclass(frozen=True)
class Facts:
    """What is known of a source's frames; None = not known, which contradicts nothing.

    ``frame_length`` in samples (pixels a side for pictures), ``samples_per_symbol``, ``sample_rate`` in Hz, and
    ``snr_definition``: what the SNR labels mean (`signal.snr.DEFINITIONS`). A representation is built from them.
    Samples a symbol of which each frame has its own are None here, and come with the batches.
    """

    frame_length: int
    samples_per_symbol: float | None = None
    sample_rate: float | None = None
    snr_definition: str | None = None

    @classmethod
    def of(cls, source: "FrameSource") -> "Facts":
        """The facts that ``source`` states."""
        return cls(source.frame_length, source.samples_per_symbol, source.sample_rate, source.snr_definition)


@dataclass(frozen=True)
class Origin:
    """Which samples each frame holds: ``length`` of its ``recording`` (N,) from ``start`` (N,) on, both int64.

    Frames of one recording share samples where these stretches meet; frames of two recordings share none.
    """

    recording: np.ndarray
    start: np.ndarray
    length: int

    def key(self) -> np.ndarray:
        """One number for each frame (N,): two share samples where theirs differ by less than ``length``."""
        _, number = np.unique(self.recording, return_inverse=True)
        return number * (int(self.start.max(initial=0)) + 2 * self.length) + self.start

    def overlaps(self) -> bool:
        """Whether any two frames share samples."""
        return bool((np.diff(np.sort(self.key())) < self.length).any())


class FrameSource(Protocol):
    """A set of labelled frames, whose labels and :class:`Facts` can be had without touching a sample.

    ``origin`` is None where no two frames are known to share samples.
    """

    modulations: list[str]
    snrs: list[float]
    samples_per_symbol: float | None
    sample_rate: float | None
    snr_definition: str | None
    frame_length: int
    origin: Origin | None
    modulation_index: np.ndarray
    snr_index: np.ndarray

    def read(self, indices: np.ndarray) -> torch.Tensor:
        """Return the frames at ``indices`` (n,) as float32 (n, 2, L), in memory as it comes (a view, maybe)."""
        ...


class SamplerHooks(Protocol):
    """What the training loop asks of ``training.batch_sampler``; a sampler defines those that it has an answer to.

    The loop also sets ``epoch`` and ``start``, the batches of it that are done, before each epoch.
    """

    def sizes(self) -> list[int]:
        """Frames of each batch of this epoch over all processes; empty: every process has equally many of them."""
        return []

    def report(self) -> dict[str, float]:
        """What the history of the training is to say of this epoch."""
        return {}


@runtime_checkable
class OwnRates(Protocol):
    """A source whose frames may each have samples a symbol of their own."""

    def samples_per_symbol_of(self, indices: np.ndarray) -> torch.Tensor | None:
        """Samples a symbol (n,) float32 of the frames at ``indices``; None where all have the source's."""
        ...


@runtime_checkable
class OwnLengths(Protocol):
    """A source whose frames differ in length. ``frame_length`` is that of the longest."""

    frame_lengths: np.ndarray
    """Samples (N,) in each frame, in ascending order."""


def lengths_of(source: FrameSource) -> np.ndarray | None:
    """The length (N,) of each frame of a source, None where all have ``frame_length``."""
    lengths = getattr(source, "frame_lengths", None)
    return None if lengths is None or len(np.unique(lengths)) < 2 else lengths


def rates_of(source: FrameSource, indices: np.ndarray) -> torch.Tensor | None:
    """Samples a symbol (n,) float32 of these frames where each has its own, else None."""
    return source.samples_per_symbol_of(indices) if isinstance(source, OwnRates) else None
