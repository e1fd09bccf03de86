"""What the training and masking figures draw is what the files say."""

import math

import pytest

from amc_xai.errors import UserError
from amc_xai.report.history import training_curves
from amc_xai.report.perturbation import pis_by_fraction
from amc_xai.report.run_files import read_history, read_pis


def lines(figure):
    return {line.get_gid(): line for axes in figure.axes for line in axes.get_lines() if line.get_gid()}


def test_training_lines_are_the_history(history):
    figure = training_curves(history)
    drawn = lines(figure)
    names = [name for name in history[0] if name != "epoch"]
    assert set(names) <= drawn.keys()
    for name in names:
        assert list(drawn[name].get_xdata()) == [1, 2, 3, 4]
        assert list(drawn[name].get_ydata()) == [epoch[name] for epoch in history]
    assert drawn["best"].get_xdata()[0] == 2  # validation loss .9
    assert len(figure.axes) == 4


def test_what_a_part_adds_gets_its_own_panel(history):
    for epoch in history:
        share = 0.1 * epoch["epoch"]
        epoch |= {
            "gate_low_snr": share,
            "gate_high_snr": 1 - share,
            "curriculum_share": 0.5,
            "seconds": 3.0,
            "note": "x",
        }
    figure = training_curves(history)
    drawn = lines(figure)
    for name in ("gate_low_snr", "gate_high_snr", "curriculum_share"):
        assert list(drawn[name].get_ydata()) == [epoch[name] for epoch in history]
    assert not {"seconds", "note", "epoch"} & drawn.keys()
    assert [axes.get_title(loc="left") for axes in figure.axes[4:]] == [
        "Share of each expert in the gate",
        "Curriculum share",
    ]
    assert figure.axes[4].get_ylim() == (0, 1)
    assert [text.get_text() for text in figure.axes[4].get_legend().get_texts()] == ["Low SNR", "High SNR"]


def test_panels_without_data_are_left_out(history):
    for epoch in history:
        del epoch["weight_modulation"], epoch["weight_snr"]
    history[1]["train_loss"] = math.nan
    figure = training_curves(history)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Loss",
        "Validation accuracy",
        "Learning rate",
    ]
    assert list(lines(figure)["train_loss"].get_xdata()) == [1, 3, 4]


def test_history_forgives_only_a_broken_last_line(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"epoch": 1, "train_loss": 2.0}\n\n{"epoch": 2, "tra')
    assert read_history(path) == [{"epoch": 1, "train_loss": 2.0}]
    path.write_text('{"epoch": 1\n{"epoch": 2}\n')
    with pytest.raises(UserError, match="line 1 of"):
        read_history(path)


def test_pis_lines_are_the_table(run_folder, pis_rows):
    figure = pis_by_fraction(read_pis(run_folder / "pis.csv"))
    assert len(figure.axes) == 2 * 2 * 3  # channels, accuracy and score, tasks
    drawn = lines(figure)
    for selector in ("top", "random"):
        for channel in ("trajectory", "symbols"):
            for task in ("modulation", "snr", "joint"):
                mine = [
                    row
                    for row in pis_rows
                    if (row["selector"], row["channel"], row["task"]) == (selector, channel, task)
                ]
                mine.sort(key=lambda row: row["nominal_fraction"])
                gid = f"{selector}|zero|{task}|{channel}"
                for column, suffix in (("accuracy", "accuracy"), ("pis_lit", "pis")):
                    line = drawn[f"{gid}|{suffix}"]
                    assert list(line.get_xdata()) == [0.01, 0.05]
                    assert line.get_ydata() == pytest.approx([row[column] for row in mine])
    titles = [axes.get_title(loc="left") for axes in figure.axes[:3]]
    assert titles == ["Modulation", "SNR", "Joint (both right)"]


def test_pis_bands_are_the_intervals(pis_rows):
    rows = [row for row in pis_rows if (row["selector"], row["channel"], row["task"]) == ("top", "symbols", "snr")]
    rows = [{**row, "control_drop": math.nan} for row in rows]
    upper, lower = pis_by_fraction(rows).axes
    for axes, low, high in (
        (upper, lambda row: row["accuracy_low"], lambda row: row["accuracy_high"]),
        (lower, lambda row: row["pis_lit_low"], lambda row: row["pis_lit_high"]),
    ):
        outline = {(round(x, 9), round(y, 9)) for x, y in axes.collections[0].get_paths()[0].vertices}
        for row in rows:
            x = row["nominal_fraction"]
            assert {(x, round(low(row), 9)), (x, round(high(row), 9))} <= outline
    before = next(line for line in upper.get_lines() if line.get_gid() == "before")
    assert before.get_ydata()[0] == pytest.approx(0.7)


def test_pis_without_optional_columns(tmp_path):
    path = tmp_path / "pis.csv"
    path.write_text("selector,task,nominal_fraction,accuracy,pis_nominal\ntop,joint,0.01,0.5,3\n")
    upper, lower = pis_by_fraction(read_pis(path)).axes
    assert list(lines(upper.figure)["top||joint||pis"].get_ydata()) == [3.0]
    assert lower.get_ylabel() == "PIS\n(drop / nominal fraction)"
    assert not upper.collections and not lower.collections


def test_pis_file_errors(tmp_path):
    path = tmp_path / "pis.csv"
    path.write_text("selector,task,accuracy\n")
    with pytest.raises(UserError, match="lacks the columns nominal_fraction"):
        read_pis(path)
    path.write_text("selector,task,nominal_fraction,accuracy\ntop,joint,0.01,high\n")
    with pytest.raises(UserError, match="line 2 of"):
        read_pis(path)


def test_a_single_fraction_sets_the_selectors_side_by_side(pis_rows):
    rows = [{**row, "control_drop": math.nan} for row in pis_rows if row["nominal_fraction"] == 0.05]
    drawn = lines(pis_by_fraction(rows))
    places = [drawn[f"{selector}|zero|snr|symbols|pis"].get_xdata()[0] for selector in ("top", "random")]
    assert places == pytest.approx([0.0475, 0.0525])
