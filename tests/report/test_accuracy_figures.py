"""What the accuracy, confusion and F1 figures draw is what the files say."""

import numpy as np
import pytest

from amc_xai.evaluation.intervals import wilson
from amc_xai.evaluation.metrics import metrics
from amc_xai.evaluation.predictions import Predictions
from amc_xai.report.accuracy import accuracy_by_snr, confusion_figure, f1_by_class

TASKS = ("modulation", "snr", "joint")


def line(axes, gid):
    return next(line for line in axes.get_lines() if line.get_gid() == gid)


def corners(collection):
    """Every (x, y) on the outline of a band, rounded so that it can be looked up."""
    return {(round(x, 6), round(y, 6)) for x, y in collection.get_paths()[0].vertices}


def test_lines_and_bands_by_snr(predictions):
    figure = accuracy_by_snr(predictions, snr_definition="es_n0")
    (axes,) = figure.axes
    rows = sorted(metrics(predictions, snr_definition="es_n0")["by_snr"], key=lambda row: row["snr"])
    for task, band in zip(TASKS, axes.collections, strict=True):
        drawn = line(axes, task)
        assert drawn.get_xdata().tolist() == [-4.0, 0.0, 8.0]
        assert drawn.get_ydata().tolist() == [row[f"{task}_accuracy"] for row in rows]
        for i, snr in enumerate((-4.0, 0.0, 8.0)):
            at = predictions.snr_label == predictions.snrs.tolist().index(snr)
            known = at if task == "snr" else at & (predictions.modulation_label >= 0)
            frames = int(known.sum())
            low, high = wilson(round(rows[i][f"{task}_accuracy"] * frames), frames)
            assert {(snr, round(float(low), 6)), (snr, round(float(high), 6))} <= corners(band)
    heights = [line(axes, f"{task}_chance").get_ydata()[0] for task in TASKS]
    assert heights == pytest.approx([1 / 3, 1 / 3, 1 / 9])
    assert axes.get_xlabel() == "Es/N0 (dB)"
    assert not any((drawn.get_gid() or "").endswith("_limit") for drawn in axes.get_lines())


def test_limit_is_drawn_where_known(predictions):
    limits = {
        8.0: {"modulation_accuracy": 0.9, "modulation_low": 0.85, "modulation_high": 0.95},
        -4.0: {"modulation_accuracy": 0.4, "modulation_low": 0.35, "modulation_high": 0.45, "crb_db": 0.3},
    }
    (axes,) = accuracy_by_snr(predictions, snr_definition="sample", limits=limits).axes
    drawn = line(axes, "modulation_limit")
    assert (list(drawn.get_xdata()), list(drawn.get_ydata())) == ([-4.0, 8.0], [0.4, 0.9])
    assert {(-4.0, 0.35), (-4.0, 0.45), (8.0, 0.85), (8.0, 0.95)} <= corners(axes.collections[-1])
    assert [d.get_gid() for d in axes.get_lines() if d.get_gid().endswith("_limit")] == ["modulation_limit"]
    assert axes.get_xlabel() == "SNR per sample (dB)"


ANCHORS = [
    {"snr": snr, "method": method, "task": task, "frames": 40.0, "accuracy": at, "low": at / 2, "high": at + 0.1}
    for method, task, accuracies in (
        ("cumulants", "modulation", (0.8, 0.1, 0.3)),
        ("out_of_band", "snr", (0.7, 0.2, 0.6)),
        ("m2m4", "snr", (0.05, 0.4, 0.5)),
        ("cumulants_and_out_of_band", "joint", (0.55, 0.02, 0.25)),
    )
    for snr, at in zip((8.0, -4.0, 0.0), accuracies, strict=True)
]


def test_both_limits_are_drawn_where_known(predictions):
    limits = {snr: {"joint_accuracy": 0.9, "reachable_joint_accuracy": 0.8} for snr in (0.0, 8.0)}
    figure = accuracy_by_snr(predictions, limits=limits)
    (axes,) = figure.axes
    assert line(axes, "joint_limit").get_ydata().tolist() == [0.9, 0.9]
    assert line(axes, "joint_reachable").get_ydata().tolist() == [0.8, 0.8]
    told = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"Limit, carrier known", "Limit, carrier unknown"} <= told


