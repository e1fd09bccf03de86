"""How long a recording of 4 GB takes to open in each format, in what memory, and how fast its frames are read.

python tests/benchmarks/bench_recordings.py
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from amc_xai.data import Recordings
from tests.data.large_file import anonymous_bytes
from tests.data.recordings.large import LARGE

FRAMES = 20_000


def test_recordings_of_4_gb() -> None:
    print(f"\n{'format':16} {'opened s':>9} {'anonymous MB':>13} {'frames':>9} {'frames/s at random':>19}")
    rng = np.random.default_rng(0)
    for kind, write in LARGE.items():
        with tempfile.TemporaryDirectory() as folder:
            path, before = write(Path(folder)), anonymous_bytes()
            begin = time.perf_counter()
            source = Recordings(str(path))
            opened = time.perf_counter() - begin
            grown = (anonymous_bytes() - before) / 1e6
            # Of the first 200 MB, read once before: the page cache's speed, not a disk's.
            within = np.flatnonzero(source.start < 25e6)
            some = within[rng.integers(0, len(within), FRAMES)]
            source.read(within)
            begin = time.perf_counter()
            for part in np.array_split(some, FRAMES // 256):
                source.read(part)
            rate = FRAMES / (time.perf_counter() - begin)
        print(f"{kind:16} {opened:9.3f} {grown:13.0f} {len(source.start):9} {rate:19.0f}")
