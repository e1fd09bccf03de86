"""Whether ONNX files say what torch says, how large they are, and how fast, by representation.

    python -m tests.benchmarks.bench_export [RUN/checkpoints/best.pt] [--frames 1000] [--only points]

Networks of ``iq``, ``constellation``, ``augmented`` and ``points`` at 8 samples a symbol: a fixed mixture of all
that they see, which hides no difference, and if given the network of a checkpoint with ``points``, trained at any
samples a symbol. Its weights are taken whatever version of the representation they learned: what is compared is
torch with onnxruntime, not the answer with the truth. One thread.
"""

import argparse
import os
import tempfile
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from amc_xai.data import Facts, Synthetic
from amc_xai.export.comparing import compared, latencies, open_session
from amc_xai.export.onnx_file import Answers, write_onnx
from amc_xai.model import Classifier, MultiTaskNetwork, PointSet, SharedExtractor, linear
from amc_xai.representation import Points
from amc_xai.signal import DIGITAL_17
from tests.export.test_onnx import REPRESENTATIONS, Seen

LENGTH, SYMBOL = 1024, 8.0


def of_checkpoint(path: Path) -> Classifier:
    """A ``points`` network of a checkpoint at 8 samples a symbol, given and not refined."""
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    config, facts = loaded["config"], Facts(LENGTH, SYMBOL)
    kept = {key: value for key, value in config["representation"].items() if not key.startswith("_")}
    representation = Points(facts, **kept | {"symbol_rate": "given"})
    backbone = PointSet(
        representation.output_shape(LENGTH),
        **{key: value for key, value in config["backbone"].items() if not key.startswith("_")},
    )
    own = {key: config["extractor"][key] for key in ("ratio", "dropout")}
    sizes = len(loaded["modulations"]), len(loaded["snrs"])
    network = MultiTaskNetwork(backbone, partial(SharedExtractor, **own), linear, linear, *sizes)
    network.load_state_dict(loaded["network"])
    return Classifier(representation, network, loaded["modulations"], loaded["snrs"])


def row(name: str, classifier: Classifier, iq: torch.Tensor) -> None:
    """Write, compare, time; print."""
    classifier.eval()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        begin = time.perf_counter()
        write_onnx(classifier, LENGTH, {}, path)
        written, answers, session = time.perf_counter() - begin, Answers(classifier).eval(), open_session(path)
        found = compared(answers, session, iq)
        silent = session.run(None, {"iq": np.zeros((1, 2, LENGTH), np.float32)})
        took = latencies(answers, session, iq)
        finite = all(np.isfinite(part).all() for part in silent)
        size = path.stat().st_size / 1e6
    print(f"{name}: written in {written:.1f} s, {size:.2f} MB, frame of zeros {'finite' if finite else 'NaN'}")
    shown = {**found, **took}
    print("  " + ", ".join(f"{key} {value:.5g}" for key, value in shown.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", nargs="?", type=Path)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--only", nargs="*", default=[*REPRESENTATIONS, "checkpoint"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    source = Synthetic(list(DIGITAL_17), list(range(-10, 31, 2)), frames_per_cell=3, frame_length=LENGTH, seed=7)
    chosen = np.random.default_rng(0).permutation(len(source.modulation_index))[: given.frames]
    iq = source.read(np.sort(chosen)).contiguous()
    for name, make in REPRESENTATIONS.items():
        if name in given.only:
            representation = make(Facts.of(source))
            row(name, Classifier(representation, Seen(), list("abcde"), [0.0, 10.0, 20.0]), iq)
    if given.checkpoint and "checkpoint" in given.only:
        row("checkpoint", of_checkpoint(given.checkpoint), iq)


if __name__ == "__main__":
    main()
