"""Selectors by place, time, map and histogram, and the original study's masks, each against brute force."""

import math

import numpy as np
import pytest
import torch

from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.perturbation import (
    Annulus,
    Attribution,
    Bottom,
    Cluster,
    DoesNotApply,
    Published,
    RandomMatched,
    RankedSelector,
    Sector,
    SymbolInstants,
    Top,
    Transitions,
    View,
    annuli,
    published_sides,
    sectors,
    whole_instants,
)
from amc_xai.representation import Constellation

FACTS = Facts(512, 8.0)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counts_view(seed: int, channels=("symbols",), size: int = 12, rate: float = 0.4, frames: int = 3) -> View:
    counts = torch.poisson(torch.full((frames, len(channels), size, size), rate), generator=generator(seed))
    return View(
        None, counts.log1p(), list(channels), score_map=torch.rand(counts.shape, generator=generator(seed))
    )


def walk(frames: int = 4, samples: int = 96, size: int = 10) -> View:
    """Frames of trajectories whose symbols stand at every eighth sample from the fourth; the last has none."""
    iq = torch.randn(frames, 2, samples, generator=generator(5))
    representation = Constellation(FACTS, size)
    cells = representation.cells(iq)
    instants = torch.arange(3, samples, 8).expand(frames, -1).clone()
    instants[-1] = -1
    return View(iq, representation.draw(cells), ["trajectory"], cells, instants)


EXACT = [Annulus(0.4), Sector(30.0), Cluster(), Attribution()]


@pytest.mark.parametrize("selector", EXACT, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("fraction", [0.01, 0.13, 0.5, 1.0])
def test_masks_hold_the_exact_share_of_the_lit_pixels_and_are_nested(selector, fraction):
    assert isinstance(selector, RankedSelector)
    for seed in range(5):
        view = counts_view(seed, ("recovered", "symbols"))
        mask = selector.mask(view, "symbols", fraction, generator(seed))
        assert not mask[:, 0].any() and not (mask & (view.image == 0)).any()
        for lit, masked in zip(view.lit("symbols").sum(1).tolist(), mask.sum((1, 2, 3)).tolist(), strict=True):
            assert masked == min(max(math.floor(fraction * lit + 0.5), 1), lit)
        wider = selector.mask(view, "symbols", min(1.0, 1.5 * fraction), generator(seed))
        assert not (mask & ~wider).any()


def test_a_sector_is_the_pixels_nearest_in_angle_to_its_ray():
    view = counts_view(3)
    mask = Sector(30.0).mask(view, "symbols", 0.3, generator(0))[:, 0]

    def turn(row: int, column: int) -> float:
        x, y = (column + 0.5) * 2 / 12 - 1, (row + 0.5) * 2 / 12 - 1
        return abs((math.degrees(math.atan2(y, x)) - 30 + 180) % 360 - 180)

    for image, chosen in zip(view.image[:, 0], mask, strict=True):
        distance = {
            flag: [turn(r, c) for r, c in ((image > 0) & (chosen == flag)).nonzero().tolist()]
            for flag in (True, False)
        }
        assert max(distance[True]) <= min(distance[False]) + 1e-3


@pytest.mark.parametrize("within", [0.0, 0.25, 0.6, 1.0])
@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_a_ring_lies_where_its_share_of_the_lit_pixels_is_inside_it(within, fraction):
    view = counts_view(3, rate=0.7, size=20)
    mask = Annulus(within).mask(view, "symbols", fraction, generator(0))[:, 0]
    for image, chosen in zip(view.image[:, 0], mask, strict=True):
        lit = (image > 0).nonzero().tolist()
        radius = sorted(math.hypot(2 * r + 1 - 20, 2 * c + 1 - 20) for r, c in lit)
        begin, count = within * (1 - fraction) * len(lit), round(fraction * len(lit))
        taken = sorted(math.hypot(2 * r + 1 - 20, 2 * c + 1 - 20) for r, c in chosen.nonzero().tolist())
        # As many of the sorted radii from there on; those of one radius (up to 16 mirrored pixels) tie as a group.
        low = max(0, math.floor(begin - 16))
        high = min(len(lit), math.ceil(begin + count + 16))
        assert len(taken) == math.floor(fraction * len(lit) + 0.5)
        assert radius[low] <= taken[0] and taken[-1] <= radius[high - 1]


def test_rings_of_two_places_are_never_one_mask_however_little_of_the_picture_is_lit():
    # A lone ring of points in a large dark picture: all radii below it had the same nearest pixels.
    angle = torch.linspace(0, 2 * math.pi, 40)[:-1]
    image = torch.zeros(1, 1, 64, 64)
    for radius, share in ((0.45, 20), (0.5, 39)):
        x, y = radius * angle[:share].cos(), radius * angle[:share].sin()
        image[0, 0, ((y + 1) * 32).long(), ((x + 1) * 32).long()] = 1.0
    view = View(None, image, ["symbols"])
    for fraction in (0.1, 0.5, 0.9):
        masks = [ring.mask(view, "symbols", fraction, generator(0)) for ring in annuli().values()]
        assert all((a != b).any() for i, a in enumerate(masks) for b in masks[:i])


def test_ties_between_mirrored_pixels_are_uniform_over_seeds():
    # Four pixels lie equally far from the centre; one is taken. Chi-square with 3 degrees of freedom, 99.9 %.
    view = View(None, torch.ones(4000, 1, 2, 2), ["c"])
    taken = Annulus(0.0).mask(view, "c", 0.25, generator(1)).sum(0).flatten().double()
    assert int(taken.sum()) == 4000
    assert float(((taken - 1000) ** 2 / 1000).sum()) < 16.27


def test_clusters_are_found_where_the_points_lie():
    # Two blobs and a lone faint pixel far from both: the lone one goes last.
    image = torch.zeros(1, 1, 16, 16)
    image[0, 0, 3:6, 3:6] = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]])
    image[0, 0, 10:13, 10:13] = image[0, 0, 3:6, 3:6]
    image[0, 0, 0, 15] = 0.1
    view = View(None, image, ["recovered"])
    first = Cluster().mask(view, "recovered", 2 / 19, generator(0))[0, 0]
    assert sorted(first.nonzero().tolist()) == [[4, 4], [11, 11]]
    almost_all = Cluster().mask(view, "recovered", 18 / 19, generator(0))[0, 0]
    assert ((image[0, 0] > 0) & ~almost_all).nonzero().tolist() == [[0, 15]]


