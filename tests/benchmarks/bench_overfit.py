"""How long a sequence network takes to learn 256 frames by heart: `pytest tests/benchmarks/bench_overfit.py -s`.

Three classes at 0..20 dB, both tasks together, until 99 % of the modulations are right in evaluation mode.
"""

from functools import partial

import pytest
import torch

from amc_xai.loss import FixedWeights, Target
from amc_xai.model import (
    CgdNet,
    Cumulants,
    Harper,
    Mcldnn,
    MoeAmc,
    MultiTaskNetwork,
    OsheaResnet,
    PetCgdnn,
    SharedExtractor,
    linear,
)
from amc_xai.representation import Iq
from amc_xai.signal import Channel, draw_fresh, synthesise

NETWORKS = {
    # Statistics of a frame: they need more than eight symbols.
    "cumulants": (partial(Cumulants, samples_per_symbol=8.0), 1e-2, 1024),
    "moe_amc": (MoeAmc, 2e-3, 64),
    "pet_cgdnn": (PetCgdnn, 2e-3, 64),
    "oshea_resnet": (OsheaResnet, 1e-3, 64),
    "cgdnet": (CgdNet, 2e-3, 64),
    "harper": (Harper, 5e-4, 64),
    "mcldnn": (Mcldnn, 1e-3, 64),
}
MODULATIONS = ["BPSK", "QPSK", "FM"]
SNRS = [0.0, 5.0, 10.0, 15.0, 20.0]
FRAMES, EPOCHS = 256, 300


def small_set(length):
    """Frames (256, 2, ``length``) of one phase and no carrier offset, and both labels."""
    generator = torch.Generator().manual_seed(0)
    target = Target(torch.arange(FRAMES) % 3, torch.randint(0, 5, (FRAMES,), generator=generator))
    channel = Channel(roll_off=[0.25, 0.25], carrier_offset_std=0.0, random_phase=False, random_timing=False)
    shape = (MODULATIONS, length, 8.0, channel)
    draws = draw_fresh(FRAMES, *shape, generator, torch.device("cpu"))
    return Iq()(synthesise(target.modulation, torch.tensor(SNRS)[target.snr], draws, *shape).iq), target


def overfit(network_class, learning_rate, length, epochs=EPOCHS):
    """(best modulation accuracy on the training frames, epochs until it was 99 %)."""
    torch.manual_seed(0)
    x, target = small_set(length)
    network = MultiTaskNetwork(network_class((2, length)), SharedExtractor, linear, linear, 3, 5)
    loss, optimizer = FixedWeights(SNRS), torch.optim.Adam(network.parameters(), learning_rate)
    best, epoch = 0.0, 0
    while best < 0.99 and epoch < epochs:
        epoch += 1
        network.train()
        for k in torch.randperm(FRAMES).split(64):
            optimizer.zero_grad()
            loss(network(x[k]), Target(target.modulation[k], target.snr[k])).total.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        network.eval()
        with torch.no_grad():
            best = max(best, (network(x).modulation.argmax(1) == target.modulation).float().mean().item())
    return best, epoch


@pytest.mark.parametrize("name", NETWORKS)
def test_256_frames_are_learnt(benchmark, name):
    accuracy, epochs = benchmark.pedantic(overfit, args=NETWORKS[name], rounds=1)
    print(f"\n{name}: {100 * accuracy:.1f} % after {epochs} epochs of 4 steps")
