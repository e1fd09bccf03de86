"""Sizes counted by hand."""

import json

from torch import nn

from amc_xai.model.size import count_multiply_adds, count_parameters, write_model_card


class Example(nn.Module):
    """Convolution 1 -> 4, 3 x 3 valid, on 8 x 8; batch norm; linear 4 * 36 -> 5."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm, self.last = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(144, 5)

    def forward(self, x):
        return self.last(self.norm(self.convolution(x)).flatten(1))


PARAMETERS = (4 * 9 + 4) + 2 * 4 + (144 * 5 + 5)
MULTIPLY_ADDS = 36 * 4 * 9 + 144 * 5


def test_counts_are_those_by_hand_and_leave_the_network_alone(tmp_path):
    network = Example().train()
    card = write_model_card(network, (1, 8, 8), "CPU (1 threads)", tmp_path / "model.json")
    assert card == {"parameters": PARAMETERS, "multiply_adds": MULTIPLY_ADDS, "device": "CPU (1 threads)"}
    assert json.loads((tmp_path / "model.json").read_text()) == card
    assert network.training and network.norm.num_batches_tracked == 0
    assert network.convolution.weight.device.type == "cpu"


def test_recurrent_layers_count():
    """An LSTM of width 3 on inputs of width 2: four gates a step, over 5 steps."""

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.LSTM(2, 3, batch_first=True)

        def forward(self, x):
            return self.layer(x.transpose(1, 2))[0]

    assert count_multiply_adds(Recurrent(), (2, 5)) == 5 * 4 * 3 * (2 + 3)


def test_a_network_that_looks_at_values_is_counted_too():
    class Choosy(Example):
        def forward(self, x):
            return super().forward(x if float(x.sum()) == 0 else -x)

    assert count_multiply_adds(Choosy(), (1, 8, 8)) == MULTIPLY_ADDS


def test_what_cannot_be_counted_is_none():
    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    assert count_multiply_adds(Broken(), (1,)) is None
    assert count_parameters(nn.Linear(2, 2).requires_grad_(False)) == 6
