"""What each of two processes does for ``test_parallel.py``; ``torchrun`` starts it with the folder to write to."""

import functools
import signal
import sys
from pathlib import Path

import torch

import amc_xai
from amc_xai import __main__ as entry
from amc_xai.data import FreshBatches, Synthetic
from amc_xai.loss import (
    DynamicWeightAverage,
    FixedWeights,
    GradNorm,
    SoftmaxWeights,
    UncertaintyWeights,
)
from amc_xai.report import figures
from amc_xai.training import load_checkpoint, loop, make_accelerator
from tests.training.conftest import Run

ROOT = Path(__file__).parent.parent.parent
LOSSES = {
    "uncertainty": UncertaintyWeights,
    "softmax": SoftmaxWeights,
    "dynamic": DynamicWeightAverage,
    "gradnorm": functools.partial(GradNorm, lr=0.2),
    "fixed": FixedWeights,
    "modulation_only": functools.partial(FixedWeights, snr=0.0),
}
# Six batches of 9 frames and a last one of 5; 23 frames to validate: every share is unequal.
STATEFUL = {"frames": (59, 23), "batch_size": 9}
PLAIN = {**STATEFUL, "plain": True, "optimizer": functools.partial(torch.optim.SGD, lr=0.1)}
COMMAND = [
    "device=cpu", "dataset.modulations=[BPSK,QPSK]", "dataset.snrs=[0,30]", "dataset.frames_per_cell=20",
    "dataset.frame_length=128", "split.ratios=[0.8,0.05,0.15]", "backbone=timm", "backbone.name=test_vit",
    "representation=constellation", "representation.image_size=16", "extractor=none", "trainer.batch_size=43",
    "trainer.epochs=10", "task.explain_after=false",
]  # fmt: skip


def interrupted(folder: Path) -> None:
    """Stopped in the second epoch by a signal to the second process alone, then resumed."""
    run, accelerator = Run(folder), make_accelerator("cpu", "fp32")

    def stop(batches, text, done, total):
        for number, batch in enumerate(batches):
            if accelerator.process_index == 1 and text.startswith("training, epoch 2") and number == 2:
                signal.raise_signal(signal.SIGINT)
            yield batch

    loop.LOOK_EVERY = 2
    try:
        run.go(progress=stop, **PLAIN)
    except KeyboardInterrupt:
        accelerator.wait_for_everyone()  # the first one is writing what both go on from
        last = load_checkpoint(folder / "checkpoints" / "last.pt", "resume")
        assert (last["state"]["epoch"], last["state"]["step"]) == (1, 4)
        run.go(last, **PLAIN)
    loop.LOOK_EVERY = 16


def endless(folder: Path) -> None:
    accelerator = make_accelerator("cpu", "fp32")
    source = Synthetic(["BPSK", "QPSK", "8PSK"], [0, 10], frames_per_cell=15, frame_length=6, samples_per_symbol=2)
    drawn = FreshBatches(
        source, 40, 9, 0, torch.device("cpu"), rank=accelerator.process_index, ranks=accelerator.num_processes
    )
    Run(folder).go(epochs=1, batches=drawn, source=source, accelerator=accelerator)


def main(folder: Path) -> None:
    assert Path(amc_xai.__file__).is_relative_to(ROOT), f"this is not the checkout: {amc_xai.__file__}"
    for name, loss in LOSSES.items():
        Run(folder / name).go(loss=loss, **PLAIN)
    Run(folder / "batch_norm").go(**STATEFUL)
    Run(folder / "ema").go(ema=0.9, **STATEFUL)
    interrupted(folder / "interrupted")
    endless(folder / "endless")
    # As a user starts them, one after the other in the same processes.
    entry.leave_processes = lambda: None
    figures.build_figures = lambda folder: iter(())
    run = folder / "command"
    explaining = [
        "task=explain", f"checkpoint={run}/checkpoints/best.pt", "attribution=occlusion", "attribution.frames=4",
        "attribution.shuffled_label_epochs=1", "perturbation.selectors=[top]", "perturbation.fractions=[0.5]",
        "device=cpu", "limits=none",
    ]  # fmt: skip
    for name, overrides in (("command", COMMAND), ("explained", explaining)):
        sys.argv = ["amc_xai", *overrides, f"hydra.run.dir={folder / name}"]
        entry.main()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
