"""The residual network of O'Shea, Roy and Clancy in its published form."""

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.model import OsheaResnet


def test_parameters_of_the_published_form(published_parameters):
    assert published_parameters(OsheaResnet, 24, 1024) == 165_144


def test_without_its_branches_a_stack_is_a_pooled_mix_of_channels():
    """A residual unit whose second convolution is zero passes its input on."""
    torch.manual_seed(0)
    network, x = OsheaResnet((2, 64)), torch.randn(2, 2, 64)
    mix, first, second, pool = network.stacks[:4]
    for unit in (first, second):
        torch.nn.init.zeros_(unit.second.weight)
    expected = torch.einsum("oi,bit->bot", mix.weight[..., 0], x).unflatten(2, (32, 2)).amax(-1)
    torch.testing.assert_close(network.stacks[:4](x), expected)
    assert pool(x).shape[-1] == 32


def test_frames_that_six_halvings_leave_empty_are_refused():
    with pytest.raises(UserError, match=r"dataset.frame_length: backbone=oshea_resnet needs frames of 64 samples"):
        OsheaResnet((2, 63))
