"""Batches as the network sees them: drawn one by one, in groups on a GPU, or ahead of time by a thread."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from amc_xai.data import Batch
from amc_xai.data.fresh import DRAWN_TOGETHER

Seen = torch.Tensor | tuple
# Numbers that a GPU makes of a group at most: half a gigabyte, where pictures are large.
GROUP_VALUES = 1 << 27
DEPTH = 2  # batches that wait, drawn, for the network


def prepared(
    batches: Iterable[Batch],
    augment: Callable[[Batch, int], Batch],
    represent: Callable[[torch.Tensor, torch.Tensor | None], Seen],
    first: int = 0,
    ahead: bool = False,
) -> Iterator[tuple[Batch, Seen]]:
    """Each batch after ``augment(batch, step)``, and what the network sees of it; steps count from ``first``.

    A representation takes each frame by itself, so that how many it gets at once is a matter of time alone. On a
    CUDA device several batches of one length are drawn together. With ``ahead``, for a CPU of two cores or more, a
    thread with half of them draws the next batches while the caller's own half computes on the present one.
    """
    augmented = (augment(batch, step) for step, batch in enumerate(batches, first))
    if ahead and torch.get_num_threads() > 1:
        return in_thread(augmented, represent)
    return in_groups(augmented, represent)


def in_groups(batches: Iterable[Batch], represent: Callable) -> Iterator[tuple[Batch, Seen]]:
    """The same pairs, drawn one by one on a CPU. On a GPU the first one tells how many go into a group."""
    group: list[Batch] = []
    most = 0
    for batch in batches:
        if batch.iq.device.type != "cuda":
            yield from drawn([batch], represent)
            continue
        if group and not fits(group, batch, most):
            pairs = list(drawn(group, represent))
            most = GROUP_VALUES // max(1, values(pairs[0][1]) // len(pairs[0][0].snr))
            yield from pairs
            group = []
        group.append(batch)
    if group:
        yield from drawn(group, represent)


def fits(group: list[Batch], batch: Batch, most: int) -> bool:
    frames = sum(len(one.snr) for one in (*group, batch))
    return group[0].iq.shape[1:] == batch.iq.shape[1:] and frames <= min(most, DRAWN_TOGETHER)


def values(x: Seen) -> int:
    return sum(map(values, x)) if isinstance(x, tuple) else x.numel()


def drawn(group: list[Batch], represent: Callable) -> Iterator[tuple[Batch, Seen]]:
    if len(group) == 1:
        (batch,) = group
        yield batch, represent(batch.iq, batch.samples_per_symbol)
        return
    rates = [batch.samples_per_symbol for batch in group]
    x = represent(torch.cat([batch.iq for batch in group]), None if rates[0] is None else torch.cat(rates))
    yield from zip(group, split(x, [len(batch.snr) for batch in group]), strict=True)


def split(x: Seen, sizes: list[int]) -> Iterable[Seen]:
    return zip(*(split(part, sizes) for part in x), strict=True) if isinstance(x, tuple) else x.split(sizes)


def in_thread(batches: Iterator[Batch], represent: Callable) -> Iterator[tuple[Batch, Seen]]:
    """The same pairs, made by a thread that is up to two batches ahead; what it raises comes in its turn."""
    threads = torch.get_num_threads()

    def begin() -> None:
        # Both are each thread's own; for the second see make_accelerator.
        torch.set_num_threads(threads // 2)
        torch.set_flush_denormal(True)

    def draw() -> Any:
        batch = next(batches, None)
        return None if batch is None else (batch, represent(batch.iq, batch.samples_per_symbol))

    with ThreadPoolExecutor(1, initializer=begin) as artist:
        waiting = deque(artist.submit(draw) for _ in range(DEPTH))
        torch.set_num_threads(threads - threads // 2)
        try:
            while (pair := waiting.popleft().result()) is not None:
                waiting.append(artist.submit(draw))
                yield pair
        finally:
            torch.set_num_threads(threads)
