import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from amc_xai.representation.histogram import draw_cells, gaussian_smooth, pixel_cells


def points_off_the_edges(seed, count, extent, size, reach):
    """float32 points (count,) within reach * extent, none nearer to a bin edge than a thousandth of a bin."""
    values = np.random.default_rng(seed).uniform(-reach * extent, reach * extent, 4 * count).astype(np.float32)
    place = (values.astype(np.float64) / extent + 1) * size / 2
    values = values[np.abs(place - np.rint(place)) > 1e-3]
    assert len(values) >= count
    return values[:count]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1, 2, 7, 16, 33, 64, 224]),
    st.sampled_from([0.01, 0.7, 1.0, 3.0, 250.0]),
    st.floats(0.3, 2.0),
    st.integers(0, 2**32 - 1),
)
def test_counts_are_those_of_numpy_histogram2d(size, extent, reach, seed):
    x, y = (points_off_the_edges([seed, axis], 300, extent, size, reach) for axis in range(2))
    cells = pixel_cells(torch.from_numpy(x)[None], torch.from_numpy(y)[None], extent, size)
    drawn = draw_cells(cells, size, log=False)[0].numpy()
    edges = np.linspace(-extent, extent, size + 1)
    # Rows grow with y, so y is histogram2d's first axis.
    expected, _, _ = np.histogram2d(y.astype(np.float64), x.astype(np.float64), bins=(edges, edges))
    np.testing.assert_array_equal(drawn, expected)


def test_an_extent_of_its_own_for_each_frame():
    extents = np.array([0.5, 1.0, 4.0])
    x, y = (
        np.stack([points_off_the_edges([a, k], 200, e, 20, 1.5) for k, e in enumerate(extents)]) for a in (0, 1)
    )
    cells = pixel_cells(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(extents).float()[:, None], 20)
    drawn = draw_cells(cells, 20, log=False).numpy()
    for k, extent in enumerate(extents):
        window = [[-extent, extent]] * 2
        expected, _, _ = np.histogram2d(y[k].astype(np.float64), x[k].astype(np.float64), bins=20, range=window)
        np.testing.assert_array_equal(drawn[k], expected)


def test_the_corners_of_the_picture():
    # Columns grow with x, rows with y; as in histogram2d the outer edges belong to the last bins.
    x = torch.tensor([[-1.0, 1.0, -1.0, 1.0, 1.0001, -1.0001, 0.0]])
    y = torch.tensor([[-1.0, -1.0, 1.0, 1.0, 0.0, 0.0, 1.0001]])
    assert pixel_cells(x, y, 1.0, 4).tolist() == [[0, 3, 12, 15, -1, -1, -1]]


def test_points_that_are_no_numbers_are_outside():
    bad = torch.tensor([[math.nan, math.inf, -math.inf, 0.1]])
    good = torch.full((1, 4), 0.1)
    assert pixel_cells(bad, good, 1.0, 2).tolist() == [[-1, -1, -1, 3]]
    assert pixel_cells(good, bad, 1.0, 2).tolist() == [[-1, -1, -1, 3]]
    image = draw_cells(pixel_cells(bad, good, 1.0, 2), 2, log=False)
    assert image.tolist() == [[[0.0, 0.0], [0.0, 1.0]]]


def test_log_is_log_of_one_plus_the_count():
    cells = torch.tensor([[0, 0, 0, 3, -1, -1], [2, 2, 1, 1, 1, 1]])
    expected = np.log1p([[[3, 0], [0, 1]], [[0, 4], [2, 0]]])
    np.testing.assert_allclose(draw_cells(cells, 2).numpy(), expected, rtol=1e-6)
    assert draw_cells(cells, 2).dtype == torch.float32


@pytest.mark.parametrize("log", [True, False])
def test_weights_are_summed_in_each_pixel(log):
    rng = np.random.default_rng(0)
    cells = torch.from_numpy(rng.integers(-1, 9, (4, 50)))
    weights = torch.from_numpy(rng.uniform(0, 2, (4, 50)).astype(np.float32))
    expected = np.zeros((4, 9))
    for row in range(4):
        for cell, weight in zip(cells[row].tolist(), weights[row].tolist(), strict=True):
            if cell >= 0:
                expected[row, cell] += weight
    drawn = draw_cells(cells, 3, weights, log).numpy().reshape(4, 9)
    np.testing.assert_allclose(drawn, np.log1p(expected) if log else expected, rtol=1e-5)
    ones = draw_cells(cells, 3, torch.ones(4, 50), log)
    assert torch.equal(ones, draw_cells(cells, 3, None, log))
    assert not draw_cells(cells, 3, torch.zeros(4, 50), log).any()


@pytest.mark.parametrize("sigma", [0.3, 0.5, 1.0, 1.7, 3.0])
def test_smoothing_is_scipys_gaussian_filter(sigma):
    image = torch.rand(2, 3, 21, 30, generator=torch.Generator().manual_seed(0))
    smoothed = gaussian_smooth(image, sigma).numpy()
    for b in range(2):
        for c in range(3):
            expected = gaussian_filter(image[b, c].double().numpy(), sigma, mode="constant", truncate=4)
            np.testing.assert_allclose(smoothed[b, c], expected, atol=1e-6)
