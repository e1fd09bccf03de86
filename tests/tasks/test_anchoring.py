"""Classical methods beside a run: on its own test frames, where they apply, and never in its way."""

import csv
import logging

import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from amc_xai.__main__ import config_folder  # registers the schema as well
from amc_xai.data import Synthetic
from amc_xai.evaluation import wilson
from amc_xai.evaluation.predictions import Predictions
from amc_xai.limits import anchor_decisions
from amc_xai.parts import make_parts
from amc_xai.report.anchors import read_anchors
from amc_xai.report.figures import build_figures
from amc_xai.tasks import anchoring, reporting, testing
from amc_xai.tasks import limits as limits_task
from amc_xai.tasks.workbench import Workbench, relabel

SMALL = [
    "dataset.modulations=[BPSK,8PSK,16QAM]", "dataset.snrs=[2,0]", "dataset.frames_per_cell=12", "device=cpu",
    "representation=constellation", "representation.image_size=32", "backbone=timm", "backbone.name=test_resnet",
    "trainer.precision=fp32", "split.ratios=[0.25,0.25,0.5]",
]  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def parts_of(folder, *overrides):
    given = [*SMALL, *overrides]
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        cfg = compose("config", given)
    folder.mkdir(exist_ok=True)
    return make_parts(cfg, folder, given)


def counted(source, indices, es_n0_db):
    """Rows of ``anchors.csv`` by counting frame by frame: (snr, method) -> (frames, right)."""
    found = {name: np.empty(len(indices), dtype=int) for name in ("cumulants", "out_of_band", "m2m4")}
    for place, index in enumerate(indices):
        one = anchor_decisions(source.read(np.array([index])), source.modulations, es_n0_db, 8.0)
        for name, decision in one.items():
            found[name][place] = int(decision)
    modulation, snr = source.modulation_index[indices], source.snr_index[indices]
    right = {name: found[name] == (modulation if name == "cumulants" else snr) for name in found}
    right["cumulants_and_out_of_band"] = right["cumulants"] & right["out_of_band"]
    return {
        (source.snrs[s], name): (int((snr == s).sum()), int(hits[snr == s].sum()))
        for name, hits in right.items()
        for s in np.unique(snr)
    }


def without_likelihood(rows):
    """Those of the methods that :func:`counted` knows; tests/limits/test_blind.py has the likelihood's own."""
    return [row for row in rows if not row["method"].startswith("likelihood")]


def test_a_run_leaves_what_the_methods_reach_on_its_own_test_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(anchoring, "BATCH", 5)  # more than one batch, and a last one that isn't full
    near = "dataset.snrs=[1,0]"
    bench = Workbench.build(parts_of(tmp_path / "run", near))
    assert len(bench.split.test) == 36
    testing.test(bench, bench.split.test)
    rows = read_anchors(tmp_path / "run" / "anchors.csv")
    expected = counted(bench.source, bench.split.test, bench.source.snrs)
    likelihood = [row for row in rows if row["method"].startswith("likelihood")]
    rows = without_likelihood(rows)
    assert {(row["snr"], row["method"]) for row in rows} == set(expected)
    assert {row["method"]: row["task"] for row in likelihood} == {
        "likelihood": "modulation", "likelihood_and_out_of_band": "joint",
    }  # fmt: skip
    assert sum(row["frames"] for row in likelihood) == 2 * 36
    assert expected[1.0, "cumulants"] != expected[1.0, "cumulants_and_out_of_band"]  # so near, SNRs are mistaken
    for row in rows:
        frames, right = expected[row["snr"], row["method"]]
        low, high = wilson(right, frames)
        assert row["frames"] == frames
        expected_shares = [right / frames, float(low), float(high)]
        assert [row["accuracy"], row["low"], row["high"]] == pytest.approx(expected_shares, abs=1e-5)
    limits_task.run(parts_of(tmp_path / "limits", "task=limits", near), frames_per_cell=5)
    own, other = ((tmp_path / name / "anchors.csv").read_bytes() for name in ("run", "limits"))
    assert own == other


def test_the_figure_and_the_page_of_a_run_show_them(tmp_path):
    folder = tmp_path / "run"
    bench = Workbench.build(parts_of(folder))
    reporting.report(bench, testing.test(bench, bench.split.test))
    rows = read_anchors(folder / "anchors.csv")
    figure = dict(build_figures(folder))["accuracy_by_snr"]
    axes = dict(zip(("modulation", "snr", "joint"), figure.axes, strict=True))
    for method, task in {row["method"]: row["task"] for row in rows}.items():
        (line,) = (line for line in axes[task].get_lines() if line.get_gid() == method)
        reached = {row["snr"]: row["accuracy"] for row in rows if row["method"] == method}
        assert dict(zip(line.get_xdata(), line.get_ydata(), strict=True)) == reached
    assert "Classical methods, same frames" in (folder / "report.html").read_text()


def test_the_part_that_is_tested_is_the_part_that_is_counted(tmp_path):
    bench = Workbench.build(parts_of(tmp_path / "run"))
    few = bench.split.validation[bench.source.snr_index[bench.split.validation] == 0][:7]
    testing.test(bench, few)
    rows = without_likelihood(read_anchors(tmp_path / "run" / "anchors.csv"))
    assert {(row["snr"], row["frames"]) for row in rows} == {(2.0, 7.0)}
    expected = counted(bench.source, few, bench.source.snrs)
    assert {row["method"]: round(7 * row["accuracy"]) for row in rows} == {
        method: right for (_, method), (_, right) in expected.items()
    }


