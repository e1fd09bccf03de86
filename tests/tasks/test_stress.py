import csv

import pytest

from amc_xai.errors import UserError
from amc_xai.report.stress import read_stress, stress_figure
from amc_xai.tasks import stress


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_stress_of_a_network_is_a_table_and_a_figure(learned, parts_of_command):
    parts = parts_of_command("task=stress", f"checkpoint={learned}", "device=cpu")
    stress.run(parts, frames=40, es_n0_db=24, impairments=["es_n0", "carrier_offset", "frame_length"])
    rows = read(parts.folder / "stress.csv")
    assert list(rows[0]) == list(stress.COLUMNS)
    by_task = {task: [r for r in rows if r["task"] == task] for task in ("modulation", "snr", "joint")}
    # At 6 and 24 dB the network has an SNR of its own to name; at other Es/N0 there is no right answer.
    assert {r["strength"] for r in by_task["snr"] if r["impairment"] == "es_n0"} == set()
    assert {r["frames"] for r in rows} == {"40"}
    clean = next(r for r in by_task["modulation"] if (r["impairment"], r["strength"]) == ("carrier_offset", "0"))
    assert float(clean["accuracy"]) > 0.9 and clean["inside_training"] == "true"
    worst = next(r for r in by_task["modulation"] if (r["impairment"], r["strength"]) == ("es_n0", "-10"))
    assert float(worst["accuracy"]) < 0.8 and worst["inside_training"] == "false"
    inside = {r["strength"]: r["inside_training"] for r in rows if r["impairment"] == "frame_length"}
    assert inside["512"] == "true" and inside["4096"] == "false"
    assert (parts.folder / "figures" / "stress.png").is_file()
    figure = stress_figure(read_stress(parts.folder / "stress.csv"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Es/N0 (dB)", "Carrier offset (cycles a sample)", "Frame length (samples)",
    ]  # fmt: skip
    line = next(line for line in figure.axes[1].get_lines() if line.get_gid() == "carrier_offset|modulation")
    drawn = [float(r["accuracy"]) for r in by_task["modulation"] if r["impairment"] == "carrier_offset"]
    assert line.get_ydata().tolist() == pytest.approx(drawn)


def test_unknown_impairments_are_refused_before_any_work():
    with pytest.raises(UserError, match=r"task.impairments: there is no impairment 'wind'; choose from es_n0, "):
        stress.chosen_sweeps(["wind"])
    with pytest.raises(UserError, match="name at least one"):
        stress.chosen_sweeps([])
