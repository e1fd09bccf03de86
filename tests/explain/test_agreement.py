"""Forecasts of masks, ranks and their agreement, by hand; and the table of faithfulness on a planted network."""

import csv

import numpy as np
import pytest
import torch
from torch import nn

from amc_xai.explain.agreement import compare_with_pis, drops_of, forecast, pixel_agreement
from amc_xai.explain.attribution import AttributionPlan, IntegratedGradients
from amc_xai.explain.attribution_scores import Subject, control_rows, method_scores, robust_rows
from amc_xai.explain.faithfulness import units
from amc_xai.explain.robust import RandomlyMasked
from amc_xai.explain.sanity import untrained_copy
from amc_xai.explain.table_files import write_rows
from amc_xai.model.network import Prediction


def test_a_forecast_is_the_share_of_positive_attribution_to_lit_pixels():
    image = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]] * 2)
    scores = torch.tensor([[[[3.0, 1.0], [-5.0, 9.0]]], [[[-1.0, -1.0], [0.0, 2.0]]]])
    mask = torch.tensor([[[[True, False], [True, True]]]] * 2)
    assert forecast(scores, image, mask).tolist() == [0.75, 0.0]


def test_ranks_and_agreement_by_hand():
    drops = {("top", "a", 0.1): 0.4, ("top", "b", 0.1): 0.1, ("random", "a", 0.1): 0.2, ("top", "a", 0.5): 0.9}
    same = {("top", "a", 0.1): 0.6, ("top", "b", 0.1): 0.1, ("random", "a", 0.1): 0.3, ("top", "a", 0.5): 0.7}
    other = {("top", "a", 0.1): 0.2, ("top", "b", 0.1): 0.1, ("random", "a", 0.1): 0.5, ("top", "a", 0.5): 0.7}
    flat = dict.fromkeys(drops, 0.25)
    table, agreement = compare_with_pis(drops, {"same": same, "other": other, "flat": flat}, "snr")
    by_place = {(row["selector"], row["channel"], row["nominal_fraction"]): row for row in table}
    assert [by_place[key]["drop_rank"] for key in drops] == [1, 3, 2, 1]
    assert [by_place[key]["rank_other"] for key in drops] == [2, 3, 1, 1]
    assert [by_place[key]["rank_flat"] for key in drops] == [2, 2, 2, 1]
    found = {(row["a"], row["nominal_fraction"]): (row["spearman"], row["kendall"]) for row in agreement}
    assert found["same", 0.1] == pytest.approx((1.0, 1.0))
    # Of three pairs one is turned round: tau = (2 - 1) / 3, rho = 1 - 6 * 2 / (3 * 8).
    assert found["other", 0.1] == pytest.approx((0.5, 1 / 3))
    assert np.isnan(found["flat", 0.1]).all() and np.isnan(found["same", 0.5]).all()
    assert {row["items"] for row in agreement if row["nominal_fraction"] == 0.1} == {3}


def test_agreement_of_ranks_has_an_interval_and_says_why_where_it_is_unknown():
    drops = {("top", str(k), 0.1): 0.01 * k for k in range(12)}
    near = {key: drop + 0.015 * (k % 3) for k, (key, drop) in enumerate(drops.items())}
    flat = dict.fromkeys(drops, 0.25)
    rows = {row["a"]: row for row in compare_with_pis(drops, {"near": near, "flat": flat}, "snr")[1]}
    for name in ("spearman", "kendall"):
        found = rows["near"]
        assert -1 <= found[f"{name}_low"] < found[name] < found[f"{name}_high"] <= 1
        assert np.isnan([rows["flat"][f"{name}{end}"] for end in ("", "_low", "_high")]).all()
    assert rows["near"]["note"] == "" and rows["flat"]["note"] == "all forecasts are equal"
    still = compare_with_pis(dict.fromkeys(drops, 0.0), {"near": near}, "snr")[1]
    alone = compare_with_pis({("top", "0", 0.1): 0.2}, {"near": near}, "snr")[1]
    assert (still[0]["note"], alone[0]["note"]) == ("all drops are equal", "one masking alone")


def test_drops_are_those_of_one_task_and_operator():
    row = {
        "selector": "top",
        "channel": "a",
        "nominal_fraction": 0.1,
        "drop": 0.3,
        "task": "snr",
        "operator": "zero",
    }
    rows = [row, {**row, "task": "joint", "drop": 0.5}, {**row, "operator": "noise", "drop": 0.6}]
    assert drops_of(rows, "snr", "zero") == {("top", "a", 0.1): 0.3}


def test_pixel_agreement_looks_at_lit_pixels_only():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 0.0]]]])
    a = torch.tensor([[[[1.0, 2.0], [3.0, 9.0]]]])
    b = torch.tensor([[[[10.0, 20.0], [30.0, -9.0]]]])
    (row,) = pixel_agreement(x, {"a": a, "b": b}, "snr")
    assert (row["a"], row["b"], row["items"]) == ("a", "b", 1)
    assert row["spearman"] == pytest.approx(1.0)


