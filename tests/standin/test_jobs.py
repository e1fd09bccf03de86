"""Whole jobs with ``device=mps``, on a machine that only says it had one."""

import json

import numpy as np
import pytest

from tests.conftest import tiny

MORE = [
    "device=mps", "augmentation=standard", "trainer.ema=0.9", "trainer.channels_last=true", "loss=gradnorm",
    "dataset.residency=device", "limits=auto",
]  # fmt: skip


@pytest.fixture(autouse=True)
def without_figures(monkeypatch):
    """Figures are made of a run's files, and take longer than all that is tested here."""
    for job in ("train", "explain", "evaluate"):
        monkeypatch.setattr(f"amc_xai.tasks.{job}.report", lambda bench, values: None)


def test_a_training_its_test_and_explanation_and_what_follows_from_its_checkpoint(device, cli):
    trained = cli(*tiny(*MORE))
    assert trained.code == 0, trained.err
    assert "on MPS" in trained.out + trained.err
    checkpoint = f"checkpoint={trained.folder}/checkpoints/best.pt"
    asked = ["perturbation.selectors=[top]", "perturbation.fractions=[0.5]"]
    explained = cli("task=explain", checkpoint, "device=mps", "limits=auto", *asked)
    assert explained.code == 0, explained.err
    assert (trained.folder / "pis.csv").read_bytes() == (explained.folder / "pis.csv").read_bytes()
    # Frames, labels and limit are the CPU's, and so is what a network says of them.
    tested = cli("task=evaluate", checkpoint, "device=cpu", "limits=auto")
    tables = [np.load(run.folder / "predictions.npz") for run in (explained, tested)]
    for name in tables[0]:
        if tables[0][name].dtype.kind == "f":
            np.testing.assert_allclose(tables[0][name], tables[1][name], atol=1e-5)
        else:
            np.testing.assert_array_equal(tables[0][name], tables[1][name])
    for name in ("limits.csv", "anchors.csv"):
        assert (explained.folder / name).read_bytes() == (tested.folder / name).read_bytes()
    resumed = cli(f"resume={trained.folder}/checkpoints/last.pt", "trainer.epochs=2", "device=cpu", *asked)
    assert resumed.code == 0, resumed.err
    history = [json.loads(line) for line in (resumed.folder / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in history] == [0, 1]


def test_endless_frames_of_many_kinds_and_what_is_said_of_recordings(device, cli, brought):
    more = [
        "dataset.endless=true",
        "dataset.frames_per_epoch=32",
        "dataset.samples_per_symbol=[6,9]",
        "device=mps",
    ]
    trained = cli(*tiny(*more, "dataset/channel=receiver", "device=mps"))
    assert trained.code == 0, trained.err
    predicted = cli(
        "task=predict", f"checkpoint={trained.folder}/checkpoints/best.pt", "dataset=recordings", "device=mps",
        f"dataset.path={brought}/recordings", "dataset.sample_rate=1e6", "dataset.frame_length=128",
    )  # fmt: skip
    assert predicted.code == 0, predicted.err
    assert len((predicted.folder / "predictions.csv").read_text().splitlines()) == 1 + 4 * 10
