"""Donors and the operator swap: what is taken comes from another frame, at the same place."""

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.perturbation import DoesNotApply, Donors, Swap, View

SWAP = Swap()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_masked_pixels_are_a_donors_at_the_same_place_and_the_rest_is_the_frames_own():
    image = torch.rand(20, 2, 5, 5, generator=seeded(1))
    pool = torch.rand(7, 2, 5, 5, generator=seeded(2))
    donors = Donors(pool, torch.arange(100, 107))
    view = View(None, image, ["a", "b"], places=torch.arange(20), donors=donors)
    mask = torch.rand(image.shape, generator=seeded(3)) < 0.4
    found = SWAP(view, mask, generator=seeded())
    assert torch.equal(found[~mask], image[~mask])
    for i in range(20):
        assert any(torch.equal(found[i][mask[i]], other[mask[i]]) for other in pool)


def test_no_frame_is_its_own_donor_and_every_other_is_as_likely():
    donors = Donors(torch.zeros(5, 1, 2, 2), torch.tensor([3, 4, 5, 8, 9]))
    places = torch.tensor([4] * 4000 + [7] * 4000)  # one of the donors, and one that is none
    drawn = donors.drawn(places, seeded())
    own, stranger = drawn[:4000].bincount(minlength=5), drawn[4000:].bincount(minlength=5)
    assert own[1] == 0
    # Four standard deviations of a count with p = 1/4 and 1/5.
    assert (own[[0, 2, 3, 4]] - 1000).abs().max() < 4 * (4000 * 3 / 16) ** 0.5
    assert (stranger - 800).abs().max() < 4 * (4000 * 4 / 25) ** 0.5


def test_a_frames_donor_is_its_own_matter_however_the_frames_are_batched():
    donors = Donors(torch.zeros(9, 1, 2, 2), torch.arange(9))
    places, generator = torch.arange(8), seeded(5)
    parts = [donors.drawn(part, generator) for part in places.split(3)]
    assert torch.equal(torch.cat(parts), donors.drawn(places, seeded(5)))


def test_several_inputs_swap_the_picture_alone():
    donors = Donors((torch.ones(2, 1, 2, 2), torch.ones(2, 2, 6)), torch.tensor([5, 6]))
    view = View(None, torch.zeros(1, 1, 2, 2), ["a"], places=torch.tensor([0]), donors=donors)
    assert SWAP(view, torch.ones(1, 1, 2, 2, dtype=torch.bool), generator=seeded()).eq(1).all()


def test_without_donors_swap_does_not_apply_and_one_frame_is_too_few():
    view = View(None, torch.zeros(1, 1, 2, 2), ["a"])
    with pytest.raises(DoesNotApply, match="swap needs other frames"):
        SWAP(view, torch.ones(1, 1, 2, 2, dtype=torch.bool), generator=seeded())
    with pytest.raises(UserError, match="two frames or more"):
        Donors(torch.zeros(1, 1, 2, 2), torch.zeros(1, dtype=torch.int64))
