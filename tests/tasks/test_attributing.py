"""``attribution=`` as a job sees it: the files that it leaves, and what it says of what it can't explain."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.utils import instantiate
from torch import nn

from amc_xai.config import register
from amc_xai.data import Facts
from amc_xai.explain import perturbation_scores, write_pis_csv
from amc_xai.explain.attribution import AttributionPlan, GradCam, IntegratedGradients
from amc_xai.explain.attribution_scores import Subject
from amc_xai.model.network import Classifier, Prediction
from amc_xai.parts import trusted_targets
from amc_xai.perturbation import Bottom, PerturbationPlan, Random, Top, View, Zero
from amc_xai.report import Gallery
from amc_xai.report.attribution_files import read_curves, read_table
from amc_xai.report.figures import build_figures
from amc_xai.representation import Constellation, Iq
from amc_xai.tasks.attributing import explain_by_attribution
from amc_xai.tasks.attribution_methods import applicable, check_methods
from amc_xai.tasks.perturbing import operators_of
from amc_xai.training import make_accelerator

FACTS = Facts(512, 8.0)

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "attribution").glob("*.yaml")))
def test_every_choice_of_the_group_makes_its_methods(name):
    if "schema.yaml" not in ConfigStore.instance().repo:  # another test may have registered it
        register()
    with initialize_config_dir(str(CONF)):
        cfg = compose("config", [f"attribution={name}"])
    plan = instantiate(cfg.attribution, _convert_="all", _execution_whitelist_=trusted_targets())
    methods = plan.chosen()
    expected = {"none": [], "all": list(plan.available)}.get(name, [name])
    assert list(methods) == expected
    for key, method in methods.items():
        assert type(method).__name__.lower() == key.replace("_", "")


class Reader(nn.Module):
    """Class 1 of either task if the right half is fuller than the left."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.cat([-torch.ones(4), torch.ones(4)]))

    def forward(self, x):
        total = (x * self.weight).flatten(1).sum(1)
        return Prediction(*([torch.stack([torch.zeros_like(total), total], 1)] * 2))


def bench_of(folder, representation, network, methods, **options):
    iq = torch.randn(12, 2, 40, generator=torch.Generator().manual_seed(0))
    source = SimpleNamespace(
        modulation_index=np.array([0, 1] * 6), snr_index=np.array([1, 0] * 6), read=lambda index: iq[index],
        modulations=["A", "B"], snrs=[0.0, 10.0], samples_per_symbol=None,
    )  # fmt: skip
    plan = AttributionPlan(list(methods), {k: lambda m=m: m for k, m in methods.items()}, **options)
    perturbation = PerturbationPlan(
        ["top", "bottom", "random"], [0.2, 0.5], Zero(), {"top": Top, "bottom": Bottom, "random": Random}
    )
    make = {"attribution": plan, "perturbation": perturbation}
    return SimpleNamespace(
        parts=SimpleNamespace(folder=folder, seed=3, make=make),
        accelerator=make_accelerator("cpu", "fp32"),
        source=source,
        said=set(),
        donors={},
        classifier=Classifier(representation, network, ["A", "B"], [0.0, 10.0]),
    )


def test_images_leave_tables_curves_and_maps_in_the_gallery(tmp_path):
    methods = {"integrated_gradients": IntegratedGradients(4, 4), "grad_cam": GradCam()}
    representation = Constellation(FACTS, image_size=8)
    bench = bench_of(tmp_path, representation, Reader(), methods, frames=7, metric_frames=2, sanity_frames=2)
    iq = bench.source.read(np.arange(12))
    image = representation(iq)
    view = View(iq, image, ["trajectory"], representation.cells(iq))
    plan = bench.parts.make["perturbation"]
    labels = [torch.from_numpy(bench.source.modulation_index), torch.from_numpy(bench.source.snr_index)]
    scored = perturbation_scores(Reader(), [(view, *labels)], plan.chosen(), ("zero", Zero()), plan.fractions)
    write_pis_csv(scored.rows, tmp_path / "pis.csv")
    Gallery(image[:3].numpy(), ["A"] * 3, [0.0] * 3, ["trajectory"]).save(tmp_path / "gallery.npz")

    explain_by_attribution(bench, np.arange(12))

    rows = read_table(tmp_path / "attribution.csv", ("method", "kind", "network", "task", "difference"))
    # Grad-CAM finds no feature map in a linear read-out, is left out, and the rest goes on.
    names = ["integrated_gradients", "random", "brightest", "integrated_gradients_untrained"]
    assert {(row["method"], row["task"]) for row in rows} == {(n, t) for n in names for t in ("modulation", "snr")}
    assert all(row["frames"] == 7 for row in rows)
    by_name = {row["method"]: row for row in rows if row["task"] == "snr"}
    assert by_name["integrated_gradients"]["completeness_error"] < 1e-5
    assert by_name["integrated_gradients"]["difference"] > by_name["random"]["difference"]
    assert {curve.method for curve in read_curves(tmp_path / "attribution_curves.npz")} == set(names)
    sanity = read_table(tmp_path / "sanity.csv", ("layer", "spearman"))
    assert [row["spearman"] for row in sanity if row["layer"] == "none"] == pytest.approx([1.0, 1.0])
    table = read_table(tmp_path / "pis_vs_attribution.csv", ("selector", "drop", "drop_rank"))
    assert len(table) == 2 * 3 * 2  # tasks, selectors, fractions
    assert all(0 < row["share_integrated_gradients"] < 1 for row in table)
    # Beside the maps stands one that is the same everywhere: it foretells each mask's share of the lit pixels.
    assert [row["share_uniform"] for row in table] == pytest.approx(
        [row["nominal_fraction"] for row in table], abs=0.05
    )
    ranks = read_table(tmp_path / "attribution_agreement.csv", ("kind", "a", "note"))
    uniform = [row for row in ranks if (row["kind"], row["a"]) == ("drops", "uniform")]
    assert len(uniform) == 2 * 2 and all("spearman_low" in row for row in uniform)
    weight = torch.cat([-torch.ones(4), torch.ones(4)])
    target = Reader()(image[:3]).snr.argmax(1)
    sign = (2 * target - 1)[:, None, None, None] * (target == 1)[:, None, None, None]
    found = Gallery.load(tmp_path / "gallery.npz").attributions["integrated_gradients_snr"]
    np.testing.assert_allclose(found, sign * image[:3] * weight, atol=1e-5)


