"""The shares of a gate by SNR."""

import numpy as np
import pytest

from amc_xai.errors import UserError
from amc_xai.evaluation.gates import GateShares


def test_means_are_taken_by_snr_in_ascending_order():
    label = np.array([0, 0, 1, -1])
    shares = np.array([[0.2, 0.8], [0.4, 0.6], [0.9, 0.1], [0.5, 0.5]], dtype=np.float32)
    gates = GateShares.of(label, shares, np.array([10.0, -2.0, 4.0]), ["low", "high"])
    assert gates.snrs.tolist() == [-2.0, 10.0]  # 4 dB has no frame
    assert gates.frames.tolist() == [1, 2]
    assert gates.shares == pytest.approx(np.array([[0.9, 0.1], [0.3, 0.7]]))


def test_the_table_reads_back(tmp_path):
    gates = GateShares(np.array([-2.0, 0.5]), np.array([3, 4]), ["low", "high"], np.array([[0.25, 0.75], [1, 0]]))
    path = gates.save(tmp_path / "gates.csv")
    assert path.read_text().splitlines()[:2] == ["snr,frames,low,high", "-2,3,0.250000,0.750000"]
    again = GateShares.load(path)
    assert again.experts == gates.experts
    for name in ("snrs", "frames", "shares"):
        assert np.array_equal(getattr(again, name), getattr(gates, name))


@pytest.mark.parametrize("text", ["", "snr,low\n1,0.5\n", "snr,frames,low\n1,2,x\n", "snr,frames,low\n1,2\n"])
def test_a_broken_table_is_named(tmp_path, text):
    (tmp_path / "gates.csv").write_text(text)
    with pytest.raises(UserError, match=r"gates: .*gates.csv' is no table of shares"):
        GateShares.load(tmp_path / "gates.csv")
