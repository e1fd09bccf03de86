import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.training import make_accelerator


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
