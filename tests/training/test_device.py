import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from amc_xai.data import training_loader
from amc_xai.data.ahead import Ahead
from amc_xai.errors import UserError
from amc_xai.training import make_accelerator
from amc_xai.training.parallel import on_device


@pytest.fixture
def no_accelerator(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("gpu", "device must be auto, cpu, cuda, cuda:N or mps, not 'gpu'"),
        ("cuda", "device: this machine has no cuda device; use device=auto or device=cpu"),
        ("cuda:0", "device: this machine has no cuda device; use device=auto or device=cpu"),
        ("mps", "device: this machine has no mps device; use device=auto or device=cpu"),
        ("cpu:1", "device: there is no cpu:1; this machine has 0 CUDA devices"),
    ],
)
def test_a_device_that_is_not_there_is_refused(no_accelerator, device, sentence):
    with pytest.raises(UserError) as error:
        make_accelerator(device)
    assert str(error.value) == sentence


@pytest.mark.parametrize("number", ["7", "x"])
def test_a_card_that_is_not_there_is_refused(monkeypatch, number):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match=rf"^device: there is no cuda:{number}; this machine has 2 CUDA devices$"):
        make_accelerator(f"cuda:{number}")


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_half_precision_of_16_bits_needs_cuda(no_accelerator, device):
    with pytest.raises(UserError, match=r"^trainer\.precision: fp16 needs a CUDA device; use fp32 or bf16 here$"):
        make_accelerator(device, "fp16")


def test_an_unknown_precision_is_refused():
    with pytest.raises(UserError, match=r"^trainer\.precision must be auto, fp32, bf16 or fp16, not 'fp8'$"):
        make_accelerator("cpu", "fp8")


@pytest.mark.parametrize(("precision", "expected"), [("auto", "no"), ("fp32", "no"), ("bf16", "bf16")])
def test_precision_on_the_cpu_and_job_after_job(precision, expected):
    # A sweep makes one after the other in the same process, each with its own choice.
    assert make_accelerator("cpu", "bf16").mixed_precision == "bf16"
    accelerator = make_accelerator("cpu", precision)
    assert accelerator.mixed_precision == expected and accelerator.device.type == "cpu"
    with accelerator.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if expected == "bf16" else torch.float32)


def test_numbers_below_the_normal_range_count_as_zero_on_processors_that_can():
    can = torch.set_flush_denormal(False)
    tiny = torch.full((8,), 1e-39)
    assert (tiny * 0.5).count_nonzero() == 8
    make_accelerator("cpu")
    assert (tiny * 0.5).count_nonzero() == (0 if can else 8)


@pytest.fixture
def card(monkeypatch):
    """A machine with two CUDA cards, as far as it takes to choose one; ``bf16=False`` are cards before Ampere."""

    def make(bf16=True, current=0):
        chosen = [current]
        answers = {
            "is_available": lambda: True,
            "device_count": lambda: 2,
            "current_device": lambda: chosen[0],
            "set_device": lambda number: chosen.__setitem__(0, int(number)),
            # Emulation is everywhere.
            "is_bf16_supported": lambda including_emulation=True: bf16 or including_emulation,
        }
        for name, answer in answers.items():
            monkeypatch.setattr(torch.cuda, name, answer)

    yield make
    monkeypatch.undo()
    make_accelerator("cpu", "fp32")


@pytest.mark.parametrize(("device", "index"), [("auto", 0), ("cuda", 0), ("cuda:1", 1), ("cuda:0", 0)])
def test_a_card_is_known_by_its_index_wherever_it_is_asked_for(card, device, index):
    """``torch.cuda.set_device("cuda")`` raises: a thread that reads ahead could not be told where to read to."""
    from accelerate import PartialState

    card()
    accelerator = make_accelerator(device, "bf16")
    assert accelerator.device == accelerator.state.device == PartialState().device == torch.device("cuda", index)


def test_the_current_card_is_the_one_that_is_used(card):
    card(current=1)
    assert make_accelerator("auto", "fp32").device == torch.device("cuda", 1)


@pytest.mark.parametrize(("bf16", "expected"), [(True, "bf16"), (False, "no")])
def test_auto_takes_bfloat16_of_cards_that_compute_in_it_themselves(card, bf16, expected):
    card(bf16=bf16)
    assert make_accelerator("cuda", "auto").mixed_precision == expected


def test_emulated_bfloat16_that_was_asked_for_is_said(card, caplog):
    card(bf16=False)
    with caplog.at_level(logging.WARNING):
        assert make_accelerator("cuda", "bf16").mixed_precision == "bf16"
    assert "no bfloat16 of its own and emulates it slowly" in caplog.text
    caplog.clear()
    card(bf16=True)
    make_accelerator("cuda", "bf16")
    assert not caplog.records


class Frames:
    modulation_index = snr_index = np.zeros(8, dtype=np.int64)

    def read(self, indices):
        return torch.zeros(len(indices), 2, 4)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_read_and_copied_ahead_of_a_card_with_and_without_workers(workers):
    loader = training_loader(Frames(), np.arange(8), 4, seed=0, workers=workers)
    accelerator = SimpleNamespace(device=torch.device("cuda", 0), num_processes=1)
    ahead = on_device(loader, accelerator)
    assert isinstance(ahead, Ahead) and ahead.loader is loader and ahead.batch_sampler is loader.batch_sampler
