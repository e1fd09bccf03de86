"""``init=PATH``: what a new training takes from a trained network, what it says, and what it refuses."""

import logging
from dataclasses import replace

import pytest
import torch

from amc_xai import config
from amc_xai.errors import UserError
from amc_xai.tasks import train
from amc_xai.tasks.workbench import Workbench
from amc_xai.training import load_checkpoint

# The set that the network behind `learned` has never seen: 8PSK at 24 dB is all that both have in common.
OTHER = [
    "dataset.modulations=[16QAM,8PSK,QPSK]", "dataset.snrs=[24,12]", "dataset.frames_per_cell=10",
    "dataset.frame_length=512", "trainer.epochs=1", "trainer.batch_size=16", "device=cpu", "limits=none",
]  # fmt: skip
FIRST = "backbone.model.conv1.0.weight"


@pytest.fixture
def parts(learned, parts_of_command):
    """Parts of a training that starts from ``learned``."""
    return lambda *overrides: parts_of_command(f"init.path={learned}", *OTHER, *overrides)


def test_init_is_short_for_its_path():
    given = ["init=RUN/best.pt", "init.freeze=backbone", "++init=a", "init={path:a}", "resume=init=b"]
    assert config.spelled_out(given) == [
        "init.path=RUN/best.pt", "init.freeze=backbone", "++init.path=a", "init={path:a}", "resume=init=b",
    ]  # fmt: skip


def test_a_start_brings_what_belongs_to_the_network_and_the_command_line_overrides(learned, parts):
    stored = load_checkpoint(learned)["config"]
    chosen = parts("representation.log=false", "extractor.dropout=0.1").config
    assert chosen["backbone"] == stored["backbone"] and chosen["head"] == stored["head"]
    assert chosen["representation"] == {**stored["representation"], "log": False}
    assert chosen["extractor"] == {**stored["extractor"], "dropout": 0.1}
    for group in ("dataset", "optimizer", "trainer", "split"):
        assert chosen[group] != stored[group], group
    assert parts("head=bottleneck_64").config["head"]["snr"]["width"] == 64


def test_a_start_takes_weights_by_name_and_says_what_it_left_out(learned, parts, caplog):
    caplog.set_level(logging.INFO)
    bench = Workbench.build(parts())
    before, after = load_checkpoint(learned)["network"], bench.classifier.network.state_dict()
    for name, tensor in after.items():
        if not name.startswith(("modulation_head", "snr_head")):
            assert torch.equal(tensor, before[name]), name
    # Trained for BPSK, 8PSK at 6, 24 dB.
    assert torch.equal(after["modulation_head.weight"][1], before["modulation_head.weight"][1])
    assert torch.equal(after["snr_head.bias"][0], before["snr_head.bias"][1])
    assert not torch.isin(after["modulation_head.weight"][[0, 2]], before["modulation_head.weight"]).any()
    said = " | ".join(record.getMessage() for record in caplog.records)
    for words in (
        "class carried over: 8PSK |", "class new: 16QAM, QPSK |", "class left out: BPSK |",
        "SNR carried over: 24 dB |", "SNR new: 12 dB |", "SNR left out: 6 dB",
    ):  # fmt: skip
        assert f"init: {words}" in said, words
    tensors = sum(name.startswith("backbone") for name in after)
    assert f"backbone: {tensors} of {tensors} tensors carried over |" in said


def test_snrs_of_another_definition_are_not_the_same_snrs(parts, caplog):
    bench = Workbench.build(parts("dataset.channel.snr_definition=sample"))
    assert "its SNRs are es_n0 and these are sample" in caplog.text
    stored = bench.parts.initial["network"]
    assert not torch.isin(bench.classifier.network.snr_head.weight, stored["snr_head.weight"]).any()


