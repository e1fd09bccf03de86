"""Which recordings hold the same samples: copies, bands of one capture, and what was recorded by one clock."""

import logging
from collections import Counter
from collections.abc import Sequence

import numpy as np

from amc_xai.data.recordings.recording import Recording

log = logging.getLogger(__name__)
LOOK = 1024  # samples of each of the three stretches that recordings are compared by


def one_for_the_same_samples(recordings: Sequence[Recording]) -> np.ndarray:
    """A number for each recording (n,), the same for those that hold the same samples; the log names copies.

    Recordings of one clock count as such: two antennas hear one transmission at once.
    """
    stretches = [(r.numbers, r.first) for r in recordings]
    number: dict[tuple, int] = {}
    for k, stretch in enumerate(stretches):
        number.setdefault(stretch, k)
    lengths = Counter(len(recordings[k]) for k in number.values())
    found: dict[tuple, int] = {}
    for stretch, k in number.items():
        recording = recordings[k]
        if lengths[len(recording)] < 2:
            continue
        places = np.linspace(0, max(0, len(recording) - LOOK), 3, dtype=int)
        looks = [recording.numbers.read(int(place), LOOK) for place in places]
        # One silence is like another.
        with np.errstate(invalid="ignore"):
            heard = any(look.any() for look in looks)
        if heard:
            same = found.setdefault((len(recording), *(look.tobytes() for look in looks)), k)
            if same != k:
                number[stretch] = same
                log.warning(
                    "%s holds the same samples as %s; their frames stay together in the split",
                    recording.path, recordings[same].path,
                )  # fmt: skip
    clocks: dict[str, int] = {}
    joined = {k: k for k in number.values()}

    def root(k: int) -> int:
        while joined[k] != k:
            k = joined[k]
        return k

    # A copy may belong to two clocks, which are one then.
    for stretch, recording in zip(stretches, recordings, strict=True):
        if recording.clock is not None:
            joined[root(number[stretch])] = root(clocks.setdefault(recording.clock, number[stretch]))
    return np.array([root(number[stretch]) for stretch in stretches])
