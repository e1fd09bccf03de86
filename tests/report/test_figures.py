"""Which figures a run folder gives, and what making them leaves behind."""

import shutil

import matplotlib
import pytest

from amc_xai.errors import UserError
from amc_xai.report.figures import build_figures, draw_figures

ALL = [
    "accuracy_by_snr",
    "confusion_modulation",
    "confusion_snr",
    "f1_by_class",
    "training_curves",
    "pis_drops",
    "constellations_trajectory",
    "constellations_symbols",
    "constellations_masked_trajectory",
    "constellations_masked_symbols",
]


def test_all_figures_in_order_and_nothing_else(run_folder):
    settings = dict(matplotlib.rcParams)
    paths = draw_figures(run_folder)
    assert [path.stem for path in paths] == ALL
    assert sorted(path.name for path in (run_folder / "figures").iterdir()) == sorted(f"{n}.png" for n in ALL)
    assert all(path.read_bytes().startswith(b"\x89PNG\r\n") for path in paths)
    assert dict(matplotlib.rcParams) == settings


@pytest.mark.parametrize(
    ("file", "figures"),
    [
        ("predictions.npz", ALL[:3]),
        ("metrics.json", ["f1_by_class"]),
        ("history.jsonl", ["training_curves"]),
        ("pis.csv", ["pis_drops"]),
        ("limits.csv", ["limits_by_snr"]),
    ],
)
def test_each_file_gives_its_figures(run_folder, tmp_path, file, figures):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(run_folder / file, alone / file)
    assert [path.stem for path in draw_figures(alone)] == figures


def test_classical_methods_join_the_accuracies_of_a_run(run_folder, anchors):
    (run_folder / "anchors.csv").write_text(anchors)
    figures = dict(build_figures(run_folder))
    assert list(figures) == ALL
    modulation, snr, joint = figures["accuracy_by_snr"].axes
    drawn = {line.get_gid(): line for axes in (modulation, snr) for line in axes.get_lines()}
    assert list(drawn["cumulants"].get_xdata()) == list(drawn["m2m4"].get_xdata()) == [-4.0, 8.0]
    assert list(drawn["cumulants"].get_ydata()) == [0.25, 0.75]
    assert list(drawn["m2m4"].get_ydata()) == [0.5, 0.1]
    assert {line.get_gid() for line in joint.get_lines()} == {"joint", "joint_chance"}


def test_classical_methods_that_cannot_be_read_are_named(run_folder, anchors):
    (run_folder / "anchors.csv").write_text(anchors.replace("0.75", "most"))
    with pytest.raises(UserError, match=r"anchors: line 4 of .*anchors\.csv"):
        draw_figures(run_folder)


def test_same_files_give_same_bytes_whatever_the_users_settings(run_folder):
    for file in ("predictions.npz", "pis.csv", "gallery.npz", "history.jsonl", "limits.csv"):
        (run_folder / file).unlink()
    (path,) = draw_figures(run_folder)
    first = path.read_bytes()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.facecolor": "black"}):
        assert draw_figures(run_folder)[0].read_bytes() == first


def test_missing_folder(tmp_path):
    with pytest.raises(UserError, match="run_folder: there is no folder"):
        draw_figures(tmp_path / "none")
