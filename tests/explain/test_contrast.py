"""What a mask takes of the lead over the runner-up, and where answers go, against counting by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn

from amc_xai.explain import PerturbedPredictions, Setting, perturbation_scores
from amc_xai.explain.asking import Asker, margin, rivals_of
from amc_xai.explain.contrast import contrast_rows, flow_rows
from amc_xai.explain.paired import tango
from amc_xai.model.network import Prediction
from amc_xai.perturbation import Top, View, Zero


def test_rivals_are_the_two_largest_and_the_margin_their_log_odds():
    logits = torch.tensor([[1.0, 3.0, 2.0], [5.0, -1.0, 4.5]])
    pair = rivals_of(logits)
    assert pair.tolist() == [[1, 2], [0, 2]]
    probability = logits.softmax(1)
    odds = [math.log(float(p[a] / p[b])) for p, (a, b) in zip(probability, pair.tolist(), strict=True)]
    assert margin(logits, pair).tolist() == pytest.approx(odds, rel=1e-5)
    assert rivals_of(torch.ones(3, 1)).tolist() == [[0, 0]] * 3


class Sums(nn.Module):
    """Logits of both tasks: the sums of the picture's rows."""

    def forward(self, x):
        rows = x[:, 0].sum(2)
        return Prediction(rows, rows)


def test_the_pair_stays_that_of_the_frame_as_it_is():
    frames = torch.tensor([[[[3.0, 0.0], [1.0, 1.0], [0.0, 1.0]]]])
    ask = Asker(Sums(), frames)
    assert ask.clean[:, 0].tolist() == [0, 0, 1, 1]
    without = frames.clone()
    without[0, 0, 0] = 0
    # Row 1 is named now; the first class is 2 behind what was its runner-up.
    assert ask(without)[:, 0].tolist() == [1, 1, -2, -2]


def test_scores_hold_the_lead_that_each_mask_costs_and_its_excess_over_the_control():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(40, 1, 4, 4, generator=generator) + 0.1
    label = torch.zeros(40, dtype=torch.int64)
    found = perturbation_scores(
        Sums(), [(View(None, image, ["a"]), label, label)], {"top": Top()}, ("zero", Zero()), [0.25],
        control="random",
    )  # fmt: skip
    rows = contrast_rows(found.predictions)
    assert [row["task"] for row in rows] == ["modulation", "snr"]
    mask = Top().mask(View(None, image, ["a"]), "a", 0.25, torch.Generator().manual_seed(0))
    pair = rivals_of(image[:, 0].sum(2))
    by_hand = margin(image[:, 0].sum(2), pair) - margin((image * ~mask)[:, 0].sum(2), pair)
    row = rows[0]
    assert row["value"] == pytest.approx(float(by_hand.mean()), rel=1e-4) and row["frames"] == 40
    assert row["low"] < row["value"] < row["high"]
    assert row["excess"] == pytest.approx(row["value"] - row["control"], abs=1e-6)


@pytest.fixture
def moved():
    """Ten frames of A and ten of B, all right; under the mask four of A are named B, and one of B is named C."""
    label = np.repeat([0, 1], 10)
    after = label.copy()
    after[:4], after[10] = 1, 2
    setting = Setting("top", "resample", "a", 0.5)
    labels = {"modulation": label, "snr": np.full(20, -1)}
    clean = {"modulation": label, "snr": np.zeros(20, np.int64)}
    answers = {"modulation": after[None], "snr": np.zeros((1, 20), np.int64)}
    return PerturbedPredictions(labels, clean, {setting: answers}, {setting: {}})


def test_flows_are_shares_after_less_before_beside_the_loss_of_recall(moved):
    rows = {
        row["class"]: row
        for row in flow_rows(moved, {"modulation": ["A", "B", "C", "D"], "snr": ["0"]})
        if row["task"] == "modulation"
    }
    assert set(rows) == {"A", "B", "C"}  # nothing is, or is named, D
    assert [rows[name]["value"] for name in "ABC"] == pytest.approx([-0.2, 0.15, 0.05])
    assert sum(row["value"] for row in rows.values()) == pytest.approx(0)
    assert rows["A"]["recall_loss"] == pytest.approx(0.4) and rows["B"]["recall_loss"] == pytest.approx(0.1)
    assert rows["C"]["recall_frames"] == 0 and math.isnan(rows["C"]["recall_loss"])
    # Of 20 frames four left A; B gained four and lost one. Tango's interval of each, gained less lost.
    for name, left, come in (("A", 4, 0), ("B", 1, 4), ("C", 0, 1)):
        low, high = tango(come, left, 20)
        assert (rows[name]["low"], rows[name]["high"]) == pytest.approx((float(low), float(high)))
    # McNemar's test of each, and the false-discovery rate among the three: the least p counts three times.
    p = {name: 2 * norm.sf(moved / math.sqrt(changed)) for name, moved, changed in (("A", 4, 4), ("B", 3, 5))}
    assert [rows[name]["p_value"] for name in "AB"] == pytest.approx([p["A"], p["B"]])
    assert rows["A"]["q_value"] == pytest.approx(3 * p["A"])
