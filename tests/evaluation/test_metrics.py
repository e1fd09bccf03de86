"""The numbers of metrics.json against hand-counted cases and plain loops."""

import json
import math

import numpy as np
import pytest

from amc_xai.errors import UserError
from amc_xai.evaluation.confusion import class_scores, confusion_matrices, f1_macro
from amc_xai.evaluation.limit import read_limits
from amc_xai.evaluation.metrics import accuracy_counts_by_snr, chance, load_metrics, metrics, save_metrics
from amc_xai.evaluation.predictions import Predictions


def one_hot(classes, count):
    return np.eye(count, dtype=np.float32)[classes]


def table(modulation, modulation_said, snr, snr_said, modulations=("BPSK", "QPSK"), snrs=(0.0, 4.0, 10.0)):
    return Predictions(
        np.array(modulation),
        np.array(snr),
        one_hot(modulation_said, len(modulations)),
        one_hot(snr_said, len(snrs)),
        np.array(modulations),
        np.array(snrs),
    )


@pytest.fixture
def small():
    """Six frames; frame 4 has no modulation label, frame 5 no SNR label."""
    return table([0, 0, 1, 1, -1, 1], [0, 1, 1, 1, 0, 0], [0, 0, 1, 2, 2, -1], [0, 0, 2, 2, 0, 1])


@pytest.fixture
def random_table():
    rng = np.random.default_rng(3)
    frames, m, s = 400, 5, 4
    modulation, snr = rng.integers(-1, m, frames), rng.integers(-1, s, frames)
    modulation_said = np.where(rng.random(frames) < 0.6, modulation.clip(0), rng.integers(0, m, frames))
    snr_said = np.where(rng.random(frames) < 0.4, snr.clip(0), rng.integers(0, s, frames))
    names = tuple(f"class{i}" for i in range(m))
    return table(modulation, modulation_said, snr, snr_said, names, (-4.0, 0.0, 2.0, 10.0))


