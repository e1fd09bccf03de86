"""Every part that computes on the device, on one that isn't the CPU: nothing is mixed, too wide or missing there,
and the values are those of the CPU."""

import copy

import numpy as np
import pytest
import torch

from amc_xai.data import Batch, FreshBatches, Synthetic
from amc_xai.data.contracts import Facts
from amc_xai.data.residency import Resident
from amc_xai.loss import Target
from amc_xai.model import Prediction
from amc_xai.tasks.workbench import Workbench
from amc_xai.training import parameter_groups
from tests.conftest import tiny
from tests.test_configs import NEEDS, choices, parts_of

DEVICES = ("cpu", "mps")
# The same code at another size; that of the Vision Transformers is timm's test_vit.
LARGER = {"resnet34", "resnet50", "swin_s", "swin_b", "vit_b_16", "vit_b_32", "point_set_large"}
SIZES = {"swin_t": ["representation.image_size=64"]}


def close(found, expected) -> None:
    """Tensors, or trees of them, with the same values; and what was found lies on the stand-in."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        found, expected = found.values(), expected.values()
    if not isinstance(expected, torch.Tensor):
        for here, there in zip(found, expected, strict=True):
            close(here, there)
        return
    assert found.device.type == "mps"
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-4, atol=1e-5, equal_nan=True)


def frames(**options) -> tuple[Synthetic, torch.Tensor]:
    source = Synthetic(["BPSK", "OQPSK", "16QAM", "GMSK"], [5, 20], frames_per_cell=2, frame_length=256, **options)
    return source, source.read(np.arange(16))


RECEIVERS = ["representation.equaliser=cma", "representation.dc=remove", "representation.pulses=[none]"]
DRAWN = {"constellation": "smoothing=1", "windows": "extent=quantile", "augmented": "smoothing=1"}


@pytest.mark.parametrize(
    "given",
    [f"representation={name}" for name in choices("representation") if name != "none"]
    + [f"representation={name} representation.{option}" for name, option in DRAWN.items()]
    + [f"representation=points {option}" for option in RECEIVERS],
)
def test_representations(device, given, tmp_path):
    source, iq = frames()
    made = parts_of(given.split(), tmp_path).make["representation"]
    seen = []
    for where in DEVICES:
        representation = made(Facts.of(source)).to(where)
        seen.append([representation(iq.to(where))])
        if hasattr(representation, "cells"):
            cells = representation.cells(iq.to(where))
            seen[-1] += [cells, representation.draw(cells, {c: (p > 9).float() for c, p in cells.items()})]
    close(seen[1], seen[0])


@pytest.mark.parametrize("name", ["augmented", "points"])
def test_representations_of_frames_with_samples_a_symbol_of_their_own(device, name, tmp_path):
    source, iq = frames(samples_per_symbol=[4, 9])
    own = source.samples_per_symbol_of(np.arange(16))
    representation = parts_of([f"representation={name}"], tmp_path).make["representation"](Facts.of(source))
    expected = representation(iq, samples_per_symbol=own), representation(iq)  # told, and estimated
    representation.to(device)
    close(
        [representation(iq.to(device), samples_per_symbol=own.to(device)), representation(iq.to(device))], expected
    )


@pytest.mark.parametrize("name", [name for name in choices("backbone") if name not in LARGER])
def test_networks(device, name, tmp_path):
    given = [*NEEDS.get(f"backbone/{name}", []), *SIZES.get(name, []), "device=mps"]
    parts = parts_of(tiny(f"backbone={name}", *given), tmp_path)
    bench = Workbench.build(parts)
    batch = next(iter(bench.evaluation_batches(bench.split.train[:8])))
    x, target = bench.classifier.represent(batch.iq), Target(batch.modulation, batch.snr)
    network = bench.classifier.network
    expected = copy.deepcopy(network).eval()(x)
    network.to(device)
    x = tuple(part.to(device) for part in x) if isinstance(x, tuple) else x.to(device)
    close(network.eval()(x), [logits.detach() for logits in expected])
    loss = parts.make["loss"]([0.0, 20.0]).to(device)
    optimizer = parts.make["optimizer"](parameter_groups(network, loss))
    total = loss(network.train()(x), Target(*(part.to(device) for part in target[:2]))).total
    total.backward()
    optimizer.step()
    assert all(p.device == device and p.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("term", choices("loss/snr_term"))
@pytest.mark.parametrize("name", choices("loss"))
def test_losses(device, name, term, tmp_path):
    make = parts_of([f"loss={name}", f"loss/snr_term={term}"], tmp_path).make["loss"]
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.randn(7, 5, generator=generator), torch.tensor([0, 1, 2, -1, 0, 1, 2])
    shared = torch.nn.Linear(5, 6)
    found = []
    for where in DEVICES:
        loss, layer = make([0.0, 10.0, 20.0]).to(where).train(), copy.deepcopy(shared).to(where)
        logits = layer(features.to(where))
        terms = loss(Prediction(logits[:, :3], logits[:, 3:]), Target(labels.to(where), labels.flip(0).to(where)))
        if hasattr(loss, "balance"):
            loss.balance(terms, layer)
        terms.total.backward()
        for hook, given in (("project", ()), ("after_epoch", (0.7, 0.9))):
            getattr(loss, hook, lambda *_: None)(*given)
        found.append([part.detach() for part in terms] + [layer.weight.grad, *loss.state_dict().values()])
    close(found[1], found[0])


@pytest.mark.parametrize("name", choices("optimizer"))
def test_optimizers(device, name, tmp_path):
    make = parts_of([f"optimizer={name}"], tmp_path).make["optimizer"]
    start, found = torch.nn.Linear(4, 3), []
    for where in DEVICES:
        layer = copy.deepcopy(start).to(where)
        optimizer = make(parameter_groups(layer, torch.nn.Identity()))
        for _ in range(2):
            optimizer.zero_grad()
            layer(torch.ones(2, 4, device=where)).square().sum().backward()
            optimizer.step()
        again = make(parameter_groups(layer, torch.nn.Identity()))
        again.load_state_dict(optimizer.state_dict())
        found.append([p.detach() for p in layer.parameters()])
    close(found[1], found[0])


@pytest.mark.parametrize(
    "kind",
    [
        "phase_rotation=true", "carrier_offset=0.01", "time_shift=5", "conjugation=true", "lower_snr=0.7",
        "crop=100", "iq_gain_std_db=1", "iq_phase_std_deg=2",
    ],
)  # fmt: skip
def test_augmentations(device, kind, tmp_path):
    source, iq = frames()
    augment = parts_of(["augmentation=none", f"augmentation.{kind}"], tmp_path).make["augmentation"](
        source, rank=0
    )
    labels = torch.from_numpy(source.modulation_index), torch.from_numpy(source.snr_index)
    expected, found = (
        augment(Batch(iq.to(where), *(label.to(where) for label in labels)), 0, 1) for where in DEVICES
    )
    close(found[:3], expected[:3])
    assert not torch.equal(expected.iq, iq)


@pytest.mark.parametrize("channel", choices("dataset/channel"))
def test_synthesis(device, channel, tmp_path):
    given = [f"dataset/channel={channel}", "dataset.modulations=all", "dataset.frame_length=128"]
    source = parts_of(given, tmp_path).make["dataset"]()
    labels = torch.arange(len(source.modulations)), torch.zeros(len(source.modulations), dtype=torch.int64)
    expected, found = (
        source.fresh(*(label.to(where) for label in labels), torch.Generator(where).manual_seed(3))
        for where in DEVICES
    )
    close(found[:3], expected[:3])


def test_endless_batches_and_what_is_kept_on_the_device(device, tmp_path):
    source, iq = frames()
    rates = parts_of(["curriculum=snr"], tmp_path).make["curriculum"](source.snrs)
    here, there = (next(iter(FreshBatches(source, 40, 20, 0, torch.device(d), rates))) for d in DEVICES)
    close(there[:3], here[:3])
    kept = Resident(source, (2, 256), False, device)
    close(kept.read(np.arange(16)), iq)
