"""Sentences say what the tables say, and only as much as the intervals support."""

import math

import numpy as np
import pytest

from amc_xai.evaluation.predictions import Predictions
from amc_xai.report.answers import accuracy_text, emptiness_sentence, mistake_sentence, sentences
from amc_xai.report.answers_players import (
    channel_sentence,
    pixels_sentence,
    redundancy_sentence,
    symbols_sentence,
)
from amc_xai.report.page import write_page


def worth(channel, value, half, task="snr", measure="swap", q=None):
    low, high = value - half, value + half
    q = (0.001 if low > 0 else 0.5) if q is None else q
    return {
        "channel": channel, "task": task, "measure": measure, "frames": 300.0, "value": value, "low": low,
        "high": high, "q_value": q,
    }  # fmt: skip


def test_a_channel_clearly_ahead_is_named_with_the_next():
    rows = [worth("symbols", 0.09, 0.02), worth("residual", 0.81, 0.02), worth("recovered", 0.0, 0.02)]
    assert channel_sentence(rows, "snr") == (
        "The SNR is read above all from residual (the noise beside the band): with another frame's in its place "
        "81.0 points (79.0 to 83.0) of accuracy are lost, with that of symbols 9.0 points (7.0 to 11.0) (300 "
        "frames)."
    )
    alone = channel_sentence([rows[1], rows[2]], "snr")
    assert "with that of any other none that can be told from 0" in alone


def test_channels_whose_intervals_meet_are_not_ranked():
    rows = [worth("symbols", 0.09, 0.05), worth("recovered", 0.12, 0.05), worth("residual", 0.0, 0.05)]
    told = channel_sentence(rows, "snr")
    assert "none clearly ahead" in told and "above all" not in told
    assert "12.0 points (7.0 to 17.0) for recovered and 9.0 points (4.0 to 14.0) for symbols" in told
    assert "residual" not in told


def test_no_effect_is_said_where_it_is_bounded_and_left_out_where_nothing_is_known():
    small = [worth(name, 0.0, 0.02) for name in "ab"]
    assert "No single channel is missed for the SNR" in channel_sentence(small, "snr")
    assert "at most 2.0 points (300 frames)" in channel_sentence(small, "snr")
    assert channel_sentence([worth(name, 0.01, 0.2) for name in "ab"], "snr") is None
    assert channel_sentence([worth("a", 0.9, 0.01)], "snr") is None  # of one channel nothing is to be chosen
    # An interval that excludes 0 but for the many that were looked at.
    assert channel_sentence([worth("a", 0.09, 0.08, q=0.2), worth("b", 0.0, 0.08)], "snr") is None


def test_channels_that_say_the_same_are_told_by_their_shapley_values():
    rows = [
        worth("a", 0.05, 0.02), worth("a", 0.3, 0.02, measure="shapley"), worth("b", 0.05, 0.02),
        worth("b", 0.06, 0.02, measure="shapley"),
    ]  # fmt: skip
    told = redundancy_sentence(rows)
    assert "30.0 points (28.0 to 32.0) are due to a (Shapley), though lacking it alone costs 5.0 points" in told
    assert redundancy_sentence([worth("a", 0.2, 0.2), worth("a", 0.3, 0.2, measure="shapley")]) is None


def mask(selector, excess, p, channel="all", drop=0.15, task="modulation", operator="resample"):
    return {
        "selector": selector, "channel": channel, "operator": operator, "task": task, "nominal_fraction": 0.5,
        "drop": drop, "drop_low": drop - 0.03, "drop_high": drop + 0.03, "q_value": 0.001 if drop > 0.03 else 0.5,
        "excess": excess, "excess_low": excess - 0.03, "excess_high": excess + 0.03, "excess_p_value": p,
        "frames": 300.0,
    }  # fmt: skip


def test_symbols_are_compared_with_as_many_at_random():
    more = symbols_sentence([mask("outer_symbols", 0.08, 0.001), mask("inner_symbols", 0.01, 0.5)])
    assert more == (
        "Without half of the symbols, the outer ones, in every channel the modulation loses 15.0 points (12.0 to "
        "18.0), 8.0 points (5.0 to 11.0) more than without as many at random (300 frames)."
    )
    both = symbols_sentence([mask("outer_symbols", 0.08, 0.001), mask("inner_symbols", 0.06, 0.001, drop=0.13)])
    assert "as many at random; without the inner ones 13.0 points (10.0 to 16.0) (300 frames)." in both
    minus = "\N{MINUS SIGN}"
    alike = symbols_sentence([mask("outer_symbols", 0.01, 0.5)])
    assert f"not told apart from what as many at random cost (difference 1.0, {minus}2.0 to 4.0)" in alike
    less = symbols_sentence([mask("inner_symbols", -0.08, 0.001)])
    assert "8.0 points (5.0 to 11.0) less than without as many at random" in less
    assert symbols_sentence([mask("outer_symbols", 0.0, 0.9, drop=0.0)]) is None
    assert symbols_sentence([mask("top", 0.2, 0.001, channel="symbols")]) is None


