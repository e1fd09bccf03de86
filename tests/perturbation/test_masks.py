"""The exact count, against a twin in plain Python, and the draw that settles ties, against chance."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from amc_xai.errors import UserError
from amc_xai.perturbation import lowest_ranked, masked_count, rank_pixels


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Three levels only, as in a log-scaled histogram: nearly everything ties.
levels = st.sampled_from([0.0, 0.6931472, 1.0986123])
images = st.integers(1, 4).flatmap(
    lambda size: st.lists(st.lists(levels, min_size=size**2, max_size=size**2), min_size=1, max_size=5)
)


@pytest.mark.parametrize(
    ("lit", "fraction", "count"),
    [
        (0, 0.5, 0),
        (1, 0.01, 1),
        (100, 0.001, 1),
        (10, 0.25, 3),
        (30, 0.05, 2),
        (50, 0.05, 3),
        (149, 0.01, 1),
        (150, 0.01, 2),
        (151, 0.01, 2),
        (7, 1.0, 7),
        (3, 0.9, 3),
    ],
)
def test_count_is_the_nearest_whole_number_at_least_one(lit, fraction, count):
    assert masked_count(torch.tensor(lit), fraction).item() == count


@settings(deadline=None)
@given(st.lists(st.integers(0, 60_000), max_size=8), st.floats(1e-4, 1.0))
def test_count_matches_decimal_rounding(lit, fraction):
    counts = masked_count(torch.tensor(lit, dtype=torch.int64), fraction)
    assert counts.dtype == torch.int64
    for pixels, count in zip(lit, counts.tolist(), strict=True):
        nearest = int(Decimal(fraction * pixels).quantize(Decimal(1), ROUND_HALF_UP))
        assert count == min(max(nearest, 1), pixels)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01, float("nan")])
def test_a_fraction_outside_its_range_is_refused(fraction):
    with pytest.raises(UserError, match=r"perturbation\.fractions"):
        masked_count(torch.tensor([4]), fraction)


@settings(deadline=None)
@given(images, st.floats(0.001, 1.0), st.integers(0, 2**63 - 1), st.booleans())
def test_mask_is_exact_and_lowest(rows, fraction, seed, highest_first):
    score = torch.tensor(rows)
    allowed = score > 0
    mask = rank_pixels(score, allowed, generator(seed), highest_first=highest_first).cut(fraction)
    for values, chosen in zip(rows, mask.tolist(), strict=True):
        lit = [value for value in values if value > 0]
        count = min(max(int(np.floor(fraction * len(lit) + 0.5)), 1), len(lit))
        taken = [value for value, flag in zip(values, chosen, strict=True) if flag]
        # Which of the tied pixels go is left to the draw; which values go, and how many, is not.
        assert sorted(taken, reverse=highest_first) == sorted(lit, reverse=highest_first)[:count]


@settings(deadline=None)
@given(images, st.integers(0, 2**31), st.data())
def test_every_count_is_met_and_the_masks_are_nested(rows, seed, data):
    score = torch.tensor(rows)
    allowed = torch.tensor(data.draw(st.lists(st.booleans(), min_size=score.numel(), max_size=score.numel())))
    allowed = allowed.view(score.shape)
    ranking = rank_pixels(score, allowed, generator(seed))
    before = torch.zeros_like(allowed)
    for step in range(score.shape[1] + 1):
        count = allowed.sum(1).clamp(max=step)
        mask = ranking.mask(count)
        assert torch.equal(mask.sum(1), count)
        assert not (mask & ~allowed).any()
        assert not (before & ~mask).any()
        assert torch.equal(mask, lowest_ranked(score, allowed, count, generator(seed)))
        before = mask


def test_negative_scores_and_signed_zeros_are_ordered_as_numbers():
    score = torch.tensor([[3.0, -2.0, 0.0, -0.5, float("inf"), -float("inf"), 1e-30, -1e-30]])
    ranking = rank_pixels(score, torch.ones_like(score, dtype=torch.bool), generator(0))
    assert ranking.order[0].tolist() == [5, 1, 3, 7, 2, 6, 0, 4]
    # -0.0 and 0.0 are one number: each comes first in about half of the images.
    zeros = torch.tensor([[0.0, -0.0]]).repeat(400, 1)
    first = rank_pixels(zeros, torch.ones_like(zeros, dtype=torch.bool), generator(1)).order[:, 0]
    assert chisquare(torch.bincount(first, minlength=2).numpy()).pvalue > 1e-3


def test_ties_are_broken_uniformly_over_seeds():
    # 9 pixels, of which 7 tie for the last 3 places behind one clear winner; one is dark.
    score = torch.tensor([[2.0, 2.0, 1.0, 2.0, 2.0, 0.0, 2.0, 2.0, 2.0]])
    tied = score[0] == 2.0
    taken = torch.zeros(9, dtype=torch.int64)
    for seed in range(2000):
        taken += lowest_ranked(score, score > 0, torch.tensor([4]), generator(seed))[0]
    assert taken[2] == 2000
    assert taken[5] == 0
    assert chisquare(taken[tied].numpy()).pvalue > 1e-3


def test_every_order_of_ties_is_equally_likely_within_one_batch():
    ranking = rank_pixels(None, torch.ones(6000, 4, dtype=torch.bool), generator(3))
    orders = (ranking.order * torch.tensor([64, 16, 4, 1])).sum(1)
    seen = torch.unique(orders, return_counts=True)[1].numpy()
    assert seen.size == 24
    assert chisquare(seen).pvalue > 1e-3


def test_large_images_draw_every_region_alike():
    ranking = rank_pixels(None, torch.ones(40, 64 * 64, dtype=torch.bool), generator(4))
    rows = ranking.cut(0.1).view(40, 64, 64).sum((0, 2)).numpy()
    columns = ranking.cut(0.1).view(40, 64, 64).sum((0, 1)).numpy()
    assert rows.sum() == 40 * 410
    assert chisquare(rows).pvalue > 1e-3
    assert chisquare(columns).pvalue > 1e-3


def test_an_image_is_ranked_the_same_whatever_its_batch():
    score = torch.randint(0, 3, (7, 50), generator=generator(0)).float()
    whole = rank_pixels(score, score > 0, generator(5)).cut(0.3)
    stream = generator(5)
    parts = [rank_pixels(part, part > 0, stream).cut(0.3) for part in score.split([1, 2, 4])]
    assert torch.equal(whole, torch.cat(parts))
    neighbours = score.clone()
    neighbours[1:] = 0
    assert torch.equal(whole[0], rank_pixels(neighbours, neighbours > 0, generator(5)).cut(0.3)[0])


def test_the_same_seed_draws_the_same_and_another_one_does_not():
    lit = torch.ones(2, 400, dtype=torch.bool)
    first, again, other = (rank_pixels(None, lit, generator(seed)).cut(0.5) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


def test_dark_images_and_empty_batches_give_empty_masks():
    dark = torch.zeros(2, 9)
    assert not rank_pixels(dark, dark > 0, generator(0)).cut(0.5).any()
    assert rank_pixels(dark[:0], dark[:0] > 0, generator(0)).cut(0.5).shape == (0, 9)


def test_impossible_counts_and_scores_are_refused():
    score = torch.tensor([[1.0, float("nan"), 2.0]])
    allowed = torch.tensor([[True, False, True]])
    with pytest.raises(ValueError, match="count"):
        lowest_ranked(score, allowed, torch.tensor([3]), generator(0))
    with pytest.raises(UserError, match="not numbers"):
        lowest_ranked(score, ~allowed, torch.tensor([1]), generator(0))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_ranks_as_the_cpu_does():
    score = torch.randint(0, 3, (16, 64 * 64), generator=generator(0)).float()
    here = rank_pixels(score, score > 0, generator(6)).cut(0.2)
    there = rank_pixels(score.cuda(), score.cuda() > 0, generator(6)).cut(0.2)
    assert torch.equal(here, there.cpu())
