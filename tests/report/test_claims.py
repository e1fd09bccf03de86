"""The table of claims, from run folders whose answers are planted: each verdict follows from its interval."""

import csv
import json
import math

import numpy as np
import pytest

from amc_xai.errors import UserError
from amc_xai.evaluation.metrics import metrics, save_metrics
from amc_xai.evaluation.predictions import Predictions
from amc_xai.explain.perturbed import Setting
from amc_xai.explain.perturbed_frames import PerturbedFrames, write_perturbed_frames
from amc_xai.report.claims import claim_rows, write_claims
from amc_xai.report.claims_figure import claims_figure
from amc_xai.report.claims_runs import read_networks
from amc_xai.report.claims_table import AS_PUBLISHED, CLAIMS, HOW, POINT, verdict

FRAMES = 600
# What each region's mask costs, in accuracy, of exact masks at 20 %; and at 5 % a quarter of that.
COSTS = {"top": 0.4, "bottom": 0.0, "annulus_0": 0.1, "annulus_0.5": 0.2, "annulus_1": 0.3, "random": 0.1}


def answers(rng, accuracy):
    label = np.arange(FRAMES) % 4
    named = np.where(rng.random(FRAMES) < accuracy, label, (label + 1) % 4)
    return label, np.eye(4)[named]


def training(root, number, seed, accuracy, loss="uncertainty", experiment="claims"):
    """A run folder of a training that names the modulation and the SNR with these accuracies."""
    folder, rng = root / str(number), np.random.default_rng(number)
    (folder / ".hydra").mkdir(parents=True)
    lines = [f"- experiment={experiment}", f"- loss={loss}", f"- seed={seed}"]
    (folder / ".hydra" / "overrides.yaml").write_text("\n".join(lines))
    weights = {"weight_modulation": float(loss != "snr_only"), "weight_snr": float(loss != "modulation_only")}
    (folder / "history.jsonl").write_text(json.dumps({"epoch": 0, **weights}) + "\n")
    label, modulation = answers(rng, accuracy[0])
    _, snr = answers(rng, accuracy[1])
    table = Predictions(label, label, modulation, snr, ["A", "B", "C", "D"], [0, 2, 4, 6])
    table.save(folder / "predictions.npz")
    save_metrics(metrics(table, snr_definition="es_n0"), folder / "metrics.json")
    (folder / "provenance.json").write_text(json.dumps({"checkpoint_sha256": f"of {experiment} {seed} {loss}"}))
    return folder


def explanation(root, number, seed, operators, experiment="claims", reverse=False, places=None):
    """A run folder of an explanation of such a training, by these operators."""
    folder, rng = root / str(number), np.random.default_rng(number)
    folder.mkdir(parents=True)
    costs = dict(zip(COSTS, reversed(COSTS.values()), strict=True)) if reverse else COSTS
    settings, right, control = [], [], []
    for operator in operators:
        shown = costs | (
            {"published_top": 0.1, "published_bottom": 0.5, "published_random": 0.0} if operator == "zero" else {}
        )
        for name, cost in shown.items():
            for fraction in (0.05, 0.2):
                lost = cost if name.startswith("published") else cost * fraction / 0.2
                settings.append(Setting(name, operator, "together", fraction))
                right.append([rng.random(FRAMES) >= lost] * 3)
                control.append([rng.random(FRAMES) >= costs["random"] * fraction / 0.2] * 3)
    everyone = np.ones((3, FRAMES), bool)
    fractions = np.array([setting.fraction for setting in settings])
    frames = PerturbedFrames(
        settings, fractions, 1, np.arange(FRAMES) if places is None else places, everyone, everyone,
        np.array(right, np.uint8), np.array(control, np.uint8),
    )  # fmt: skip
    write_perturbed_frames(frames, folder / "perturbed_frames.npz")
    said = {"checkpoint_sha256": f"of {experiment} {seed} uncertainty"}
    (folder / "provenance.json").write_text(json.dumps(said))


@pytest.fixture
def runs(tmp_path):
    """Trainings whose joint learning is good for the modulation and bad for the SNR, and explanations of them."""
    for seed in range(3):
        training(tmp_path / "trained", seed, seed, (0.9, 0.5))
        training(tmp_path / "trained", 3 + seed, seed, (0.7, 0.25), "modulation_only")
        training(tmp_path / "trained", 6 + seed, seed, (0.25, 0.8), "snr_only")
        explanation(tmp_path / "masked", seed, seed, ["zero", "resample"])
        explanation(tmp_path / "masked", 3 + seed, seed, ["swap"], reverse=True)
    return tmp_path


