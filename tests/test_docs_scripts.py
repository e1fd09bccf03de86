"""Scripts beside the docs measure what they say they measure."""

import importlib.util
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "docs" / "scripts"


def test_the_twin_is_measured_as_it_was_made():
    spec = importlib.util.spec_from_file_location("compare_twin", SCRIPTS / "compare_twin.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
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
