"""Operators that go beyond zero, against the plain way of doing what they say."""

import numpy as np
import pytest
import torch

from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.perturbation import DoesNotApply, LocalMean, Noise, Random, Resample, View, Zero
from amc_xai.representation import Augmented

FACTS = Facts(512, 8.0)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def case():
    """A view with two channels, a mask in the second, and the representation."""
    representation = Augmented(FACTS, 16, ("trajectory", "symbols"))
    iq = torch.randn(3, 2, 512, generator=generator(0))
    cells = representation.cells(iq)
    view = View(iq, representation.draw(cells), list(representation.channels), cells)
    return view, Random().mask(view, "symbols", 0.4, generator(1)), representation


def points(image: torch.Tensor) -> torch.Tensor:
    """The number of points of each image (B, C)."""
    return image.expm1().sum((2, 3)).round()


def test_local_mean_is_the_mean_of_what_is_left_around(case):
    view, mask, _ = case
    perturbed = LocalMean(3)(view, mask)
    assert torch.equal(perturbed[~mask], view.image[~mask])
    checked = 0
    for b, c, r, k in mask.nonzero().tolist():
        rows, columns = slice(max(r - 1, 0), r + 2), slice(max(k - 1, 0), k + 2)
        left = ~mask[b, c, rows, columns]
        if left.any():
            assert float(perturbed[b, c, r, k]) == pytest.approx(
                float(view.image[b, c, rows, columns][left].mean()), abs=1e-5
            )
            checked += 1
    assert checked > 20


def test_local_mean_looks_farther_where_all_around_is_masked_and_gives_zero_where_all_is():
    image = torch.full((2, 1, 9, 9), 3.0)
    mask = torch.ones(image.shape, dtype=torch.bool)
    mask[0, 0, 0, 0] = False
    perturbed = LocalMean(3)(View(None, image, ["a"]), mask)
    assert torch.allclose(perturbed[0], image[0], atol=1e-4)
    assert not perturbed[1].any()


def test_resample_without_refill_is_drawing_the_remaining_points(case):
    view, mask, representation = case
    cells = {name: part.clone() for name, part in view.cells.items()}
    for b, row in enumerate(cells["symbols"].tolist()):
        for k, cell in enumerate(row):
            if cell >= 0 and mask[b, 1].flatten()[cell]:
                cells["symbols"][b, k] = -1
    perturbed = Resample(refill=False)(view, mask, representation, generator(0))
    assert torch.equal(perturbed, representation.draw(cells))
    assert torch.equal(perturbed, Zero()(view, mask))


def test_resample_leaves_masked_pixels_dark_keeps_the_points_and_lights_nothing_new(case):
    view, mask, representation = case
    perturbed = Resample()(view, mask, representation, generator(0))
    assert not perturbed[mask].any()
    assert torch.equal(points(perturbed), points(view.image))
    assert not (perturbed[~mask] > 0)[view.image[~mask] == 0].any()
    assert (perturbed[~mask] >= view.image[~mask]).all()
    assert torch.equal(perturbed[:, 0], view.image[:, 0])


def test_resample_draws_uniformly_from_the_points_that_remain():
    # Ten points: four in the masked pixel 0, three in pixel 1, two in pixel 2, one in pixel 3.
    frames = 2000
    cells = torch.tensor([[0, 1, 0, 1, 2, 0, 3, 1, 2, 0]]).repeat(frames, 1)
    seen = {}

    class Drawn:
        def draw(self, cells):
            seen.update(cells)
            return torch.zeros(frames, 1, 2, 2)

    view = View(None, torch.ones(frames, 1, 2, 2), ["a"], {"a": cells})
    mask = torch.zeros(view.image.shape, dtype=torch.bool)
    mask[:, 0, 0, 0] = True
    Resample()(view, mask, Drawn(), generator(3))
    added = np.bincount(seen["a"].flatten(), minlength=4) - frames * np.array([0, 3, 2, 1])
    expected = 4 * frames * np.array([3, 2, 1]) / 6
    assert added[0] == 0
    # Chi-square with 2 degrees of freedom at 99.9 %.
    assert ((added[1:] - expected) ** 2 / expected).sum() < 13.8


def test_noise_moves_the_masked_points_by_the_stated_spread_and_no_others():
    size, frames = 64, 200
    cells = torch.full((frames, 40), 32 * size + 32)
    cells[:, 20:] = 5 * size + 5
    seen = {}

    class Drawn:
        def draw(self, cells):
            seen.update(cells)
            return torch.zeros(frames, 1, size, size)

    view = View(None, torch.ones(frames, 1, size, size), ["a"], {"a": cells})
    mask = torch.zeros(view.image.shape, dtype=torch.bool)
    mask[:, 0, 32, 32] = True
    Noise(std=0.1)(view, mask, Drawn(), generator(2))
    assert torch.equal(seen["a"][:, 20:], cells[:, 20:])
    moved = seen["a"][:, :20].flatten().double()
    for axis in (moved % size, (moved / size).floor()):
        # 0.1 of 32 pixels; a uniform place in the pixel and the floor add 1/12 each. 4,000 draws: +-4 %.
        assert float(axis.std()) == pytest.approx((3.2**2 + 1 / 12 + 1 / 12) ** 0.5, rel=0.04)
        assert float(axis.mean()) == pytest.approx(32, abs=0.25)


@pytest.mark.parametrize("operator", [Resample(), Noise()])
def test_an_empty_mask_is_the_identity_and_draws_do_not_depend_on_the_batch(case, operator):
    view, mask, representation = case
    assert torch.equal(operator(view, torch.zeros_like(mask), representation, generator(0)), view.image)
    whole = operator(view, mask, representation, generator(7))
    stream = generator(7)
    for b in range(3):
        cells = {name: part[b : b + 1] for name, part in view.cells.items()}
        alone = View(view.iq[b : b + 1], view.image[b : b + 1], view.channels, cells)
        assert torch.equal(operator(alone, mask[b : b + 1], representation, stream), whole[b : b + 1])


@pytest.mark.parametrize("operator", [Resample(), Noise()])
def test_a_channel_without_known_points_is_refused(operator):
    view = View(None, torch.ones(1, 1, 4, 4), ["a"])
    with pytest.raises(DoesNotApply, match=r"does not apply to channel 'a'"):
        operator(view, view.image > 0, None, generator(0))


@pytest.mark.parametrize(("make", "key"), [(lambda: LocalMean(4), "window"), (lambda: Noise(0.0), "std")])
def test_bad_options_are_answered_in_words(make, key):
    with pytest.raises(UserError, match=rf"perturbation\.operator\.{key}"):
        make()
