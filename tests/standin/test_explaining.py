"""Explanations on a device that isn't the CPU: the same tables, and nothing mixed, too wide or missing."""

import csv

import numpy as np
import pytest

from amc_xai.tasks.attributing import explain_by_attribution
from amc_xai.tasks.explaining import explain
from amc_xai.tasks.workbench import Workbench
from tests.conftest import tiny
from tests.test_configs import choices, parts_of

DATA = ["dataset.frames_per_cell=2", "split.ratios=[0,0,1]", "trainer.batch_size=16"]
# All but the one that needs an attribution map.
SELECTORS = [
    "random", "bottom", "top", "random_matched", "annulus", "sector", "cluster", "symbol_instants", "transitions",
    "published",
]  # fmt: skip


def on_both(tmp_path, job, *given: str) -> list[Workbench]:
    """``job(bench, indices)`` on the CPU and on the stand-in, each with a run folder of its own."""
    benches = []
    for where in ("cpu", "mps"):
        (tmp_path / where).mkdir()
        bench = Workbench.build(parts_of(tiny(*given, *DATA, f"device={where}"), tmp_path / where))
        job(bench, bench.split.test)
        benches.append(bench)
    return benches


def alike(here, there, name: str) -> None:
    """Two tables of the same words and, but for rounding, the same numbers."""
    rows = [list(csv.DictReader((bench.parts.folder / name).read_text().splitlines())) for bench in (here, there)]
    assert len(rows[0]) == len(rows[1]) > 0
    for mine, other in zip(*rows, strict=True):
        for key, value in mine.items():
            try:
                assert float(other[key]) == pytest.approx(float(value), rel=1e-3, abs=1e-5, nan_ok=True), key
            except ValueError:
                assert other[key] == value


@pytest.mark.parametrize("operator", choices("perturbation/operator"))
def test_every_selector_and_every_operator(device, operator, tmp_path):
    selectors = SELECTORS if operator == "zero" else ["top"]
    given = [
        f"perturbation/operator={operator}", f"perturbation.selectors=[{','.join(selectors)}]",
        "perturbation.fractions=[0.3]", "perturbation.available.annulus.within=[0.5]",
        "perturbation.available.sector.degrees=[90]", "perturbation.control=random_matched",
        "representation.channels=[trajectory,symbols]",
    ]  # fmt: skip
    here, there = on_both(tmp_path, explain, *given)
    assert (here.parts.folder / "pis.csv").read_bytes() == (there.parts.folder / "pis.csv").read_bytes()
    pictures = [np.load(bench.parts.folder / "gallery.npz") for bench in (here, there)]
    masks = [name for name in pictures[0] if name.startswith("masks_")]
    assert len(masks) >= len(selectors)
    for name in masks:
        np.testing.assert_array_equal(pictures[0][name], pictures[1][name])


def test_sequences_beside_pictures(device, tmp_path):
    here, there = on_both(
        tmp_path, explain, "representation=fusion", "representation.image.image_size=32", "backbone=fusion",
        "backbone.image.name=test_resnet",
    )  # fmt: skip
    assert (here.parts.folder / "pis.csv").read_bytes() == (there.parts.folder / "pis.csv").read_bytes()


# Captum takes norms the old way, which warns on MPS alone.
@pytest.mark.filterwarnings("ignore:at..frobenius_norm is deprecated")
@pytest.mark.parametrize("kind", ["pictures", "sequences"])
def test_every_attribution_method_and_its_checks(device, kind, tmp_path):
    def job(bench, indices):
        if kind == "pictures":
            explain(bench, indices)
        explain_by_attribution(bench, indices)

    given = [
        "attribution=all", "attribution.frames=2", "attribution.metric_frames=1", "attribution.curve_steps=2",
        "attribution.random_orders=1", "attribution.sanity_frames=1",
        "attribution.available.rise.masks=8", "attribution.available.gradient_shap.samples=2",
        "attribution.available.smooth_grad.samples=2", "attribution.available.occlusion.window=0.5",
        "attribution.available.integrated_gradients.steps=4", "attribution.target='true'",
        "attribution.available.integrated_gradients.max_steps=8",
        f"attribution.sanity_layers={int(kind == 'sequences')}",
    ]  # fmt: skip
    if kind == "sequences":
        given += [
            "representation=iq",
            "backbone=harper",
            "attribution.methods=[integrated_gradients,occlusion,rise]",
        ]
    here, there = on_both(tmp_path, job, *given)
    more = "sanity.csv" if kind == "sequences" else "pis_vs_attribution.csv"
    for name in ("attribution.csv", "attribution_agreement.csv", more):
        alike(here, there, name)
