"""One checkpoint, one explanation: however it was trained, and whether it is explained at once or later."""

import numpy as np
import torch

from amc_xai.explain.precision import as_explained
from amc_xai.training import make_accelerator
from tests.conftest import tiny

TABLES = ("pis.csv", "pis_by_class.csv", "pis_by_snr.csv")


def test_explain_after_train_and_by_itself_leave_the_same_tables(cli):
    asked = ["perturbation.selectors=[top,bottom]", "perturbation.fractions=[0.05,0.5]", "device=cpu"]
    data = ["dataset.frames_per_cell=40", "split.ratios=[0.3,0.1,0.6]"]
    trained = cli(*tiny("trainer.precision=bf16", "trainer.channels_last=true", "trainer.ema=0.9", *data, *asked))
    explained = cli("task=explain", f"checkpoint={trained.folder}/checkpoints/best.pt", *asked)
    assert (trained.code, explained.code) == (0, 0)
    for name in TABLES:
        assert (trained.folder / name).read_bytes() == (explained.folder / name).read_bytes(), name
    # Few answers hang on the precision, all confidences do.
    first, second = (np.load(run.folder / "gallery.npz") for run in (trained, explained))
    np.testing.assert_array_equal(first["confidence"], second["confidence"])


def test_what_is_explained_computes_in_float32_whatever_the_accelerator_does(bench_of):
    bench = bench_of()
    image = bench.classifier.represent(bench.source.read(bench.split.test[:4]))
    with torch.no_grad():
        expected = bench.classifier.network.eval().to(memory_format=torch.channels_last)(image)
    for precision, layout in (("bf16", torch.channels_last), ("fp32", torch.contiguous_format)):
        accelerator = make_accelerator("cpu", precision)
        accelerator.prepare(bench.classifier.network.train().to(memory_format=layout))
        network = as_explained(bench.classifier, accelerator).network
        with torch.no_grad():
            found = network(image)
        assert not network.training
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
