"""The limit of 17 classes by Monte Carlo, and how fast it comes: `pytest tests/benchmarks/bench_limits.py -s`.

Then the blind likelihood on frames of 17 classes x 16 SNRs: frames a second, with its tables, and how near it
comes to the limit with the carrier unknown.
"""

import math

import numpy as np

from amc_xai.data.synthetic import Synthetic
from amc_xai.limits import CarrierPrior, Settings, find_limits, find_reachable
from amc_xai.limits.blind import blind_log_likelihood
from amc_xai.limits.table import limits_text
from amc_xai.signal import DIGITAL_17

SNRS = tuple(float(snr) for snr in range(0, 31, 2))
FRAMES = 100
BLIND_FRAMES, REACHABLE_FRAMES = 8, 12  # a cell
PRIOR = CarrierPrior(offset_std=8e-4)


def test_limit_of_17_classes(benchmark):
    settings = Settings(DIGITAL_17, SNRS, frames_per_cell=FRAMES)
    rows = benchmark.pedantic(find_limits, [settings], rounds=1)
    assert len(rows) == len(SNRS)
    print(f"\n{limits_text(rows, settings)}")
    if benchmark.stats:
        frames = len(DIGITAL_17) * len(SNRS) * FRAMES
        print(f"{frames / benchmark.stats['median']:,.0f} frames/s")


def test_modulation_with_oqpsk_counted_as_always_right(benchmark):
    """To hold beside .28 .43 .60 .74 .81 .91 .97 1 1."""
    snrs = (0.0, 4.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0)
    settings = Settings(DIGITAL_17, snrs, frames_per_cell=FRAMES, gain="known", assume_right=("OQPSK",))
    rows = benchmark.pedantic(find_limits, [settings], rounds=1)
    print("\n" + " ".join(f"{row.modulation_accuracy:.3f}" for row in rows))


def test_blind_likelihood_beside_what_is_reachable(benchmark):
    source = Synthetic(DIGITAL_17, SNRS, frames_per_cell=BLIND_FRAMES)
    frames = source.read(np.arange(len(source.modulation_index)))
    given = [frames, source.modulations, source.samples_per_symbol, PRIOR]
    named = benchmark.pedantic(blind_log_likelihood, given, rounds=1).argmax(1).numpy()
    right = named == source.modulation_index
    if benchmark.stats:
        print(f"\n{len(right) / benchmark.stats['median']:,.0f} frames/s")
    settings = Settings(DIGITAL_17, SNRS, frames_per_cell=REACHABLE_FRAMES)
    rows = find_reachable(settings, PRIOR)
    for s, row in enumerate(rows):
        possible = row.modulation_right / row.frames
        print(f"{row.snr:g} dB: blind {right[source.snr_index == s].mean():.3f}, reachable {possible:.3f}")
    possible = np.mean([row.modulation_right / row.frames for row in rows])
    spread = math.sqrt(0.25 / len(right) + 0.25 / sum(row.frames for row in rows))
    print(f"mean: blind {right.mean():.4f}, reachable {possible:.4f}, standard error below {spread:.4f}")
