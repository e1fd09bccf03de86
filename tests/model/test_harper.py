"""Harper's network in its published form."""

import pytest
import torch

from amc_xai.model import Harper
from amc_xai.model.harper import SqueezeExcite


@pytest.mark.parametrize(("classes", "length", "parameters"), [(24, 1024, 202_880), (11, 128, 201_203)])
def test_parameters_of_the_published_form(published_parameters, classes, length, parameters):
    assert published_parameters(Harper, classes, length) == parameters


def test_the_length_is_kept_and_the_reach_is_that_of_the_dilated_kernels():
    torch.manual_seed(0)
    network = Harper((2, 101))
    convolutions = torch.nn.Sequential(*[m for m in network.convolutions if not isinstance(m, SqueezeExcite)])
    x = torch.randn(1, 2, 101)
    other = x.clone()
    other[..., 50] += 10.0
    changed = (convolutions(x) - convolutions(other)).abs().amax(1)[0] > 0
    reach = sum((k - 1) * d // 2 for k, d in zip((7, 5, 7, 5, 3, 3, 3), (1, 2, 3, 2, 2, 2, 1), strict=True))
    assert changed.nonzero().flatten().tolist() == list(range(50 - reach, 50 + reach + 1))


def test_squeeze_and_excitation_by_hand():
    torch.manual_seed(0)
    layer, x = SqueezeExcite(6), torch.randn(2, 6, 9)
    first, second = layer.gate[0].weight, layer.gate[2].weight
    scale = torch.sigmoid(torch.relu(x.mean(2) @ first.T) @ second.T)
    torch.testing.assert_close(layer(x), x * scale[:, :, None])


def test_the_features_are_means_and_variances_over_time():
    torch.manual_seed(0)
    network = Harper((2, 40))
    network.convolutions, network.dense = torch.nn.Identity(), torch.nn.Identity()
    x = torch.stack([torch.full((40,), 3.0), torch.tensor([1.0, -1.0]).repeat(20)])[None]
    torch.testing.assert_close(network(x), torch.tensor([[3.0, 0.0, 0.0, 1.0]]))
