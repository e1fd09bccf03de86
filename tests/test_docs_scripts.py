"""Scripts beside the docs measure what they say they measure."""

import importlib.util
from pathlib import Path

import pytest

from tests.report.test_leaderboard import ANCHORS, GOOD, write_run

SCRIPTS = Path(__file__).parent.parent / "docs" / "scripts"


def script_of(name):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_the_twin_is_measured_as_it_was_made():
    script = script_of("compare_twin")
    twin = script.Synthetic(
        ["BPSK"], [30], 128, frame_length=128,
        channel={"pulse": "radioml2018", "carrier_offset_std": 3.5e-5, "snr_definition": "radioml2018"},
    )  # fmt: skip
    found = script.measured(twin, 30.0)
    # A noise amplitude of 10^-3, half of its power in quadrature.
    for band in ("0.2 to 0.3", "0.4 to 0.5"):
        assert float(found[f"floor at {band} cycles a sample (dB a sample)"]) == pytest.approx(-60, abs=0.3)
    assert float(found["BPSK: part in quadrature under that in phase (dB)"]) == pytest.approx(-63, abs=0.5)
    for at, expected in ((0.3, 1.0), (0.4, 0.78), (0.5, 0.35), (0.6, 0.03)):
        assert float(found[f"pulse at {at:g} cycles a symbol"]) == pytest.approx(expected, abs=0.03)
    low, high = map(float, found["carrier offset, 1 to 99 % (1e-5 cycles a sample)"].split(" to "))
    assert -12 < low < -6 and 6 < high < 12


def test_the_twins_figure_has_both_limits_and_the_classical_methods(tmp_path):
    script = script_of("twin_figure")
    folder = tmp_path / "run"
    write_run(folder, ["backbone=tiny"], GOOD)
    (folder / "limits.csv").write_text("snr,joint_accuracy,reachable_joint_accuracy\n0,0.5,0.25\n10,1,0.75\n")
    (folder / "anchors.csv").write_text(ANCHORS)
    runs = script.read([f"points={folder}"])
    modulation, snr, joint = script.figure(runs).axes
    drawn = {line.get_label(): line.get_ydata().tolist() for line in joint.get_lines()}
    assert drawn[script.BOUND_NAMES["limit"]] == [0.5, 1.0]
    assert drawn[script.BOUND_NAMES["reachable"]] == [0.25, 0.75]
    assert [line.get_ydata().tolist() for line in snr.get_lines() if line.get_gid() == "m2m4"] == [[0.5, 0.1]]
    assert "cumulants" in {line.get_gid() for line in modulation.get_lines()}
    assert "no learning: M2M4: SNR" in script.table(runs)
