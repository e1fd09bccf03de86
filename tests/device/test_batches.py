"""How frames reach the device: kept there, or sent from pinned memory by a thread that reads ahead."""

import numpy as np
import pytest
import torch

from amc_xai.data import training_loader
from amc_xai.data.ahead import Ahead
from amc_xai.tasks.workbench import Workbench
from amc_xai.training.parallel import on_device
from amc_xai.training.prepared import prepared
from tests.conftest import tiny
from tests.test_configs import parts_of


def bench_of(folder, *given: str) -> Workbench:
    return Workbench.build(parts_of(tiny(*given), folder))


@pytest.mark.parametrize("residency", ["device", "auto", "memory", "disk"])
def test_batches_lie_on_the_device_wherever_frames_are_kept(device, tmp_path, residency):
    bench = bench_of(tmp_path, f"device={device}", f"dataset.residency={residency}")
    where = bench.accelerator.device
    assert where.type == "cpu" or where.index is not None
    loader = on_device(bench.training_batches(), bench.accelerator)
    expected = [batch.iq.cpu() for batch in bench.training_batches()]
    found = [batch for _ in range(2) for batch in loader]  # read, then as it was kept
    assert all(part.device == where for batch in found for part in batch if part is not None)
    for batch, iq in zip(found, expected * 2, strict=True):
        assert torch.equal(batch.iq.cpu(), iq)
    kept = bench.source.read(bench.split.train[:3]).device
    on_card = residency == "device" or (residency == "auto" and where.type == "cuda")
    assert kept == (where if on_card else torch.device("cpu"))


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_are_sent_from_pinned_memory_and_arrive_whole(device, tmp_path, monkeypatch, workers):
    bench = bench_of(tmp_path, f"device={device}", "dataset.frames_per_cell=200", "dataset.residency=disk")
    if bench.accelerator.device.type != "cuda":
        pytest.skip("memory is pinned for CUDA alone")
    pinned, pin = [], torch.Tensor.pin_memory

    def watched(self, *args):
        pinned.append(pin(self, *args).is_pinned())
        return pin(self, *args)

    monkeypatch.setattr(torch.Tensor, "pin_memory", watched)
    ahead, plain = (training_loader(bench.source, bench.split.train, 16, 0, None, n) for n in (workers, 0))
    weight = torch.randn(2048, 2048, device=bench.accelerator.device)
    for sent, read in zip(Ahead(ahead, bench.accelerator.device), plain, strict=True):
        for _ in range(20):  # the device is busy while the next batch comes
            weight = (weight @ weight).clamp(-1, 1)
        assert torch.equal(sent.iq.cpu(), read.iq) and torch.equal(sent.snr.cpu(), read.snr)
    assert len(pinned) >= 3 * len(plain) and all(pinned)


def test_half_precision_frames_are_those_of_full_precision_but_for_rounding(device, tmp_path):
    given = [f"device={device}", "dataset.residency=device"]
    full, half = (
        bench_of(tmp_path / kind, *given, f"dataset.half_precision={kind}").source.read(np.arange(4)).cpu()
        for kind in ("false", "true")
    )
    torch.testing.assert_close(half, full, rtol=1e-3, atol=1e-3)
    assert not torch.equal(half, full)


def test_a_gpu_draws_several_batches_at_once(device, tmp_path):
    given = [
        "dataset.endless=true",
        "dataset.frames_per_epoch=96",
        "representation=points",
        "trainer.batch_size=16",
    ]
    bench = bench_of(tmp_path, f"device={device}", "backbone=point_set", *given)
    represent, calls = bench.classifier.represent, []

    def counted(iq, rates):
        calls.append(len(iq))
        return represent(iq, rates)

    pairs = list(prepared(bench.training_batches(), lambda batch, step: batch, counted))
    # The first batch alone tells how large a group may be.
    assert calls == ([16, 80] if bench.accelerator.device.type == "cuda" else [16] * 6)
    for batch, points in pairs:
        torch.testing.assert_close(points, represent(batch.iq, batch.samples_per_symbol), rtol=1e-3, atol=1e-3)