class Reader(nn.Module):
    """Reads row 0 for the modulation and row 3 for the SNR."""

    def __init__(self):
        super().__init__()
        weight = torch.zeros(2, 16)
        weight[0, :4], weight[1, 12:] = 6.0, 6.0
        self.read = nn.Linear(16, 2)
        with torch.no_grad():
            self.read.weight.copy_(weight)
            self.read.bias.fill_(-2.0)

    def forward(self, x):
        logits = self.read(x.flatten(1))
        return Prediction(*(torch.stack([torch.zeros(len(x)), logits[:, i]], 1) for i in range(2)))


@pytest.fixture
def judged():
    image = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(1)) * 0.2 + 0.4
    ones = torch.ones(6, dtype=torch.int64)
    plan = AttributionPlan(["ig"], {"ig": IntegratedGradients}, curve_steps=16, batch_size=4, metric_frames=5)
    return Reader().eval(), Subject(image, {"modulation": ones, "snr": ones}), plan


def test_the_table_ranks_the_true_map_above_every_control(judged):
    network, subject, plan = judged
    method = IntegratedGradients(8, 8)
    for task, row in (("modulation", 0), ("snr", 3)):
        (scored,), maps, drawn = method_scores(network, subject, "ig", method, task, plan, seed=0)
        found = drawn["zero"]
        assert (
            maps[:, 0, row].min() > 0.5
            and maps.sum((1, 3))[:, [r for r in range(4) if r != row]].abs().max() < 1e-6
        )
        assert found.share.shape == (6, 17)
        # Four of 16 pixels speak: by hand, the areas of the mean probability over 16 steps.
        levels = torch.stack([maps[:, 0, row].sort(1, descending=True).values[:, :k].sum(1) for k in range(5)], 1)
        come = (levels - 2.0).sigmoid()
        come = torch.cat([come, come[:, -1:].expand(-1, 12)], 1).double()
        assert scored["insertion_auc"] == pytest.approx(float(torch.trapezoid(come, dx=1 / 16).mean()), abs=1e-5)
        assert scored["difference"] == pytest.approx(scored["insertion_auc"] - scored["deletion_auc"])
        assert scored["difference_low"] <= scored["difference"] <= scored["difference_high"]
        assert scored["completeness_error"] < 1e-5 and scored["infidelity"] < 0.2
        untrained = untrained_copy(network, 1)
        rows, _ = control_rows(network, untrained, subject, {"ig": method}, task, plan, seed=0)
        assert [r["method"] for r in rows] == ["random", "brightest", "ig_untrained"]
        assert all(r["difference"] < scored["difference_low"] for r in rows)


def test_the_robust_judge_scores_the_same_maps(judged):
    network, subject, plan = judged
    maps = {("ig", "snr"): torch.rand(subject.x.shape)}
    only_snr = Subject(subject.x, {"snr": subject.target["snr"]})
    rows, found = robust_rows(network, only_snr, maps, plan, seed=3)
    assert [(r["method"], r["kind"], r["network"]) for r in rows] == [
        ("ig", "method", "robust"), ("random", "control", "robust"), ("brightest", "control", "robust")
    ]  # fmt: skip
    assert set(found) == {("ig", "snr"), ("random", "snr"), ("brightest", "snr")}


def test_random_holes_take_every_share_and_never_light_a_pixel():
    image = (torch.rand(400, 1, 10, 10, generator=torch.Generator().manual_seed(0)) < 0.8).float()
    seen = RandomlyMasked(nn.Identity(), seed=2)(image)
    assert ((seen == image) | (seen == 0)).all()
    left = (units(seen).sum(1) / units(image).sum(1)).double()
    # Uniform on [0, 1]: mean 1/2 and variance 1/12, plus the binomial's 1/6 / 80.
    assert float(left.mean()) == pytest.approx(0.5, abs=4 * (1 / 12) ** 0.5 / 20)
    assert float(left.var()) == pytest.approx(1 / 12 + 1 / 480, rel=0.15)
    half = RandomlyMasked(nn.Identity(), most=0.3, seed=2)(image)
    assert float((units(half).sum(1) / units(image).sum(1)).mean()) == pytest.approx(0.85, abs=0.02)


def test_tables_leave_unknown_numbers_empty(tmp_path):
    write_rows([{"a": "x", "b": 1 / 3}, {"a": "y", "b": float("nan")}], tmp_path / "t.csv")
    with (tmp_path / "t.csv").open() as file:
        first, second = csv.DictReader(file)
    assert float(first["b"]) == 1 / 3
    assert second == {"a": "y", "b": ""}
