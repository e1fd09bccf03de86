import pytest
import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.loss import FixedWeights, UncertaintyWeights
from amc_xai.training import parameter_groups, timm_optimizer


def test_loss_parameters_have_no_weight_decay():
    network, loss = nn.Linear(3, 2), UncertaintyWeights([0.0, 1.0])
    groups = parameter_groups(network, loss)
    assert [len(group["params"]) for group in groups] == [2, 1]
    assert groups[1]["params"][0] is loss.log_variance
    for make in (torch.optim.AdamW, torch.optim.Adam, torch.optim.SGD):
        optimizer = make(parameter_groups(network, loss), lr=0.1, weight_decay=0.5)
        assert [group["weight_decay"] for group in optimizer.param_groups] == [0.5, 0.0]
    optimizer = timm_optimizer(parameter_groups(network, loss), "lamb", lr=0.1, weight_decay=0.5)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.5, 0.0]


def test_weight_decay_alone_shrinks_the_network_and_not_the_loss():
    network, loss = nn.Linear(3, 2), UncertaintyWeights([0.0, 1.0])
    with torch.no_grad():
        loss.log_variance.fill_(1.0)
    weight = network.weight.detach().clone()
    optimizer = torch.optim.AdamW(parameter_groups(network, loss), lr=0.1, weight_decay=0.5)
    for parameter in (*network.parameters(), *loss.parameters()):
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(network.weight.detach(), weight * (1 - 0.1 * 0.5))
    assert loss.log_variance.tolist() == [1.0, 1.0]


def test_a_loss_without_parameters_makes_no_group():
    assert len(parameter_groups(nn.Linear(3, 2), FixedWeights([0.0]))) == 1


@pytest.mark.parametrize(("name", "kind"), [("lamb", "Lamb"), ("lion", "Lion"), ("nadamw", "NAdamW")])
def test_optimizers_of_timm_by_name(name, kind):
    network = nn.Linear(3, 2)
    optimizer = timm_optimizer([{"params": list(network.parameters())}], name, lr=0.05, weight_decay=0.01)
    assert kind.lower() in type(optimizer).__name__.lower()
    group = optimizer.param_groups[0]
    assert group["lr"] == 0.05 and group["weight_decay"] == 0.01
    before = network.weight.detach().clone()
    network(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    assert not torch.equal(network.weight, before)


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(
        UserError,
        match=r": timm has no optimizer 'adamz' \(did you mean adam[ap]?\?\); it has .*adamw.*, lamb",
    ):
        timm_optimizer([nn.Parameter(torch.zeros(1))], "adamz", lr=0.1)
