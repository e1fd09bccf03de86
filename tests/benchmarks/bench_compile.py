"""What `trainer.compile=true` changes, in time and in numbers: `pytest -n 0 -s tests/benchmarks/bench_compile.py`.

A small and the default network on 2,000 frames for three epochs; the compiler's own time (minutes
for the default one) is in the first epoch. `-k small` for that one alone.
"""

import json

import pytest
import torch

from amc_xai.tasks import train
from amc_xai.training.speed import compile_in_place
from tests.test_configs import parts_of

GIVEN = [
    "dataset.modulations=[BPSK,QPSK]", "dataset.snrs=[0,20]", "dataset.frames_per_cell=500", "trainer.epochs=3",
    "optimizer=sgd", "optimizer.lr=0.01", "device=cpu", "trainer.precision=fp32",
]  # fmt: skip
NETWORKS = {
    "small": ["backbone=timm", "backbone.name=test_resnet", "representation.image_size=32"],
    "default": [],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NETWORKS)
def test_compiled_training(benchmark, name, tmp_path):
    if not compile_in_place(torch.nn.Linear(2, 2), torch.device("cpu")):
        pytest.skip("there is no compiler that torch.compile could use")
    histories = []

    def both():
        for compiled in (False, True):
            folder = tmp_path / str(compiled)
            given = [*GIVEN, *NETWORKS[name], f"trainer.compile={str(compiled).lower()}"]
            train.run(parts_of(given, folder), test_after=False, explain_after=False)
            histories.append([json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()])

    benchmark.pedantic(both, rounds=1)
    plain, fast = histories
    for name, rows in (("plain", plain), ("compiled", fast)):
        speeds = ", ".join(f"{row['frames_per_second']:.0f}" for row in rows)
        print(f"\n{name}: {speeds} frames/s by epoch, validation loss {rows[-1]['validation_loss']:.6f}")
    keys = ("train_loss", "validation_loss")
    apart = max(abs(a[k] / b[k] - 1) for a, b in zip(plain, fast, strict=True) for k in keys)
    print(f"the histories differ by {apart:.1e} at most")
