"""Whole runs of networks that see no image, or more than an image."""

import csv
import json
import logging

import pytest
from hydra import compose, initialize_config_dir
from torch.nn.modules.module import register_module_forward_pre_hook

from amc_xai.__main__ import config_folder
from amc_xai.errors import UserError
from amc_xai.model import MultiTaskNetwork
from amc_xai.parts import make_parts
from amc_xai.tasks import explain, train

TINY = [
    "dataset.modulations=[BPSK,QPSK]", "dataset.snrs=[0,10]", "dataset.frames_per_cell=10", "device=cpu",
    "dataset.frame_length=64", "trainer.epochs=1", "trainer.batch_size=16", "perturbation.fractions=[0.5]",
]  # fmt: skip


@pytest.fixture
def run(tmp_path):
    def run(*overrides):
        with initialize_config_dir(config_folder()):
            cfg = compose("config", [*TINY, *overrides])
        train.run(make_parts(cfg, tmp_path, []))
        return tmp_path

    return run


def test_a_sequence_network_is_scored_by_its_symbols_and_pixels_are_passed_over_in_words(run, caplog):
    caplog.set_level(logging.INFO)
    folder = run("backbone=moe_amc", "representation=iq")
    assert caplog.text.count("top is passed over: it masks pixels, and this representation draws none") == 1
    rows = list(csv.DictReader((folder / "pis.csv").read_text().splitlines()))
    assert {(row["selector"], row["channel"]) for row in rows} == {
        ("outer_symbols", "all"),
        ("inner_symbols", "all"),
    }
    rows = list(csv.DictReader((folder / "channels.csv").read_text().splitlines()))
    assert {(row["channel"], row["measure"]) for row in rows} == {
        (channel, measure) for channel in "IQ" for measure in ("swap", "shapley")
    }
    assert (folder / "report.html").exists() and (folder / "figures" / "gate_by_snr.png").exists()
    (row,) = map(json.loads, (folder / "history.jsonl").read_text().splitlines())
    assert row["gate_low_snr"] + row["gate_high_snr"] == pytest.approx(1)
    rows = list(csv.DictReader((folder / "gates.csv").read_text().splitlines()))
    assert [float(row["snr"]) for row in rows] == [0, 10]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert sum(int(row["frames"]) for row in rows) == metrics["frames"]


def test_fusion_is_perturbed_in_its_image(run):
    folder = run(
        "backbone=fusion", "representation=fusion", "backbone@backbone.sequence=cumulants",
        "representation@representation.image=constellation", "representation.image.image_size=32",
    )  # fmt: skip
    assert not (folder / "gates.csv").exists()
    rows = list(csv.DictReader((folder / "pis.csv").read_text().splitlines()))
    assert {row["channel"] for row in rows} == {"trajectory", "all"}
    assert {row["selector"] for row in rows} == {"top", "bottom", "outer_symbols", "inner_symbols"}
    rows = list(csv.DictReader((folder / "channels.csv").read_text().splitlines()))
    assert {row["channel"] for row in rows} == {"trajectory", "sequence"}


def test_frames_of_which_neither_pixels_nor_symbols_are_known_are_explained_by_channels(run, caplog):
    caplog.set_level(logging.INFO)
    folder = run("backbone=moe_amc", "representation=iq", "perturbation.selectors=[top]")
    assert "pis.csv is left out" in caplog.text and not (folder / "pis.csv").exists()
    assert (folder / "channels.csv").exists() and (folder / "report.html").exists()


def test_a_selector_that_cannot_apply_is_refused_before_the_training(run, tmp_path):
    # The symbols of a picture's channels are known, the trajectory's instants are not among its channels.
    with pytest.raises(UserError, match="symbol_instants applies to no channel"):
        run("backbone=timm", "backbone.name=test_resnet", "perturbation.selectors=[top,symbol_instants]")
    assert not (tmp_path / "checkpoints").exists() and not (tmp_path / "history.jsonl").exists()


def test_pixels_are_ranked_by_an_attribution_from_the_command_line(run, tmp_path):
    picture = ["backbone=timm", "backbone.name=test_resnet", "representation.image_size=32"]
    with pytest.raises(UserError, match="choose a method with attribution=NAME"):
        run(*picture, "perturbation.selectors=[attribution]")
    folder = run(
        *picture, "perturbation.selectors=[attribution]", "attribution=smooth_grad", "perturbation.donors=1"
    )
    rows = list(csv.DictReader((folder / "pis.csv").read_text().splitlines()))
    assert {row["selector"] for row in rows} == {"attribution_modulation", "attribution_snr"}


@pytest.fixture
def explained(tmp_path):
    def explained(*overrides):
        with initialize_config_dir(config_folder()):
            cfg = compose("config", [*TINY, "limits=none", *overrides])
        explain.run(make_parts(cfg, tmp_path, []))
        return tmp_path

    return explained


def test_a_network_on_samples_is_explained_along_its_frames(explained):
    folder = explained(
        "backbone=oshea_resnet", "representation=iq", "attribution=occlusion", "attribution.frames=2",
        "attribution.metric_frames=0", "attribution.sanity_frames=0",
    )  # fmt: skip
    assert (folder / "pis.csv").exists() and (folder / "channels.csv").exists()
    assert (folder / "figures" / "attribution_samples_occlusion.png").exists()
    page = (folder / "report.html").read_text()
    assert 'id="attribution_samples_occlusion"' in page and "How faithful the maps are" in page
    assert "PIS against attribution methods" not in page


def test_a_fused_network_is_scored_by_its_image_and_says_that_no_map_applies(explained, caplog):
    caplog.set_level(logging.INFO)
    folder = explained(
        "backbone=fusion", "representation=fusion", "backbone@backbone.sequence=cumulants", "attribution=all",
        "representation@representation.image=constellation", "representation.image.image_size=32",
    )  # fmt: skip
    assert "attribution is skipped: this network takes several inputs at once (fused)" in caplog.text
    assert (folder / "pis.csv").exists() and not (folder / "attribution.csv").exists()
    assert "What masking costs" in (folder / "report.html").read_text()


def test_an_explanation_as_it_comes_passes_each_frame_150_times_at_most(tmp_path, undrawn):
    seen = []

    def count(module, inputs):
        if isinstance(module, MultiTaskNetwork):
            seen.append(len(inputs[0]))

    given = ["backbone=timm", "backbone.name=test_resnet", "representation.image_size=32", "limits=none"]
    tiny = [override for override in TINY if not override.startswith("perturbation")]
    with initialize_config_dir(config_folder()):
        parts = make_parts(compose("config", [*tiny, *given, "dataset.frame_length=256"]), tmp_path, [])
    handle = register_module_forward_pre_hook(count)
    try:
        explain.run(parts, part="all")
    finally:
        handle.remove()
    masks = {
        (row["selector"], row["channel"])
        for row in csv.DictReader((tmp_path / "pis.csv").read_text().splitlines())
    }
    assert len(masks) == 2 * 4 + 2 and (tmp_path / "evidence.csv").exists()
    # Of 40 frames: what a few frames alone are shown for, and the symbols one by one, weighs more than of 1,000.
    assert sum(seen) <= 150 * 40
