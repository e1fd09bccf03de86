"""``task=predict`` says what it found: the classes named, file by file."""

from types import SimpleNamespace

import numpy as np

from amc_xai.evaluation.predictions import Predictions
from amc_xai.tasks.predict import verdict


def table(named: list[int], levels: list[int]) -> Predictions:
    return Predictions(
        [-1] * len(named), [-1] * len(named), np.eye(3)[named], np.eye(2)[levels], ["A", "B", "C"], [0, 7]
    )


def test_one_source_gets_one_line():
    predictions = table([1, 1, 0, 1], [1, 1, 0, 1])
    assert verdict(predictions, SimpleNamespace()) == ["B 75 %, A 25 % of 4 frames; SNR 7 dB 75 %"]


def test_files_get_a_line_each_and_many_are_counted():
    source = SimpleNamespace(names=["x.cf32", "y.cf32"], file_index=np.array([0, 0, 1]))
    assert verdict(table([2, 2, 0], [0, 0, 1]), source) == [
        "x.cf32: C 100 % of 2 frames; SNR 0 dB 100 %", "y.cf32: A 100 % of 1 frame; SNR 7 dB 100 %",
    ]  # fmt: skip
    many = SimpleNamespace(names=[f"{k}.cf32" for k in range(12)], file_index=np.arange(12))
    said = verdict(table([0] * 12, [0] * 12), many)
    assert len(said) == 11 and said[-1] == "... and 2 more files"


def test_the_verdict_is_printed(cli, trained):
    done = cli("task=predict", f"checkpoint={trained}/checkpoints/best.pt", "device=cpu")
    assert done.code == 0 and " of 40 frames; SNR " in done.out
