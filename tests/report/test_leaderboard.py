"""A multirun folder of known predictions as a table: numbers by hand, groups by seed, curves as drawn."""

import csv
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import t as student

from amc_xai.errors import UserError
from amc_xai.evaluation.intervals import wilson
from amc_xai.evaluation.metrics import metrics, save_metrics
from amc_xai.evaluation.predictions import Predictions
from amc_xai.report.anchors import read_anchors
from amc_xai.report.leaderboard import count, duration, leaderboard_figure, write_leaderboard
from amc_xai.report.run_table import entries, over_seeds, read_runs, same_frames

MODULATIONS, SNRS = ["BPSK", "64QAM", "256QAM"], [0.0, 10.0]
EACH = 10  # frames of each (modulation, SNR)


def write_run(folder, overrides, right, speed=100.0, parameters=1500, labels_reversed=False):
    """A run that names ``right[modulation][snr]`` of EACH frames right, and every SNR of them with it."""
    modulation = np.repeat(np.arange(3), 2 * EACH)
    snr = np.tile(np.repeat(np.arange(2), EACH), 3)
    hit = np.tile(np.arange(EACH), 6) < np.array(right)[modulation, snr]
    if labels_reversed:
        modulation, snr, hit = modulation[::-1], snr[::-1], hit[::-1]
    Predictions(
        modulation,
        snr,
        np.eye(3)[np.where(hit, modulation, (modulation + 1) % 3)],
        np.eye(2)[np.where(hit, snr, 1 - snr)],
        np.array(MODULATIONS),
        np.array(SNRS),
    ).save(folder / "predictions.npz")
    save_metrics(
        metrics(Predictions.load(folder / "predictions.npz"), snr_definition="es_n0"), folder / "metrics.json"
    )
    card = {"parameters": parameters, "multiply_adds": 2_340_000, "device": "CPU (2 threads)"}
    (folder / "model.json").write_text(json.dumps(card))
    history = [{"epoch": e, "frames_per_second": speed + d} for e, d in enumerate((-50.0, 0.0, 1.0))]
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
    (folder / ".hydra").mkdir()
    (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {line}\n" for line in overrides))


GOOD = [[10, 10], [6, 10], [2, 8]]
BAD = [[8, 10], [0, 4], [0, 2]]


@pytest.fixture
def multirun(tmp_path):
    folder = tmp_path / "multirun"
    common = ["experiment=baselines", "+note='a=b'"]
    write_run(folder / "0", [*common, "backbone=tiny", "seed=0"], BAD)
    write_run(folder / "2", [*common, "backbone=large", "seed=0"], GOOD, speed=20)
    write_run(folder / "10", [*common, "backbone=large", "seed=1"], BAD, speed=40)
    (folder / "11" / ".hydra").mkdir(parents=True)
    (folder / "11" / ".hydra" / "overrides.yaml").write_text("- backbone=huge\n")
    (folder / "11" / "history.jsonl").write_text("")
    return folder


def test_the_table_by_hand(multirun):
    text = write_leaderboard([multirun], multirun)
    with (multirun / "leaderboard.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    good, bad = sum(map(sum, GOOD)) / 60, sum(map(sum, BAD)) / 60
    assert (first["name"], first["runs"], first["interval"]) == ("large", "2", "none")
    assert first["parameters"] == "1500" and first["multiply_adds"] == "2340000"
    assert float(first["frames_per_second"]) == 30  # of the medians 20 and 40
    for name in ("modulation_accuracy", "joint_accuracy"):
        assert float(first[name]) == pytest.approx((good + bad) / 2)
        assert first[f"{name}_low"] == first[f"{name}_high"] == ""
    assert "Two runs are too few for an interval: run three seeds or more, such as `seed=0,1,2`." in text
    assert float(first["accuracy_64QAM"]) == pytest.approx((16 / 20 + 4 / 20) / 2)
    assert float(first["accuracy_256QAM"]) == pytest.approx((10 / 20 + 2 / 20) / 2)
    assert first["accuracy_128QAM"] == ""
    assert (second["name"], second["interval"]) == ("tiny", "frames")
    low, high = wilson(24, 60)
    assert float(second["joint_accuracy_low"]) == pytest.approx(float(low))
    assert float(second["joint_accuracy_high"]) == pytest.approx(float(high))
    assert (multirun / "leaderboard.md").read_text() == text
    assert "| tiny | 1 | 1.5 k | 2.34 M | 100 |" in text
    assert "| 64QAM | 256QAM |" in text and "128QAM" not in text
    assert str(multirun / "11") in text and "different frames" not in text
    assert (multirun / "leaderboard.png").read_bytes()[:4] == b"\x89PNG"


def test_three_seeds_have_an_interval(multirun):
    write_run(multirun / "12", ["experiment=baselines", "+note='a=b'", "backbone=large", "seed=2"], GOOD)
    text = write_leaderboard([multirun], multirun)
    with (multirun / "leaderboard.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["name"], first["runs"], first["interval"]) == ("large", "3", "seeds")
    good, bad = sum(map(sum, GOOD)) / 60, sum(map(sum, BAD)) / 60
    mean, half = (2 * good + bad) / 3, student.ppf(0.975, 2) * (good - bad) / 3  # s / sqrt(3) of these three
    assert float(first["joint_accuracy_low"]) == pytest.approx(max(0, mean - half))
    assert float(first["joint_accuracy_high"]) == pytest.approx(min(1, mean + half))
    assert "Two runs" not in text and "over runs with different seeds" in text


@pytest.mark.parametrize("key", ["dataset", "split"])
def test_runs_on_other_frames_with_the_same_labels_are_told(multirun, key):
    """Another seed of the set or of the split leaves all labels as they are."""
    for number in ("0", "2", "10"):
        other = number == "10"
        told = {
            "dataset": {
                "seed": int(other and key == "dataset"),
                "residency": "memory" if number == "2" else "disk",
            },
            "test_frames_sha256": "b" if other and key == "split" else "a",
        }
        (multirun / number / "provenance.json").write_text(json.dumps(told))
    assert "The runs were tested on different frames" in write_leaderboard([multirun], multirun)
    (multirun / "10" / "provenance.json").write_bytes((multirun / "2" / "provenance.json").read_bytes())
    assert "different frames" not in write_leaderboard([multirun], multirun)


def test_curves_are_means_over_seeds(multirun):
    figure = leaderboard_figure(entries(read_runs([multirun])[0]))
    drawn = {line.get_gid(): line for axes in figure.axes for line in axes.get_lines()}
    assert len(figure.axes) == 5  # three tasks, 64QAM and 256QAM
    assert list(drawn["tiny|modulation"].get_xdata()) == SNRS
    assert drawn["tiny|modulation"].get_ydata() == pytest.approx([8 / 30, 16 / 30])
    assert drawn["large|joint"].get_ydata() == pytest.approx([(18 + 8) / 60, (28 + 16) / 60])
    assert drawn["large|64QAM"].get_ydata() == pytest.approx([0.3, 0.7])


def test_the_limit_is_dashed_where_a_run_knows_it(multirun):
    def lines():
        figure = leaderboard_figure(entries(read_runs([multirun])[0]))
        return {line.get_gid(): line for axes in figure.axes for line in axes.lines}

    assert not [gid for gid in lines() if gid.startswith("limit|")]
    (multirun / "2" / "limits.csv").write_text("snr,modulation_accuracy,joint_accuracy\n0,0.5,0.25\n10,1,0.75\n")
    drawn = lines()
    assert drawn["limit|modulation"].get_ydata().tolist() == [0.5, 1.0]
    assert drawn["limit|joint"].get_xdata().tolist() == [0.0, 10.0]
    assert "limit|snr" not in drawn and "limit|64QAM" not in drawn and "reachable|joint" not in drawn
    (multirun / "2" / "limits.csv").write_text(
        "snr,joint_accuracy,reachable_joint_accuracy,frames,reachable_frames\n0,0.5,0.25,900,600\n10,1,0.75,900,600\n"
    )
    drawn = lines()
    assert drawn["limit|joint"].get_ydata().tolist() == [0.5, 1.0]
    assert drawn["reachable|joint"].get_ydata().tolist() == [0.25, 0.75]
    text = write_leaderboard([multirun], multirun)
    assert "Above the limit" in text and f"{multirun / '2'} (joint) at 0 dB" in text
    (multirun / "2" / "limits.csv").write_text("snr,joint_accuracy,frames\n0,0.6,900\n10,1,900\n")
    assert "At no SNR does a network" in write_leaderboard([multirun], multirun)


ANCHORS = """snr,method,task,frames,accuracy,low,high
0,cumulants,modulation,30,0.2,0.1,0.4
10,cumulants,modulation,30,0.6,0.4,0.8
0,m2m4,snr,30,0.5,0.3,0.7
10,m2m4,snr,30,0.1,0,0.3
"""


def test_classical_methods_stand_beside(multirun):
    (multirun / "limits").mkdir()
    (multirun / "limits" / "anchors.csv").write_text(ANCHORS)
    text = write_leaderboard([multirun], multirun)
    low, high = (float(bound) for bound in wilson(24, 60))
    line = next(line for line in text.splitlines() if "Cumulants: modulation" in line)
    assert f"| 40.0 ({100 * low:.1f} to {100 * high:.1f}) |" in line and "M2M4: SNR" in text
    assert "classical methods were tested on different" not in text
    with (multirun / "leaderboard.csv").open(newline="") as file:
        found = {row["name"]: row for row in csv.DictReader(file)}
    assert float(found["M2M4: SNR"]["snr_accuracy"]) == pytest.approx(18 / 60)
    assert found["M2M4: SNR"]["modulation_accuracy"] == found["M2M4: SNR"]["parameters"] == ""
    anchors = read_anchors(multirun / "limits" / "anchors.csv")
    figure = leaderboard_figure(entries(read_runs([multirun])[0]), anchors)
    drawn = {line.get_gid(): line for axes in figure.axes for line in axes.get_lines()}
    assert drawn["cumulants|modulation"].get_ydata() == pytest.approx([0.2, 0.6])
    assert drawn["m2m4|snr"].get_ydata() == pytest.approx([0.5, 0.1]) and "m2m4|joint" not in drawn
    (multirun / "0" / "anchors.csv").write_text(ANCHORS)
    assert "results of classical methods" not in write_leaderboard([multirun], multirun)  # both are the same
    (multirun / "2" / "anchors.csv").write_text(ANCHORS.replace("0.2", "0.5"))
    text = write_leaderboard([multirun], multirun)
    assert f"Of 2 different results of classical methods, {multirun / '0' / 'anchors.csv'} is shown." in text
    assert "| 40.0 (" in text  # of the one that is shown
    for number in ("0", "2"):
        (multirun / number / "anchors.csv").unlink()
    (multirun / "limits" / "anchors.csv").write_text(ANCHORS.replace(",30,", ",40,"))
    assert "classical methods were tested on different" in write_leaderboard([multirun], multirun)


def test_training_time_is_that_of_all_epochs(multirun):
    assert [duration(s) for s in (None, 48, 532, 11_100)] == [
        "\N{EN DASH}",
        "48 s",
        "8 min 52 s",
        "3 h 05 min",
    ]
    history = [{"epoch": epoch, "seconds": seconds} for epoch, seconds in enumerate((100.0, 32.0))]
    (multirun / "0" / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
    assert "| 2 min 12 s |" in write_leaderboard([multirun], multirun)


def test_a_task_that_was_not_trained_has_no_numbers(tmp_path):
    """A head that the loss left out answers by chance: that is no result to rank."""
    write_run(tmp_path / "0", ["loss=fixed"], BAD)
    write_run(tmp_path / "1", ["loss=modulation_only"], GOOD)
    write_run(tmp_path / "2", ["loss=snr_only"], GOOD)
    for name, weights in (("0", (0.5, 0.5)), ("1", (1, 0)), ("2", (0, 1))):
        row = {"epoch": 0, "weight_modulation": weights[0], "weight_snr": weights[1]}
        (tmp_path / name / "history.jsonl").write_text(json.dumps(row))
    text = write_leaderboard([tmp_path], tmp_path)
    with (tmp_path / "leaderboard.csv").open(newline="") as file:
        found = {row["name"]: row for row in csv.DictReader(file)}
    assert list(found) == ["fixed", "modulation_only", "snr_only"]  # without a joint accuracy: last
    kept = [[name for name in ("modulation", "snr", "joint") if r[f"{name}_accuracy"]] for r in found.values()]
    assert kept == [["modulation", "snr", "joint"], ["modulation"], ["snr"]]
    assert float(found["modulation_only"]["modulation_accuracy"]) == pytest.approx(46 / 60)
    assert float(found["snr_only"]["snr_accuracy"]) == pytest.approx(46 / 60)
    assert found["snr_only"]["accuracy_64QAM"] == "" != found["modulation_only"]["accuracy_64QAM"]
    assert "a task that the loss left out (weight 0)" in text
    figure = leaderboard_figure(entries(read_runs([tmp_path])[0]))
    drawn = {line.get_gid(): len(line.get_xdata()) for axes in figure.axes for line in axes.get_lines()}
    assert drawn["modulation_only|modulation"] == drawn["snr_only|snr"] == 2
    assert drawn["modulation_only|snr"] == drawn["snr_only|joint"] == drawn["snr_only|64QAM"] == 0


def test_names_tell_what_differs(tmp_path):
    write_run(tmp_path / "a" / "0", ["backbone=tiny", "loss=fixed", "seed=4"], BAD)
    write_run(tmp_path / "b" / "0", ["backbone=tiny", "representation=iq"], GOOD, labels_reversed=True)
    runs, _ = read_runs([tmp_path / "a", tmp_path / "b"])
    assert [entry.name for entry in entries(runs)] == ["iq", "loss=fixed"]
    assert not same_frames(runs)
    assert "different frames" in write_leaderboard([tmp_path], tmp_path)


def test_interval_of_the_mean_over_seeds():
    mean, low, high = over_seeds([0.5, 0.6, 0.7])
    # t(2) = 4.3027, s = 0.1
    assert (mean, low, high) == pytest.approx((0.6, 0.6 - 4.30265 * 0.1 / 3**0.5, 0.6 + 4.30265 * 0.1 / 3**0.5))
    assert over_seeds([0.98, 0.99, 1.0])[2] == 1.0
    assert math.isnan(over_seeds([0.5, 0.6])[1]) and math.isnan(over_seeds([])[0])
    assert [count(n) for n in (None, 7, 4_921_234, 1.2e9)] == ["\N{EN DASH}", "7", "4.92 M", "1.2 G"]


def test_bad_folders_are_named(tmp_path):
    with pytest.raises(UserError, match=r"task\.folder: there is no folder"):
        read_runs([tmp_path / "nowhere"])
    with pytest.raises(UserError, match=r"no run at or below .* has a metrics\.json"):
        read_runs([tmp_path])


def test_the_task_starts_without_torch(multirun):
    script = (
        "import sys; from amc_xai.__main__ import main; "
        f"sys.argv = ['amc_xai', 'task=leaderboard', 'task.folder={multirun}', 'hydra.run.dir={multirun}/table']; "
        "main(); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=multirun)
    assert done.returncode == 0, done.stderr
    assert (multirun / "leaderboard.csv").exists() and str(multirun) in done.stdout
