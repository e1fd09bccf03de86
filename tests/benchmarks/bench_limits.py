"""The limit of 17 classes by Monte Carlo, and how fast it comes: `pytest tests/benchmarks/bench_limits.py -s`."""

from amc_xai.limits import Settings, find_limits
from amc_xai.limits.table import limits_text
from amc_xai.signal import DIGITAL_17

SNRS = tuple(float(snr) for snr in range(0, 31, 2))
FRAMES = 100


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
