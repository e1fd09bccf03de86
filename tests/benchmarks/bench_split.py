"""Split and verification of 1.8 million labels: `pytest tests/benchmarks/bench_split.py -s`."""

import numpy as np

from amc_xai.data import stratified_split, verify

CLASSES, SNRS, FRAMES = 17, 26, 4096
RATIOS = (0.8, 0.1, 0.1)


def test_split_and_verify_1_8_million_labels(benchmark):
    cell = np.repeat(np.arange(CLASSES * SNRS), FRAMES)
    modulation, snr = cell // SNRS, cell % SNRS

    def split_and_verify():
        split = stratified_split(modulation, snr, RATIOS, seed=0)
        verify(split, modulation, snr, [str(m) for m in range(CLASSES)], list(range(SNRS)), RATIOS)
        return split

    split = benchmark.pedantic(split_and_verify, rounds=3)
    assert len(split.part("all")) == len(cell)
    if benchmark.stats:
        print(f"\n{len(cell):,} labels split and verified in {benchmark.stats['median']:.2f} s")
