"""What the page says of the optimal observer is what ``evidence.csv`` holds."""

import pytest

from amc_xai.report.evidence import evidence_figure, evidence_sentence, evidence_table, read_evidence


def row(name, value, modulation="all", low=10.0, high=20.0, half=0.05):
    return {
        "map": name, "modulation": modulation, "snr_low": low, "snr_high": high, "frames": 96.0, "value": value,
        "low": value - half, "high": value + half,
    }  # fmt: skip


ROWS = [
    row("own", 0.45), row("uniform", 0.1), row("random", 0.0), row("own", 0.3, "QPSK"),
    row("own", 0.2, low=10.0, high=10.0), row("own", 0.6, low=20.0), row("random", 0.0, low=20.0),
]  # fmt: skip


def test_the_sentence_needs_the_intervals_apart():
    told = evidence_sentence(ROWS)
    assert told.startswith("At 10 to 20 dB what single symbols add to its lead partly follows the evidence")
    assert "rank correlation 0.45 (0.40 to 0.50); a uniform map 0.10 and a random map 0.00 (96 frames)" in told
    assert evidence_sentence([row("own", 0.3, half=0.2), row("uniform", 0.2)]) is None
    assert "only faintly follows" in evidence_sentence([row("own", 0.1), row("random", 0.0, half=0.01)])
    assert "lead follows" in evidence_sentence([row("own", 0.7), row("random", 0.0)])
    assert "hardly follows" in evidence_sentence([row("own", 0.02), row("random", 0.0)])
    reached = evidence_sentence([*ROWS, row("phaseless", 0.62)])
    assert "a random map 0.00, an observer as good that isn't told the phase 0.62 (96 frames)" in reached
    assert evidence_sentence([]) is None and evidence_sentence([row("random", 0.0)]) is None


def test_table_and_lines_hold_the_rows(tmp_path):
    text = evidence_table(ROWS)
    assert "<td class=text>QPSK</td><td>10 to 20</td><td>96</td><td>0.30 (0.25 to 0.35)</td>" in text
    lines = {line.get_gid(): line for line in evidence_figure(ROWS).axes[0].get_lines() if line.get_gid()}
    assert list(lines["own"].get_xdata()) == [10, 20] and list(lines["own"].get_ydata()) == pytest.approx(
        [0.2, 0.6]
    )
    header = ",".join(ROWS[0])
    body = "\n".join(",".join(str(value) for value in one.values()) for one in ROWS)
    (tmp_path / "evidence.csv").write_text(f"{header}\n{body}\n")
    assert read_evidence(tmp_path) == ROWS and read_evidence(tmp_path / "none") == []
