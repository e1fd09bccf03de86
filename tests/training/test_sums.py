"""Sums over an epoch against double precision, and when they wait for the device."""

import pytest
import torch

from amc_xai.loss import LossTerms, Target
from amc_xai.model import Prediction
from amc_xai.training import make_accelerator
from amc_xai.training.sums import Named, Sums, in_words


def batches(count, frames=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for number in range(count):
        losses = 1e3 * torch.rand(3, generator=generator) / 3
        prediction = Prediction(
            torch.randn(frames, 3, generator=generator), torch.randn(frames, 2, generator=generator)
        )
        target = Target(torch.randint(3, (frames,), generator=generator), torch.arange(frames) % 2)
        yield LossTerms(*losses, torch.ones(2) / 2), prediction, target
        frames = 5 if number % 3 else 7


def test_sums_are_exact_in_double_precision():
    sums, expected = Sums(), dict.fromkeys(("loss", "modulation_loss", "snr_loss"), 0.0)
    right = dict.fromkeys(("modulation_correct", "snr_correct", "joint_correct", "frames"), 0)
    for terms, prediction, target in batches(4000):
        sums.add(terms, prediction, target)
        for name, value in zip(expected, terms[:3], strict=True):
            expected[name] += float(value) * len(target.snr)
        modulation, snr = (guess.argmax(1) == truth for guess, truth in zip(prediction, target[:2], strict=True))
        for name, hits in zip(right, (modulation, snr, modulation & snr, torch.ones_like(snr)), strict=True):
            right[name] += int(hits.sum())
    found = sums.settle()
    assert {name: found[name] for name in right} == right
    # In single precision the sums of 4,000 batches would be off by 1e-5 of them.
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-13)


def test_sums_do_not_depend_on_when_they_are_read_or_interrupted():
    at_once, now_and_then = Sums(), Sums()
    for number, batch in enumerate(batches(50)):
        at_once.add(*batch)
        now_and_then.add(*batch)
        if number % 7 == 3:
            now_and_then.settle()
        if number == 20:
            now_and_then = Sums(now_and_then.settle())
    assert at_once.settle() == now_and_then.settle()


def test_a_batch_is_added_without_a_look_at_its_values():
    """On the meta device there are no values: reading one raises."""
    sums = Sums()
    for terms, prediction, target in batches(3):
        given = (terms, prediction, target)
        on_meta = (type(part)(*(v if v is None else v.to("meta") for v in part)) for part in given)
        sums.add(*on_meta)
    assert {row.dtype for row, _ in sums.waiting} == {torch.float32}


def test_one_class_for_every_frame_is_said_and_what_to_do():
    here = make_accelerator("cpu", "fp32")
    named = Named()
    for snrs in ([0, 0], [0, 1]):
        named.add(Prediction(torch.eye(3)[[2, 2]], torch.eye(2)[snrs]))
    assert named.alone(here) == [2, None] and Named().alone(here) == [None, None]
    said = in_words(named.alone(here), ["A", "B", "C"], [0.0, 10.0])
    assert said.startswith("one class for every validation frame: C; ") and "optimizer.lr" in said
    assert "frame: C at 10 dB; " in in_words([2, 1], ["A", "B", "C"], [0.0, 10.0])
    assert in_words([0, None], ["A"], [0.0, 10.0]) is None
    assert "frame: 10 dB; " in in_words([0, 1], ["A"], [0.0, 10.0])


def test_a_training_says_so_once_validated(run, caplog):
    def mute(trained, source):
        for head in (trained.network.modulation_head, trained.network.snr_head):
            for parameter in head.parameters():
                parameter.data.zero_()
            head.requires_grad_(False)

    with caplog.at_level("INFO"):
        run("mute").go(epochs=1, spoil=mute)
    assert "one class for every validation frame: " in caplog.text
    caplog.clear()
    with caplog.at_level("INFO"):
        run("learning").go(epochs=3)
    assert "one class" not in caplog.text.partition("epoch 1/3")[2]
