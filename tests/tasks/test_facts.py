"""What a source knows of its frames reaches the representation, and is held against a checkpoint's."""

import logging

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from amc_xai.__main__ import config_folder
from amc_xai.data import Facts, SplitHdf5, Synthetic
from amc_xai.data.conversion import SplitStoreWriter, write_cells
from amc_xai.data.split_files import write_cell
from amc_xai.errors import UserError
from amc_xai.parts import make_parts
from amc_xai.representation import Augmented
from amc_xai.tasks.facts import settle, trained_facts
from amc_xai.tasks.workbench import Workbench
from amc_xai.training import load_checkpoint, save_checkpoint

SETTINGS = {"frames_per_cell": 10, "frame_length": 128}


@pytest.fixture(scope="module")
def store_at_4(tmp_path_factory):
    """A store as task=generate writes it, of frames at 4 samples a symbol."""
    root = tmp_path_factory.mktemp("facts") / "store"
    list(
        write_cells(
            Synthetic(["BPSK", "QPSK"], [0, 20], samples_per_symbol=4, **SETTINGS), SplitStoreWriter(), root, {}
        )
    )
    return root


def build(folder, *given):
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        return Workbench.build(make_parts(compose("config", ["device=cpu", *given]), folder, list(given)))


def test_a_store_written_at_4_samples_a_symbol_is_synchronised_at_4(tmp_path, store_at_4):
    at_4 = ["dataset=split_hdf5", f"dataset.path={store_at_4}"]
    bench = build(tmp_path, *at_4, "representation.image_size=32")
    options = (32, ["symbols", "recovered", "differential", "residual"])
    iq = bench.source.read(np.arange(8))
    assert torch.equal(bench.classifier.represent(iq), Augmented(Facts(128, 4.0), *options)(iq))
    assert not torch.equal(bench.classifier.represent(iq), Augmented(Facts(128, 8.0), *options)(iq))
    assert bench.about()["facts"] == {
        "frame_length": 128, "samples_per_symbol": 4.0, "sample_rate": None, "snr_definition": "es_n0",
    }  # fmt: skip
    points = build(tmp_path, *at_4, "representation=points", "backbone=point_set").classifier.representation
    assert points.output_shape(128)[1] == 128 // 4 - 2
    fusion = build(
        tmp_path, *at_4, "representation=fusion", "backbone=fusion", "representation.image.image_size=32"
    )
    assert fusion.classifier.representation.image.samples_per_symbol == 4


def test_a_network_that_looks_for_symbols_itself_is_told_the_samples_a_symbol(tmp_path, store_at_4):
    at_4 = ["dataset=split_hdf5", f"dataset.path={store_at_4}"]
    alone = build(tmp_path, *at_4, "representation=iq", "backbone=cumulants")
    assert alone.classifier.network.backbone.samples_per_symbol == 4
    without = build(tmp_path, *at_4, "representation=iq", "backbone=cumulants", "backbone.samples_per_symbol=null")
    assert without.classifier.network.backbone.samples_per_symbol is None
    both = ["representation=fusion", "backbone=fusion", "representation.image.image_size=32"]
    fused = build(tmp_path, *at_4, *both, "backbone@backbone.sequence=cumulants")
    assert fused.classifier.network.backbone.sequence.samples_per_symbol == 4


def test_a_foreign_stores_samples_a_symbol_are_estimated_until_they_are_given(tmp_path):
    frames = Synthetic(["BPSK", "QPSK"], [20], **SETTINGS)
    for m, name in enumerate(frames.modulations):
        write_cell(tmp_path / "store", name, 20, frames.read(np.arange(10) + 10 * m).numpy(), {})
    foreign = ["dataset=split_hdf5", f"dataset.path={tmp_path / 'store'}", "representation.image_size=32"]
    assert build(tmp_path, *foreign).classifier.representation.samples_per_symbol is None
    bench = build(tmp_path, *foreign, "dataset.samples_per_symbol=4", "dataset.snr_definition=sample")
    assert bench.classifier.representation.samples_per_symbol == 4
    assert Facts.of(bench.source) == Facts(128, 4, None, "sample")
    assert build(tmp_path, *foreign, "representation=constellation").source.samples_per_symbol is None


def test_a_key_can_not_contradict_what_the_files_say(store_at_4):
    assert SplitHdf5(store_at_4, samples_per_symbol=4).samples_per_symbol == 4
    with pytest.raises(
        UserError, match=r"^dataset.samples_per_symbol: .*BPSK_SNR_0.h5 says 4.0, so 8 can't be right"
    ):
        SplitHdf5(store_at_4, samples_per_symbol=8)


@pytest.mark.parametrize(
    ("name", "value"), [("samples_per_symbol", "eight"), ("sample_rate", [1.0, 2.0]), ("snr_definition", 3.0)]
)
def test_a_store_with_a_fact_that_no_frames_have_is_refused(tmp_path, name, value):
    write_cell(tmp_path, "BPSK", 0, np.zeros((2, 2, 8)), {name: value})
    with pytest.raises(UserError, match=rf"^dataset.path: the attribute {name} of .*BPSK_SNR_0.h5 is"):
        SplitHdf5(tmp_path)


def source(**facts):
    made = Synthetic(["BPSK"], [0], frames_per_cell=2, frame_length=64)
    for name, value in facts.items():
        setattr(made, name, value)
    return made


TRAINED = {
    "facts": {"frame_length": 64, "samples_per_symbol": 8.0, "sample_rate": 1e6, "snr_definition": "sample"}
}


