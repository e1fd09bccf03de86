"""The page says what the files say and needs nothing else; the table lines up."""

import base64
import json
import math
import re
from html.parser import HTMLParser

import pytest

from amc_xai.errors import UserError
from amc_xai.evaluation.intervals import wilson
from amc_xai.explain.table_files import write_rows
from amc_xai.report.figures import draw_figures
from amc_xai.report.page import write_page
from amc_xai.report.table import summary_table

VOID = {"meta", "img", "br", "input"}


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
    assert scores[3][:2] == ["Mean SNR error (dB of Es/N0)", f"{values['snr_mae_db']:.2f}"]
    for cells, row in zip(by_snr[1:], sorted(values["by_snr"], key=lambda row: row["snr"]), strict=True):
        shares = [f"{100 * row[f'{task}_accuracy']:.2f} %" for task in ("modulation", "snr", "joint")]
        possible = {-4: "50.00 %", 8: "95.00 %"}.get(row["snr"], "\N{EN DASH}")
        assert cells == [minus(f"{row['snr']:g}"), str(row["frames"]), *shares, possible]
    assert by_snr[0][5:] == ["Limit: modulation"]  # the file has no other
    for cells, row in zip(by_class[1:], values["by_class"], strict=True):
        numbers = [f"{row[name]:.3f}" for name in ("precision", "recall", "f1")]
        assert cells == [row["modulation"], str(row["frames"]), *numbers]
    assert masking[0][:4] == ["Selector", "Operator", "Channel", "Task"]
    assert "Drop of the control" not in masking[0]  # the file leaves that column empty
    first = dict(zip(masking[0], masking[1], strict=True))
    assert first["Drop"] == minus("15.00 % (13.00 to 18.00)")
    assert first["PIS (lit)"] == "2.941 (1.941 to 4.941)"


def test_page_has_the_classical_methods_beside_the_run(run_folder, anchors):
    without = read(write_page(run_folder)).tables
    (run_folder / "anchors.csv").write_text(anchors)
    headline, classical, *rest = read(write_page(run_folder)).tables
    assert [headline, *rest] == without
    rows = []
    for name, right in (("Cumulants: modulation", 80), ("M2M4: SNR", 48)):
        low, high = wilson(right, 160)
        rows.append([name, f"{100 * right / 160:.2f} %", f"{100 * low:.2f} to {100 * high:.2f} %"])
    assert classical == [["Classical methods, same frames", "Reached", "95 % interval"], *rows]


GAINS = "method,task,frames,learned,classical,value,low,high\n"


@pytest.mark.parametrize(
    ("low", "said"),
    [
        ("0.01", "Learning beats the best classical method, M2M4: modulation"),
        ("-0.02", "Learning does not beat the best"),
    ],
)
def test_page_says_whether_learning_beats_the_classical_methods(run_folder, anchors, low, said):
    (run_folder / "anchors.csv").write_text(anchors)
    (run_folder / "gains.csv").write_text(
        f"{GAINS}cumulants,modulation,160,0.6,0.5,0.1,0.05,0.2\nm2m4,modulation,160,0.6,0.55,0.05,{low},0.1\n"
        "out_of_band,snr,160,0.9,1,-0.1,-0.2,-0.05\n"
    )
    text = write_page(run_folder).read_text()
    assert said in text and "60.0 % against 55.0 % of the same 160 frames, a difference of +5.0 points" in text
    assert "out-of-band noise: SNR 90.0 % against 100.0 %" in text


def test_page_says_whether_anything_lies_above_the_limit(run_folder, anchors):
    assert (
        "above the limit" not in write_page(run_folder).read_text().lower()
    )  # of how many frames it is isn't told
    table = "snr,modulation_accuracy,frames\n-4,{},4000\n8,{},4000\n"
    (run_folder / "limits.csv").write_text(table.format(1, 1))
    (run_folder / "anchors.csv").write_text(anchors)
    assert (
        "At no SNR does a network or a classical method lie above the limit" in write_page(run_folder).read_text()
    )
    (run_folder / "limits.csv").write_text(table.format(1, 0.02))
    assert "the network (modulation) at 8 dB" in write_page(run_folder).read_text()


