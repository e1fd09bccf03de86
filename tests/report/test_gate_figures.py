"""The gate of a mixture of experts, by SNR and by epoch."""

import numpy as np

from amc_xai.evaluation.gates import GateShares
from amc_xai.report.figures import build_figures
from amc_xai.report.gates import gate_by_snr
from amc_xai.report.history import training_curves


def lines(figure):
    return {line.get_gid(): line for axes in figure.axes for line in axes.get_lines() if line.get_gid()}


def gates():
    shares = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    return GateShares(np.array([-4.0, 0.0, 8.0]), np.array([5, 5, 5]), ["low_snr", "high_snr"], shares)


def test_lines_are_the_table(tmp_path):
    drawn = lines(gate_by_snr(gates(), snr_definition="es_n0"))
    for k, name in enumerate(("low_snr", "high_snr")):
        assert list(drawn[name].get_xdata()) == [-4, 0, 8]
        assert list(drawn[name].get_ydata()) == gates().shares[:, k].tolist()
    assert drawn["low_snr"].get_label() == "Low SNR"
    gates().save(tmp_path / "gates.csv")
    assert [name for name, _ in build_figures(tmp_path)] == ["gate_by_snr"]


def test_the_history_of_a_mixture_has_a_panel_more(history):
    for k, epoch in enumerate(history):
        epoch |= {"gate_low_snr": 0.5 + 0.1 * k, "gate_high_snr": 0.5 - 0.1 * k}
    figure = training_curves(history)
    assert len(figure.axes) == 5
    assert list(lines(figure)["gate_low_snr"].get_ydata()) == [epoch["gate_low_snr"] for epoch in history]
    assert figure.axes[-1].get_title(loc="left") == "Share of each expert in the gate"