def test_what_is_not_known_contradicts_nothing_and_is_as_the_network_was_trained():
    unknown = source(samples_per_symbol=None, sample_rate=None, snr_definition=None)
    assert settle(unknown, TRAINED, "checkpoint") == Facts(64, 8.0, 1e6, "sample") == Facts.of(unknown)
    unknown = source(samples_per_symbol=None, sample_rate=None, snr_definition=None)
    # What is only assumed is no fact that a checkpoint could hold against other frames.
    assert settle(unknown, None, "checkpoint") == Facts(64) and unknown.snr_definition == "es_n0"
    little = {
        "facts": {"frame_length": 64, "samples_per_symbol": None, "sample_rate": None, "snr_definition": None}
    }
    known = source(samples_per_symbol=4.0, sample_rate=2e6, snr_definition="sample")
    assert settle(known, little, "checkpoint") == Facts(64, 4.0, 2e6, "sample")


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            {"samples_per_symbol": 4.0},
            r"^dataset.samples_per_symbol: these frames have 4 .* trained at 8; resample",
        ),
        (
            {"snr_definition": "es_n0"},
            r"^dataset.snr_definition: .* mean es_n0, and the network of resume learned sample",
        ),
        ({"samples_per_symbol": None, "sample_rate": 2e6}, r"^dataset.sample_rate: .* at 2e\+06 Hz.*at 1e\+06 Hz"),
    ],
)
def test_known_facts_that_contradict_the_checkpoint_are_refused(facts, sentence):
    with pytest.raises(UserError, match=sentence):
        settle(source(**{"snr_definition": "sample", **facts}), TRAINED, "resume")


def test_the_sample_rate_may_differ_where_the_samples_a_symbol_agree():
    assert settle(source(snr_definition="sample", sample_rate=2e6), TRAINED, "checkpoint").sample_rate == 2e6


def test_a_frame_length_that_the_network_never_saw_is_warned_about(caplog):
    settle(source(snr_definition="sample"), TRAINED, "checkpoint")
    assert not caplog.records
    longer = Synthetic(["BPSK"], [0], frames_per_cell=2, frame_length=128, channel={"snr_definition": "sample"})
    assert settle(longer, TRAINED, "checkpoint").frame_length == 128
    (said,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "trained on frames of length 64 and has not seen all of 128" in said.getMessage()


@pytest.mark.parametrize(
    ("lengths", "warned"), [(64, True), (96, False), (256, False), ([96, 200], False), ([96, 300], True)]
)
def test_lengths_within_the_trained_range_are_not_warned_about(tmp_path, caplog, lengths, warned):
    loaded = TRAINED | {"frame_lengths": [80, 256]}
    settle(Synthetic(["BPSK"], [0], 9, lengths, channel={"snr_definition": "sample"}), loaded, "checkpoint")
    assert ("trained on frames of length 80 to 256 and has not seen all of" in caplog.text) == warned


def test_a_checkpoint_tells_the_range_of_lengths_that_it_was_trained_on(tmp_path):
    few = ["dataset.modulations=[BPSK,QPSK]", "dataset.snrs=[20]", "dataset.frames_per_cell=80"]
    bench = build(tmp_path, *few, "dataset.frame_length=[64,128]", "representation.image_size=32")
    assert bench.about()["frame_lengths"] == [64, 128]
    assert build(tmp_path, *few, "representation.image_size=32").about()["frame_lengths"] == [1024, 1024]


def test_frames_with_samples_a_symbol_of_their_own_keep_them(caplog):
    ranged = Synthetic(
        ["BPSK"], [0], 2, frame_length=64, samples_per_symbol=[4, 9], channel={"snr_definition": "sample"}
    )
    assert settle(ranged, TRAINED, "checkpoint").samples_per_symbol == 8
    assert ranged.samples_per_symbol is None and ranged.samples_per_symbol_of(np.arange(2)) is not None
    assert "trained at 8 samples a symbol, and each of these frames has its own" in caplog.text


def test_predict_and_evaluate_refuse_frames_at_other_samples_a_symbol(cli, trained, store_at_4):
    best = f"checkpoint={trained}/checkpoints/best.pt"
    for given in (
        ["task=predict", best, "dataset.samples_per_symbol=4"],
        ["task=evaluate", best, "dataset=split_hdf5", f"dataset.path={store_at_4}"],
    ):
        done = cli(*given)
        assert done.code == 1
        assert "dataset.samples_per_symbol: these frames have 4 samples a symbol" in done.out + done.err
        assert "Traceback" not in done.out + done.err


def test_recordings_at_an_unknown_rate_are_predicted_as_the_network_was_trained(cli, trained, brought):
    done = cli(
        "task=predict", f"checkpoint={trained}/checkpoints/best.pt", "dataset=recordings",
        f"dataset.path={brought}/recordings", "dataset.sample_rate=1e6", "dataset.frame_length=128",
    )  # fmt: skip
    assert done.code == 0
    assert "dataset.samples_per_symbol is not known; taken as 8" in done.out
    assert "predictions.csv" in done.files


def test_a_checkpoint_from_before_facts_were_stored_still_loads(cli, trained, tmp_path):
    old = load_checkpoint(trained / "checkpoints" / "best.pt")
    facts = old.pop("facts")
    old |= {"frame_length": facts["frame_length"], "snr_definition": facts["snr_definition"]}
    old["config"]["representation"]["samples_per_symbol"] = 8
    assert trained_facts(old) == Facts(128, 8, None, "es_n0")
    save_checkpoint(tmp_path / "old.pt", old)
    done = cli("task=evaluate", f"checkpoint={tmp_path}/old.pt", "limits=none")
    assert done.code == 0, done.out + done.err
    assert (done.folder / "metrics.json").read_bytes() == (trained / "metrics.json").read_bytes()
