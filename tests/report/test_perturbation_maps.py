"""Figures of masking by class and SNR, of confusions and F1, and of what masks really remove."""

import csv
import math

import numpy as np
import pytest

from amc_xai.explain.table_files import write_rows
from amc_xai.report.heat_maps import channel_map, pis_map
from amc_xai.report.perturbation_maps import (
    f1_by_fraction,
    perturbation_maps,
    perturbed_confusions,
    published_shares,
)
from amc_xai.report.run_files import read_pis


def score(selector, channel, fraction, label, value, task="snr"):
    return {
        "selector": selector,
        "channel": channel,
        "nominal_fraction": fraction,
        "lit_fraction": 0.6 if selector == "published_bottom" else fraction,
        "task": task,
        "snr": label,
        "pis_lit": value,
        "accuracy": 0.5,
    }


@pytest.fixture
def rows():
    return [
        score(selector, channel, fraction, snr, 10.0 * s + c + fraction + float(snr))
        for s, selector in enumerate(("top", "published_bottom"))
        for c, channel in enumerate(("a", "b"))
        for fraction in (0.01, 0.05)
        for snr in ("10.0", "-4.0")
    ]


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "selector": np.array(["top", "top", "bottom", "bottom"]),
        "operator": np.array(["zero"] * 4),
        "channel": np.array(["a"] * 4),
        "nominal_fraction": np.array([0.1, 0.01, 0.1, 0.01]),
        "repeats": np.int64(1),
        "modulations": np.array(["BPSK", "QPSK", "8PSK"]),
        "snrs": np.array([10.0, -4.0]),
        "modulation": rng.integers(1, 9, (4, 3, 3)),
        "snr": rng.integers(1, 9, (4, 2, 2)),
        "modulation_before": rng.integers(1, 9, (3, 3)),
        "snr_before": rng.integers(1, 9, (2, 2)),
    }


def test_a_map_holds_each_score_in_its_cell_snrs_ascending(rows):
    sure = {"q_value": 0.01}
    rows = [row | (sure if row["snr"] == "10.0" else {"q_value": 0.2}) for row in rows]
    figure = pis_map(rows, "snr", "SNR")
    panels = {axes.get_gid(): axes for axes in figure.axes if axes.get_gid()}
    assert set(panels) == {"a", "b"}
    texts = [label.get_text() for label in panels["b"].get_xticklabels()]
    assert texts == ["top 1 %", "top 5 %", "published bottom 1 %", "published bottom 5 %"]
    shown = panels["b"].images[0].get_array()
    assert np.allclose(shown, [[1.01 - 4, 1.05 - 4, 11.01 - 4, 11.05 - 4], [11.01, 11.05, 21.01, 21.05]])
    assert [label.get_text() for label in panels["a"].get_yticklabels()] == ["\N{MINUS SIGN}4", "10"]
    # The row of -4 dB is not told from 0 and is hatched, that of 10 dB is not.
    assert {patch.get_gid() for patch in panels["b"].patches} == {f"uncertain|0|{k}" for k in range(4)}


def test_channels_by_class_hatch_what_is_not_told_from_0_and_write_the_rest():
    rows = [
        {
            "modulation": name, "channel": channel, "task": task, "measure": "swap", "frames": 40.0,
            "value": value, "low": value - 0.1, "high": value + 0.1, "q_value": 0.001 if value > 0.1 else 0.4,
        }
        for m, name in enumerate(("BPSK", "QPSK")) for c, channel in enumerate(("a", "b"))
        for task in ("modulation", "snr") for value in [0.3 * m + 0.05 * c]
    ]  # fmt: skip
    panels = {axes.get_gid(): axes for axes in channel_map(rows, "modulation", "Modulation").axes}
    assert np.allclose(panels["snr"].images[0].get_array(), [[0, 5], [30, 35]])
    assert {patch.get_gid() for patch in panels["snr"].patches} == {"uncertain|0|0", "uncertain|0|1"}
    assert [text.get_text() for text in panels["snr"].texts] == ["30", "35"]


