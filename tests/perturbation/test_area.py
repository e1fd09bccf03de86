"""Changed area, counted by hand, and which images of two trees are a pair."""

import math

import numpy as np
import pytest
from matplotlib.image import imsave

from amc_xai.errors import UserError
from amc_xai.perturbation import changed_area, compare_trees


def test_changed_area_as_counted_by_hand():
    before = np.array([[0, 1, 2, 0], [3, 0, 0, 4]])
    after = np.array([[0, 0, 2, 0], [3, 0, 7, 4]])
    # Two of eight pixels changed, one of the four that were lit.
    assert changed_area(before, after) == (0.25, 0.25)
    assert changed_area(before, before) == (0.0, 0.0)
    colour = np.repeat(before[..., None], 3, -1)
    assert changed_area(colour, colour * (np.arange(3) < 2)) == (0.5, 1.0)
    assert math.isnan(changed_area(np.zeros((2, 2)), np.ones((2, 2))).lit_fraction)
    with pytest.raises(UserError, match="shapes"):
        changed_area(before, before[:1])


def test_twins_of_one_tree_and_equal_paths_of_two_are_pairs(tmp_path):
    grey = np.zeros((10, 10), np.uint8)
    grey[:2] = 200
    masked = grey.copy()
    masked[0, :5] = 0
    one, two = tmp_path / "one" / "QPSK" / "SNR_10", tmp_path / "two" / "QPSK" / "SNR_10"
    for folder, name, image in (
        (one, "grayscale_QPSK_SNR_10_sample_0", grey),
        (one, "grayscale_QPSK_SNR_10_sample_0_top5_blackout", masked),
        (two, "grayscale_QPSK_SNR_10_sample_0", masked),
        (two, "alone", masked),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        imsave(folder / f"{name}.png", image, cmap="gray", vmin=0, vmax=255)
    ((name, area),) = compare_trees(tmp_path / "one", tmp_path / "one")
    assert name.endswith("sample_0_top5_blackout.png")
    assert area == (0.05, 0.25)
    ((name, area),) = compare_trees(tmp_path / "one", tmp_path / "two")
    assert (name, area) == ("QPSK/SNR_10/grayscale_QPSK_SNR_10_sample_0.png", (0.05, 0.25))
    with pytest.raises(UserError, match="no PNG below"):
        list(compare_trees(tmp_path / "two", tmp_path / "one" / "QPSK"))
    with pytest.raises(UserError, match=r"task\.before"):
        list(compare_trees(tmp_path / "none", tmp_path / "one"))
