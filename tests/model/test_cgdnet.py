"""CGDNet in its published form."""

import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.model import CgdNet
from amc_xai.model.sequence import GaussianDropout


@pytest.mark.parametrize(("classes", "length", "parameters"), [(11, 128, 124_933), (24, 1024, 665_874)])
def test_parameters_of_the_published_form(published_parameters, classes, length, parameters):
    assert published_parameters(CgdNet, classes, length) == parameters


def test_first_block_by_hand():
    torch.manual_seed(0)
    network, x = CgdNet((2, 16)).eval(), torch.randn(2, 2, 16)
    kernel, bias = network.first.convolution.weight[:, 0, 0], network.first.convolution.bias
    filtered = torch.relu(x.unfold(2, 6, 1) @ kernel.T + bias)  # (B, row, L-5, channel)
    expected = filtered.clone()
    for row in range(2):
        for t in range(11):
            expected[:, row, t] = filtered[:, row : row + 2, t : t + 2].amax((1, 2))
    torch.testing.assert_close(network.first(x[:, None]), expected.permute(0, 3, 1, 2))


def test_a_step_of_the_gru_is_a_channel():
    torch.manual_seed(0)
    network, x = CgdNet((2, 32)).eval(), torch.randn(2, 2, 32)
    steps = network.steps(x)
    assert steps.shape == (2, 50, 4 * 32 - 40)
    # Row by row, each first the 27 moments of block 1, then the 17 of block 3.
    first = network.first(x[:, None])
    torch.testing.assert_close(steps[:, 7, :27], first[:, 7, 0])
    torch.testing.assert_close(steps[:, 7, 44:71], first[:, 7, 1])


def test_gaussian_dropout_has_mean_one_and_the_stated_variance():
    torch.manual_seed(0)
    layer, ones = GaussianDropout(0.2), torch.ones(200_000)
    noisy = layer(ones)
    assert noisy.mean().item() == pytest.approx(1, abs=5 * 0.5 / 200_000**0.5)
    assert noisy.var().item() == pytest.approx(0.2 / 0.8, rel=0.02)
    assert layer.eval()(ones) is ones
    with pytest.raises(UserError, match=r"backbone.dropout must lie in \[0, 1\)"):
        GaussianDropout(1.0)