def test_confusions_show_each_selectors_costliest_mask_with_snrs_sorted(arrays):
    figure = perturbed_confusions(arrays, "snr")
    panels = {axes.get_gid(): axes.images[0].get_array() for axes in figure.axes if axes.get_gid()}
    assert list(panels) == ["before", "top", "bottom"]
    right = np.trace(arrays["snr"], axis1=1, axis2=2) / arrays["snr"].sum((1, 2))
    worst = int(np.argmin(right[:2]))
    counts = arrays["snr"][worst][::-1, ::-1]
    assert np.allclose(panels["top"], counts / counts.sum(1, keepdims=True))


@pytest.fixture
def f1_rows():
    """Four fractions, too many for dots; the largest first."""
    rows = []
    for k, fraction in enumerate((0.5, 0.2, 0.1, 0.01)):
        row = {"selector": "top", "operator": "zero", "channel": "a", "nominal_fraction": fraction}
        for t, task in enumerate(("modulation", "snr")):
            after = 0.9 - 0.1 * t - 0.1 * (3 - k)
            row |= {f"{task}_f1_macro": after, f"{task}_f1_macro_before": 0.95}
            loss = 0.95 - after
            row |= {f"{task}_f1_macro_loss_low": loss - 0.02, f"{task}_f1_macro_loss_high": loss + 0.01}
        rows.append(row)
    return rows


def test_f1_lines_are_the_table_with_bands_from_the_intervals_of_the_loss(f1_rows):
    axes = f1_by_fraction(f1_rows).axes[0]
    line = next(line for line in axes.get_lines() if line.get_gid() == "top|modulation|a")
    assert list(line.get_xdata()) == [0, 1, 2, 3]  # evenly spaced, so that no two labels meet
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "10", "20", "50"]
    assert line.get_ydata() == pytest.approx([0.9, 0.8, 0.7, 0.6])
    edge = axes.collections[0].get_paths()[0].vertices
    assert edge[edge[:, 0] == 3, 1].min() == pytest.approx(0.59)
    assert edge[edge[:, 0] == 3, 1].max() == pytest.approx(0.62)


def test_published_shares_are_the_lit_fractions(rows):
    lines = {line.get_gid(): line for axes in published_shares(rows).axes for line in axes.get_lines()}
    assert list(lines["top|a"].get_ydata()) == [0.01, 0.01, 0.05, 0.05]
    assert set(lines["published_bottom|b"].get_ydata()) == {0.6}
    assert list(lines["as named"].get_xdata()) == [0.01, 0.05]
    assert not any(gid.endswith("|score") for gid in lines if gid)  # the file has no such column


def test_the_published_score_is_drawn_for_the_last_task_of_the_file(rows):
    joint = [row | {"task": "joint", "snr": "", "pis_nominal": 0.3 / row["nominal_fraction"]} for row in rows[::2]]
    others = [row | {"task": "modulation", "pis_nominal": 1.0} for row in rows[::2]]
    lines = {
        line.get_gid(): line for axes in published_shares([*others, *joint]).axes for line in axes.get_lines()
    }
    assert list(lines["published_bottom|b|score"].get_ydata()) == pytest.approx([30.0, 6.0])
    assert list(lines["published_bottom|b|score"].get_xdata()) == [0.01, 0.05]


def test_the_files_of_a_folder_give_their_figures(tmp_path, rows, arrays, f1_rows):
    with (tmp_path / "pis_by_snr.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "interval_note"])
        writer.writeheader()
        writer.writerows(row | {"interval_note": "wide"} for row in rows)
    back = read_pis(tmp_path / "pis_by_snr.csv", "snr")
    assert back[0]["interval_note"] == "wide" and back[0]["snr"] == "10.0" and not math.isnan(back[0]["pis_lit"])
    np.savez(tmp_path / "perturbed_confusions.npz", **arrays)
    write_rows(f1_rows, tmp_path / "perturbed_f1.csv")
    names = [name for name, _ in perturbation_maps(tmp_path)]
    assert names == ["pis_by_snr", "perturbed_confusion_modulation", "perturbed_confusion_snr", "perturbed_f1"]
    assert sum(bool(axes.get_lines()) for axes in dict(perturbation_maps(tmp_path))["perturbed_f1"].axes) == 2
    write_rows(f1_rows[:3], tmp_path / "perturbed_f1.csv")  # few fractions: dots
    drawn = dict(perturbation_maps(tmp_path))["perturbed_f1"].findobj(
        lambda one: one.get_gid() == "mask|top 50 %|snr"
    )
    assert len(drawn) == 1
