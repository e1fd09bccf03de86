"""The frame cut into parts."""

import numpy as np
import pytest
import torch

from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.representation import Constellation, Windows, normalise_power

FACTS = Facts(512, 8.0)


@pytest.mark.parametrize(("length", "parts"), [(200, 4), (101, 3), (7, 7), (10, 4)])
def test_each_channel_is_the_histogram_of_its_part(length, parts):
    iq = torch.randn(2, 2, length, generator=torch.Generator().manual_seed(length))
    image = Windows(FACTS, parts, 16, log=False)(iq)
    assert image.shape == (2, *Windows(FACTS, parts, 16).output_shape(length))
    z = normalise_power(iq).double().numpy()
    edges = [k * length // parts for k in range(parts + 1)]
    for b in range(2):
        for k in range(parts):
            i, q = z[b, :, edges[k] : edges[k + 1]]
            expected = np.histogram2d(q, i, bins=16, range=[[-3, 3]] * 2)[0]
            assert np.array_equal(image[b, k].numpy(), expected)


def test_points_are_the_samples_of_the_frame():
    windows, iq = Windows(FACTS, 3, 16), torch.randn(2, 2, 50, generator=torch.Generator().manual_seed(1))
    whole = Constellation(FACTS, 16).cells(iq)["trajectory"]
    cells = windows.cells(iq)
    assert list(cells) == list(windows.channels) == ["window_0", "window_1", "window_2"]
    assert torch.equal(torch.stack(list(cells.values())).amax(0), whole)
    assert (cells["window_1"][:, :16] == -1).all() and (cells["window_1"][:, 33:] == -1).all()


def test_a_change_of_power_over_time_is_seen():
    """The loud half fills the outer pixels of its own channel alone."""
    iq = torch.randn(1, 2, 400, generator=torch.Generator().manual_seed(2))
    iq[..., :200] *= 0.05
    quiet, loud = Windows(FACTS, 2, 8, log=False)(iq)[0]
    assert quiet[3:5, 3:5].sum() == 200
    assert loud[3:5, 3:5].sum() < 100


def test_parts_that_a_frame_cannot_give_are_refused():
    with pytest.raises(UserError, match=r"representation.parts must be 1 or more, not 0"):
        Windows(FACTS, 0)
    with pytest.raises(UserError, match=r"representation.parts: a frame of 3 samples can't be cut into 4 parts"):
        Windows(FACTS, 4).output_shape(3)
