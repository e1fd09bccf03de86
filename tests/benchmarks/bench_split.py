"""Split and verification of 1.8 million labels: `pytest tests/benchmarks/bench_split.py -s`."""

import numpy as np

from amc_xai.data import stratified_split, verify

CLASSES, SNRS, FRAMES = 17, 26, 4096
RATIOS = (0.8, 0.1, 0.1)


MODULATION, SNR = np.divmod(np.repeat(np.arange(CLASSES * SNRS), FRAMES), SNRS)


def report(benchmark, done: str) -> None:
    if benchmark.stats:
        print(f"\n{len(SNR):,} labels {done} in {benchmark.stats['median']:.2f} s")


def test_split_of_1_8_million_labels(benchmark):
    split = benchmark.pedantic(stratified_split, (MODULATION, SNR, RATIOS), rounds=5)
    assert len(split.part("all")) == len(SNR)
    report(benchmark, "split")


def test_verification_of_1_8_million_labels(benchmark):
    split = stratified_split(MODULATION, SNR, RATIOS)
    names = [str(m) for m in range(CLASSES)], list(range(SNRS))
    benchmark.pedantic(verify, (split, MODULATION, SNR, *names, RATIOS), rounds=5)
    report(benchmark, "verified")
