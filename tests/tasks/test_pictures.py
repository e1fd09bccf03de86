"""Jobs on existing PNG trees: training, evaluation of the perturbed twins, explanation."""

import csv
import json

import numpy as np
import pytest

from amc_xai.report import Gallery
from tests.conftest import tiny

PICTURES = ["dataset=images", "dataset.channels=[trajectory]", "representation=none"]


@pytest.fixture
def trained_on_pictures(cli, pictures):
    result = cli(*tiny(*PICTURES, f"dataset.path={pictures}", "task.explain_after=false"))
    assert result.code == 0, result.err
    return f"checkpoint={result.folder}/checkpoints/best.pt"


def table(path) -> list[dict]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_pixels_can_be_masked_though_their_points_are_not_known(cli, trained_on_pictures):
    selectors = "perturbation.selectors=[top,bottom,random]"
    methods = ["attribution=integrated_gradients", "attribution.frames=2", "attribution.metric_frames=0"]
    methods += ["attribution.sanity_layers=0", "attribution.curve_steps=4", "attribution.random_orders=1"]
    result = cli("task=explain", "task.part=all", trained_on_pictures, selectors, *methods)
    assert result.code == 0, result.err
    rows = table(result.folder / "pis.csv")
    assert {row["selector"] for row in rows} == {"top", "bottom", "random"}
    assert {row["channel"] for row in rows} == {"trajectory"} and {row["task"] for row in rows} == {
        "modulation", "snr", "joint"
    }  # fmt: skip
    for row in rows:
        # A share of the lit pixels to the nearest whole one; of points and samples nothing is known.
        assert abs(float(row["lit_fraction"]) - float(row["nominal_fraction"])) < 0.02
        assert row["sample_fraction"] in ("", "nan")
    gallery = Gallery.load(result.folder / "gallery.npz")
    assert gallery.image.shape[1:] == (1, 32, 32) and np.isnan(gallery.extent)
    for mask in gallery.masks.values():
        assert (gallery.image[mask] > 0).all() and mask.any()
    assert {"pis_vs_attribution.csv", "report.html"} <= result.files


def test_a_selector_that_needs_the_points_says_so(cli, trained_on_pictures):
    result = cli("task=explain", trained_on_pictures, "perturbation/operator=noise")
    assert result.code == 1
    said = (result.out + result.err).strip().splitlines()
    assert "applies to no channel of this image" in said[-1] and "Traceback" not in result.out + result.err
    assert any("noise does not apply to channel 'trajectory', whose points are not known" in s for s in said)


def test_perturbed_twins_are_evaluated_beside_their_originals(cli, pictures, trained_on_pictures):
    """The tree holds a twin of each picture, without the brightest 5 % of its lit pixels."""
    found = {}
    for twin in ("null", "top5"):
        data = [*PICTURES[:2], f"dataset.path={pictures}", f"dataset.twin={twin}"]
        result = cli("task=evaluate", "task.part=all", trained_on_pictures, *data)
        assert result.code == 0, result.err
        found[twin] = np.load(result.folder / "predictions.npz")
        assert json.loads((result.folder / "metrics.json").read_text())["frames"] == 40
    for label in ("modulation_label", "snr_label"):
        assert np.array_equal(found["null"][label], found["top5"][label])
    assert not np.allclose(found["null"]["modulation_probability"], found["top5"]["modulation_probability"])