def test_pixels_speak_only_beyond_their_control_and_never_when_emptied():
    rows = [mask("top", 0.2, 0.001, "residual", task="snr"), mask("bottom", 0.0, 0.9, "residual", task="snr")]
    told = pixels_sentence(rows)
    assert "in residual: top half cost the SNR 20.0 points (17.0 to 23.0) more than as many at random" in told
    none = [mask("top", 0.0, 0.9, "residual"), mask("bottom", 0.01, 0.9, "residual")]
    none += [mask("top", 0.0, 0.9, "residual", task="snr")]
    assert (
        "any of 2 masks costs differs by 4.0 points at most from what as many at random cost"
        in pixels_sentence(none)
    )
    # Costing clearly less than random ones is a difference too.
    assert pixels_sentence([*none, mask("bottom", -0.1, 0.001, "residual", task="snr")]) is None
    assert pixels_sentence([mask("top", 0.4, 0.001, "residual", operator="zero")]) is None
    unknown = mask("top", 0.01, math.nan, "residual") | {"excess_low": -0.2, "excess_high": 0.2}
    assert pixels_sentence([unknown]) is None
    # What is masked in all channels at once is no matter of one channel.
    told = pixels_sentence([mask("top", 0.2, 0.001, "together", task="snr")])
    assert told.startswith("Of the picture's pixels it matters most which are masked in all channels at once: top")
    assert pixels_sentence([mask("top", 0.0, 0.9, "together", task="snr")]) is None


def test_emptiness_is_told_only_where_nothing_was_emptied():
    empty = [
        {"operator": "zero", "task": task, "measure": "empty", "value": 0.95, "named": named}
        for task, named in (("modulation", "BPSK"), ("snr", "30"))
    ]
    told = emptiness_sentence(empty, [mask("top", 0, 1, "residual")])
    assert "named BPSK (95.0 %) at 30 dB (95.0 %). So what is masked here is filled up" in told
    both = [mask("top", 0, 1, "residual"), mask("top", 0, 1, "residual", operator="zero")]
    assert emptiness_sentence(empty, both) is None
    assert emptiness_sentence(empty, [mask("outer_symbols", 0, 1)]) is None
    unsure = [row | {"value": 0.2} for row in empty]
    assert emptiness_sentence(unsure, [mask("top", 0, 1, "residual")]) is None


def test_accuracies_are_of_the_frames_whose_label_is_known():
    rows = {"by_class": [{"frames": 30}, {"frames": 30}], "by_snr": [{"frames": 30}, {"frames": 10}]}
    bounds = {"interval95": {"modulation_accuracy": [0.8, 0.95], "snr_accuracy": [0.5, 0.7]}}
    metrics = {"modulation_accuracy": 0.9, "snr_accuracy": 0.6, **rows, **bounds}
    assert accuracy_text(metrics, {"modulation_accuracy": 0.5, "snr_accuracy": 0.5}) == (
        "It names the modulation of 90.0 % (80.0 to 95.0; guessing: 50.0) of 60 frames and the SNR of 60.0 % "
        "(50.0 to 70.0; guessing: 50.0) of 40 frames rightly."
    )
    # With one SNR there is nothing to name.
    alone = accuracy_text(metrics, {"modulation_accuracy": 0.5, "snr_accuracy": 1.0})
    assert alone == "It names the modulation of 90.0 % (80.0 to 95.0; guessing: 50.0) of 60 frames rightly."


def predictions_of(label, named):
    label, named = np.array(label), np.array(named)
    probability = np.eye(2, dtype=np.float32)[named]
    return Predictions(label, label, probability, probability, np.array(["QPSK", "OQPSK"]), np.array([0.0, 10.0]))


def test_a_mistake_is_told_where_it_is_no_guess(tmp_path):
    predictions_of([0] * 20 + [1] * 20, [1] * 18 + [0] * 2 + [1] * 20).save(tmp_path / "predictions.npz")
    assert "most frequent mistake is OQPSK for QPSK: 18 of 20 frames (90.0 %, 69.9 to 97.2)" in mistake_sentence(
        tmp_path
    )
    for label, named in (([0, 1], [1, 1]), ([0, 0, 1], [1, 1, 1])):
        predictions_of(label, named).save(tmp_path / "predictions.npz")
        assert mistake_sentence(tmp_path) is None


def test_the_page_opens_with_three_to_six_sentences_and_their_numbers(run_folder):
    lines = ["channel,task,measure,frames,value,low,high,q_value"]
    lines += [f"{c},{task},swap,240,{v},{v - 0.01},{v + 0.01},0.001" for c, task, v in (
        ("trajectory", "snr", 0.5), ("symbols", "snr", 0.1), ("trajectory", "modulation", 0.2),
        ("symbols", "modulation", 0.3),
    )]  # fmt: skip
    (run_folder / "channels.csv").write_text("\n".join(lines) + "\n")
    said = sentences(run_folder)
    assert 3 <= len(said) <= 6 and said[0].startswith("It names the modulation of ")
    page = write_page(run_folder).read_text(encoding="utf-8")
    parts = ("<h2>In short", said[0], said[-1], "<h2>Result", "each channel is worth")
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert "trajectory</td><td>240</td><td>50.00 % (49.00 to 51.00)" in page


@pytest.mark.parametrize(
    ("file", "sentence"),
    [("metrics.json", "It names the modulation"), ("predictions.npz", "Its most frequent mistake")],
)
def test_a_run_without_a_table_says_less(run_folder, file, sentence):
    predictions_of([0] * 20 + [1] * 20, [1] * 18 + [0] * 2 + [1] * 20).save(run_folder / "predictions.npz")
    assert any(said.startswith(sentence) for said in sentences(run_folder))
    (run_folder / file).unlink()
    assert not any(said.startswith(sentence) for said in sentences(run_folder))
