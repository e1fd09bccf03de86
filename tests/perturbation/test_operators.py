"""What an operator does to the masked pixels, and that it leaves all others alone."""

import torch

from amc_xai.perturbation import View, Zero


def test_zero_clears_the_masked_pixels_and_keeps_the_rest_bit_by_bit():
    image = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0)) + 0.1
    kept = image.clone()
    mask = torch.rand(image.shape, generator=torch.Generator().manual_seed(1)) < 0.3
    perturbed = Zero()(View(None, image, ["a", "b", "c"]), mask)
    assert torch.equal(perturbed[~mask], kept[~mask])
    assert (perturbed[mask] == 0).all()
    assert torch.equal(image, kept)


def test_zero_with_an_empty_mask_is_the_identity():
    view = View(None, torch.rand(1, 1, 4, 4), ["a"])
    assert torch.equal(Zero()(view, torch.zeros(1, 1, 4, 4, dtype=torch.bool)), view.image)