def test_symbol_instants_and_transitions_are_the_two_ends_of_the_time_to_a_symbol():
    view = walk()
    cells = view.cells["trajectory"]
    near = SymbolInstants().mask(view, "trajectory", 0.2, generator(0)).flatten(1)
    far = Transitions().mask(view, "trajectory", 0.2, generator(0)).flatten(1)
    for frame in range(3):
        time = {}
        for sample, pixel in enumerate(cells[frame].tolist()):
            if pixel >= 0:
                distance = min(abs(sample - k) for k in range(3, 96, 8))
                time[pixel] = min(time.get(pixel, 99), distance)
        masked = [time[p] for p in near[frame].nonzero().flatten().tolist()]
        spared = [time[p] for p in time if not near[frame, p]]
        assert len(masked) == math.floor(0.2 * len(time) + 0.5)
        assert max(masked) <= min(spared)
        assert min(time[p] for p in far[frame].nonzero().flatten().tolist()) >= max(
            time[p] for p in time if not far[frame, p]
        )
    assert not near[3].any() and not far[3].any()  # a frame without symbols


def test_instants_fall_on_the_nearest_sample_of_the_frame():
    position = torch.tensor([[-0.6, 0.4, 7.49, 7.6, float("nan")]])
    assert whole_instants(position, 8).tolist() == [[-1, 0, 7, -1, -1]]


def test_attribution_takes_the_highest_scores():
    view = counts_view(4)
    mask = Attribution().mask(view, "symbols", 0.2, generator(0))
    lit = view.image > 0
    for score, chosen, shown in zip(view.score_map, mask, lit, strict=True):
        assert score[chosen].min() >= score[shown & ~chosen].max()


