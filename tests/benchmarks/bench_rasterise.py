"""Images per second of the constellation diagram: `pytest tests/benchmarks/bench_rasterise.py -s`."""

import pytest
import torch

from amc_xai.data import Facts
from amc_xai.representation import Constellation

FACTS = Facts(512, 8.0)

BATCH, LENGTH, SIZE = 64, 1024, 224
SETTINGS = {
    "fixed extent": {},
    "quantile extent": {"extent": "quantile"},
    "smoothed by 1 px": {"smoothing": 1.0},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_images_per_second(benchmark, setting):
    constellation = Constellation(FACTS, SIZE, **SETTINGS[setting])
    iq = torch.randn(BATCH, 2, LENGTH, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        images = benchmark(constellation, iq)
    assert images.shape == (BATCH, 1, SIZE, SIZE)
    if benchmark.stats:
        rate = BATCH / benchmark.stats["median"]
        print(
            f"\n{SIZE} px, {LENGTH} samples, {setting}: {rate:,.0f} images/s on {torch.get_num_threads()} threads"
        )