def test_hand_counted_headline(small):
    result = metrics(small, snr_definition="es_n0")
    assert result["frames"] == 6
    assert result["modulation_accuracy"] == 3 / 5  # frames 0, 2, 3 of 0, 1, 2, 3, 5
    assert result["snr_accuracy"] == 3 / 5  # frames 0, 1, 3 of 0..4
    assert result["joint_accuracy"] == 2 / 4  # frames 0 and 3 of 0..3
    # BPSK: TP 1, FP 1 (frame 5), FN 1 -> 1/2. QPSK: TP 2, FP 1, FN 1 -> 2/3.
    assert result["modulation_f1_macro"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    # 0 dB: TP 2, FP 1 -> 4/5. 4 dB: 0. 10 dB: TP 1, FP 1, FN 1 -> 1/2.
    assert result["snr_f1_macro"] == pytest.approx((4 / 5 + 0 + 1 / 2) / 3)
    assert result["snr_mae_db"] == pytest.approx((0 + 0 + 6 + 0 + 10) / 5)
    assert result["snr_definition"] == "es_n0"
    assert "share_of_limit" not in result


def test_hand_counted_tables(small):
    result = metrics(small, snr_definition="sample", samples_per_symbol=10.0)
    rows = [list(row.values()) for row in result["by_snr"]]
    names = ("modulation_accuracy", "snr_accuracy", "joint_accuracy")
    assert list(result["by_snr"][0]) == ["snr", "frames", "es_n0_db", *names]
    assert rows == [
        [0.0, 2, 10.0, 0.5, 1.0, 0.5],
        [4.0, 1, 14.0, 1.0, 0.0, 0.0],
        # Of the two frames at 10 dB only one has a modulation label.
        [10.0, 2, 20.0, 1.0, 0.5, 1.0],
    ]
    bpsk, qpsk = result["by_class"]
    assert bpsk["modulation"] == "BPSK"
    assert (bpsk["frames"], bpsk["precision"], bpsk["recall"], bpsk["f1"]) == (2, 0.5, 0.5, 0.5)
    assert (qpsk["frames"], qpsk["modulation_accuracy"]) == (3, qpsk["recall"])
    assert qpsk["precision"] == qpsk["recall"] == pytest.approx(2 / 3)


def test_against_loops(random_table):
    t = random_table
    result = metrics(t, snr_definition="es_n0")
    said = [max(range(5), key=lambda k, row=row: row[k]) for row in t.modulation_probability.tolist()]
    heard = [max(range(4), key=lambda k, row=row: row[k]) for row in t.snr_probability.tolist()]
    rows = list(zip(t.modulation_label.tolist(), said, t.snr_label.tolist(), heard, strict=True))

    def share(pairs):
        pairs = list(pairs)
        return sum(pairs) / len(pairs)

    assert result["modulation_accuracy"] == pytest.approx(share(m == p for m, p, _, _ in rows if m >= 0))
    assert result["snr_accuracy"] == pytest.approx(share(s == q for _, _, s, q in rows if s >= 0))
    both = share(m == p and s == q for m, p, s, q in rows if m >= 0 and s >= 0)
    assert result["joint_accuracy"] == pytest.approx(both)
    errors = [abs(float(t.snrs[s]) - float(t.snrs[q])) for _, _, s, q in rows if s >= 0]
    assert result["snr_mae_db"] == pytest.approx(sum(errors) / len(errors))
    scores = []
    for k in range(5):
        tp = sum(m == k and p == k for m, p, _, _ in rows)
        fp = sum(m not in (k, -1) and p == k for m, p, _, _ in rows)
        fn = sum(m == k and p != k for m, p, _, _ in rows)
        precision, recall = tp / (tp + fp), tp / (tp + fn)
        scores.append(2 * precision * recall / (precision + recall))
        line = result["by_class"][k]
        assert line["precision"] == pytest.approx(precision)
        assert line["recall"] == pytest.approx(recall)
        assert line["f1"] == pytest.approx(scores[-1])
    assert result["modulation_f1_macro"] == pytest.approx(sum(scores) / 5)
    for k, line in enumerate(result["by_snr"]):
        here = [row for row in rows if row[2] == k]
        assert line["frames"] == len(here)
        joint = share(m == p and s == q for m, p, s, q in here if m >= 0)
        assert line["joint_accuracy"] == pytest.approx(joint)


def test_confusion_rows_are_true_classes(small):
    counts = confusion_matrices(small)
    assert counts.modulation.tolist() == [[1, 1], [1, 2]]
    assert counts.snr.tolist() == [[2, 0, 0], [0, 0, 1], [1, 0, 1]]


def test_f1_leaves_out_classes_without_frames():
    # The third class has no frame but is predicted once: 6 / 7 and 1 are averaged, not a third term.
    counts = np.array([[3, 0, 1], [0, 2, 0], [0, 0, 0]])
    assert f1_macro(counts) == pytest.approx((6 / 7 + 1) / 2)
    scores = class_scores(counts)
    assert math.isnan(scores.recall[2]) and math.isnan(scores.f1[2]) and scores.precision[2] == 0


def test_class_never_predicted_has_no_precision():
    result = metrics(table([0, 1], [0, 0], [0, 0], [0, 0]), snr_definition="es_n0")
    qpsk = result["by_class"][1]
    assert (qpsk["precision"], qpsk["recall"], qpsk["f1"]) == (None, 0.0, 0.0)


def test_no_snr_labels_gives_null_and_valid_json(tmp_path):
    result = metrics(table([0, 1, 1], [0, 1, 0], [-1, -1, -1], [0, 1, 2]), snr_definition="sample")
    assert result["modulation_accuracy"] == pytest.approx(2 / 3)
    for name in ("snr_accuracy", "joint_accuracy", "snr_f1_macro", "snr_mae_db"):
        assert result[name] is None and result["interval95"][name] is None
    assert all(line["frames"] == 0 and line["snr_accuracy"] is None for line in result["by_snr"])
    path = save_metrics({**result, "extra": float("nan"), "array": np.float32(0.5)}, tmp_path / "metrics.json")
    text = path.read_text()
    assert "NaN" not in text
    loaded = load_metrics(path)
    assert loaded.pop("extra") is None and loaded.pop("array") == 0.5
    assert loaded == result
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.json"]


def test_empty_table_gives_null():
    result = metrics(table([], np.zeros(0, int), [], np.zeros(0, int)), snr_definition="es_n0")
    assert result["frames"] == 0
    assert result["modulation_accuracy"] is None and result["interval95"]["modulation_f1_macro"] is None


def test_single_snr_grid():
    result = metrics(table([0, 1], [0, 0], [0, 0], [0, 0], snrs=(6.0,)), snr_definition="es_n0")
    assert result["snr_accuracy"] == 1.0 and result["snr_mae_db"] == 0.0 and result["joint_accuracy"] == 0.5
    assert result["interval95"]["snr_mae_db"] == [0.0, 0.0]
    assert chance(result) == {"modulation_accuracy": 0.5, "snr_accuracy": 1.0, "joint_accuracy": 0.5}


def test_chance_of_17_by_16_classes():
    modulations, snrs = tuple(f"m{i}" for i in range(17)), tuple(2.0 * i for i in range(16))
    t = table([0], [0], [0], [0], modulations, snrs)
    expected = {"modulation_accuracy": 1 / 17, "snr_accuracy": 1 / 16, "joint_accuracy": 1 / 272}
    assert chance(t) == pytest.approx(expected)
    assert chance(metrics(t, snr_definition="es_n0")) == chance(t)


def test_share_of_limit_compares_over_the_same_frames():
    # 0 dB: 1 of 2 right; 4 dB: 3 of 4 right; 10 dB: 1 of 1 right, where no limit is known.
    t = table([0] * 7, [0, 1, 0, 0, 0, 1, 0], [0, 0, 1, 1, 1, 1, 2], [0] * 7)
    limit = {0.0: {"modulation_accuracy": 0.6, "crb_db": 0.5}, 4.0: {"modulation_accuracy": 0.9}, 99.0: {}}
    result = metrics(t, snr_definition="es_n0", limit=limit)
    assert result["share_of_limit"] == pytest.approx({"modulation_accuracy": 4 / (2 * 0.6 + 4 * 0.9)})
    assert "share_of_limit" not in metrics(t, snr_definition="es_n0", limit={})
    # What can be reached with the carrier unknown counts where it is known.
    limit[0.0]["reachable_modulation_accuracy"] = 0.5
    result = metrics(t, snr_definition="es_n0", limit=limit)
    assert result["share_of_limit"] == pytest.approx({"modulation_accuracy": 4 / (2 * 0.5 + 4 * 0.9)})


def test_limits_file(tmp_path):
    path = tmp_path / "limits.csv"
    path.write_text("snr,modulation_accuracy,snr_accuracy\n4,0.9,\n0,0.5,nan\n")
    limits = read_limits(path)
    assert limits == {0.0: {"modulation_accuracy": 0.5}, 4.0: {"modulation_accuracy": 0.9}}
    assert list(limits) == [0.0, 4.0]
    path.write_text("decibel,modulation_accuracy\n4,0.9\n")
    with pytest.raises(UserError, match="column snr"):
        read_limits(path)


def test_counts_by_snr(small):
    right, frames = accuracy_counts_by_snr(small)["modulation_accuracy"]
    assert right.tolist() == [1, 1, 1] and frames.tolist() == [2, 1, 1]


def test_only_known_snr_definitions(small):
    with pytest.raises(UserError, match=r"^snr_definition: 'ebn0' is unknown, allowed are es_n0, "):
        metrics(small, snr_definition="ebn0")


def test_result_is_json_and_repeatable(random_table):
    first = metrics(random_table, snr_definition="es_n0", seed=5)
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert metrics(random_table, snr_definition="es_n0", seed=5) == first
    assert metrics(random_table, snr_definition="es_n0", seed=6)["interval95"] != first["interval95"]


def test_metrics_file_errors(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        load_metrics(tmp_path / "metrics.json")
    (tmp_path / "metrics.json").write_text("{half")
    with pytest.raises(UserError, match="not JSON"):
        load_metrics(tmp_path / "metrics.json")


def labelled(modulations, snr_label, snr_said):
    """A table of frames of these classes, each named with certainty, at SNR classes 0, 4 and 10."""
    names = sorted(set(modulations))
    index = np.array([names.index(m) for m in modulations])
    return Predictions(
        index, np.array(snr_label), np.eye(len(names))[index], np.eye(3)[snr_said], names, [0.0, 4.0, 10.0]
    )


def test_snr_errors_in_labels_and_in_decibels_of_es_n0():
    # Off by 4 and by 6 labels, of which each counts 2 dB whatever the class's power.
    table = labelled(["QPSK", "4ASK", "QPSK", "QPSK"], [0, 1, 2, 2], [1, 2, 2, 2])
    result = metrics(table, snr_definition="radioml2018", samples_per_symbol=8.0)
    assert result["snr_mae_db"] == pytest.approx(2.5) and result["snr_mae_es_n0_db"] == pytest.approx(5.0)
    low, high = result["interval95"]["snr_mae_db"]
    assert result["interval95"]["snr_mae_es_n0_db"] == [2 * low, 2 * high]
    plain = metrics(table, snr_definition="es_n0")
    assert plain["snr_mae_es_n0_db"] == plain["snr_mae_db"] == pytest.approx(2.5)


def test_es_n0_is_told_where_it_is_one_number():
    eight = 10 * np.log10(8)
    one = metrics(labelled(["QPSK", "BPSK"], [0, 2], [0, 2]), snr_definition="radioml2018", samples_per_symbol=8.0)
    assert [row["es_n0_db"] for row in one["by_snr"]] == pytest.approx([eight, 8 + eight, 20 + eight])
    # Unipolar ASK has more power at the same label; analog classes of that set were never measured.
    table = labelled(["QPSK", "4ASK", "FM"], [0, 1, 2], [0, 1, 2])
    several = metrics(table, snr_definition="radioml2018", samples_per_symbol=8.0)
    assert [row["es_n0_db"] for row in several["by_snr"]] == [None] * 3
    offsets = {row["modulation"]: row["es_n0_offset_db"] for row in several["by_class"]}
    assert offsets == {
        "4ASK": pytest.approx(20 * np.log10(1.59) + eight), "FM": None, "QPSK": pytest.approx(eight)
    }  # fmt: skip
    assert "snr_mae_es_n0_db" not in several
    unknown = metrics(table, snr_definition="sample")
    assert [row["es_n0_db"] for row in unknown["by_snr"]] == [None] * 3
