"""No way for a label to reach a network but through the frame."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from amc_xai.__main__ import config_folder  # registers the schema as well
from amc_xai.data import Facts, Synthetic, stratified_split
from amc_xai.evaluation.inference import predict
from amc_xai.parts import make_parts
from amc_xai.representation import Augmented, Constellation
from amc_xai.signal import draw_seeded
from amc_xai.tasks.workbench import Workbench
from amc_xai.training import parameter_groups, train

SMALL = [
    "dataset.modulations=[BPSK,8PSK]", "dataset.snrs=[0,20]", "dataset.frames_per_cell=120",
    "split.ratios=[0.6,0.1,0.3]", "representation.image_size=32", "representation.channels=[symbols,residual]",
    "trainer.epochs=5", "trainer.batch_size=24", "trainer.precision=fp32", "device=cpu", "optimizer.lr=1e-3",
]  # fmt: skip


class Relabelled:
    """The frames of a source under other labels."""

    def __init__(self, source, order: np.ndarray):
        self.source = source
        self.modulation_index = source.modulation_index[order]
        self.snr_index = source.snr_index[order]

    def __getattr__(self, name):
        return getattr(self.source, name)


def joint_accuracy(folder: Path, shuffle: bool) -> tuple[float, int]:
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        cfg = compose("config", SMALL)
    parts = make_parts(cfg, folder, SMALL)
    bench = Workbench.build(parts)
    if shuffle:
        order = np.random.default_rng(0).permutation(len(bench.source.modulation_index))
        bench.source = Relabelled(bench.source, order)
    options = parts.make["trainer"]
    loss = parts.make["loss"](bench.classifier.snrs)
    optimizer = parts.make["optimizer"](parameter_groups(bench.classifier.network, loss))
    batches = bench.training_batches()
    schedule = parts.make["scheduler"](optimizer, options.epochs, len(batches))
    train(
        bench.classifier, loss, optimizer, schedule, batches, bench.evaluation_batches(bench.split.validation),
        options, bench.accelerator, folder, bench.about(),
    )  # fmt: skip
    table = predict(bench.classifier, bench.evaluation_batches(bench.split.test), bench.accelerator)
    right = (table.modulation_predicted == table.modulation_label) & (table.snr_predicted == table.snr_label)
    return float(right.mean()), len(right)


def test_shuffled_labels_are_learned_at_chance(tmp_path):
    accuracy, frames = joint_accuracy(tmp_path / "shuffled", shuffle=True)
    deviation = (0.25 * 0.75 / frames) ** 0.5
    assert abs(accuracy - 0.25) < 4 * deviation
    assert joint_accuracy(tmp_path / "true", shuffle=False)[0] > 0.25 + 8 * deviation


def test_parts_share_no_symbol_sequence():
    source = Synthetic(["BPSK", "16QAM"], [0, 10], frames_per_cell=60, seed=4)
    split = stratified_split(source.modulation_index, source.snr_index, (0.6, 0.2, 0.2), seed=4)
    seen: dict[bytes, str] = {}
    for part in ("train", "validation", "test"):
        indices = split.part(part)
        snr = np.asarray(source.snrs)[source.snr_index[indices]]
        draws = draw_seeded(
            source.seed, source.modulation_index[indices], snr, indices % source.frames_per_cell,
            source.modulations, source.frame_length, source.samples_per_symbol, source.channel,
        )  # fmt: skip
        # As bits of the lowest order alone, so that two classes can't hide one sequence behind their orders.
        for row in (draws.symbols & 1).numpy():
            key = row.tobytes()
            assert key not in seen, f"a sequence of {seen[key]} comes again in {part}"
            seen[key] = part
    assert len(seen) == len(source.modulation_index)


def test_fresh_frames_are_none_of_the_set():
    source = Synthetic(["QPSK"], [30], frames_per_cell=40, seed=4)
    stored = source.read(np.arange(40))
    fresh = source.fresh(
        torch.zeros(40, dtype=torch.int64), torch.zeros(40, dtype=torch.int64), torch.Generator()
    ).iq
    correlation = torch.einsum("icl,jcl->ij", stored, fresh).abs() / source.frame_length
    assert float(correlation.max()) < 0.6


@pytest.mark.parametrize("make", [Augmented, Constellation, lambda facts: Constellation(facts, extent="quantile")])
def test_representations_hold_nothing_fitted(make):
    representation = make(Facts(1024, 8.0))
    assert not list(representation.parameters())
    source = Synthetic(["BPSK", "64QAM"], [0, 30], frames_per_cell=4, seed=1)
    iq = source.read(np.arange(16))
    before = {name: value.clone() for name, value in representation.state_dict().items()}
    fields = {k: v for k, v in vars(representation).items() if not k.startswith("_")}
    together = representation(iq)
    alone = torch.cat([representation(frame[None]) for frame in iq.flip(0)]).flip(0)
    # FFTs and sums of another batch size may round differently, which moves a point on a pixel's edge.
    differing = ((together - alone).abs() > 1e-5).float().mean()
    assert float(differing) < 1e-4
    assert fields == {k: v for k, v in vars(representation).items() if not k.startswith("_")}
    after = representation.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
