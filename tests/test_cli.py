"""The command line as its users meet it: what a run leaves, and how bad input ends."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from amc_xai.parts import leaves
from tests.conftest import environment, tiny

ROOT = Path(__file__).parent.parent


def test_training_leaves_every_file_of_the_schema(trained):
    left = {str(path.relative_to(trained)) for path in trained.rglob("*") if path.is_file()}
    assert {
        "amc_xai.log",
        "metrics.json",
        "predictions.npz",
        "history.jsonl",
        "pis.csv",
        "gallery.npz",
        "report.html",
        "checkpoints/best.pt",
        "checkpoints/last.pt",
        ".hydra/config.yaml",
        "figures/accuracy_by_snr.png",
        "figures/training_curves.png",
        "figures/pis_drops.png",
    } <= left
    assert not [name for name in left if "partial" in name]
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["frames"] == 4 and metrics["snr_definition"] == "es_n0"
    rows = [json.loads(line) for line in (trained / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [0]
    with (trained / "pis.csv").open() as file:
        table = list(csv.DictReader(file))
    assert {row["task"] for row in table} == {"modulation", "snr", "joint"}
    assert {row["channel"] for row in table} == {"symbols", "recovered", "differential", "residual"}


def test_checkpoint_is_plain_and_describes_itself(trained):
    for name in ("best.pt", "last.pt"):
        state = torch.load(trained / "checkpoints" / name, weights_only=True)
        assert state["modulations"] == ["BPSK", "QPSK"] and state["snrs"] == [0.0, 20.0]
        assert state["config"]["backbone"]["name"] == "test_resnet"
        assert state["split_seed"] == 0


def test_evaluate_rebuilds_the_classifier_and_repeats_the_test(cli, trained):
    result = cli("task=evaluate", f"checkpoint={trained}/checkpoints/best.pt", "device=cpu")
    assert result.code == 0
    before, after = (np.load(folder / "predictions.npz") for folder in (trained, result.folder))
    np.testing.assert_allclose(after["modulation_probability"], before["modulation_probability"], atol=1e-6)
    np.testing.assert_array_equal(after["snr_label"], before["snr_label"])


def test_keys_on_the_command_line_override_the_checkpoint(cli, trained):
    checkpoint = f"checkpoint={trained}/checkpoints/best.pt"
    result = cli("task=evaluate", checkpoint, "dataset.frames_per_cell=20", "dataset.modulations=[QPSK]")
    assert result.code == 0
    table = np.load(result.folder / "predictions.npz")
    assert len(table["snr_label"]) == 4
    # QPSK keeps the index that the network knows it by.
    assert set(table["modulation_label"]) == {1}


def test_groups_on_the_command_line_replace_the_checkpoints(cli, trained, tmp_path):
    store = tmp_path / "store"
    assert cli(*tiny("task=generate", f"dataset.path={store}")).code == 0
    # Where and how frames are held is no other set: the work goes on.
    again = cli(*tiny("task=generate", f"dataset.path={store}", "dataset.half_precision=true"))
    assert again.code == 0 and "4 cells (0 written now)" in again.out
    result = cli(
        "task=evaluate",
        f"checkpoint={trained}/checkpoints/best.pt",
        "dataset=split_hdf5",
        f"dataset.path={store}",
    )
    assert result.code == 0
    before, after = (np.load(folder / "predictions.npz") for folder in (trained, result.folder))
    # The store holds the very frames of the synthetic set, so the predictions are the same.
    np.testing.assert_allclose(after["modulation_probability"], before["modulation_probability"], atol=1e-4)


def test_limits_none_of_the_training_holds_for_its_tests_unless_given(cli, trained):
    """``trained`` was made with limits=none."""
    checkpoint = f"checkpoint={trained}/checkpoints/best.pt"
    plain = cli("task=evaluate", checkpoint, "device=cpu")
    asked = cli("task=evaluate", checkpoint, "device=cpu", "limits=auto")
    assert plain.code == asked.code == 0
    assert "limits.csv" not in plain.files and "limits.csv" in asked.files


def test_explain_on_a_checkpoint(cli, trained):
    result = cli(
        "task=explain",
        f"checkpoint={trained}/checkpoints/best.pt",
        "perturbation.selectors=[random,bottom]",
        "perturbation.fractions=[0.25]",
    )
    assert result.code == 0
    with (result.folder / "pis.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["selector"] for row in rows} == {"random", "bottom"}
    assert {float(row["nominal_fraction"]) for row in rows} == {0.25}


def test_resume_goes_on_where_the_run_stopped(cli):
    unbroken = cli(*tiny("trainer.epochs=2", "scheduler=constant", "task.explain_after=false"))
    first = cli(*tiny("trainer.epochs=1", "scheduler=constant", "task.explain_after=false"))
    second = cli(f"resume={first.folder}/checkpoints/last.pt", "trainer.epochs=2")
    assert second.code == 0 and "resuming from" in second.out
    whole, pieced = (
        [json.loads(line) for line in (run.folder / "history.jsonl").read_text().splitlines()]
        for run in (unbroken, second)
    )
    for a, b in zip(whole, pieced, strict=True):
        for clock in ("seconds", "frames_per_second"):
            a.pop(clock), b.pop(clock)
        assert a == b


BAD = {
    "modulation": (["dataset.modulations=[BPSK,17QAM]"], ["dataset.modulations", "17QAM", "16QAM"]),
    "snr": (["dataset.snrs=[0,99]"], ["dataset.snrs", "99", "-40..90"]),
    "fraction": (["perturbation.fractions=[0.1,1.5]"], ["perturbation.fractions", "1.5", "(0, 1]"]),
    "selector": (["perturbation.selectors=[topp]"], ["perturbation.selectors", "topp", "random"]),
    "vit_crop": (
        ["backbone.name=test_vit", "representation.image_size=40"],
        ["representation.image_size", "32 or 48"],
    ),
    "backbone": (["backbone=timm", "backbone.name=resnet1"], ["backbone.name", "resnet1"]),
    "tiny_cells": (["dataset.frames_per_cell=3"], ["split.ratios", "frames_per_cell"]),
    "ratios": (["split.ratios=[0.5,0.1,0.1]"], ["split.ratios"]),
    "no_validation": (["split.ratios=[0.8,0,0.2]"], ["split.ratios", "validation", "[0.8,0.1,0.1]"]),
    "snr_word": (["dataset.snrs=[0,abc]"], ["dataset.snrs", "'abc'", "finite numbers"]),
    "no_checkpoint": (["task=evaluate"], ["checkpoint", "task=evaluate"]),
    "absent_checkpoint": (["task=evaluate", "checkpoint=nowhere.pt"], ["checkpoint", "nowhere.pt"]),
    "absent_resume": (["resume=nowhere.pt"], ["resume", "nowhere.pt"]),
    "device": (["device=tpu"], ["device", "tpu", "cuda"]),
    "precision": (["trainer.precision=fp16"], ["trainer.precision", "fp16"]),
    "epochs": (["trainer.epochs=0"], ["trainer.epochs"]),
    "no_store": (["dataset=split_hdf5", "dataset.path=/nowhere"], ["dataset.path", "/nowhere"]),
    "lone_search": (["hparams_search=architecture"], ["python -m amc_xai -m hparams_search=architecture"]),
}


@pytest.mark.parametrize(("overrides", "words"), BAD.values(), ids=BAD.keys())
def test_bad_input_ends_in_one_sentence(cli, overrides, words):
    result = cli(*tiny(*overrides))
    assert result.code == 1
    said = (result.out + result.err).strip().splitlines()
    assert len(said) == 1, said
    for word in words:
        assert word in said[0]
    assert result.files <= {".hydra", "amc_xai.log"}
    assert "Traceback" not in (result.folder / "amc_xai.log").read_text()


def test_checkpoint_for_other_classes(cli, trained):
    checkpoint = f"checkpoint={trained}/checkpoints/best.pt"
    result = cli("task=evaluate", checkpoint, "dataset.modulations=[BPSK,16QAM]")
    assert result.code == 1 and "16QAM" in result.out and "BPSK, QPSK" in result.out
    result = cli("task=evaluate", checkpoint, "dataset.snrs=[0,10]")
    assert result.code == 1 and "dataset.snrs=10" in result.out


def test_checkpoint_with_another_network(cli, trained):
    checkpoint = f"checkpoint={trained}/checkpoints/best.pt"
    result = cli("task=evaluate", checkpoint, "backbone=tiny")
    assert result.code == 1 and "weights don't fit" in result.out


def test_run_folder_that_cannot_be_written(cli, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    result = cli(*tiny(), folder=blocked / "run")
    assert result.code == 1
    assert "hydra.run.dir" in result.err and "Traceback" not in result.err


def test_multirun_over_a_group(cli):
    result = cli("-m", "loss=fixed,uncertainty", *tiny("task.explain_after=false"))
    assert result.code == 0
    for number in ("0", "1"):
        assert (result.folder / number / "metrics.json").is_file()
    last = result.out.strip().splitlines()[-1]
    assert last.endswith(f"compare the runs with: python -m amc_xai task=leaderboard task.folder={result.folder}")


def test_seed_changes_the_training_alone():
    """The set and its split have their own, so that runs of several seeds are tested on the same frames."""
    with initialize_config_dir(str(ROOT / "conf")):
        plain, other = (compose("config", given) for given in ([], ["seed=1"]))
    changed = {key for key, value in leaves(other).items() if leaves(plain)[key] != value}
    assert changed == {"seed"}
    seeds = [(cfg["dataset"]["seed"], cfg["split"]["seed"]) for cfg in map(OmegaConf.to_container, (plain, other))]
    assert seeds == [(0, 0), (0, 0)]


def test_single_snr_grid(cli):
    result = cli(*tiny("dataset.snrs=[10]", "loss/snr_term=distance"))
    assert result.code == 0
    metrics = json.loads((result.folder / "metrics.json").read_text())
    assert metrics["snr_accuracy"] == 1.0 and metrics["snr_mae_db"] == 0.0


WITHOUT_TORCH = """
import sys
import amc_xai
from amc_xai.__main__ import main
main()
assert not {"torch", "timm", "matplotlib"} & set(sys.modules), "heavy import"
"""


@pytest.mark.parametrize("flags", [["--help"], ["--cfg", "job"]], ids=["help", "cfg"])
def test_answers_without_torch(flags):
    command = [sys.executable, "-c", WITHOUT_TORCH, *flags]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "backbone" in done.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_nobody_reads_on_leaves_no_traceback(unbuffered):
    read, write = os.pipe()
    os.close(read)  # as `| head` does once it has enough
    command = [sys.executable, "-m", "amc_xai", "--help"]
    given = environment(PYTHONUNBUFFERED=unbuffered)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=given)
    os.close(write)
    assert (done.returncode, done.stderr) == (1 if unbuffered else 0, "")  # 0: all was said before
