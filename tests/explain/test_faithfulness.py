"""Curves against brute force, on planted networks, and against the library's own measures."""

import numpy as np
import pytest
import torch
from torch import nn

from amc_xai.explain.attribution import IntegratedGradients, SmoothGrad
from amc_xai.explain.faithfulness import (
    Curves,
    average,
    control_scores,
    curves,
    infidelity,
    sensitivity,
    unit_scores,
    units,
)
from amc_xai.explain.paired import mean_interval
from amc_xai.model.network import Prediction


class Sums(nn.Module):
    """Class 1 of both tasks has a weighted sum of the input as its logit, class 0 has 0."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x: torch.Tensor) -> Prediction:
        total = (x * self.weight).flatten(1).sum(1)
        logits = torch.stack([torch.zeros_like(total), total], 1)
        return Prediction(logits, -logits)


ONES = torch.ones(3, dtype=torch.int64)


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


def small_images():
    image = torch.rand(3, 2, 4, 4, generator=draw(1)) + 0.1
    image[torch.rand(image.shape, generator=draw(2)) < 0.4] = 0.0
    image[2] = 0.0
    image[2, 1, 3, 0] = 1.5
    return image


def test_curves_equal_brute_force_on_four_by_four_images():
    image, weight = small_images(), torch.randn(2, 4, 4, generator=draw(3))
    scores = torch.randn(image.shape, generator=draw(4))  # no ties
    network = Sums(weight)
    found = curves(network, image, scores, ONES, "modulation", 7, draw())
    for b in range(3):
        lit = [(float(scores[b, c, i, j]), c, i, j) for c, i, j in image[b].nonzero().tolist()]
        order = [place[1:] for place in sorted(lit, reverse=True)]
        for step in range(8):
            count = int(np.floor(step * len(order) / 7 + 0.5))
            without, alone = image[b].clone(), torch.zeros(2, 4, 4)
            for place in order[:count]:
                without[place] = 0.0
                alone[place] = image[b][place]
            expected = [float((part * weight).sum().sigmoid()) for part in (without, alone)]
            assert found.share[b, step] == pytest.approx(count / len(order))
            assert found.deletion[b, step] == pytest.approx(expected[0], abs=1e-6)
            assert found.insertion[b, step] == pytest.approx(expected[1], abs=1e-6)


def test_least_relevant_first_is_the_other_curve_read_backwards():
    image, weight = small_images(), torch.randn(2, 4, 4, generator=draw(3))
    scores = torch.randn(image.shape, generator=draw(4))
    most = curves(Sums(weight), image, scores, ONES, "snr", 200, draw())
    least = curves(Sums(weight), image, -scores, ONES, "snr", 200, draw())
    # With more steps than pixels every count occurs, so that the areas are those of the exact curves.
    assert least.areas()["deletion_auc"] == pytest.approx(most.areas()["insertion_auc"], abs=4e-3)
    assert least.areas()["insertion_auc"] == pytest.approx(most.areas()["deletion_auc"], abs=4e-3)
    even = curves(Sums(weight), image[:1], scores[:1], ONES[:1], "snr", int(units(image)[0].sum()), draw())
    back = curves(Sums(weight), image[:1], -scores[:1], ONES[:1], "snr", int(units(image)[0].sum()), draw())
    np.testing.assert_allclose(back.deletion, even.insertion[:, ::-1], atol=1e-7)


def test_areas_by_hand():
    share = np.array([[0.0, 0.5, 1.0], [0.0, 0.0, 0.0]])
    areas = Curves(share, np.array([[1.0, 0.2, 0.0], [0.3] * 3]), np.array([[0.0, 0.8, 1.0], [0.3] * 3])).areas()
    np.testing.assert_allclose(areas["deletion_auc"], [0.35, 0.3])
    np.testing.assert_allclose(areas["insertion_auc"], [0.65, 0.3])
    np.testing.assert_allclose(areas["difference"], [0.3, 0.0])


def test_the_region_that_matters_first_falls_fastest_and_beats_every_control():
    image = torch.full((4, 1, 6, 6), 0.5)
    image[:, :, 3:] = 1.0  # what doesn't matter is brighter
    region = torch.zeros(1, 6, 6)
    region[:, :1] = 4.0
    network = Sums(region)
    target = torch.ones(4, dtype=torch.int64)
    truth = curves(network, image, region.expand_as(image), target, "modulation", 12, draw())
    controls = {
        name: curves(network, image, scores, target, "modulation", 12, draw())
        for name, scores in control_scores(image).items()
    }
    # Six of 36 pixels matter: after two of twelve steps nothing is left to lose, or to win.
    full = torch.tensor(12.0).sigmoid().item()
    assert truth.deletion[:, 2:] == pytest.approx(0.5)
    assert truth.insertion[:, 2:] == pytest.approx(full)
    worst = curves(network, image, -region.expand_as(image), target, "modulation", 12, draw()).areas()
    for control in controls.values():
        assert (truth.areas()["difference"] > control.areas()["difference"] + 0.2).all()
        assert (worst["difference"] < control.areas()["difference"]).all()


def test_a_network_that_ignores_the_image_has_flat_curves_and_no_difference():
    image = small_images()
    found = curves(Sums(torch.zeros(2, 4, 4)), image, image, ONES, "modulation", 5, draw())
    assert (found.deletion == 0.5).all() and (found.insertion == 0.5).all()
    assert found.areas()["difference"].tolist() == [0.0, 0.0, 0.0]
    zeros = torch.zeros_like(image)
    assert infidelity(Sums(torch.zeros(2, 4, 4)), image, zeros, ONES, "snr", 0).tolist() == [0.0] * 3
    blind = Sums(torch.zeros(2, 4, 4))
    assert sensitivity(IntegratedGradients(4), blind, image, ONES, "snr", 0).tolist() == [0.0] * 3


def test_ties_fall_at_random_and_a_seed_fixes_them():
    image = torch.ones(1, 1, 4, 4)
    weight = torch.randn(1, 4, 4, generator=draw(3))

    def run(seed):
        zeros = torch.zeros_like(image)
        return curves(Sums(weight), image, zeros, ONES[:1], "modulation", 16, draw(seed)).deletion

    assert (run(1) == run(1)).all() and (run(1) != run(2)).any()
    several = average(lambda i: curves(Sums(weight), image, image, ONES[:1], "snr", 4, draw(i)), 3)
    by_hand = [curves(Sums(weight), image, image, ONES[:1], "snr", 4, draw(i)).insertion for i in range(3)]
    np.testing.assert_allclose(several.insertion, np.mean(by_hand, axis=0))


def test_instants_of_a_sequence_go_as_a_whole():
    iq = torch.randn(2, 2, 10, generator=draw(5))
    weight = torch.zeros(2, 10)
    weight[:, 4] = 1.0
    assert units(iq).shape == (2, 10) and units(iq).all()
    scores = (iq * weight).abs()
    torch.testing.assert_close(unit_scores(scores), scores.sum(1))
    found = curves(Sums(weight), iq, scores, ONES[:2], "modulation", 10, draw())
    expected = (iq * weight).sum((1, 2)).sigmoid().double().numpy()
    np.testing.assert_allclose(found.deletion[:, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(found.deletion[:, 1:], 0.5, atol=1e-7)
    np.testing.assert_allclose(found.insertion[:, 1:], expected[:, None].repeat(10, 1), rtol=1e-6)
    torch.testing.assert_close(control_scores(iq)["brightest"].sum(1), iq.square().sum(1))


def test_infidelity_of_the_exact_map_is_zero_and_of_a_wrong_one_is_not():
    image, weight = small_images(), torch.randn(2, 4, 4, generator=draw(3))
    # Removing r changes a linear logit by exactly r . weight; where a map's unit is free, whatever its scale.
    exact = weight * image
    assert infidelity(Sums(weight), image, exact, ONES, "modulation", 0) == pytest.approx(0, abs=1e-6)
    assert infidelity(Sums(weight), image, 3 * exact, ONES, "modulation", 0, "scale") == pytest.approx(0, abs=1e-6)
    wrong = torch.randn(image.shape, generator=draw(9))
    bad = infidelity(Sums(weight), image, wrong, ONES, "modulation", 0, "scale")
    assert (bad[:2] > 0.01).all()
    nothing = infidelity(Sums(weight), image, torch.zeros_like(image), ONES, "modulation", 0)
    assert (bad <= nothing + 1e-6).all()  # the best scale of a useless map is at worst 0


def test_sensitivity_of_a_linear_networks_gradient_is_zero_and_of_its_terms_the_noises():
    image, weight = small_images(), torch.ones(2, 4, 4)
    constant = sensitivity(SmoothGrad(2), Sums(weight), image, ONES, "modulation", 0)
    assert constant == pytest.approx(0, abs=1e-6)
    # Integrated Gradients here are the lit pixels themselves: the change is the noise's norm over the image's.
    moved = sensitivity(IntegratedGradients(4), Sums(weight), image, ONES, "modulation", 0, radius=0.05)
    lit = units(image).sum(1).double()
    bound = (0.05 * lit.sqrt() / image.flatten(1).double().norm(dim=1)).numpy()
    assert (moved > 0.1 * bound).all() and (moved <= bound).all()


def test_the_interval_of_a_mean_is_as_wide_as_theory_says():
    values = np.random.default_rng(1).normal(2.0, 1.0, 400)
    mean, low, high = mean_interval(values, seed=3)
    assert mean == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert np.isnan(mean_interval(np.array([1.0]), 0)[1])
