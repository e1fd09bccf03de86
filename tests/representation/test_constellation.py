import numpy as np
import pytest
import torch

from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.representation import Constellation, normalise_power

FACTS = Facts(512, 8.0)

SETTINGS = [{}, {"extent": "quantile"}, {"smoothing": 1.0}, {"power_normalise": False}, {"log": False}]


def random_frames(count=6, length=200, seed=0):
    generator = torch.Generator().manual_seed(seed)
    scale = torch.logspace(-2, 2, count)[:, None, None]
    return scale * torch.randn(count, 2, length, generator=generator)


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_the_image_of_a_frame_depends_on_that_frame_alone(options):
    constellation = Constellation(FACTS, 32, **options)
    iq = random_frames()
    together = constellation(iq)
    # A convolution may sum in another order for another batch; counts are exact.
    tolerance = {"rtol": 0, "atol": 1e-6 if "smoothing" in options else 0}
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(constellation(iq[order]), together[order], **tolerance)
    for k in range(6):
        torch.testing.assert_close(constellation(iq[k : k + 1])[0], together[k], **tolerance)
        company = torch.cat([random_frames(7, seed=1), iq[k : k + 1], torch.zeros(1, 2, 200)])
        torch.testing.assert_close(constellation(company)[7], together[k], **tolerance)


@pytest.mark.parametrize("size", [1, 7, 224])
def test_the_pixels_count_the_points_of_the_normalised_frame(size):
    iq = random_frames(4, 500)
    drawn = Constellation(FACTS, size, log=False)(iq)
    assert drawn.shape == (4, 1, size, size) and drawn.dtype == torch.float32
    assert Constellation(FACTS, size).output_shape(500) == (1, size, size)
    for frame, image in zip(iq.double(), drawn[:, 0], strict=True):
        i, q = (frame / frame.square().sum(0).mean().sqrt()).numpy()
        expected, _, _ = np.histogram2d(q, i, bins=size, range=[[-3, 3], [-3, 3]])
        # float32 may move a point over a bin edge that it all but touches, and no further.
        moved = np.abs(expected - image.numpy())
        assert moved.max() <= 1 and moved.sum() <= 2
    torch.testing.assert_close(Constellation(FACTS, size)(iq), drawn.log1p())


def test_rows_grow_with_q_and_columns_with_i():
    # A single point at I = 1, Q = -0.5 of unit-free scale, within a square of half width 2.
    iq = torch.tensor([[[1.0], [-0.5]]])
    image = Constellation(FACTS, 4, extent=2.0, power_normalise=False, log=False)(iq)[0, 0]
    assert image.nonzero().tolist() == [[1, 3]]


def test_power_normalisation_takes_out_the_scale():
    iq = random_frames()
    power = normalise_power(iq).square().sum(1).mean(-1)
    torch.testing.assert_close(power, torch.ones(6))
    constellation = Constellation(FACTS, 64)
    # Powers of two scale exactly in floating point.
    for scale in (2.0**-12, 2.0**10):
        assert torch.equal(constellation(iq * scale), constellation(iq))
    plain = Constellation(FACTS, 64, power_normalise=False)
    assert not torch.equal(plain(iq * 4.0), plain(iq))


def test_the_quantile_extent_holds_995_of_1000_points():
    iq = random_frames(3, 1000)
    drawn = Constellation(FACTS, 50, extent="quantile", log=False)(iq)
    reach = np.sort(iq.abs().amax(1).numpy(), axis=1)
    # numpy's quantile of 1000 values lies between the 995th and the 996th.
    assert drawn.sum((1, 2, 3)).tolist() == [995.0] * 3
    for frame, image, top in zip(iq, drawn[:, 0], np.quantile(reach, 0.995, axis=1), strict=True):
        expected, _, _ = np.histogram2d(
            frame[1].double().numpy(), frame[0].double().numpy(), bins=50, range=[[-top, top]] * 2
        )
        assert np.abs(expected - image.numpy()).sum() <= 4


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_a_frame_of_zeros_is_one_dot_in_the_middle(options):
    image = Constellation(FACTS, 9, **{**options, "log": False, "smoothing": 0.0})(torch.zeros(1, 2, 30))
    assert image[0, 0].nonzero().tolist() == [[4, 4]] and image.sum() == 30


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_drawing_the_cells_is_the_image_and_weights_leave_points_out(options):
    constellation = Constellation(FACTS, 16, **options)
    iq = random_frames()
    cells = constellation.cells(iq)
    assert set(cells) == set(constellation.channels) and cells["trajectory"].shape == (6, 200)
    assert torch.equal(constellation.draw(cells), constellation(iq))
    keep = torch.rand(6, 200, generator=torch.Generator().manual_seed(3)) < 0.6
    without = {"trajectory": torch.where(keep, cells["trajectory"], -1)}
    weighted = constellation.draw(cells, {"trajectory": keep.float()})
    torch.testing.assert_close(weighted, constellation.draw(without))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"image_size": 0}, "representation.image_size must be 1 or more pixels, not 0"),
        ({"smoothing": -1.0}, "representation.smoothing must be within [0, 64], not -1.0"),
        ({"extent": 0.0}, "representation.extent must be a positive number or quantile, not 0.0"),
        ({"extent": float("nan")}, "representation.extent must be a positive number or quantile, not nan"),
        ({"extent": "max"}, "representation.extent must be a positive number or quantile, not 'max'"),
    ],
)
def test_bad_settings_are_refused(options, sentence):
    with pytest.raises(UserError) as error:
        Constellation(FACTS, **options)
    assert str(error.value) == sentence