@pytest.mark.parametrize("reference", [Top(), Bottom(), Annulus(0.4)])
def test_a_matched_mask_has_the_count_and_the_histogram_of_its_reference(reference):
    view = counts_view(6, rate=1.2)
    for fraction in (0.1, 0.4):
        given = reference.mask(view, "symbols", fraction, generator(1))
        matched = RandomMatched(reference).mask(view, "symbols", fraction, generator(1))
        with_mask = View(None, view.image, view.channels, reference_mask=given)
        other = RandomMatched().mask(with_mask, "symbols", fraction, generator(9))
        for image, mask, twin, again in zip(view.image, given, matched, other, strict=True):
            for found in (twin, again):
                assert torch.equal(image[found].sort().values, image[mask].sort().values)


def test_a_matched_draw_is_uniform_within_a_level():
    # Six pixels of one level, of which the reference takes the first two: each is taken in a third of the draws.
    image = torch.tensor([1.0] * 6 + [2.0] * 2 + [0.0]).view(1, 1, 3, 3).repeat(3000, 1, 1, 1)
    reference = torch.zeros(image.shape, dtype=torch.bool)
    reference[:, 0, 0, :2] = True
    view = View(None, image, ["c"], reference_mask=reference)
    taken = RandomMatched().mask(view, "c", 0.25, generator(0)).sum(0).flatten().double()
    assert taken[6:].tolist() == [0, 0, 0]
    # Chi-square with 5 degrees of freedom at 99.9 %; drawing without replacement only narrows it.
    assert float(((taken[:6] - 1000) ** 2 / 1000).sum()) < 20.5


@pytest.mark.parametrize("fraction", [0.01, 0.05, 0.3])
def test_published_masks_are_numpys_percentiles_ties_and_all(fraction):
    view = counts_view(8, rate=0.8, size=16)
    masks = {name: s.mask(view, "symbols", fraction, generator(0)) for name, s in published_sides().items()}
    for frame, image in enumerate(view.image[:, 0].numpy()):
        lit = image[image > 0]
        low, high = np.percentile(lit, 100 * fraction), np.percentile(lit, 100 * (1 - fraction))
        assert np.array_equal(masks["published_bottom"][frame, 0].numpy(), (image > 0) & (image <= low))
        assert np.array_equal(masks["published_top"][frame, 0].numpy(), (image > 0) & (image >= high))
    random = masks["published_random"]
    assert (random.sum((1, 2, 3)) == math.floor(fraction * 256 + 0.5)).all()
    assert (random == random[:1]).all()  # one seed for every image
    assert (masks["published_bottom"].sum((1, 2, 3)) > 0.4 * view.lit("symbols").sum(1)).all()


@pytest.mark.parametrize(
    ("selector", "view", "message"),
    [
        (Cluster(), counts_view(0, ("trajectory",)), "cluster does not apply to channel 'trajectory'"),
        (SymbolInstants(), counts_view(0), "symbol_instants does not apply to channel 'symbols'"),
        (Transitions(), counts_view(0, ("trajectory",)), "not known; dataset=synthetic"),
        (Attribution(), View(None, torch.ones(1, 1, 2, 2), ["a"]), "attribution map"),
        (RandomMatched(), counts_view(0), "no mask to match"),
    ],
)
def test_what_does_not_apply_says_so(selector, view, message):
    with pytest.raises(DoesNotApply, match=message):
        selector.mask(view, view.channels[0], 0.1, generator(0))


def test_families_are_named_after_their_values():
    assert list(annuli([0, 0.25])) == ["annulus_0", "annulus_0.25"]
    assert list(sectors([0, 90.5])) == ["sector_0", "sector_90.5"]
    for bad in (lambda: annuli([]), lambda: annuli([-1]), lambda: annuli([1.5]), lambda: sectors([])):
        with pytest.raises(UserError):
            bad()
    with pytest.raises(UserError):
        Published("left")