def test_snrs_a_sample_are_compared_as_es_n0(tmp_path):
    source = Synthetic(["BPSK", "QPSK"], [0, 9, 18], frames_per_cell=8, channel={"snr_definition": "sample"})
    anchoring.anchors_of_run(source, np.arange(48), tmp_path)
    rows = without_likelihood(read_anchors(tmp_path / "anchors.csv"))
    # Taken for Es/N0, each would be named one class too high.
    assert {row["accuracy"] for row in rows if row["method"] == "out_of_band"} == {1.0}


def test_labels_of_a_checkpoint_with_more_classes(tmp_path):
    source = Synthetic(["QPSK", "BPSK"], [10, 20], frames_per_cell=6)
    relabel(source, ["8PSK", "BPSK", "FM", "QPSK"], [0.0, 10.0, 20.0])
    anchoring.anchors_of_run(source, np.arange(24), tmp_path)
    expected = counted(source, np.arange(24), source.snrs)
    rows = without_likelihood(read_anchors(tmp_path / "anchors.csv"))
    assert {(row["snr"], row["method"]) for row in rows} == set(expected)  # no frames at 0 dB
    assert all(round(12 * row["accuracy"]) == expected[row["snr"], row["method"]][1] for row in rows)
    with (tmp_path / "anchors.csv").open() as file:
        assert {row["frames"] for row in csv.DictReader(file) if row["snr"] == "0"} == {"0"}


def test_a_network_and_the_methods_are_compared_frame_by_frame(tmp_path, monkeypatch):
    """The likelihood judges 20 of 36 frames: the network's share is that of these."""
    monkeypatch.setattr(anchoring, "LIKELIHOOD_FRAMES", 20)
    folder = tmp_path / "run"
    bench = Workbench.build(parts_of(folder))
    testing.test(bench, bench.split.test)
    said = Predictions.load(folder / "predictions.npz")
    with (folder / "gains.csv").open() as file:
        rows = {row["method"]: row for row in csv.DictReader(file)}
    assert set(rows) == set(anchoring.TASKS)
    assert {method: int(row["frames"]) for method, row in rows.items() if row["frames"] != "36"} == {
        "likelihood": 20, "likelihood_and_out_of_band": 20,
    }  # fmt: skip
    network = np.mean(said.snr_predicted == said.snr_label)
    reached = sum(
        row["frames"] * row["accuracy"] for row in read_anchors(folder / "anchors.csv") if row["method"] == "m2m4"
    )
    row = rows["m2m4"]
    assert float(row["learned"]) == pytest.approx(network, abs=1e-5)
    assert float(row["classical"]) == pytest.approx(reached / 36, abs=1e-4)
    assert float(row["value"]) == pytest.approx(network - reached / 36, abs=1e-4)
    assert float(row["low"]) < float(row["value"]) < float(row["high"])


@pytest.mark.parametrize(
    ("override", "has_limit"),
    [
        ("limits=none", False),
        ("dataset.modulations=[BPSK,FM]", False),
        ("dataset.modulations=[GMSK]", False),
        ("dataset.channel.multipath=rayleigh", False),
        ("dataset.samples_per_symbol=2.4", True),
    ],
)
def test_none_where_they_do_not_apply(tmp_path, override, has_limit):
    bench = Workbench.build(parts_of(tmp_path / "run", override))
    reporting.report(bench, testing.test(bench, bench.split.test))
    assert (tmp_path / "run" / "report.html").is_file()
    assert (tmp_path / "run" / "limits.csv").exists() == has_limit
    assert not (tmp_path / "run" / "anchors.csv").exists()


def test_none_for_frames_that_are_not_synthetic(tmp_path, store):
    given = ["dataset=split_hdf5", f"dataset.path={store}", "representation.image_size=32", "device=cpu"]
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        cfg = compose("config", given)
    bench = Workbench.build(make_parts(cfg, tmp_path, given))
    testing.test(bench, np.arange(8))
    assert (tmp_path / "metrics.json").is_file()
    assert not (tmp_path / "anchors.csv").exists()


def test_a_later_test_in_the_same_folder_leaves_none_of_other_frames(tmp_path):
    folder = tmp_path / "run"
    bench = Workbench.build(parts_of(folder))
    testing.test(bench, bench.split.test)
    assert {"limits.csv", "anchors.csv", "gains.csv"} <= {path.name for path in folder.iterdir()}
    bench = Workbench.build(parts_of(folder, "dataset.channel.multipath=rayleigh"))
    testing.test(bench, bench.split.test)
    assert not {"limits.csv", "anchors.csv", "gains.csv"} & {path.name for path in folder.iterdir()}


def test_a_run_does_not_fail_for_want_of_them(tmp_path, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("no such operator on this device")

    monkeypatch.setattr(anchoring, "anchor_decisions", broken)
    bench = Workbench.build(parts_of(tmp_path / "run"))
    with caplog.at_level(logging.INFO):
        assert "share_of_limit" in testing.test(bench, bench.split.test)
    assert "no classical methods are shown beside the result: no such operator" in caplog.text
    assert (tmp_path / "run" / "limits.csv").is_file()
    assert not (tmp_path / "run" / "anchors.csv").exists()


def test_only_the_main_process_leaves_them(tmp_path, monkeypatch):
    bench = Workbench.build(parts_of(tmp_path / "run"))
    monkeypatch.setattr(type(bench.accelerator), "is_main_process", property(lambda self: False))
    testing.test(bench, bench.split.test)
    assert not list((tmp_path / "run").iterdir())
