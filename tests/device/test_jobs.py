"""Each task that computes, end to end on the device at a tiny size, in every precision that it has."""

import json

import pytest

from amc_xai.training import load_checkpoint
from tests.conftest import tiny

ASKED = ["perturbation.selectors=[top]", "perturbation.fractions=[0.5]"]
ATTRIBUTION = [
    "attribution=all", "attribution.frames=2", "attribution.metric_frames=1", "attribution.curve_steps=2",
    "attribution.sanity_layers=1", "attribution.sanity_frames=1", "attribution.available.rise.masks=16",
]  # fmt: skip


def history(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def steps_of(checkpoint) -> set[float]:
    """How many steps the optimizer has taken with each weight."""
    return {float(moments["step"]) for moments in load_checkpoint(checkpoint)["optimizer"]["state"].values()}


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_task(device, job, brought, precision):
    if precision == "fp16" and not device.startswith("cuda"):
        pytest.skip("fp16 needs a CUDA device")
    where = [f"device={device}", f"trainer.precision={precision}"]
    trained = job(*tiny(*where, "trainer.ema=0.9", "trainer.channels_last=true", "loss=gradnorm", "limits=auto"))
    (row,) = history(trained)
    assert 0 < row["train_loss"] < 20 and 0 < row["validation_loss"] < 20
    checkpoint = f"checkpoint={trained}/checkpoints/best.pt"
    explained = job("task=explain", checkpoint, *where, *ASKED, *ATTRIBUTION)
    assert (trained / "pis.csv").read_bytes() == (explained / "pis.csv").read_bytes()
    assert (explained / "attribution.csv").is_file()
    job("task=evaluate", checkpoint, *where)
    job("task=stress", checkpoint, *where, "task.frames=8", "task.impairments=[carrier_offset]")
    predicted = job(
        "task=predict", checkpoint, *where, "dataset=recordings", f"dataset.path={brought}/recordings",
        "dataset.sample_rate=1e6", "dataset.samples_per_symbol=8", "dataset.frame_length=128",
    )  # fmt: skip
    assert len((predicted / "predictions.csv").read_text().splitlines()) == 1 + 4 * 10


@pytest.mark.parametrize("data", ["endless", "points", "compiled"])
def test_other_ways_to_train(device, job, data):
    given = {
        "endless": ["dataset.endless=true", "dataset.frames_per_epoch=64", "dataset/channel=receiver"],
        "points": ["representation=points", "backbone=point_set", "augmentation=standard"],
        "compiled": ["trainer.compile=true"],
    }[data]
    (row,) = history(job(*tiny(f"device={device}", "task.explain_after=false", *given)))
    assert 0 < row["validation_loss"] < 20


@pytest.mark.parametrize("towards", ["device", "cpu"])
def test_a_training_goes_on_where_it_was_not_begun(device, job, towards):
    first, second = ("cpu", device) if towards == "device" else (device, "cpu")
    begun = job(*tiny(f"device={first}", "trainer.precision=fp32", "trainer.epochs=1", "task.explain_after=false"))
    last = begun / "checkpoints" / "last.pt"
    ended = job(f"resume={last}", "trainer.epochs=2", f"device={second}", "trainer.precision=fp32")
    assert history(ended)[0] == history(begun)[0] and len(history(ended)) == 2
    # It went on with the optimizer's moments and not from new ones.
    (before,), (after,) = steps_of(last), steps_of(ended / "checkpoints" / "last.pt")
    assert after == 2 * before > 0