def test_each_classical_method_is_in_the_panel_of_its_task(predictions):
    limits = {snr: {f"{task}_accuracy": 0.9 for task in TASKS} for snr in (-4.0, 0.0, 8.0)}
    figure = accuracy_by_snr(predictions, limits=limits, anchors=ANCHORS)
    gids = [{drawn.get_gid() for drawn in axes.get_lines()} for axes in figure.axes]
    own = [{task, f"{task}_limit", f"{task}_chance"} for task in TASKS]
    assert gids[0] == own[0] | {"cumulants"}
    assert gids[1] == own[1] | {"out_of_band", "m2m4"}
    assert gids[2] == own[2] | {"cumulants_and_out_of_band"}
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Modulation", "SNR", "Joint (both right)"]
    drawn = line(figure.axes[1], "m2m4")
    assert (list(drawn.get_xdata()), list(drawn.get_ydata())) == ([-4.0, 0.0, 8.0], [0.4, 0.5, 0.05])
    assert list(line(figure.axes[2], "cumulants_and_out_of_band").get_ydata()) == [0.02, 0.25, 0.55]
    bars = figure.axes[0].collections[-1].get_segments()
    assert [bar[:, 1].tolist() for bar in bars] == [
        pytest.approx([0.05, 0.2]),
        pytest.approx([0.15, 0.4]),
        pytest.approx([0.4, 0.9]),
    ]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[0::2] == ["Modulation", "SNR", "Joint (both right)", "Limit, carrier known", "Chance"]
    assert texts[1::2] == [
        "Cumulants: modulation",
        "Out-of-band noise: SNR",
        "M2M4: SNR",
        "Cumulants and out-of-band noise: joint",
    ]


def test_the_run_stands_before_the_classical_methods(predictions):
    alone = accuracy_by_snr(predictions).axes[0]
    figure = accuracy_by_snr(predictions, anchors=ANCHORS)
    for axes, task in zip(figure.axes, TASKS, strict=True):
        run = line(axes, task)
        assert list(run.get_ydata()) == list(line(alone, task).get_ydata())
        for drawn in axes.get_lines():
            if not drawn.get_gid().startswith(task):
                assert drawn.get_zorder() < run.get_zorder()
                assert drawn.get_linewidth() < run.get_linewidth() / 2


def test_a_single_snr_shows_its_interval_as_a_bar():
    table = Predictions([0, 0, 1, 1], [0] * 4, np.eye(2)[[0, 1, 1, 1]], np.ones((4, 1)), ["a", "b"], [6.0])
    (axes,) = accuracy_by_snr(table).axes
    (segment,) = axes.collections[1].get_segments()
    assert segment[:, 0].tolist() == [6.0, 6.0]
    assert segment[:, 1] == pytest.approx([float(bound) for bound in wilson(3, 4)])


def test_confusion_is_row_normalised_and_annotated():
    counts = np.array([[199, 0, 1], [10, 30, 0], [0, 0, 0]])
    figure = confusion_figure(counts, ["a", "b", "c"], title="t", quantity="modulation")
    axes = figure.axes[0]
    shares = axes.images[0].get_array()
    assert shares[:2].tolist() == [[0.995, 0.0, 0.005], [0.25, 0.75, 0.0]]
    assert np.isnan(shares.filled(np.nan)[2]).all()
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts == {(0, 0): "100", (2, 0): "<1", (0, 1): "25", (1, 1): "75"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Predicted modulation", "True modulation")


@pytest.mark.parametrize(("classes", "annotations"), [(12, 12), (13, 0), (26, 0)])
def test_only_small_confusions_carry_numbers(classes, annotations):
    names = [f"class {i}" for i in range(classes)]
    figure = confusion_figure(np.eye(classes, dtype=int) * 5, names, title="t", quantity="modulation")
    assert len(figure.axes[0].texts) == annotations


def test_f1_bars_are_sorted_and_classes_without_frames_come_last():
    f1 = {"a": 0.4, "b": None, "c": 0.9, "d": 0.0}
    values = {
        "by_class": [{"modulation": name, "f1": value} for name, value in f1.items()],
        "modulation_f1_macro": 0.43,
        "interval95": {"modulation_f1_macro": [0.4, 0.5]},
    }
    (axes,) = f1_by_class(values).axes
    bars = axes.patches[-4:]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c", "a", "d", "b"]
    assert [bar.get_width() for bar in bars] == [0.9, 0.4, 0.0, 0.0]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["macro mean 0.430", "0.900", "0.400", "0.000", "no frames"]
    bottom, top = axes.get_ylim()
    assert bottom > top  # the best class is on top


def test_es_n0_stands_on_a_second_axis_where_it_is_one_number(predictions):
    snrs = [float(s) for s in predictions.snrs]
    told = {s: 2 * s + 9.0 for s in snrs}
    (axes,) = accuracy_by_snr(predictions, snr_definition="radioml2018", es_n0_db=told).axes
    (above,) = axes.child_axes
    axes.figure.canvas.draw()
    assert axes.get_xlabel() == "RadioML 2018.01A label (2 dB each)" and above.get_xlabel() == "Es/N0 (dB)"
    low, high = axes.get_xlim()
    assert above.get_xlim() == pytest.approx((2 * low + 9, 2 * high + 9))
    # Not where classes differ, where nobody knows, or where the labels are Es/N0 themselves.
    for other in (told | {snrs[0]: None}, {}, {s: s for s in snrs}):
        (axes,) = accuracy_by_snr(predictions, snr_definition="sample", es_n0_db=other).axes
        assert axes.child_axes == []