def test_samples_are_explained_and_drawn_along_the_frame(tmp_path):
    class OnSamples(Reader):
        def forward(self, x):
            return super().forward(x.unflatten(2, (5, 8)))

    bench = bench_of(
        tmp_path, Iq(FACTS), OnSamples(), {"ig": IntegratedGradients(4, 4)}, sanity_layers=0, metric_frames=0
    )
    explain_by_attribution(bench, np.arange(12))
    assert {path.name for path in tmp_path.iterdir()} == {
        "attribution.csv", "attribution_curves.npz", "attribution_agreement.csv",
        "gallery.npz",
    }  # fmt: skip
    gallery = Gallery.load(tmp_path / "gallery.npz")
    # The frames of this source are of class A at 10 dB and of class B at 0 dB by turns.
    assert (gallery.modulation.tolist(), gallery.snr.tolist()) == (["A", "B"], [10.0, 0.0])
    seen = Iq(FACTS)(bench.source.read(np.arange(2)))
    np.testing.assert_array_equal(gallery.image, seen)
    prediction = OnSamples()(seen)
    assert gallery.snr_predicted.tolist() == [10.0 * k for k in prediction.snr.argmax(1).tolist()]
    np.testing.assert_allclose(gallery.confidence[:, 0], prediction.modulation.softmax(1).amax(1).detach())
    weight = torch.cat([-torch.ones(4), torch.ones(4)]).repeat(5)
    expected = seen * weight * prediction.modulation.argmax(1)[:, None, None]
    np.testing.assert_allclose(gallery.attributions["ig_modulation"], expected, atol=1e-5)
    assert [name for name, _ in build_figures(tmp_path)][:1] == ["attribution_samples_ig"]


def test_none_and_fused_inputs_leave_nothing(tmp_path, caplog):
    explain_by_attribution(bench_of(tmp_path, nn.Identity(), Reader(), {}), np.arange(12))

    class Both(nn.Module):
        def forward(self, iq):
            return iq, iq

    class Fused(Reader):
        def forward(self, x):
            return super().forward(x[0].unflatten(2, (5, 8)))

    with caplog.at_level("INFO"):
        explain_by_attribution(bench_of(tmp_path, Both(), Fused(), {"rise": None}), np.arange(12))
    assert "several inputs at once" in caplog.text and "rise" in caplog.text
    assert not list(tmp_path.iterdir())


def test_what_does_not_apply_is_said_before_the_work_and_once(tmp_path, caplog):
    class Planes(nn.Module):
        """Channels that are pictures of different planes, on which one map over the plane says nothing."""

        channels, planes = ("symbols", "residual"), {"symbols": "I and Q of symbols", "residual": "noise"}

        def forward(self, iq):
            return iq.abs().unflatten(2, (5, 8))

    class Convolved(Reader):
        def __init__(self):
            super().__init__()
            self.features = nn.Conv2d(2, 2, 3, padding=1)

        def forward(self, x):
            return super().forward(self.features(x))

    methods = {"grad_cam": GradCam(), "ig": IntegratedGradients(4, 4)}
    bench = bench_of(tmp_path, Planes(), Convolved(), methods)
    with caplog.at_level("INFO"):
        check_methods(bench, np.arange(12))
    (said,) = (record.message for record in caplog.records if "grad_cam" in record.message)
    assert said.startswith("grad_cam is skipped: ") and "I and Q of symbols, noise" in said
    assert not list(tmp_path.iterdir())
    iq = bench.source.read(np.arange(2))
    subject = Subject(Planes()(iq), {task: torch.zeros(2, dtype=torch.int64) for task in ("modulation", "snr")})
    with caplog.at_level("INFO"):
        assert list(applicable(bench, bench.parts.make["attribution"], subject, None)) == ["ig"]
    assert sum("grad_cam" in record.message for record in caplog.records) == 1


def test_emptying_never_stands_alone(tmp_path, caplog):
    bench = bench_of(tmp_path, Constellation(FACTS, image_size=8), Reader(), {})
    with caplog.at_level("INFO"):
        operators = operators_of(bench, bench.parts.make["perturbation"])
    assert list(operators) == ["zero", "resample"] and "emptiness is an answer of its own" in caplog.text
    bench.source.image_shape = (1, 8, 8)  # pictures that somebody brought: their points are not known
    assert list(operators_of(bench, bench.parts.make["perturbation"])) == ["zero", "swap"]
    with initialize_config_dir(str(CONF)):
        operator = compose("config").perturbation.operator
    assert operator._target_ == "amc_xai.perturbation.Resample"
