"""The histogram at several sharpnesses."""

import pytest
import torch

from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.representation import Constellation, Multiscale

FACTS = Facts(512, 8.0)


def frames():
    return torch.randn(3, 2, 200, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("log", [True, False])
def test_each_channel_is_the_constellation_with_that_blur(log):
    image = Multiscale(FACTS, [0, 1, 2.5], 32, log=log)(frames())
    for k, width in enumerate((0, 1, 2.5)):
        torch.testing.assert_close(
            image[:, k : k + 1], Constellation(FACTS, 32, log=log, smoothing=width)(frames())
        )


def test_a_blurred_point_is_a_gaussian_of_that_width():
    iq = torch.tensor([[[1.0], [0.0]]])
    sharp, blurred = Multiscale(FACTS, [0, 2], 33, extent=3.0, log=False)(iq)[0]
    row, column = divmod(int(sharp.argmax()), 33)
    offset = torch.arange(33.0)
    spread = (blurred.sum(0) * (offset - column) ** 2).sum(), (blurred.sum(1) * (offset - row) ** 2).sum()
    assert blurred.sum().item() == pytest.approx(1, abs=1e-4)
    assert [s.item() for s in spread] == pytest.approx([4, 4], rel=0.01)  # cut at four sigma


def test_names_shape_and_weights():
    multiscale = Multiscale(FACTS, [0, 0.5, 4], 32)
    assert multiscale.channels == ("trajectory_s0", "trajectory_s0.5", "trajectory_s4")
    assert multiscale.output_shape(200) == (3, 32, 32)
    cells = multiscale.cells(frames())
    assert list(cells) == list(multiscale.channels)
    weights = {name: torch.zeros(3, 200) for name in cells}
    weights["trajectory_s0.5"][:, :100] = 1
    image = multiscale.draw(cells, weights)
    assert not image[:, [0, 2]].any()
    half = Constellation(FACTS, 32, smoothing=0.5)
    expected = half.draw({"trajectory": cells["trajectory_s0"][:, :100]})
    torch.testing.assert_close(image[:, 1:2], expected)


@pytest.mark.parametrize("widths", [[], [1, 1], [-1]])
def test_widths_that_make_no_channels_are_refused(widths):
    with pytest.raises(UserError, match=r"representation.widths: .* each 0 or more and only once"):
        Multiscale(FACTS, widths)
