"""Top, bottom and random take what their names say, in one channel and no other."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amc_xai.errors import UserError
from amc_xai.perturbation import Bottom, Random, RankedSelector, Top, View

SELECTORS = [Top(), Bottom(), Random()]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counts_view(seed: int, channels: int = 2, size: int = 12, rate: float = 0.4) -> View:
    """Log-scaled Poisson counts: few levels, many ties, most pixels dark."""
    counts = torch.poisson(torch.full((3, channels, size, size), rate), generator=generator(seed))
    return View(None, counts.log1p(), [f"c{i}" for i in range(channels)])


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.005, 1.0), st.sampled_from(SELECTORS))
def test_masks_hold_the_exact_share_of_one_channel_and_no_dark_pixel(seed, fraction, selector):
    view = counts_view(seed)
    mask = selector.mask(view, "c1", fraction, generator(seed))
    assert mask.dtype == torch.bool
    assert not mask[:, 0].any()
    assert not (mask & (view.image == 0)).any()
    for lit, masked in zip(view.lit("c1").sum(1).tolist(), mask.sum((1, 2, 3)).tolist(), strict=True):
        assert masked == min(max(int(fraction * lit + 0.5), 1), lit)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.005, 1.0))
def test_top_is_brightest_and_bottom_is_faintest_of_the_lit(seed, fraction):
    view = counts_view(seed, channels=1)
    top = Top().mask(view, "c0", fraction, generator(seed))
    bottom = Bottom().mask(view, "c0", fraction, generator(seed))
    for image, bright, faint in zip(view.image, top, bottom, strict=True):
        spared_by_top, spared_by_bottom = image[(image > 0) & ~bright], image[(image > 0) & ~faint]
        if spared_by_top.numel():
            assert image[bright].min() >= spared_by_top.max()
            assert image[faint].max() <= spared_by_bottom.min()


def test_random_does_not_look_at_the_intensity():
    # Half of the lit pixels are nine times as bright; so should be half of the masked ones, one an image.
    image = torch.tensor([1.0, 9.0, 1.0, 9.0, 0.0, 0.0]).view(1, 1, 2, 3).repeat(3000, 1, 1, 1)
    mask = Random().mask(View(None, image, ["c"]), "c", 0.25, generator(0))
    bright = int((mask & (image == 9)).sum())
    # Four standard deviations of a binomial(3000, 1/2).
    assert abs(bright - 1500) < 4 * (3000 / 4) ** 0.5
    flat = View(None, (image > 0).float(), ["c"])
    assert torch.equal(mask, Random().mask(flat, "c", 0.25, generator(0)))


@pytest.mark.parametrize("selector", SELECTORS)
def test_one_ranking_gives_the_masks_of_all_fractions(selector):
    view = counts_view(7)
    assert isinstance(selector, RankedSelector)
    ranking = selector.rank(view, "c0", generator(8))
    smaller = torch.zeros_like(view.image, dtype=torch.bool)
    for fraction in (0.01, 0.1, 0.5, 1.0):
        mask = view.place("c0", ranking.cut(fraction))
        assert torch.equal(mask, selector.mask(view, "c0", fraction, generator(8)))
        assert not (smaller & ~mask).any()
        smaller = mask
    assert torch.equal(smaller[:, 0], view.image[:, 0] > 0)


@pytest.mark.parametrize("selector", SELECTORS)
def test_an_unknown_channel_is_refused(selector):
    with pytest.raises(UserError, match=r"perturbation\.channels"):
        selector.mask(counts_view(0), "phase", 0.1, generator(0))


@pytest.mark.parametrize("selector", SELECTORS)
def test_an_image_that_carries_a_gradient_is_ranked_like_any_other(selector):
    view = counts_view(2)
    tracked = View(None, view.image.clone().requires_grad_(), view.channels)
    mask = selector.mask(tracked, "c0", 0.2, generator(1))
    assert torch.equal(mask, selector.mask(view, "c0", 0.2, generator(1)))
