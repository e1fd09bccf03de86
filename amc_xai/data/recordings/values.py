"""Values that no receiver gives: NaN, infinity, and numbers as large as only rubbish is."""

from collections.abc import Callable

import numpy as np

from amc_xai.data.recordings.recording import Recording
from amc_xai.data.stored import check_finite
from amc_xai.errors import UserError

# Samples are about 1, or as large as the integers of a converter: 2.1e9 of 32 bits.
MOST = 1e10
BLOCK, MOST_LOOKED_THROUGH = 1 << 20, 1 << 28  # samples


def check_values(frames: np.ndarray, whence: Callable[[int], tuple[Recording, int]]) -> None:
    """Raise UserError naming the file and the place of a value in ``frames`` (n, 2, L) that isn't a receiver's.

    ``whence`` gives the recording of a frame, and its first sample there.
    """
    # Of each frame the largest; NaN and infinity are the largest of all.
    largest = np.abs(frames).reshape(len(frames), -1).max(1, initial=0)
    strange = np.flatnonzero(~(largest <= MOST))
    if not len(strange):
        return
    k = int(strange[0])
    recording, start = whence(k)
    if not np.isfinite(largest[k]):
        with np.errstate(all="ignore"):
            check_finite(frames[k : k + 1], np.array([start]), f"{recording.path} (named by its first sample)")
    sample = start + int(np.abs(frames[k]).max(0).argmax())
    raise UserError(
        f"dataset.path: {recording.path} holds absurd values, up to {largest_of(recording):.2g} (sample {sample} "
        f"is {largest[k]:.2g}), where receivers give about 1, or 2.1e9 as integers; if its samples are of another "
        "type, say dataset.datatype, and if that stretch is broken, cut it out"
    )


def largest_of(recording: Recording) -> float:
    """The largest finite number in a recording, of its beginning where it is very long."""
    found = 0.0
    for start in range(recording.first, min(recording.stop, recording.first + MOST_LOOKED_THROUGH), BLOCK):
        block = np.abs(recording.read(start, min(BLOCK, recording.stop - start)))
        found = max(found, float(block[np.isfinite(block)].max(initial=0)))
    return found
