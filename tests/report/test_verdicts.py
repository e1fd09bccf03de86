"""The page of verdicts: labels stay text, and a symbol's colour is what it says."""

import numpy as np
import pytest

from amc_xai.errors import UserError
from amc_xai.report.page import write_page
from amc_xai.report.verdicts import read_verdicts, verdict_figures
from tests.report.whole_run import write_verdicts


@pytest.fixture
def folder(tmp_path):
    write_verdicts(np.random.default_rng(0), tmp_path, ["BPSK", "QPSK"])
    return tmp_path


def test_the_table_says_each_verdict_and_names_stay_text(folder):
    page = write_page(folder).read_text()
    assert "<script" not in page and page.count("&lt;script&gt;alert(1)") == 6
    assert "out of scope: two signals at once, in bands of their own" in page
    assert "<td>90.0 %</td><td>QPSK 10 %</td>" in page and "\N{MINUS SIGN}3 to 1" in page


def test_figures_show_every_emission(folder):
    figures = dict(verdict_figures(folder))
    assert list(figures) == ["verdicts_1", "symbols_of_verdicts"]
    bars = {c.get_gid() for axes in figures["verdicts_1"].axes for c in axes.collections}
    assert {"cut|BPSK", "cut|QPSK", "cut|out of scope: two signals at once"} <= bars
    points = [c for axes in figures["symbols_of_verdicts"].axes for c in axes.collections if c.get_gid()]
    assert len(points) == 6 and points[0].get_array() is None
    with np.load(folder / "verdicts.npz") as stored:
        np.testing.assert_allclose(points[3].get_array(), stored["worth_3"])
        assert np.allclose(np.asarray(points[3].get_offsets()) @ [1, 1j], stored["symbols_3"])


def test_a_broken_table_is_said(folder):
    (folder / "verdicts.jsonl").write_text("{")
    with pytest.raises(UserError, match=r"verdicts: .*can't be read"):
        read_verdicts(folder)
