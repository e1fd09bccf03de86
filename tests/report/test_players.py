"""Dot plots of channels and masks show the tables; what isn't told from 0 is hollow."""

import math

import pytest

from amc_xai.report.players import by_symbols, channels_figure, drops_figure, f1_figure

POINTS = 100
TASKS = ("modulation", "snr")


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


def test_f1_stands_with_the_interval_of_its_loss_and_hollow_where_it_is_not_told_from_0():
    rows = [
        {
            "selector": "top", "operator": "resample", "channel": "a", "nominal_fraction": fraction,
            **{f"{task}_f1_macro": 0.8 - loss for task in TASKS},
            **{f"{task}_f1_macro_before": 0.8 for task in TASKS},
            **{f"{task}_f1_macro_loss_low": loss - 0.02 for task in TASKS},
            **{f"{task}_f1_macro_loss_high": loss + 0.03 for task in TASKS},
            **{f"{task}_f1_macro_loss_q_value": q for task in TASKS},
        }
        for fraction, loss, q in ((0.1, 0.01, 0.6), (0.5, 0.3, 0.001))
    ]  # fmt: skip
    figure = f1_figure(rows)
    drawn, bars = marks(figure), {c.get_gid(): c.get_segments()[0] for a in figure.axes for c in a.collections}
    assert len(drawn) == 4 and len(figure.axes) == 2  # one panel a task, however many masks there are
    for fraction, loss, fill in ((10, 1.0, "white"), (50, 30.0, "#0072B2")):
        mark = drawn[f"mask|top {fraction} %|snr"]
        assert mark.get_xdata()[0] == pytest.approx(loss) and mark.get_markerfacecolor() == fill
        assert bars[f"mask|top {fraction} %|snr|interval"][:, 0] == pytest.approx([loss - 2, loss + 3])
    # Tables of earlier versions have no intervals: what isn't known isn't told from 0.
    old = [{name: value for name, value in row.items() if "loss" not in name} for row in rows]
    assert {mark.get_markerfacecolor() for mark in marks(f1_figure(old)).values()} == {"white"}