def test_a_frozen_backbone_is_the_trained_one_after_training_and_after_resuming(
    learned, parts, parts_of_command, tmp_path
):
    given = parts("init.freeze=backbone")
    train.run(given, test_after=False, explain_after=False)
    again = parts_of_command(f"resume={tmp_path}/checkpoints/last.pt", "trainer.epochs=2")
    assert again.config["init"] == given.config["init"] and again.initial is None
    resumed = tmp_path / "resumed"
    resumed.mkdir()
    train.run(replace(again, folder=resumed), test_after=False, explain_after=False)
    before, last = load_checkpoint(learned)["network"], load_checkpoint(resumed / "checkpoints" / "last.pt")
    after = last["network"]
    moved = {name.split(".")[0] for name, tensor in after.items() if not torch.equal(tensor, before.get(name))}
    assert moved == {"extractor", "modulation_head", "snr_head"}
    assert len(last["state"]["history"]) == 2
    # What is tested later is the network itself, wherever it started.
    tested = parts_of_command("task=evaluate", f"checkpoint={resumed}/checkpoints/last.pt")
    assert tested.config["init"] == {"path": None, "freeze": None} and tested.initial is None


def test_a_first_layer_that_does_not_fit_is_fresh_and_never_frozen(learned, parts, caplog):
    caplog.set_level(logging.INFO)
    given = ["representation=multiscale", "representation.image_size=32"]
    bench = Workbench.build(parts(*given))
    assert f"fresh {FIRST} ((" in caplog.text
    after = bench.classifier.network.state_dict()
    assert after[FIRST].shape[1] == 4
    for name, tensor in load_checkpoint(learned)["network"].items():
        if name.startswith("backbone") and name != FIRST:
            assert torch.equal(after[name], tensor), name
    with pytest.raises(UserError, match=rf"^init\.freeze=backbone .* never trained: {FIRST}"):
        Workbench.build(parts(*given, "init.freeze=backbone"))


def test_a_picture_that_was_drawn_otherwise_is_said_and_never_frozen(parts, caplog):
    drawn = parts("init.freeze=backbone")
    drawn.initial["versions"] = {"Constellation": 0, "Augmented": 7}
    with pytest.raises(UserError, match=r"^init\.freeze=backbone: .* trained on version 0 of Constellation"):
        Workbench.build(drawn)
    drawn.config["init"]["freeze"] = None
    Workbench.build(drawn)
    assert "trained on version 0 of Constellation" in caplog.text and "Augmented" not in caplog.text


def test_a_start_that_brings_nothing_is_refused(parts):
    with pytest.raises(UserError, match=r"^init: not one weight of .* fits this backbone"):
        Workbench.build(parts("backbone=timm", "backbone.name=test_vit"))


REFUSED = {
    "resume": (["init.path=a.pt", "resume=b.pt"], "init and resume can't both be set"),
    "freeze_resume": (["init.freeze=backbone", "resume=b.pt"], "init and resume can't both be set"),
    "task": (
        ["task=evaluate", "checkpoint=a.pt", "init.path=b.pt"],
        "init goes with task=train; .*checkpoint=b.pt",
    ),
    "freeze_alone": (["init.freeze=backbone"], r"init\.freeze=backbone .* add init=RUN_FOLDER"),
    "freeze_typo": (["init.path=a.pt", "init.freeze=backbon"], r"init\.freeze must be null .* not 'backbon'"),
    "absent": (["init.path=nowhere.pt"], "init: there is no file .*nowhere.pt"),
    "folder": (["init.path=/tmp"], "init: /tmp is a folder"),
}


@pytest.mark.parametrize(("overrides", "words"), REFUSED.values(), ids=REFUSED)
def test_a_start_that_makes_no_sense_is_refused_before_work(overrides, words, parts_of_command):
    with pytest.raises(UserError, match=f"^{words}"):
        parts_of_command(*overrides)


def test_gradnorm_says_why_it_cannot_balance_a_frozen_backbone(parts):
    with pytest.raises(UserError, match=r"^loss: gradnorm .* init\.freeze=null"):
        train.run(parts("init.freeze=backbone", "loss=gradnorm"), test_after=False, explain_after=False)


def test_weights_are_not_fetched_for_a_network_that_has_its_own(parts, learned, parts_of_command):
    # Else a network trained from published weights couldn't be tested away from the hub.
    Workbench.build(parts("backbone.pretrained=true"))
    given = ["task=evaluate", f"checkpoint={learned}", "backbone.pretrained=true"]
    bench = Workbench.build(parts_of_command(*given))
    assert bench.parts.config["backbone"]["pretrained"] is True
