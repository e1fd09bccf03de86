"""What a full PIS run costs over its forward passes alone: `pytest tests/benchmarks/bench_pis.py -s`.

Five selectors at five fractions take 26 forward passes; the run should take at most 1.25 times as long. A control
passes the network again: `random` once a fraction, since masks of equal counts share it (31 passes in all),
`random_matched` once a mask (51). So each run is also held against the passes that it really made.
``AMC_XAI_BENCH_FRAMES`` sets the number of frames (10,000).
"""

import os
import time

import pytest
import torch

from amc_xai.data import Facts
from amc_xai.explain import perturbation_scores
from amc_xai.model import MultiTaskNetwork, TaskSpecificExtractor, TimmBackbone, linear
from amc_xai.perturbation import Annulus, Bottom, Random, Sector, Top, View, Zero
from amc_xai.representation import Constellation

FACTS = Facts(512, 8.0)

FRAMES, BATCH, FRACTIONS = int(os.environ.get("AMC_XAI_BENCH_FRAMES", "10000")), 128, [0.01, 0.02, 0.05, 0.1, 0.2]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("control", [None, "random", "random_matched"])
@pytest.mark.parametrize("size", [64, 224])
@pytest.mark.parametrize("device", DEVICES)
def test_cost_over_the_forward_passes(benchmark, device, size, control):
    representation = Constellation(FACTS, size)
    network = MultiTaskNetwork(
        TimmBackbone((1, size, size), "resnet10t"), TaskSpecificExtractor, linear, linear, 17, 16
    )
    network.to(device).eval()
    generator = torch.Generator().manual_seed(0)
    frames = []
    for begin in range(0, FRAMES, BATCH):
        n = min(BATCH, FRAMES - begin)
        iq = torch.randn(n, 2, 1024, generator=generator).to(device)
        cells = representation.cells(iq)
        labels = torch.randint(0, 16, (2, n), generator=generator)
        frames.append((View(iq, representation.draw(cells), ["trajectory"], cells), *labels))
    selectors = {
        "top": Top(),
        "bottom": Bottom(),
        "random": Random(),
        "annulus": Annulus(0.3),
        "sector": Sector(0.0),
    }

    passes = 0

    def count(*_) -> None:
        nonlocal passes
        passes += 1

    def forwards() -> float:
        begin = time.perf_counter()
        with torch.inference_mode():
            for view, _, _ in frames:
                for _ in range(1 + len(selectors) * len(FRACTIONS)):
                    network(view.image)
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begin

    def run():
        fresh = ((View(v.iq, v.image, v.channels, v.cells), *labels) for v, *labels in frames)
        return perturbation_scores(
            network, fresh, selectors, ("zero", Zero()), FRACTIONS, control=control, representation=representation
        )

    with torch.inference_mode():
        network(frames[0][0].image)
    alone = [forwards()]
    handle = network.register_forward_hook(count)
    result = benchmark.pedantic(run, rounds=1)
    handle.remove()
    # Before and after, since a busy machine drifts.
    alone.append(forwards())
    assert len(result.rows) == 3 * len(selectors) * len(FRACTIONS)
    if benchmark.stats:
        ratio = benchmark.stats["mean"] / (sum(alone) / 2)
        made = passes / len(frames)
        print(
            f"\n{device}, {size} px, control {control}: {ratio:.2f} x 26 forward passes, "
            f"{ratio * 26 / made:.2f} x the {made:.0f} that it made ({FRAMES} frames)"
        )
