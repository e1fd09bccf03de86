"""What holds for every network that a YAML in conf/backbone names, with each extractor."""

import pytest
import torch

from amc_xai.loss import Target
from amc_xai.model import MultiTaskNetwork
from amc_xai.tasks.workbench import Workbench
from amc_xai.training import parameter_groups
from tests.conftest import tiny
from tests.test_configs import NEEDS, choices, parts_of

# Attention over a single token has no gradient: the smallest image that leaves the last stage more than one.
SIZES = {name: ["representation.image_size=64"] for name in ("swin_t", "swin_s", "swin_b", "vit_b_32")}
FRAMES = 4  # one of each class and SNR


def take(x, index):
    """Frames of a batch; of both parts where the representation gives two."""
    return tuple(part[index] for part in x) if isinstance(x, tuple) else x[index]


@pytest.fixture
def built(tmp_path):
    """One backbone under both extractors: networks by extractor, parts, represented frames, their labels."""

    def build(name):
        given = [*NEEDS.get(f"backbone/{name}", []), *SIZES.get(name, [])]
        parts = parts_of(tiny(f"backbone={name}", *given), tmp_path)
        bench = Workbench.build(parts)
        backbone, head, networks = bench.classifier.network.backbone, parts.make["head"], {}
        for extractor in choices("extractor"):
            make = parts_of(tiny(f"extractor={extractor}"), tmp_path).make["extractor"]
            networks[extractor] = MultiTaskNetwork(backbone, make, head["modulation"], head["snr"], 2, 2)
        apart = bench.split.train[:: len(bench.split.train) // FRAMES][:FRAMES]
        batch = next(iter(bench.evaluation_batches(apart)))
        x = bench.classifier.represent(batch.iq)
        return networks, parts, x, Target(batch.modulation, batch.snr)

    return build


@pytest.mark.parametrize("name", choices("backbone"))
def test_contract_of_a_network(name, built):
    networks, parts, x, target = built(name)
    for module in networks["none"].backbone.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = None  # evaluation uses all that training saw; else untrained frames look all alike
    for extractor, network in networks.items():
        loss = parts.make["loss"]([0.0, 20.0])
        optimizer = parts.make["optimizer"](parameter_groups(network, loss))
        # ResNets begin with residual branches of zero: a gradient reaches all of their weights after some steps.
        for _ in range(4):
            optimizer.zero_grad()
            network.train()
            total = loss(network(x), target).total
            total.backward()
            without = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.any()]
            assert total.isfinite()
            if not without:
                break
            optimizer.step()
        assert without == [], f"no gradient from both tasks together with extractor={extractor}"

        network.eval()
        order = torch.tensor([2, 0, 3, 1])
        with torch.no_grad():
            first, again, permuted = network(x), network(x), network(take(x, order))
        for k in range(2):
            assert torch.equal(first[k], again[k])
            # By more than rounding, but less than frames differ, frames would touch each other.
            spread = first[k].std(0).min().item()
            torch.testing.assert_close(permuted[k], first[k][order], rtol=0, atol=0.01 * spread)
            assert spread > 1e-6, "it doesn't look at the frame"
