"""How long each network takes to learn 256 frames by heart: `pytest -n 0 -s tests/benchmarks/bench_overfit.py`.

OOK, BPSK and QPSK at 0..20 dB, 2 samples a symbol, of one phase and no carrier offset; both tasks together, until
99 % of the modulations are right in evaluation mode. Networks as conf/backbone has them, their dropout included;
`-k mcldnn` for one of them.
"""

import time

import pytest
import torch

from amc_xai.loss import Target
from amc_xai.tasks.workbench import Workbench
from tests.conftest import tiny
from tests.test_configs import NEEDS, choices, parts_of

SMALL_SET = [
    "dataset.modulations=[OOK,BPSK,QPSK]", "dataset.snrs=[0,5,10,15,20]", "dataset.frames_per_cell=18",
    "dataset.samples_per_symbol=2", "dataset.channel.random_phase=false", "dataset.channel.random_timing=false",
    "dataset.channel.carrier_offset_std=0", "extractor=none", "loss=fixed", "optimizer=adam",
]  # fmt: skip
FRAMES, BATCH, EPOCHS = 256, 32, 200
# What a network needs beside Adam at 2e-3 and 64 samples, or a histogram of 256 samples in 32 px.
PICTURE = ["dataset.frame_length=256", "representation=constellation", "representation.image_size=32"]
LARGER = [*PICTURE[:2], "representation.image_size=64", "optimizer.lr=1e-4"]
OWN = {
    **{name: PICTURE for name in ("tiny", "timm", "resnet18", "resnet34", "resnet50")},
    **{name: LARGER for name in ("vit_b_16", "vit_b_32", "swin_t", "swin_s", "swin_b")},
    "cumulants": ["dataset.frame_length=256"],  # statistics of a frame
    "harper": ["optimizer.lr=1e-3"],
    "oshea_resnet": ["optimizer.lr=1e-3"],
    "point_set": ["representation.groups=[recovered,differential,amplitude]"],  # 2 samples a symbol
    "fusion": ["representation@representation.image=constellation"],
}


def small_set(bench):
    """256 frames of all cells as the network sees them, and both labels."""
    torch.manual_seed(0)
    chosen = torch.randperm(len(bench.source.modulation_index))[:FRAMES].sort().values.numpy()
    labels = (bench.source.modulation_index[chosen], bench.source.snr_index[chosen])
    return bench.classifier.represent(bench.source.read(chosen)), Target(*map(torch.from_numpy, labels))


def overfit(name, folder, epochs=EPOCHS):
    """(best modulation accuracy on the training frames, epochs until it was 99 %)."""
    own = ["dataset.frame_length=64", "optimizer.lr=2e-3", *NEEDS.get(f"backbone/{name}", []), *OWN.get(name, [])]
    last = dict(override.split("=", 1) for override in [*SMALL_SET, f"backbone={name}", *own])
    parts = parts_of(tiny(*(f"{key}={value}" for key, value in last.items())), folder)
    bench = Workbench.build(parts)
    network, loss = bench.classifier.network, parts.make["loss"](bench.classifier.snrs)
    optimizer = parts.make["optimizer"](network.parameters())
    x, target = small_set(bench)
    take = (lambda k: tuple(part[k] for part in x)) if isinstance(x, tuple) else (lambda k: x[k])
    best, epoch = 0.0, 0
    while best < 0.99 and epoch < epochs:
        epoch += 1
        network.train()
        for k in torch.randperm(FRAMES).split(BATCH):
            optimizer.zero_grad()
            loss(network(take(k)), Target(target.modulation[k], target.snr[k])).total.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        network.eval()
        with torch.no_grad():
            right = [
                network(take(k)).modulation.argmax(1) == target.modulation[k]
                for k in torch.arange(FRAMES).split(64)
            ]
        best = max(best, torch.cat(right).float().mean().item())
    return best, epoch


@pytest.mark.parametrize("name", choices("backbone"))
def test_256_frames_are_learnt(benchmark, name, tmp_path):
    begin = time.process_time()
    accuracy, epochs = benchmark.pedantic(overfit, args=(name, tmp_path), rounds=1)
    seconds = time.process_time() - begin
    print(f"\n{name}: {100 * accuracy:.1f} % after {epochs} epochs of 8 steps, {seconds:.0f} s of processor time")
