"""The page says what the files say and needs nothing else; the table lines up."""

import base64
import json
import re
from html.parser import HTMLParser

import pytest

from amc_xai.errors import UserError
from amc_xai.report.figures import draw_figures
from amc_xai.report.page import write_page
from amc_xai.report.table import summary_table

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collects the cells of every table, and checks that tags close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tables, self.sources, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.sources.append(dict(attrs)["src"])
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1].append(data)


def read(path):
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def minus(text):
    return text.replace("-", "\N{MINUS SIGN}")


def test_page_holds_the_numbers(run_folder):
    values = json.loads((run_folder / "metrics.json").read_text())
    headline, scores, by_snr, by_class, masking = read(write_page(run_folder)).tables
    low, high = values["interval95"]["joint_accuracy"]
    joint = f"{100 * values['joint_accuracy']:.2f} %"
    expected = [
        "joint (both right)",
        joint,
        f"{100 * low:.2f} to {100 * high:.2f} %",
        "11.11 %",
        "\N{EN DASH}",
    ]
    assert headline[3] == expected
    assert headline[1][4] == f"{100 * values['share_of_limit']['modulation_accuracy']:.2f} %"
    assert scores[3][:2] == ["Mean SNR error (dB)", f"{values['snr_mae_db']:.2f}"]
    for cells, row in zip(by_snr[1:], sorted(values["by_snr"], key=lambda row: row["snr"]), strict=True):
        shares = [f"{100 * row[f'{task}_accuracy']:.2f} %" for task in ("modulation", "snr", "joint")]
        assert cells == [minus(f"{row['snr']:g}"), str(row["frames"]), *shares]
    for cells, row in zip(by_class[1:], values["by_class"], strict=True):
        numbers = [f"{row[name]:.3f}" for name in ("precision", "recall", "f1")]
        assert cells == [row["modulation"], str(row["frames"]), *numbers]
    assert masking[0][:4] == ["Selector", "Operator", "Channel", "Task"]
    assert "Drop of the control" not in masking[0]  # the file leaves that column empty
    first = dict(zip(masking[0], masking[1], strict=True))
    assert first["Drop"] == minus("15.00 % (13.00 to 18.00)")
    assert first["PIS (lit)"] == "2.941 (1.941 to 4.941)"


def test_page_needs_nothing_from_outside(run_folder):
    figures = draw_figures(run_folder)
    path = write_page(run_folder)
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", path.read_text(encoding="utf-8"))
    assert not re.search(r"https?:|//|<script|<link|@import|url\(", text)
    sources = read(path).sources
    embedded = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in sources]
    assert embedded[:6] == [figure.read_bytes() for figure in figures[:6]]
    assert sorted(embedded) == sorted(figure.read_bytes() for figure in figures)
    assert not list(run_folder.glob(".*.partial*"))


def test_overrides_are_shown_as_given(run_folder):
    path = write_page(run_folder)
    assert "dataset=small\ntrainer.note='a<b & ${c}'" in "".join(read(path).text)
    assert "a<b" not in path.read_text()


def test_page_of_what_is_there(run_folder):
    (run_folder / "metrics.json").unlink()
    page = read(write_page(run_folder))
    assert len(page.tables) == 1 and "What masking costs" in page.text and "Result" not in page.text


def test_page_of_nothing(tmp_path):
    with pytest.raises(UserError, match="holds nothing to report on"):
        write_page(tmp_path)
    with pytest.raises(UserError, match="there is no folder"):
        write_page(tmp_path / "none")


VALUES = {
    "frames": 111412,
    "modulation_accuracy": 0.7639,
    "snr_accuracy": 0.6871,
    "joint_accuracy": None,
    "snr_mae_db": 1.234,
    "interval95": {
        "modulation_accuracy": [0.7614, 0.7664],
        "snr_accuracy": [0.68441, 0.68979],
        "joint_accuracy": None,
        "snr_mae_db": [1.2, 1.27],
    },
}
CHANCE = {"modulation_accuracy": 1 / 17, "snr_accuracy": 1 / 16, "joint_accuracy": 1 / 272}


def test_table_lines_up():
    assert summary_table(VALUES, CHANCE).splitlines() == [
        "                    accuracy     95 % interval  chance",
        "------------------------------------------------------",
        "modulation           76.39 %  76.14 to 76.64 %  5.88 %",
        "SNR                  68.71 %  68.44 to 68.98 %  6.25 %",
        "joint (both right)         –                 –  0.37 %",
        "111,412 frames; mean SNR error 1.23 dB (1.20 to 1.27)",
    ]


def test_table_shows_the_share_of_the_limit_only_where_known():
    lines = summary_table({**VALUES, "share_of_limit": {"modulation_accuracy": 0.9694}}, CHANCE).splitlines()
    assert lines[0].endswith("  of the limit")
    assert lines[2].endswith("       96.94 %")
    assert lines[3].endswith("–")
    assert len(lines[0]) == len(lines[2]) == len(lines[3])
