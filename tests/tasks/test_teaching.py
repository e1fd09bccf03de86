"""Training on the exact posterior: where it is refused, and that it resumes."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from amc_xai.data import Arrays, FreshBatches, Synthetic
from amc_xai.data.augmentation import Augmentation
from amc_xai.errors import UserError
from amc_xai.limits.posterior import ClassPosterior
from amc_xai.loss import UncertaintyWeights
from amc_xai.tasks.teaching import make_teacher, refuse_changed_frames
from amc_xai.training import load_checkpoint
from tests.conftest import tiny
from tests.training.conftest import run  # noqa: F401
from tests.training.test_resume import assert_same_run, interrupt_at, numbers

PLAIN = {"modulations": ["BPSK", "QPSK"], "snrs": [0.0, 10.0], "endless": True, "frame_length": 32}
INEXACT = {
    "files": ({"endless": False}, "dataset.endless=true"),
    "analog": ({"modulations": ["BPSK", "FM"]}, "FM"),
    "gmsk": ({"modulations": ["BPSK", "GMSK"]}, "GMSK"),
    "rates": ({"samples_per_symbol": [2.0, 4.0]}, "dataset.samples_per_symbol"),
    "multipath": ({"channel": {"multipath": "rician"}}, "multipath"),
    "imbalance": ({"channel": {"iq_phase_std_deg": 1.0}}, "iq_phase_std_deg"),
    "phase noise": ({"channel": {"phase_noise_std": 0.1}}, "phase_noise_std"),
    "filter": ({"channel": {"filter_band": [0.5, 0.9]}}, "a receiver's filter"),
    "clock": ({"channel": {"clock_offset_ppm": 5.0}}, "clock"),
    "quantisation": ({"channel": {"quantisation_bits": 8}}, "quantisation"),
    "pulses": ({"channel": {"pulse": ["rectangular", "half_sine"]}}, "dataset.channel.pulse"),
    "roll-off": ({"channel": {"pulse": "raised_cosine"}}, "dataset.channel.roll_off"),
    "lengths": ({"channel": {"pulse": "rectangular"}, "frame_length": [32, 64]}, "dataset.frame_length"),
}


def asked(target="posterior"):
    return SimpleNamespace(config={"loss": {"target": target}})


@pytest.mark.parametrize(("changed", "word"), INEXACT.values(), ids=INEXACT)
def test_what_is_not_exact_is_refused_in_a_sentence(changed, word):
    source = Synthetic(**{**PLAIN, **changed})
    with pytest.raises(UserError, match=r"loss\.target=posterior") as refusal:
        make_teacher(asked(), source, torch.device("cpu"))
    assert word in str(refusal.value) and "\n" not in str(refusal.value)
    assert make_teacher(asked("label"), source, torch.device("cpu")) is None


def test_what_changes_frames_afterwards_is_refused():
    source = Synthetic(**PLAIN)
    refuse_changed_frames(asked(), Augmentation(source))
    refuse_changed_frames(asked("label"), Augmentation(source, time_shift=3))
    with pytest.raises(UserError, match="augmentation=none"):
        refuse_changed_frames(asked("mixed"), Augmentation(source, time_shift=3))


def test_frames_of_a_file_are_refused(tmp_path):
    file = tmp_path / "frames.npz"
    np.savez(file, X=np.ones((4, 2, 16), np.float32), y=np.array(["a", "a", "b", "b"]), snr=np.zeros(4))
    with pytest.raises(UserError, match="truth is known"):
        make_teacher(asked(), Arrays(str(file)), torch.device("cpu"))


def test_training_on_it_resumes_to_the_same_numbers(run):  # noqa: F811
    unbroken, broken, labels = run("unbroken"), run("broken"), run("labels")
    source = Synthetic(["BPSK", "QPSK", "8PSK"], [0, 10], 15, frame_length=6, samples_per_symbol=2)
    teacher = ClassPosterior(source.modulations, source.snrs, 6, 2.0, source.channel, steps=41)

    def loss(snrs):
        return UncertaintyWeights(snrs, target="posterior")

    def batches(**options):
        return FreshBatches(source, 40, 8, 0, torch.device("cpu"), **options)

    told = {"epochs": 2, "source": source, "loss": loss}
    unbroken.go(batches=batches(teacher=teacher), **told)
    with pytest.raises(KeyboardInterrupt):
        broken.go(batches=batches(teacher=teacher), progress=interrupt_at(6), **told)
    last = load_checkpoint(broken.folder / "checkpoints" / "last.pt")
    broken.go(last, batches=batches(teacher=teacher), **told)
    assert_same_run(broken, unbroken)
    labels.go(batches=batches(), **{**told, "loss": UncertaintyWeights})
    ours, theirs = (load_checkpoint(r.folder / "checkpoints" / "last.pt")["state"] for r in (unbroken, labels))
    assert numbers(ours["history"]) != numbers(theirs["history"])


def test_a_command_trains_on_it(cli):
    result = cli(*tiny("dataset.endless=true", "loss.target=posterior", "task.explain_after=false"))
    assert result.code == 0, result.err
    refused = cli(*tiny("loss.target=posterior", "task.explain_after=false"))
    assert refused.code == 1 and len((refused.out + refused.err).strip().splitlines()) == 1
