"""Frames that are copies of others, found without reading all samples."""

import logging
from collections.abc import Callable
from hashlib import blake2b

import numpy as np

from amc_xai.data.contracts import Origin

log = logging.getLogger(__name__)
HEAD = 8  # samples that frames are compared by first
# Sources of more bytes are not looked through: their samples would have to be read for nothing else.
MOST_BYTES = 1_000_000_000
AT_ONCE = 1024


def origin_of_copies(frames: int, look: Callable[[np.ndarray, int | None], np.ndarray]) -> Origin | None:
    """Which of ``frames`` frames hold the same samples as another; None if none does. The log says how many.

    ``look(indices, samples)`` gives the first samples of these frames, (n, ...); of ``samples`` None all.
    """
    heads = look(np.arange(frames), HEAD)
    heads = np.ascontiguousarray(heads).reshape(frames, -1).view(np.uint8)
    _, group, size = np.unique(rows_as_items(heads), return_inverse=True, return_counts=True)
    alike = np.flatnonzero(size[group] > 1)
    if not len(alike):
        return None
    digests = bytearray()
    for begin in range(0, len(alike), AT_ONCE):
        for frame in look(alike[begin : begin + AT_ONCE], None):
            digests += blake2b(frame.tobytes(), digest_size=16).digest()
    digest = np.frombuffer(digests, np.uint8).reshape(-1, 16)
    _, first, same = np.unique(rows_as_items(digest), return_index=True, return_inverse=True)
    one = np.arange(frames)
    one[alike] = alike[first[same]]
    copies = np.flatnonzero(one != np.arange(frames))
    if not len(copies):
        return None
    log.warning(
        "%d of %d frames hold the same samples as another (such as frame %d as frame %d); copies stay together in "
        "the split", len(copies), frames, copies[0], one[copies[0]],
    )  # fmt: skip
    return Origin(one, np.zeros(frames, np.int64), 1)


def rows_as_items(rows: np.ndarray) -> np.ndarray:
    """Each row of bytes (n, k) as one value (n,), which can be sorted."""
    return np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1])))[:, 0]
