"""Dot plots of channels and masks show the tables; what isn't told from 0 is hollow."""

import math

import pytest

from amc_xai.report.players import by_symbols, channels_figure, drops_figure

POINTS = 100


def worth(channel, task, measure, value, q=0.001):
    numbers = {"value": value, "low": value - 0.05, "high": value + 0.04, "q_value": q}
    return {"channel": channel, "task": task, "measure": measure, "frames": 100.0, **numbers}


CHANNELS = [
    worth("symbols", "modulation", "swap", 0.02, q=0.6), worth("residual", "modulation", "swap", 0.1),
    worth("symbols", "snr", "swap", 0.0, q=1.0), worth("residual", "snr", "swap", 0.8),
    worth("symbols", "modulation", "shapley", 0.3), worth("residual", "modulation", "shapley", 0.2),
    worth("symbols", "snr", "shapley", 0.01, q=0.3), worth("residual", "snr", "shapley", 0.9),
]  # fmt: skip


def marks(figure):
    return {line.get_gid(): line for axes in figure.axes for line in axes.get_lines() if line.get_gid()}


def test_channels_stand_with_their_interval_the_worthiest_first():
    figure = channels_figure(CHANNELS)
    drawn = marks(figure)
    assert len(drawn) == len(CHANNELS)
    for row in CHANNELS:
        mark = drawn[f"{row['measure']}|{row['channel']}|{row['task']}"]
        assert mark.get_xdata()[0] == pytest.approx(POINTS * row["value"])
        assert (mark.get_markerfacecolor() == "white") == (row["q_value"] > 0.05)
    bars = {c.get_gid(): c.get_segments()[0] for axes in figure.axes for c in axes.collections}
    assert bars["swap|residual|snr|interval"][:, 0] == pytest.approx([75, 84])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["residual", "symbols"]


def test_masks_stand_beside_their_control_and_symbols_apart_from_pixels():
    rows = [
        {
            "selector": selector, "operator": "resample", "channel": channel, "nominal_fraction": fraction,
            "task": task, "drop": 0.1 * fraction, "drop_low": -0.01, "drop_high": 0.1, "q_value": 0.2,
            "control_drop": 0.02, "excess": 0.1 * fraction - 0.02,
        }
        for selector, channel in (("top", "a"), ("top", "b"), ("outer_symbols", "all"))
        for fraction in (0.1, 0.5) for task in ("modulation", "snr", "joint")
    ]  # fmt: skip
    symbols, pixels = by_symbols(rows)
    assert len(symbols) == 6 and len(pixels) == 12
    drawn = marks(drops_figure(symbols, "Symbols"))
    assert drawn["mask|outer symbols 50 %|snr"].get_xdata()[0] == pytest.approx(5.0)
    assert drawn["control|outer symbols 10 %|snr"].get_xdata()[0] == pytest.approx(2.0)
    labels = [label.get_text() for label in drops_figure(pixels, "Pixels").axes[0].get_yticklabels()]
    assert labels == ["a, top 10 %", "a, top 50 %", "b, top 10 %", "b, top 50 %"]
    without = [row | {"control_drop": math.nan} for row in pixels]
    assert not any(gid.startswith("control") for gid in marks(drops_figure(without, "Pixels")))
