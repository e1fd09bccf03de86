"""Curves take pixels away by the operator that they are given, zero or another, in one and the same order."""

import pytest
import torch
from torch import nn

from amc_xai.explain.attribution import AttributionPlan, IntegratedGradients
from amc_xai.explain.attribution_scores import Subject, curves_of, method_scores
from amc_xai.explain.removal import ByOperator, BySwap, emptied
from amc_xai.model.network import Prediction
from amc_xai.perturbation import Donors, LocalMean, Swap, View

PLAN = AttributionPlan(["ig"], {"ig": IntegratedGradients}, curve_steps=4, batch_size=3, metric_frames=2)


class Sum(nn.Module):
    """Class 1 of both tasks has the sum of the picture as its logit."""

    def forward(self, x):
        total = x.flatten(1).sum(1)
        return Prediction(*([torch.stack([torch.zeros_like(total), total], 1)] * 2))


@pytest.fixture
def subject():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(5, 1, 4, 4, generator=generator)
    x[:, :, 0] = 0.0
    donors = Donors(2 * torch.rand(6, 1, 4, 4, generator=generator), torch.arange(6))
    view = View(None, x, ["a"], places=torch.full((5,), -1), donors=donors)
    operators = {"swap": Swap(), "mean": LocalMean(3)}
    by = {name: ByOperator(view, operator, None, 3) for name, operator in operators.items()}
    return Subject(x, {"snr": torch.ones(5, dtype=torch.int64)}, {"zero": emptied, **by})


def test_every_operator_has_its_curves_and_ends_where_it_leaves_a_picture(subject):
    drawn = curves_of(Sum(), subject, subject.x, "snr", PLAN, seed=1)
    assert list(drawn) == ["zero", "swap", "mean"]
    whole = subject.x.flatten(1).sum(1).sigmoid().double().numpy()
    nothing = torch.zeros_like(subject.x).flatten(1).bool()
    for name, found in drawn.items():
        assert found.deletion[:, 0] == pytest.approx(whole, rel=1e-5)
        assert found.insertion[:, -1] == pytest.approx(whole, rel=1e-5)
        parts = [subject.removals[name](x, nothing[p], p) for p, x, _ in subject.parts("snr", PLAN.batch_size)]
        left = torch.cat(parts).flatten(1).sum(1).sigmoid().double().numpy()
        assert found.deletion[:, -1] == pytest.approx(left, rel=1e-5)
        assert (drawn["zero"].share == found.share).all()
    assert drawn["zero"].deletion[:, -1] == pytest.approx(0.5)
    assert drawn["swap"].deletion[:, -1].mean() > drawn["zero"].deletion[:, -1].mean() + 0.2


def test_swapped_pixels_are_a_donors_and_unlit_ones_stay_dark(subject):
    swap = subject.removals["swap"]
    keep = torch.zeros(3, 16, dtype=torch.bool)
    found = swap(subject.x[:3], keep, slice(0, 3))
    assert not found[:, :, 0].any()
    donors = swap.view.donors.seen[:, :, 1:]
    assert all(any(torch.equal(one[:, 1:], donor) for donor in donors) for one in found)


def test_the_table_has_a_row_for_each_operator_with_what_belongs_to_the_map_in_all(subject):
    rows, _, drawn = method_scores(Sum(), subject, "ig", IntegratedGradients(4, 4), "snr", PLAN, seed=0)
    assert [row["operator"] for row in rows] == list(drawn) == ["zero", "swap", "mean"]
    assert len({row["infidelity"] for row in rows}) == 1 and len({row["difference"] for row in rows}) == 3


def test_instants_of_a_sequence_are_another_frames():
    x, others = torch.zeros(2, 2, 5), torch.ones(4, 2, 5)
    keep = torch.tensor([[True, False, True, False, True]] * 2)
    found = BySwap(others)(x, keep, slice(2, 4))
    assert found[0].tolist() == [[0, 1, 0, 1, 0]] * 2
