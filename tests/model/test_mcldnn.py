"""MCLDNN in its published form."""

import pytest
import torch
from torch.nn import functional

from amc_xai.model import Mcldnn


@pytest.mark.parametrize(("classes", "length", "parameters"), [(11, 128, 406_199), (24, 1024, 407_876)])
def test_parameters_of_the_published_form(published_parameters, classes, length, parameters):
    assert published_parameters(Mcldnn, classes, length) == parameters


def test_branches_by_hand():
    torch.manual_seed(0)
    network, x = Mcldnn((2, 20)), torch.randn(2, 2, 20)
    # together[b, c, row, t] = sum over i, j of w[c, i, j] x[row + i, t + j - 3], zeros outside.
    padded = torch.zeros(2, 3, 27)
    padded[:, :2, 3:23] = x
    kernel, bias = network.together[1].weight[:, 0], network.together[1].bias
    expected = torch.stack(
        [
            torch.stack(
                [torch.einsum("bij,cij->bc", padded[:, r : r + 2, t : t + 8], kernel) for t in range(20)], -1
            )
            for r in range(2)
        ],
        2,
    )
    torch.testing.assert_close(network.together(x[:, None]), functional.relu(expected + bias[:, None, None]))
    kernel, bias = network.in_phase[1].weight[:, 0], network.in_phase[1].bias
    past = functional.pad(x[:, 0], (7, 0))
    expected = torch.stack([past[:, t : t + 8] @ kernel.T for t in range(20)], -1)
    torch.testing.assert_close(network.in_phase(x[:, :1]), functional.relu(expected + bias[:, None]))


def test_a_step_of_the_lstm_is_a_moment_of_the_frame():
    """Where a reshape stood for the permutation, one sample would touch steps all over the frame."""
    torch.manual_seed(0)
    network, x = Mcldnn((2, 64)), torch.randn(1, 2, 64)
    other = x.clone()
    other[..., 40] += 1.0
    changed = (network.steps(x) - network.steps(other)).abs().amax(-1)[0] > 0
    assert network.steps(x).shape == (1, 60, 100)
    touched = changed.nonzero().flatten()
    # The causal convolution looks 7 back, `same` 3 back and 4 on (twice for the parted branch), the last 4 on.
    assert touched.min() >= 40 - 4 - 4
    assert touched.max() <= 40 + 7 + 3
    assert len(touched) >= 8