def test_every_verdict_is_that_of_the_planted_effect(runs):
    rows = claim_rows(read_networks([runs]))
    found = {(r["claim"], r["how"], r["task"], r["fraction"]): r for r in rows if r["fraction"] == r["fraction"]}

    def told(claim, how, fraction=0.05, task="joint"):
        return found[claim, how, task, fraction]

    emptied, filled, swapped = (HOW[name] for name in ("zero", "resample", "swap"))
    row = told("brightest", emptied)
    assert row["verdict"] == "holds" and row["value"] == pytest.approx(0.1 - 0.025, abs=0.03)
    assert (row["runs"], row["frames"], row["network"]) == (3, FRAMES, "claims")
    # Published: 20.35 points for the brightest 5 %, 4.35 for random ones.
    assert row["published"] == pytest.approx(0.16) and told("brightest", AS_PUBLISHED)["verdict"] == "holds"
    assert math.isnan(told("brightest", emptied, 0.2)["published"])
    assert told("faintest", AS_PUBLISHED)["verdict"] == "does not hold"
    assert told("faintest", AS_PUBLISHED)["value"] == pytest.approx(0.5, abs=0.05)
    assert told("faintest", filled)["verdict"] == "holds" and told("faintest", filled)["value"] == 0
    assert told("faintest", swapped, 0.2)["verdict"] == "does not hold"
    assert told("seeds", emptied, 0.2)["verdict"] == "holds"
    assert told("operators", "zero and resample", 0.2)["verdict"] == "holds"
    assert told("operators", "zero and swap", 0.2)["value"] < -0.5
    assert told("operators", "zero and swap", 0.2)["verdict"] == "does not hold"
    single = {row["task"]: row for row in rows if row["claim"] == "joint"}
    assert single["modulation"]["verdict"] == "holds" and single["snr"]["verdict"] == "does not hold"
    assert single["modulation"]["value"] == pytest.approx(0.2, abs=0.05)
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)
    assert all(row["high"] > row["low"] for row in rows if row["claim"] not in ("seeds", "operators"))


def test_it_takes_a_whole_interval_to_decide():
    above, below = CLAIMS["brightest"], CLAIMS["faintest"]
    assert verdict(0.05, 0.02, 0.08, above) == "holds"
    assert verdict(0.05, POINT - 0.001, 0.08, above) == verdict(0.0, -0.02, POINT + 0.001, below) == "not decided"
    assert verdict(0.0, -0.02, 0.009, above) == "does not hold" and verdict(0.0, -0.02, 0.009, below) == "holds"
    assert verdict(0.05, 0.02, 0.08, below) == "does not hold"
    assert verdict(0.05, math.nan, math.nan, above) == "not decided"


def test_files_are_left_and_the_figure_shows_what_the_table_says(runs, tmp_path):
    for seed in range(2):
        training(runs / "other", seed, seed, (0.9, 0.9), experiment="claims_pictures")
        explanation(runs / "other_masked", seed, seed, ["zero"], experiment="claims_pictures")
    text = write_claims([runs], tmp_path / "into")
    with (tmp_path / "into" / "claims.csv").open() as file:
        table = list(csv.DictReader(file))
    assert {row["network"] for row in table} == {"claims", "claims_pictures"}
    assert (tmp_path / "into" / "claims.png").stat().st_size > 10_000
    assert (tmp_path / "into" / "claims.md").read_text() == text
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(lines) == 8  # two networks, but for what takes three losses and two operators
    assert "critical (5 %) | yes: 20.3 points of joint accuracy, 16.0 more than at random | `claims` |" in lines[0]
    assert "; 2 trainings), **" in lines[1] and "trainings)" not in lines[0]
    assert (
        "**holds**" in lines[0]
        and "no: 48.6 points" in text
        and "over 3 trainings, where not said otherwise, and 600 frames" in text
    )
    figure = claims_figure(claim_rows(read_networks([runs])))
    gids = {line.get_gid() for axes in figure.axes for line in axes.lines}
    assert f"faintest|claims_pictures|{AS_PUBLISHED}|joint" in gids and "seeds|bound" in gids
    assert [axes.get_title("left") for axes in figure.axes][2] == "Joint learning beats each task alone"


def test_one_training_is_told_by_its_frames_alone_and_ranks_no_seeds(tmp_path):
    training(tmp_path / "trained", 0, 0, (0.9, 0.9))
    explanation(tmp_path / "masked", 0, 0, ["zero", "resample"])
    rows = claim_rows(read_networks([tmp_path]))
    assert {row["claim"] for row in rows} == {"brightest", "faintest", "operators"}
    assert {row["runs"] for row in rows} == {1}


@pytest.mark.parametrize("broken", ["frames", "twice", "nothing"])
def test_what_can_not_be_compared_is_refused_in_words(tmp_path, broken):
    training(tmp_path / "trained", 0, 0, (0.9, 0.9))
    if broken == "frames":
        training(tmp_path / "trained", 1, 1, (0.9, 0.9))
        explanation(tmp_path / "masked", 0, 0, ["zero"])
        explanation(tmp_path / "masked", 1, 1, ["zero"], places=np.arange(FRAMES) + 1)
    if broken == "twice":
        training(tmp_path / "again", 1, 0, (0.9, 0.9))
    words = {
        "frames": "on different frames",
        "twice": "two trainings of claims",
        "nothing": "no claim can be tried",
    }
    with pytest.raises(UserError, match=words[broken]):
        claim_rows(read_networks([tmp_path]))
