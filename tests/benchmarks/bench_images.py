"""I/Q to 224-pixel images: in memory, against one ``numpy.histogram2d`` and one PNG a frame in two processes.

Run with ``python -m pytest tests/benchmarks/bench_images.py``.
"""

import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from amc_xai.data import Facts
from amc_xai.representation import Constellation

FACTS = Facts(512, 8.0)

SIZE, BATCH, CLASSIC = 224, 128, 400


def frames(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 2, 1024)).astype(np.float32)


def classic(job: tuple[str, int]) -> None:
    """The classic way for ``CLASSIC`` frames."""
    folder, seed = job
    edges = np.linspace(-3, 3, SIZE + 1)
    for k, (i, q) in enumerate(frames(CLASSIC, seed)):
        power = np.sqrt(np.mean(i**2 + q**2))
        counts, _, _ = np.histogram2d(q / power, i / power, bins=(edges, edges))
        grey = np.log1p(counts)
        Image.fromarray((255 * grey / grey.max()).astype(np.uint8)).save(Path(folder) / f"{seed}_{k}.png")


def test_in_memory(benchmark):
    torch.set_num_threads(2)
    draw = Constellation(FACTS, SIZE)
    iq = torch.from_numpy(frames(BATCH))
    benchmark(draw, iq)
    print(f"\nin memory, two threads: {BATCH / benchmark.stats['median']:,.0f} images/s")


def test_classic_way(benchmark):
    def run() -> float:
        with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("spawn").Pool(2) as pool:
            # Two empty rounds first: starting the processes is not what is measured.
            pool.map(time.sleep, [0.2, 0.2], chunksize=1)
            begin = time.perf_counter()
            pool.map(classic, [(folder, 1), (folder, 2)], chunksize=1)
            return time.perf_counter() - begin

    seconds = benchmark.pedantic(run, rounds=1)
    print(f"\nclassic, two processes: {2 * CLASSIC / seconds:,.0f} images/s")
