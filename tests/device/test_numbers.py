"""The device gives the CPU's numbers: accuracies, pictures and frames."""

import json

import numpy as np
import pytest
import torch

from amc_xai.data import Facts, Synthetic
from tests.test_configs import choices, parts_of

LEARNED = [
    "dataset.modulations=[BPSK,8PSK]", "dataset.snrs=[6,24]", "dataset.frame_length=512", "limits=none",
    "dataset.frames_per_cell=100", "representation=constellation", "representation.image_size=32", "backbone=timm",
    "backbone.name=test_resnet", "trainer.precision=fp32", "trainer.epochs=6", "trainer.batch_size=20",
    "optimizer.lr=3e-3", "task.explain_after=false",
]  # fmt: skip
FRAMES = 500


def counts(folder) -> np.ndarray:
    """Right answers of modulation and SNR among the tested frames."""
    found = np.load(folder / "predictions.npz")
    assert len(found["modulation_label"]) == FRAMES
    named = {task: found[f"{task}_probability"].argmax(1) for task in ("modulation", "snr")}
    return np.array([(answer == found[f"{task}_label"]).sum() for task, answer in named.items()])


def test_accuracies_differ_by_no_more_than_two_frames_in_500(device, job):
    trained = job(*LEARNED, "device=cpu", "task.test_after=false")
    checkpoint = f"checkpoint={trained}/checkpoints/best.pt"
    data = ["dataset.frames_per_cell=125", "dataset.seed=9", "split.ratios=[0,0,1]", "limits=none"]
    here, there = (
        counts(job("task=evaluate", checkpoint, *data, f"device={where}", "trainer.precision=fp32"))
        for where in ("cpu", device)
    )
    assert (here > 0.6 * FRAMES).all(), "a network that knows nothing compares nothing"
    assert (np.abs(here - there) <= 2).all()
    # A half precision may cost a little more.
    if device.startswith("cuda"):
        half = counts(job("task=evaluate", checkpoint, *data, f"device={device}", "trainer.precision=bf16"))
        assert (np.abs(here - half) <= 10).all()


def test_a_training_on_the_device_learns_as_one_on_the_cpu_does(device, job):
    joint = {}
    for where in ("cpu", device):
        folder = job(*LEARNED, f"device={where}")
        rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
        joint[where] = rows[0]["train_loss"], max(row["validation_joint_accuracy"] for row in rows)
    # The same start, the same batches: the first epoch's mean loss tells them apart by rounding alone.
    assert joint[device][0] == pytest.approx(joint["cpu"][0], rel=0.05)
    assert joint[device][1] > joint["cpu"][1] - 0.15


@pytest.mark.parametrize("name", [name for name in choices("representation") if name != "none"])
def test_representations_draw_what_they_draw_on_the_cpu(device, name, tmp_path):
    source = Synthetic(["BPSK", "OQPSK", "64QAM"], [5, 25], frames_per_cell=20)
    iq = source.read(np.arange(120))
    representation = parts_of([f"representation={name}"], tmp_path).make["representation"](Facts.of(source))
    seen = []
    for where in ("cpu", device):
        x = representation.to(where)(iq.to(where))
        seen.append(torch.cat([part.cpu().flatten(1) for part in (x if isinstance(x, tuple) else (x,))], 1))
    # Points at the edge of a bin fall to either side, and of two lines of one strength either is the larger.
    apart = (seen[0] - seen[1]).abs() > 1e-3 * seen[0].abs().clamp(min=1)
    assert float(apart.float().mean()) < 0.02


def test_fresh_frames_have_the_power_and_the_noise_of_those_of_the_cpu(device):
    source = Synthetic(["QPSK", "16QAM"], [0, 20], frames_per_cell=1, endless=True)
    modulation, snr = torch.arange(2).repeat(200), torch.arange(2).repeat_interleave(200)
    for where in ("cpu", device):
        generator = torch.Generator(where).manual_seed(1)
        batch = source.fresh(modulation.to(where), snr.to(where), generator)
        assert batch.iq.device.type == torch.device(where).type
        power = [float(batch.iq[batch.snr == s].square().sum(1).mean()) for s in range(2)]
        # 1, and the noise of a sample, 8 at 0 dB; 200 frames of 1,024 samples tell the mean within 2 %.
        assert power == pytest.approx([9.0, 1.08], rel=0.02)
