"""What a full PIS run costs over its forward passes alone: `pytest tests/benchmarks/bench_pis.py -s`.

Five selectors at five fractions take 26 forward passes; the run should take at most 1.25 times as long. A control
passes the network again: `random` once a fraction, since masks of equal counts share it (31 passes in all),
`random_matched` once a mask (51). So each run is also held against the passes that it really made.
``AMC_XAI_BENCH_FRAMES`` sets the number of frames (10,000).

The last benchmark is `task=explain` as it comes (1,000 frames, 4 channels, 64 px, on a CPU): its passes a frame
(at most 150), its time over what they take alone (at most 1.25), and in all (at most 4 minutes on two cores).
"""

import os
import subprocess
import sys
import time

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from torch.nn.modules.module import register_module_forward_pre_hook

from amc_xai.__main__ import config_folder
from amc_xai.data import Facts
from amc_xai.explain import perturbation_scores
from amc_xai.model import MultiTaskNetwork, TaskSpecificExtractor, TimmBackbone, linear
from amc_xai.parts import make_parts
from amc_xai.perturbation import Annulus, Bottom, Random, Sector, Top, View, Zero
from amc_xai.representation import Constellation
from amc_xai.tasks import explain

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


def test_cost_of_an_explanation_as_it_comes(benchmark, tmp_path, monkeypatch):
    train = ["dataset.frames_per_cell=40", "trainer.epochs=1", "task.explain_after=false", "limits=none"]
    command = [sys.executable, "-m", "amc_xai", *train, "device=cpu", f"hydra.run.dir={tmp_path / 'trained'}"]
    subprocess.run(command, check=True, capture_output=True)
    given = ["task=explain", "device=cpu", f"checkpoint={tmp_path / 'trained' / 'checkpoints' / 'best.pt'}"]
    given += ["dataset.frames_per_cell=300", "split.ratios=[0.8,0.1,0.1]"]  # 1,080 to be tested, 1,000 explained
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        cfg = compose("config", given, return_hydra_config=True)
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)  # a checkpoint asks which groups were given
    HydraConfig.instance().set_config(cfg)
    parts = make_parts(OmegaConf.masked_copy(cfg, [key for key in cfg if key != "hydra"]), tmp_path, given)
    seen, networks = [], []

    def count(module, inputs) -> None:
        if isinstance(module, MultiTaskNetwork):
            seen.append(len(inputs[0]))
            networks.append(module)

    handle = register_module_forward_pre_hook(count)
    benchmark.pedantic(lambda: explain.run(parts), rounds=1)
    handle.remove()
    assert sum(seen) <= 150 * 1000
    image = torch.rand(BATCH, 4, 64, 64)
    begin = time.perf_counter()
    with torch.inference_mode():
        for _ in range(40):
            networks[-1](image)
    one = (time.perf_counter() - begin) / 40 / BATCH
    if benchmark.stats:
        seconds, passes = benchmark.stats["mean"], sum(seen)
        print(
            f"\ntask=explain as it comes: {passes / 1000:.0f} passes a frame (of 1,000), {seconds:.0f} s in all, "
            f"{seconds / (passes * one):.2f} x its passes alone"
        )