def test_page_has_the_tables_of_attribution_and_of_its_agreement_with_pis(run_folder):
    judged = "0.1,0.9,0.8,0.7,0.85,0.02,0.3,"
    (run_folder / "attribution.csv").write_text(
        "method,kind,network,task,deletion_auc,insertion_auc,difference,difference_low,difference_high,infidelity,"
        "sensitivity,completeness_error\n"
        f"random,control,trained,snr,0.5,0.5,-0.01,,,,,\nrise,method,trained,snr,{judged}\n"
    )
    (run_folder / "attribution_agreement.csv").write_text(
        "task,kind,a,b,nominal_fraction,items,spearman,kendall\n"
        "snr,drops,rise,pis,0.05,3,0.5,0.3333\nsnr,drops,rise,pis,0.2,3,1.0,1.0\nsnr,pixels,rise,brightest,,9,-0.25,\n"
    )
    (run_folder / "pis_vs_attribution.csv").write_text(
        "task,selector,channel,nominal_fraction,drop,share_rise,drop_rank,rank_rise\n"
        "snr,random,symbols,0.05,-0.01,0.2,2.0,1.5\nsnr,top,symbols,0.05,0.4,0.2,1.0,1.5\n"
    )
    page = read(write_page(run_folder))
    faithful, agreement, ranks, pixels = page.tables[-4:]
    dash = "\N{EN DASH}"
    assert faithful[0][2:5] == ["Deletion area", "Insertion area", "Insertion less deletion"]
    assert faithful[1] == ["SNR", "RISE", "0.100", "0.900", "0.800 (0.700 to 0.850)", "0.020", "0.300"]
    assert faithful[2] == ["SNR", "random order", "0.500", "0.500", minus("-0.010"), dash, dash]
    assert agreement == [
        ["Task", "Map", "τ at 5 %", "τ at 20 %", "Mean τ", "Mean ρ"],
        ["SNR", "RISE", "0.33", "1.00", "0.67", "0.75"],
    ]
    assert ranks[1] == ["SNR", "top", "symbols", "5 %", "40.00 % (1)", "20.00 % (1.5)"]
    assert ranks[2] == ["SNR", "random", "symbols", "5 %", minus("-1.00 % (2)"), "20.00 % (1.5)"]
    assert pixels == [["Map", "Other map", "SNR"], ["RISE", "brightest first", minus("-0.25")]]
    titles = ["How faithful the maps are", "PIS against attribution methods", "Do the maps agree?"]
    assert [text for text in page.text if text in titles] == titles


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


def flow(name, value, task="modulation", q=0.001):
    return {
        "selector": "outer_symbols", "operator": "resample", "channel": "all", "nominal_fraction": 0.5,
        "task": task, "class": name, "frames": 1200, "q_value": q,
        "value": value, "low": value - 0.1, "high": value + 0.1,
        "recall_loss": -2 * value, "recall_low": -2 * value - 0.1, "recall_high": -2 * value + 0.1,
    }  # fmt: skip


def test_flows_stand_in_the_chapter_of_why_the_largest_first_and_only_those_that_exclude_0(run_folder):
    rows = [flow("BPSK", 0.12, q=0.2), flow("QPSK", 0.09), flow("-4", -0.3, "snr"), flow("16QAM", math.nan)]
    rows[-1] |= {"low": math.nan, "high": math.nan}
    write_rows(rows, run_folder / "flows.csv")
    mask = "all, outer symbols 50 %"
    why = write_page(run_folder).read_text(encoding="utf-8").split("<h2>Why</h2>")[1].split("<h2>")[0]
    cells = [re.findall(r"<td[^>]*>([^<]*)</td>", line) for line in re.findall(r"<tr>(.*?)</tr>", why)][1:]
    assert cells == [
        ["SNR", minus("-4 dB"), mask, minus("-30.00 % (-40.00 to -20.00)"), "60.00 % (50.00 to 70.00)"],
        ["Modulation", "BPSK", mask, "12.00 % (2.00 to 22.00)*", minus("-24.00 % (-34.00 to -14.00)")],
    ]
    assert "Of 4 flows (1,200 frames) 2 have an interval that excludes 0." in why
    write_rows([flow(f"class{k}", 0.2 + 0.01 * k) for k in range(40)], run_folder / "flows.csv")
    page = write_page(run_folder).read_text(encoding="utf-8")
    assert "40 have an interval that excludes 0; the 12 largest are shown" in page
    assert "class28<" in page and "class27<" not in page
    write_rows([flow("BPSK", 0.02)], run_folder / "flows.csv")
    page = write_page(run_folder).read_text(encoding="utf-8")
    assert "No mask drives frames to a class or away from one as far as 1,200 frames can tell" in page
    assert "Net flow" not in page
