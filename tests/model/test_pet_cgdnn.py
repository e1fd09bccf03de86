"""PET-CGDNN in its published form."""

import pytest
import torch

from amc_xai.model import PetCgdnn


@pytest.mark.parametrize(("classes", "length", "parameters"), [(11, 128, 71_871), (24, 1024, 75_340)])
def test_parameters_of_the_published_form(published_parameters, classes, length, parameters):
    assert published_parameters(PetCgdnn, classes, length) == parameters


def test_the_frame_is_turned_back_by_its_own_angle():
    torch.manual_seed(0)
    network, x = PetCgdnn((2, 20)), torch.randn(3, 2, 20)
    angle = x.flatten(1) @ network.angle.weight[0] + network.angle.bias
    turned = torch.complex(x[:, 0], x[:, 1]) * torch.exp(-1j * angle)[:, None]
    torch.testing.assert_close(network.turned(x), torch.stack([turned.real, turned.imag], 1))
