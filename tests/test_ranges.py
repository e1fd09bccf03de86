"""Bounds of numbers, as they are written on paper; and every part's own bounds."""

import math
import re

import pytest
import torch
from torch import nn

from amc_xai.__main__ import user_error
from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.explain.attribution import (
    GradCam,
    GradientShap,
    IntegratedGradients,
    Occlusion,
    Rise,
    SmoothGrad,
)
from amc_xai.loss import DistancePenalisedSnr, MeanVarianceSnr, UncertaintyWeights
from amc_xai.model import (
    Cumulants,
    MoeAmc,
    OsheaResnet,
    PointSet,
    SharedExtractor,
    TaskSpecificExtractor,
    bottleneck,
    dual_layer,
)
from amc_xai.perturbation import Cluster
from amc_xai.ranges import check_range
from amc_xai.representation import Constellation, Multiscale
from amc_xai.tasks import train
from amc_xai.training import cosine, cyclic, plateau
from tests.conftest import tiny
from tests.test_configs import parts_of


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "words"),
    [
        ("[0, 1)", [0, 0.5, 0.999, None], [-0.1, 1, math.nan, math.inf], "within [0, 1)"),
        ("(0, 1]", [0.001, 1], [0, 1.001], "within (0, 1]"),
        ("[1, inf)", [1, 1e30], [0.999, -5, math.inf, math.nan], "1 or more"),
        ("(0, inf)", [1e-30], [0, -1], "above 0"),
        ("[0, inf)", [0, 7], [-1e-9], "0 or more"),
    ],
)
def test_a_number_within_its_bounds_passes_and_one_outside_is_named(bounds, inside, outside, words):
    for value in inside:
        check_range(bounds, group__key=value)
    for value in outside:
        with pytest.raises(UserError) as error:
            check_range(bounds, group__other=None, group__key=value)
        assert str(error.value) == f"group.key must be {words}, not {value}"


FACTS = Facts(64, 8.0)
SGD = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
# What each part refuses when it is made: the key that it names, and how.
OUTSIDE = {
    "extractor.ratio": lambda: TaskSpecificExtractor(8, ratio=0),
    "extractor.dropout": lambda: SharedExtractor(8, dropout=1),
    "head.width": lambda: bottleneck(8, 3, width=0),
    "head.dropout": lambda: dual_layer(8, 3, dropout=-0.5),
    "head.widths": lambda: dual_layer(8, 3, widths=(8, 0)),
    "loss.bound": lambda: UncertaintyWeights([0, 10], bound=-1),
    "loss.snr_term.beta": lambda: DistancePenalisedSnr([0, 10], beta=-1),
    "loss.snr_term.variance": lambda: MeanVarianceSnr([0, 10], variance=-1),
    "representation.smoothing": lambda: Constellation(FACTS, 32, smoothing=33),
    "representation.widths": lambda: Multiscale(FACTS, [0, 33], 32),
    "scheduler.warmup": lambda: cosine(SGD, 2, 5, warmup=2),
    "scheduler.final": lambda: cosine(SGD, 2, 5, final=-1),
    "scheduler.factor": lambda: plateau(SGD, 2, 5, factor=1),
    "scheduler.patience": lambda: plateau(SGD, 2, 5, patience=-1),
    "scheduler.base_lr": lambda: cyclic(SGD, 2, 5, base_lr=-1),
    "scheduler.max_lr": lambda: cyclic(SGD, 2, 5, max_lr=0),
    "scheduler.epochs_up": lambda: cyclic(SGD, 2, 5, epochs_up=0),
    "backbone.dropout": lambda: OsheaResnet((2, 64), dropout=1),
    "backbone.features": lambda: MoeAmc((2, 64), features=0),
    "backbone.width": lambda: Cumulants((2, 64), width=0),
    "backbone.roll_off": lambda: Cumulants((2, 64), samples_per_symbol=4, roll_off=2),
    "backbone.drop_rate": lambda: PointSet((6, 64), drop_rate=-1),
    "attribution.available.rise.masks": lambda: Rise(masks=0),
    "attribution.available.rise.grid": lambda: Rise(grid=0),
    "attribution.available.rise.keep": lambda: Rise(keep=1),
    "attribution.available.occlusion.window": lambda: Occlusion(window=0),
    "attribution.available.occlusion.overlap": lambda: Occlusion(overlap=0),
    "attribution.available.gradient_shap.samples": lambda: GradientShap(samples=0),
    "attribution.available.smooth_grad.noise": lambda: SmoothGrad(noise=-1),
    "attribution.available.integrated_gradients.steps": lambda: IntegratedGradients(steps=0),
    "attribution.available.integrated_gradients.tolerance": lambda: IntegratedGradients(tolerance=0),
    "attribution.available.grad_cam.positions": lambda: GradCam(positions=0),
    "perturbation.available.cluster.blur": lambda: Cluster(blur=0),
    "perturbation.available.cluster.prominence": lambda: Cluster(prominence=2),
}


@pytest.mark.parametrize(("key", "make"), OUTSIDE.items(), ids=OUTSIDE)
def test_a_part_refuses_a_number_out_of_range_by_its_key(key, make):
    with pytest.raises(UserError, match=f"^{re.escape(key)} must be "):
        make()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["optimizer.lr=-1"], r"optimizer: AdamW refuses its settings \(Invalid learning rate: -1"),
        (["optimizer=timm", "optimizer.lr=-1"], "optimizer: timm_optimizer refuses its settings"),
        (["scheduler.warmup=2"], r"scheduler\.warmup must be within \[0, 1\], not 2"),
        (["seed=-1"], r"seed must lie in 0\.\.4294967295, not -1"),
        (["seed=4294967296"], "seed must lie in "),
    ],
)
def test_it_is_said_before_the_first_epoch(overrides, words, tmp_path):
    with pytest.raises(UserError, match=f"^{words}"):
        train.run(parts_of(tiny(*overrides), tmp_path), test_after=False)
    assert not list(tmp_path.iterdir())


def test_a_selector_that_cannot_be_made_is_said_before_a_training(tmp_path):
    given = ["perturbation.selectors=[cluster]", "perturbation.available.cluster.blur=0"]
    with pytest.raises(UserError, match=r"^perturbation\.available\.cluster\.blur must be within \(0, 64\]"):
        train.run(parts_of(tiny(*given), tmp_path))
    assert not list(tmp_path.iterdir())


def test_more_memory_than_there_is_is_one_sentence():
    with pytest.raises(RuntimeError) as error:
        TaskSpecificExtractor(64, ratio=1e12)
    assert str(user_error(error.value)).startswith("out of memory (")
    assert "trainer.batch_size" in str(user_error(MemoryError("Unable to allocate 1 PiB")))
    assert user_error(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None
