"""Intervals, control and excess, on data whose answer is known."""

import csv
import logging
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.evaluation.confusion import confusion_counts, f1_macro
from amc_xai.explain import (
    Setting,
    grouped_rows,
    perturbation_scores,
    score_rows,
    write_grouped_csv,
    write_perturbed_confusions,
)
from amc_xai.explain.perturbed import PerturbedPredictions
from amc_xai.perturbation import Bottom, Cluster, Random, Top, View, Zero, published_sides
from amc_xai.report.run_files import read_pis

ZERO = ("zero", Zero())


class Logits(NamedTuple):
    modulation: torch.Tensor
    snr: torch.Tensor


class Bright(nn.Module):
    """Modulation class 1 if more than ``threshold`` of intensity lies in the upper half; SNR always class 0."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, image: torch.Tensor) -> Logits:
        total = image[:, :, : image.shape[2] // 2].sum((1, 2, 3))
        modulation = torch.stack([torch.full_like(total, self.threshold), total], 1)
        return Logits(modulation, torch.tensor([1.0, 0.0]).expand(len(image), 2))


class Blind(nn.Module):
    def forward(self, image: torch.Tensor) -> Logits:
        answer = torch.tensor([1.0, 0.0]).expand(len(image), 2)
        return Logits(answer, answer)


def ones(frames: int) -> torch.Tensor:
    return torch.ones(frames, dtype=torch.int64)


def counts_frames(frames: int, rate: float = 0.5, size: int = 12, seed: int = 0):
    counts = torch.poisson(
        torch.full((frames, 1, size, size), rate), generator=torch.Generator().manual_seed(seed)
    )
    return [(View(None, counts.log1p(), ["c"]), ones(frames), torch.zeros(frames, dtype=torch.int64))]


def test_the_excess_of_random_is_zero_within_its_interval_and_that_of_a_planted_region_is_not():
    class Upper:
        """The lit pixels of the upper half."""

        def mask(self, view, channel, fraction, generator):
            pixels = view.lit(channel).clone()
            pixels[:, pixels.shape[1] // 2 :] = False
            return view.place(channel, pixels)

    frames = counts_frames(1200)
    total = frames[0][0].image[:, :, :6].sum((1, 2, 3))
    network = Bright(float(total.quantile(0.3)) * 0.55)
    rows = perturbation_scores(
        network, frames, {"random": Random(), "upper": Upper()}, ZERO, [0.1, 0.3], control="random", repeats=2
    ).rows
    table = {(r["selector"], r["nominal_fraction"]): r for r in rows if r["task"] == "modulation"}
    for fraction in (0.1, 0.3):
        row = table["random", fraction]
        assert row["excess_low"] <= 0 <= row["excess_high"]
        assert row["excess"] == pytest.approx(row["drop"] - row["control_drop"])
        assert row["drop_low"] <= row["drop"] <= row["drop_high"]
        region = table["upper", fraction]
        assert region["drop"] == pytest.approx(region["accuracy"] * -1 + row["accuracy"] + row["drop"])
        assert region["excess_low"] > 0.1


@pytest.mark.parametrize("control", ["random", "random_matched"])
def test_a_control_masks_as_many_lit_pixels_and_a_blind_network_has_no_excess(control):
    class Recorder(Blind):
        def __init__(self):
            super().__init__()
            self.seen = []

        def forward(self, image):
            self.seen.append(image.clone())
            return super().forward(image)

    network = Recorder()
    frames = counts_frames(40)
    image = frames[0][0].image
    rows = perturbation_scores(
        network, frames, {"top": Top(), "bottom": Bottom()}, ZERO, [0.3], control=control
    ).rows
    # Equal counts share one random control; a matched one is each mask's own.
    clean, top, twin, bottom, *own = network.seen
    assert torch.equal(clean, image) and len(own) == (control == "random_matched")
    assert torch.equal((twin > 0).sum((1, 2, 3)), (top > 0).sum((1, 2, 3)))
    assert torch.equal((twin > 0).sum((1, 2, 3)), (bottom > 0).sum((1, 2, 3)))
    assert not torch.equal(twin, top) and not torch.equal(twin, bottom)
    if control == "random_matched":
        assert torch.allclose(twin.sum((1, 2, 3)), top.sum((1, 2, 3)), atol=1e-4)
    for row in rows:
        assert (row["drop"], row["control_drop"], row["excess"], row["p_value"], row["q_value"]) == (0, 0, 0, 1, 1)
        # Of 40 frames none changed: 3.84 / 43.84 either way.
        for name, sign in (("drop_low", -1), ("drop_high", 1), ("excess_low", -1), ("excess_high", 1)):
            assert row[name] == pytest.approx(sign * 0.087622, abs=1e-6)
        assert (row["frames"], row["interval_note"]) == (40, "wide")


def test_repeats_draw_anew_and_average_and_leave_the_first_draw_as_it_was():
    frames = counts_frames(300)
    network = Bright(float(frames[0][0].image[:, :, :6].sum((1, 2, 3)).quantile(0.3)) * 0.9)
    once = perturbation_scores(network, frames, {"random": Random()}, ZERO, [0.2])
    thrice = perturbation_scores(network, frames, {"random": Random()}, ZERO, [0.2], repeats=3)
    key = Setting("random", "zero", "c", 0.2)
    draws = thrice.predictions.answers[key]["modulation"]
    assert draws.shape == (3, 300)
    assert np.array_equal(draws[0], once.predictions.answers[key]["modulation"][0])
    assert not np.array_equal(draws[0], draws[1]) and not np.array_equal(draws[1], draws[2])
    assert thrice.rows[0]["accuracy"] == pytest.approx(float((draws == 1).mean()))


def test_published_masks_show_the_one_over_p_artefact_and_exact_masks_do_not():
    # Log-scaled counts of which most are one: "the faintest 1 %" and "5 %" are the same pixels.
    frames = counts_frames(400, rate=0.4, size=24)
    network = Bright(float(frames[0][0].image[:, :, :12].sum((1, 2, 3)).quantile(0.02)) * 0.98)
    selectors = {**published_sides(), "bottom": Bottom()}
    rows = perturbation_scores(network, frames, selectors, ZERO, [0.01, 0.05]).rows
    table = {(r["selector"], r["nominal_fraction"]): r for r in rows if r["task"] == "modulation"}
    small, large = table["published_bottom", 0.01], table["published_bottom", 0.05]
    assert small["lit_fraction"] == large["lit_fraction"] > 0.59
    assert small["accuracy"] == large["accuracy"] and small["drop"] > 0.5
    assert small["pis_nominal"] == pytest.approx(5 * large["pis_nominal"])
    assert small["pis_lit"] == pytest.approx(large["pis_lit"])
    exact_small, exact_large = table["bottom", 0.01], table["bottom", 0.05]
    assert exact_small["lit_fraction"] == pytest.approx(0.01, rel=0.2)
    assert exact_large["lit_fraction"] == pytest.approx(0.05, rel=0.05)
    assert exact_small["drop"] < exact_large["drop"] < 0.5 * small["drop"]
    # Drawn from all pixels, the study's random mask hits as few lit ones as there are.
    assert table["published_random", 0.05]["pixel_fraction"] == pytest.approx(0.05, abs=1e-3)


def test_what_applies_to_no_channel_is_refused_and_one_that_is_not_asked_for_is_passed_over(caplog):
    image = torch.ones(2, 2, 4, 4)
    frames = [(View(None, image, ["trajectory", "recovered"]), ones(2), ones(2))]
    with caplog.at_level(logging.INFO):
        rows = perturbation_scores(Blind(), frames * 2, {"cluster": Cluster()}, ZERO, [0.5]).rows
    assert {row["channel"] for row in rows} == {"recovered"}
    assert [
        record.message.startswith("cluster is passed over on channel trajectory") for record in caplog.records
    ] == [True]
    with pytest.raises(UserError, match="cluster does not apply to channel 'trajectory'"):
        perturbation_scores(Blind(), frames, {"cluster": Cluster()}, ZERO, [0.5], channels=["trajectory"])
    alone = [(View(None, image[:, :1], ["trajectory"]), ones(2), ones(2))]
    with pytest.raises(UserError, match="cluster applies to no channel"):
        perturbation_scores(Blind(), alone, {"cluster": Cluster()}, ZERO, [0.5])


@pytest.fixture
def answers():
    """Answers on 60 frames of three classes and two SNRs, with two draws of one mask."""
    rng = np.random.default_rng(5)
    labels = {"modulation": rng.integers(-1, 3, 60), "snr": rng.integers(0, 2, 60)}
    setting = Setting("top", "zero", "c", 0.1)
    masked = {"modulation": rng.integers(0, 3, (2, 60)), "snr": rng.integers(0, 2, (2, 60))}
    shares = {
        name: rng.random(60) for name in ("lit_fraction", "pixel_fraction", "mass_fraction", "sample_fraction")
    }
    clean = {"modulation": rng.integers(0, 3, 60), "snr": rng.integers(0, 2, 60)}
    return PerturbedPredictions(labels, clean, {setting: masked}, {setting: shares})


def test_rows_by_class_are_the_rows_of_its_frames_alone(answers, tmp_path):
    names = ["BPSK", "QPSK", "8PSK"]
    rows = grouped_rows(answers, "modulation", names)
    assert {row["modulation"] for row in rows} == set(names)
    for row in rows:
        mine = answers.labels["modulation"] == names.index(row["modulation"])
        only = PerturbedPredictions(
            {task: label[mine] for task, label in answers.labels.items()},
            {task: answer[mine] for task, answer in answers.clean_answers.items()},
            {s: {task: a[:, mine] for task, a in by_task.items()} for s, by_task in answers.answers.items()},
            {s: {name: share[mine] for name, share in shares.items()} for s, shares in answers.shares.items()},
        )
        (expected,) = (r for r in score_rows(only) if r["task"] == row["task"])
        assert row["frames"] == mine.sum()
        for name in ("accuracy", "drop", "lit_fraction", "pis_lit", "pis_nominal"):
            assert row[name] == pytest.approx(expected[name])
    write_grouped_csv(rows, "modulation", tmp_path / "pis_by_class.csv")
    back = read_pis(tmp_path / "pis_by_class.csv", "modulation")
    assert [(row["modulation"], row["drop"]) for row in back] == [(row["modulation"], row["drop"]) for row in rows]


def test_confusions_and_f1_are_those_of_every_draw(answers, tmp_path):
    write_perturbed_confusions(answers, ["BPSK", "QPSK", "8PSK"], [0.0, 10.0], tmp_path)
    (setting,) = answers.answers
    label, draws = answers.labels["modulation"], answers.answers[setting]["modulation"]
    expected = confusion_counts(np.tile(label, 2), draws.ravel(), 3)
    with np.load(tmp_path / "perturbed_confusions.npz") as file:
        assert np.array_equal(file["modulation"][0], expected)
        assert np.array_equal(
            file["snr_before"], confusion_counts(answers.labels["snr"], answers.clean_answers["snr"], 2)
        )
    with (tmp_path / "perturbed_f1.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["modulation_f1_macro"]) == pytest.approx(float(f1_macro(expected)))
    before, after, loss = (float(row[f"modulation_f1_macro{end}"]) for end in ("_before", "", "_loss"))
    assert loss == pytest.approx(before - after) and int(row["modulation_frames"]) == (label >= 0).sum()
    assert float(row["modulation_f1_macro_loss_low"]) < loss < float(row["modulation_f1_macro_loss_high"])
