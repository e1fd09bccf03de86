"""The score against the published table, and pis.csv there and back."""

import math

import numpy as np
import pytest

from amc_xai.errors import UserError
from amc_xai.explain import COLUMNS, impact, read_pis_csv, write_pis_csv

# ResNet50 on 17 digital classes of RadioML 2018.01A: published accuracies (joint, modulation, SNR) and scores
# (the same three).
CLEAN = (0.5126, 0.7639, 0.6871)
PUBLISHED = [
    ("top", 0.01, (0.395, 0.720, 0.581), (11.75, 4.35, 10.65)),
    ("top", 0.05, (0.309, 0.661, 0.460), (4.07, 2.07, 4.54)),
    ("bottom", 0.01, (0.026, 0.152, 0.094), (48.67, 61.18, 59.34)),
    ("bottom", 0.05, (0.026, 0.153, 0.094), (9.72, 12.23, 11.87)),
    ("random", 0.01, (0.549, 0.801, 0.708), (-3.67, -3.75, -2.11)),
    ("random", 0.05, (0.469, 0.776, 0.627), (0.87, -0.24, 1.20)),
]


@pytest.mark.parametrize(("name", "fraction", "accuracies", "scores"), PUBLISHED)
def test_published_accuracies_give_the_published_scores(name, fraction, accuracies, scores):
    ours = impact(np.subtract(CLEAN, accuracies), fraction)
    # The table rounds accuracies to 0.001 (clean: 0.0001) and scores to 0.01.
    rounding = (0.0005 + 0.00005) / fraction + 0.005
    assert np.abs(ours - scores).max() <= rounding


def test_where_nothing_is_masked_there_is_no_score():
    scores = impact([0.0, 0.1, 0.1], [0.0, 0.05, -0.0])
    assert math.isnan(scores[0])
    assert scores[1] == 0.1 / 0.05
    assert math.isnan(scores[2])


def row(**changes):
    return {
        "selector": "top",
        "operator": "zero",
        "channel": 'a "quoted", name',
        "nominal_fraction": 0.1,
        "lit_fraction": 0.1 + 0.2,
        "pixel_fraction": 1e-17,
        "mass_fraction": np.float64(1) / 3,
        "sample_fraction": float("nan"),
        "task": "joint",
        "accuracy": 1,
        "drop": -0.0123456789012345678,
        "pis_nominal": np.float32(0.1),
        "pis_lit": float("-inf"),
        **changes,
    }


def test_rows_come_back_from_the_file_to_the_last_bit(tmp_path):
    rows = [row(), row(selector="bottom", drop=5e-324)]
    path = tmp_path / "pis.csv"
    write_pis_csv(rows, path)
    back = read_pis_csv(path)
    for wrote, read in zip(rows, back, strict=True):
        assert list(read) == [column for column in COLUMNS if column in wrote]
        for column, value in wrote.items():
            same = read[column] == value
            assert same or (math.isnan(value) and math.isnan(read[column])), column
    assert [entry.name for entry in tmp_path.iterdir()] == ["pis.csv"]


def test_columns_stand_in_the_agreed_order_whatever_the_order_of_the_row(tmp_path):
    backwards = dict(reversed(row(drop_low=-0.1).items()))
    write_pis_csv([backwards], tmp_path / "pis.csv")
    header = (tmp_path / "pis.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == (
        "selector,operator,channel,nominal_fraction,lit_fraction,pixel_fraction,mass_fraction,sample_fraction,"
        "task,accuracy,drop,drop_low,pis_nominal,pis_lit"
    )


@pytest.mark.parametrize("bad", [[], [row(), row(excess=1.0)], [row(colour="red")]])
def test_rows_that_are_no_table_are_refused_and_leave_no_file(tmp_path, bad):
    with pytest.raises(ValueError, match="row"):
        write_pis_csv(bad, tmp_path / "pis.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_file_that_was_there(tmp_path):
    path = tmp_path / "pis.csv"
    write_pis_csv([row()], path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="could not convert"):
        write_pis_csv([row(), row(drop="much")], path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["pis.csv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a table of scores"),
        ("selector,task\ntop,joint\n", "not a table of scores"),
        ("selector,operator,channel,task,colour\n", "not a table of scores"),
        ("selector,operator,channel,task,drop\ntop,zero,a,joint\n", "line 2.*5 fields"),
        ("selector,operator,channel,task,drop\ntop,zero,a,joint,0.1,0.2\n", "line 2.*5 fields"),
        ("selector,operator,channel,task,drop\ntop,zero,a,joint,much\n", "drop is 'much'"),
    ],
)
def test_a_file_that_is_no_table_of_scores_is_answered_in_words(tmp_path, text, message):
    path = tmp_path / "pis.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_pis_csv(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.csv"):
        read_pis_csv(tmp_path / "nowhere.csv")


def test_an_empty_number_is_unknown(tmp_path):
    path = tmp_path / "pis.csv"
    path.write_text("selector,operator,channel,task,drop\ntop,zero,a,joint,\n", encoding="utf-8")
    assert math.isnan(read_pis_csv(path)[0]["drop"])
