"""Batches of frames: from a source on disk or in memory, or drawn afresh without end."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from amc_xai.data.contracts import Batch, FrameSource, lengths_of, rates_of
from amc_xai.errors import UserError

Rates = Callable[[int], np.ndarray]


class FrameSet(torch.utils.data.Dataset):
    """Some frames of a source, read a whole batch at a time."""

    def __init__(self, source: FrameSource, indices: np.ndarray):
        self.source = source
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitems__(self, positions: list[int]) -> Batch:
        index = self.indices[np.asarray(positions)]
        return Batch(
            # Sources may hand out views of what they read; a network gets plain memory.
            self.source.read(index).contiguous(),
            torch.from_numpy(self.source.modulation_index[index]),
            torch.from_numpy(self.source.snr_index[index]),
            rates_of(self.source, index),
        )


class TrainingBatches(Sampler[list[int]]):
    """Positions of one epoch's batches, shuffled by (seed, epoch).

    Set ``epoch`` before iterating; ``start`` skips the batches that an interrupted epoch already had.
    ``rates(epoch)`` (a curriculum) gives the share of each SNR's frames that the epoch takes; ``snr`` (N,)
    is the SNR label of each position. ``rank`` of ``ranks`` processes gets its share of every batch. A last batch
    that leaves a process a single frame or none is left out, since batch norm can't train on it; over epochs
    every frame still gets its turn.

    ``lengths`` (N,) of frames that differ in length: each batch is filled with frames of one length, and the
    batches come in random order; each length's last one is as short as it comes, or left out if too small.
    """

    def __init__(
        self,
        snr: np.ndarray,
        batch_size: int,
        seed: int,
        rates: Rates | None = None,
        rank: int = 0,
        ranks: int = 1,
        lengths: np.ndarray | None = None,
    ):
        self.rank, self.ranks, self.lengths = rank, ranks, lengths
        self.snr, self.batch_size, self.seed, self.rates = snr, batch_size, seed, rates
        self.epoch, self.start = 0, 0

    def order(self) -> np.ndarray:
        """The positions of this epoch in the order in which they are visited."""
        generator = np.random.default_rng([self.seed, self.epoch])
        order = generator.permutation(len(self.snr))
        if self.rates is not None:
            # A label of -1 (unknown) picks the last entry: always taken.
            share = np.append(self.rates(self.epoch), 1.0)[self.snr]
            taken = order[generator.random(len(order)) < share[order]]
            # Batch norm needs two frames; a set so small that the rates leave fewer is taken whole.
            order = taken if len(taken) > 1 else order
        if self.lengths is not None:
            return order
        spare = len(order) % self.batch_size
        return order[:-spare] if 0 < spare < 2 * self.ranks else order

    def batches(self) -> list[np.ndarray]:
        """The positions of each of this epoch's batches."""
        order = self.order()
        if self.lengths is None:
            return [order[k : k + self.batch_size] for k in range(0, len(order), self.batch_size)]
        found = []
        for length in np.unique(self.lengths):
            own = order[self.lengths[order] == length]
            found += [own[k : k + self.batch_size] for k in range(0, len(own), self.batch_size)]
        found = [batch for batch in found if len(batch) >= 2 * self.ranks]
        return [found[k] for k in np.random.default_rng([self.seed, self.epoch, 1]).permutation(len(found))]

    def __len__(self) -> int:
        if self.lengths is None:
            return -(-len(self.order()) // self.batch_size)
        return len(self.batches())

    def sizes(self) -> list[int]:
        """Frames of each batch of this epoch, of all processes together."""
        return [len(batch) for batch in self.batches()]

    def report(self) -> dict[str, float]:
        """Under a curriculum, the share of the frames of a balanced set that this epoch takes."""
        return {} if self.rates is None else {"curriculum_share": float(self.rates(self.epoch).mean())}

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self.batches()[self.start :]:
            yield batch[self.rank :: self.ranks].tolist()


class EvaluationBatches(Sampler[list[int]]):
    """Positions in ascending order, each once, in batches of one length; ``lengths`` (N,) ascend."""

    def __init__(self, lengths: np.ndarray, batch_size: int):
        edges = np.append(np.flatnonzero(np.diff(lengths, prepend=-1)), len(lengths))
        self.starts = [
            (k, min(k + batch_size, end)) for first, end in pairwise(edges) for k in range(first, end, batch_size)
        ]
        self.batch_size = batch_size

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[list[int]]:
        for first, end in self.starts:
            yield list(range(first, end))


def training_loader(
    source: FrameSource,
    indices: np.ndarray,
    batch_size: int,
    seed: int,
    rates: Rates | None = None,
    workers: int = 0,
    rank: int = 0,
    ranks: int = 1,
) -> DataLoader:
    """Shuffled batches of these frames; ``loader.batch_sampler`` is the :class:`TrainingBatches`.

    Raises:
        UserError: if there are fewer than two frames, or a batch is too small for ``ranks`` processes.
    """
    if ranks > 1 and batch_size < 2 * ranks:
        raise UserError(
            f"trainer.batch_size is that of all processes together: {ranks} of them need {2 * ranks} or more, "
            f"not {batch_size}"
        )
    if len(indices) < 2:
        raise UserError(f"dataset: training needs at least two frames, and the training part has {len(indices)}")
    lengths = lengths_of(source)
    sampler = TrainingBatches(
        source.snr_index[indices],
        batch_size,
        seed,
        rates,
        rank,
        ranks,
        lengths if lengths is None else lengths[indices],
    )
    # A loader draws a number each time it starts; from the global stream, a resumed epoch would draw one more.
    return DataLoader(
        FrameSet(source, indices),
        batch_sampler=sampler,
        collate_fn=as_is,
        generator=torch.Generator(),
        # Workers prefetch; from pinned memory their batches reach the device beside the computing.
        pin_memory=workers > 0 and torch.cuda.is_available(),
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,
    )


def evaluation_loader(source: FrameSource, indices: np.ndarray, batch_size: int) -> DataLoader:
    """These frames in ascending order, each once, the last batch (of each length) as short as it comes."""
    options = {"collate_fn": as_is, "generator": torch.Generator()}
    lengths = lengths_of(source)
    if lengths is not None:
        return DataLoader(
            FrameSet(source, indices), batch_sampler=EvaluationBatches(lengths[indices], batch_size), **options
        )
    return DataLoader(FrameSet(source, indices), batch_size=batch_size, **options)


def as_is(batch: Batch) -> Batch:
    """The frame set already returns whole batches."""
    return batch
