"""The mixture of experts: how the gate blends, and what it reports."""

import pytest
import torch
from torch import nn

from amc_xai.model import MoeAmc
from amc_xai.model.moe_amc import positions


def test_blended_features_give_blended_logits():
    torch.manual_seed(0)
    network, head, x = MoeAmc((2, 64)).eval(), nn.Linear(128, 5), torch.randn(4, 2, 64)
    shares = network.gate_shares(x)
    torch.testing.assert_close(shares.sum(1), torch.ones(4))
    logits = torch.stack([head(expert(x)) for expert in network.experts], 1)
    torch.testing.assert_close(head(network(x)), (shares[..., None] * logits).sum(1))


def test_report_is_the_mean_share_since_the_last_training_step():
    torch.manual_seed(0)
    network, x = MoeAmc((2, 64)), torch.randn(6, 2, 64)
    assert network.report() == {}
    network.eval()(x[:1])
    network.train()(x)
    assert network.report() == {}
    network.eval()
    network(x[:4])
    network(x[4:])
    shares = network.gate_shares(x).mean(0)
    report = network.report()
    assert list(report) == ["gate_low_snr", "gate_high_snr"]
    assert list(report.values()) == pytest.approx(shares.tolist())
    assert network.report() == {}


def test_positions_are_the_published_sines():
    table = positions(7, 8)
    expected = [torch.sin(torch.tensor(3.0)), torch.cos(torch.tensor(3.0)), torch.sin(torch.tensor(3.0 / 10))]
    torch.testing.assert_close(table[3, :3], torch.stack(expected))
    assert table[0].tolist() == [0, 1] * 4
