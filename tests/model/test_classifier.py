import torch
from torch import nn

from amc_xai.model import Classifier


class Told(nn.Module):
    """Shows what it was told."""

    def forward(self, iq, samples_per_symbol=None):
        return iq.new_full((len(iq), 1), 8.0) if samples_per_symbol is None else samples_per_symbol[:, None]


class Plain(nn.Module):
    def forward(self, iq):
        return iq[:, :1, 0]


def test_the_samples_a_symbol_of_each_frame_go_to_a_representation_that_takes_them():
    iq, own = torch.ones(3, 2, 5), torch.tensor([2.0, 4.0, 7.5])
    told, plain = (Classifier(part, nn.Identity(), ["a"], [0]) for part in (Told(), Plain()))
    assert told(iq, own).flatten().tolist() == [2.0, 4.0, 7.5]
    assert told(iq).flatten().tolist() == [8.0] * 3
    assert plain(iq, own).flatten().tolist() == plain(iq).flatten().tolist() == [1.0] * 3
