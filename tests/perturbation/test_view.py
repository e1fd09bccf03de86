"""What a view says of its channels, on an image small enough to read."""

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.perturbation import View

IMAGE = torch.tensor([[[[0.0, 1.0], [2.0, 0.0]], [[3.0, 0.0], [0.0, 0.0]]]])


def test_channels_are_found_by_name_and_read_row_by_row():
    view = View(None, IMAGE, ["trajectory", "symbols"])
    assert view.index("symbols") == 1
    assert view.intensity("trajectory").tolist() == [[0.0, 1.0, 2.0, 0.0]]
    assert view.lit("symbols").tolist() == [[True, False, False, False]]


def test_a_flat_mask_is_placed_in_its_channel_alone():
    view = View(None, IMAGE, ["trajectory", "symbols"])
    mask = view.place("symbols", torch.tensor([[False, False, True, False]]))
    assert mask.nonzero().tolist() == [[0, 1, 1, 0]]


def test_an_unknown_channel_is_answered_with_the_choice():
    with pytest.raises(UserError, match=r"perturbation\.channels.*'phase'.*trajectory, symbols"):
        View(None, IMAGE, ["trajectory", "symbols"]).index("phase")


def test_shapes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="channels"):
        View(None, IMAGE, ["trajectory"])
    with pytest.raises(ValueError, match="score_map"):
        View(None, IMAGE, ["trajectory", "symbols"], score_map=torch.zeros(1, 1, 2, 2))
