"""Channels as players, on networks whose reading is planted: what each is worth is known beforehand."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from amc_xai.explain import perturbation_scores
from amc_xai.explain.channels import (
    Worth,
    channel_rows,
    channel_worth,
    players_of,
    shapley_values,
    swap_values,
)
from amc_xai.explain.scope import operator_scope
from amc_xai.perturbation import Donors, Resample, Swap, SymbolSelector, View, Zero
from amc_xai.perturbation.symbol_players import FrameSymbols

TASKS = ("modulation", "snr", "joint")


class Logits(NamedTuple):
    modulation: torch.Tensor
    snr: torch.Tensor


class Planted(nn.Module):
    """Modulation by the brighter of two pixels of channel 1, SNR by channel 2; an empty picture is class 0, 1."""

    def forward(self, image):
        modulation, snr = image[:, 1, 0, :2], image[:, 2, 0, :2]
        return Logits(modulation + torch.tensor([0.1, 0]), snr + torch.tensor([0, 0.1]))


@pytest.fixture
def planted():
    generator = torch.Generator().manual_seed(0)
    modulation, snr = torch.randint(0, 2, (2, 400), generator=generator)
    image = torch.rand(400, 4, 2, 2, generator=generator) * 0.5
    image[torch.arange(400), 1, 0, modulation] = 2.0
    image[torch.arange(400), 2, 0, snr] = 2.0
    donors = Donors(image[:100], torch.arange(100))
    views = [
        (View(None, image[k : k + 64], list("abcd"), places=torch.arange(400)[k : k + 64], donors=donors), m, s)
        for k, m, s in zip(range(0, 400, 64), modulation.split(64), snr.split(64), strict=True)
    ]
    return views, donors


def test_the_planted_channel_holds_the_whole_effect(planted):
    views, donors = planted
    worth = channel_worth(Planted(), views, donors, 4, 0)
    rows = {(r["channel"], r["task"], r["measure"]): r for r in channel_rows(worth)}
    for measure in ("swap", "shapley"):
        for task, own in (("modulation", "b"), ("snr", "c")):
            values = {name: rows[name, task, measure]["value"] for name in "abcd"}
            # A donor is of the other class in half of the draws.
            assert values[own] == pytest.approx(0.5, abs=0.05)
            assert values[own] >= 0.95 * sum(map(abs, values.values()))
            assert rows[own, task, measure]["low"] > 0.4 and rows[own, task, measure]["q_value"] < 1e-9
            assert rows["a", task, measure]["low"] < 0 < rows["a", task, measure]["high"]
            assert rows["a", task, measure]["frames"] == 400
    # Both tasks right: each channel is worth half of what both lose together, the three quarters.
    assert rows["b", "joint", "shapley"]["value"] == pytest.approx(0.375, abs=0.05)


def test_emptying_drifts_and_swapping_does_not(planted):
    views, _ = planted

    class Everything:
        def mask(self, view, channel, fraction, generator):
            return view.place(channel, torch.ones(len(view.image), 4, dtype=torch.bool))

    operators = {"zero": Zero(), "swap": Swap()}
    result = perturbation_scores(Planted(), views, {"all": Everything()}, operators, [1.0], channels=["b"])
    named = {s.operator: answers["modulation"] for s, answers in result.predictions.answers.items()}
    assert (named["zero"] == 0).all()  # every frame is the class of the empty picture
    assert 0.4 < (named["swap"] == 0).mean() < 0.6
    table = operator_scope(Planted(), views, operators, {"modulation": ["A", "B"], "snr": ["0", "10"]}, 0)
    rows = {(r["operator"], r["task"], r["measure"]): r for r in table}
    assert rows["zero", "modulation", "empty"]["named"] == "A" and rows["zero", "snr", "empty"]["named"] == "10"
    assert rows["zero", "snr", "empty"]["value"] == pytest.approx(1 / (1 + np.exp(-0.1)), abs=1e-6)
    assert rows["zero", "modulation", "drift"]["value"] > 0.55
    assert all(row["low"] <= row["value"] <= row["high"] for row in table)


def test_shapleys_values_are_those_of_all_orders_and_add_up():
    rng = np.random.default_rng(1)
    players = ["a", "b", "c"]
    every = [frozenset(p for k, p in enumerate(players) if code >> k & 1) for code in range(8)]
    value = {kept: {task: rng.random(5) for task in TASKS} for kept in every}
    worth = Worth(players, {"modulation": np.zeros(5, int), "snr": np.zeros(5, int)}, value)
    found = shapley_values(worth, "snr")
    from itertools import permutations

    for name in players:
        gains = []
        for order in permutations(players):
            before = frozenset(order[: order.index(name)])
            gains.append(value[before | {name}]["snr"] - value[before]["snr"])
        assert np.allclose(found[name], np.mean(gains, axis=0))
    whole = value[frozenset(players)]["snr"] - value[frozenset()]["snr"]
    assert np.allclose(sum(found.values()), whole)
    assert np.allclose(
        swap_values(worth, "snr")["a"], value[frozenset(players)]["snr"] - value[frozenset({"b", "c"})]["snr"]
    )


def test_rows_by_label_are_those_of_its_frames_and_unknown_labels_count_for_nothing(planted):
    views, donors = planted
    hidden = [(view, m.clone().index_fill_(0, torch.tensor([0]), -1), s) for view, m, s in views]
    worth = channel_worth(Planted(), hidden, donors, 2, 0)
    rows = channel_rows(worth, "modulation", ["A", "B"])
    frames = {row["modulation"]: row["frames"] for row in rows if row["task"] == "modulation"}
    labels = torch.cat([m for _, m, _ in hidden])
    assert frames == {"A": int((labels == 0).sum()), "B": int((labels == 1).sum())}
    mean = sum(
        row["value"] * row["frames"]
        for row in rows
        if (row["channel"], row["task"], row["measure"]) == ("b", "modulation", "swap")
    )
    (whole,) = (
        r for r in channel_rows(worth) if (r["channel"], r["task"], r["measure"]) == ("b", "modulation", "swap")
    )
    assert mean / sum(frames.values()) == pytest.approx(whole["value"])


def test_groups_and_a_sequence_beside_the_picture_play_as_one():
    names = ["recovered I", "recovered Q", "recovered line", "recovered_2 I", "noise"]
    view = View(None, torch.zeros(1, 5, 8), names)
    groups = ("recovered_2", "recovered", "noise")
    assert players_of(view, groups) == {
        "recovered": (0, [0, 1, 2]), "recovered_2": (0, [3]), "noise": (0, [4])
    }  # fmt: skip
    pair = View(None, torch.zeros(1, 1, 2, 2), ["trajectory"], sequence=torch.zeros(1, 2, 8))
    assert players_of(pair) == {"trajectory": (0, [0]), "sequence": (1, [0, 1])}


def test_more_than_seven_players_are_swapped_alone():
    class Sum(nn.Module):
        def forward(self, x):
            total = x.sum((1, 2))
            return Logits(torch.stack([-total, total], 1), torch.stack([-total, total], 1))

    x = torch.randn(30, 8, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(30, dtype=torch.int64)
    view = View(None, x, list("abcdefgh"), places=torch.arange(30))
    worth = channel_worth(Sum(), [(view, labels, labels)], Donors(x, torch.arange(30)), 2, 0)
    assert {row["measure"] for row in channel_rows(worth)} == {"swap"}


class FarSymbol(nn.Module):
    """Class 1 if any symbol lies beyond 2, in a sequence; the other channel repeats it."""

    def forward(self, x):
        far = (x.abs().amax((1, 2)) > 2).float()
        return Logits(torch.stack([0.5 - far, far - 0.5], 1), torch.zeros(len(x), 2))


def test_planted_symbols_hold_the_whole_effect_on_sequences_too():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 2, (200,), generator=generator)
    value = torch.randn(200, 20, generator=generator) * 0.3
    value[torch.arange(200), 7] = torch.where(labels == 1, 5.0, 0.0)
    x = torch.stack([value, -value], 1)
    ones = torch.ones(200)
    symbols = FrameSymbols(value.to(torch.complex64), ones, ones, torch.ones(200, 20, dtype=torch.bool))
    view = View(None, x, ["own", "copy"], symbols=symbols)
    selectors = {"outer": SymbolSelector("radius", largest=True), "inner": SymbolSelector("radius")}
    zeros = torch.zeros_like(labels)
    rows = perturbation_scores(
        FarSymbol(), [(view, labels, zeros)], selectors, ("resample", Resample()), [0.05, 0.5], control="random"
    ).rows
    table = {(r["selector"], r["nominal_fraction"]): r for r in rows if r["task"] == "modulation"}
    share = float((labels == 1).float().mean())
    assert table["outer", 0.05]["drop"] == pytest.approx(share)
    assert table["inner", 0.05]["drop"] == 0 and table["inner", 0.5]["drop"] < 0.05 * share
    assert table["outer", 0.05]["excess_low"] > 0.3
    # A random symbol of 20 is the planted one in a twentieth of the frames.
    assert table["outer", 0.05]["control_drop"] == pytest.approx(0.05 * share, abs=0.04)
    assert {row["channel"] for row in rows} == {"all"} and {row["operator"] for row in rows} == {"resample"}
    assert table["outer", 0.5]["lit_fraction"] == table["outer", 0.5]["sample_fraction"] == 0.5
    assert np.isnan(table["outer", 0.5]["pixel_fraction"])
