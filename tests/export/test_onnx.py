"""ONNX files say what torch says, for each representation that goes into them."""

import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from amc_xai.data import Facts, Synthetic
from amc_xai.errors import UserError
from amc_xai.export import onnx_file
from amc_xai.export.comparing import compared, open_session
from amc_xai.export.onnx_file import Answers, write_onnx
from amc_xai.export.transform import MatrixTransform
from amc_xai.model import Classifier, Prediction
from amc_xai.representation import Augmented, Constellation, Fusion, Iq, Points
from amc_xai.tasks.export import check_one_shape
from tests.conftest import tiny

LENGTH = 128
PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text()


@pytest.mark.parametrize("length", [1, 7, 60, 128, 135])
@pytest.mark.parametrize("forward", [True, False])
def test_transform_is_the_fourier_transform(length, forward):
    z = torch.randn(3, length, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    real, imaginary = MatrixTransform(length, forward, 0.5)(z.real, z.imag)
    expected = (torch.fft.fft(z) if forward else torch.fft.ifft(z, norm="forward")) / 2
    torch.testing.assert_close(torch.complex(real, imaginary), expected, rtol=1e-4, atol=1e-4)


class Seen(torch.nn.Module):
    """As a network, a fixed mixture of what it sees: every value counts."""

    def forward(self, x: torch.Tensor) -> Prediction:
        flat = x.flatten(1)
        weight = torch.sin(torch.arange(flat.shape[1] * 5) * 0.7).view(flat.shape[1], 5) / flat.shape[1] ** 0.5
        return Prediction(flat @ weight, flat @ weight[:, :3])


REPRESENTATIONS = {
    "iq": Iq,
    "constellation": lambda facts: Constellation(facts, 32, smoothing=1.0),
    "augmented": lambda facts: Augmented(facts, image_size=32),
    "points": Points,
}


# The exporter takes half a minute for the thousands of operations of points.
LONG = pytest.param("points", marks=pytest.mark.slow)


@pytest.mark.parametrize("name", [*(name for name in REPRESENTATIONS if name != "points"), LONG])
def test_file_says_what_torch_says(name, tmp_path):
    source = Synthetic(["BPSK", "16QAM", "OQPSK"], [0, 20], frames_per_cell=20, frame_length=LENGTH)
    representation = REPRESENTATIONS[name](Facts.of(source))
    classifier = Classifier(representation, Seen(), ["a", "b", "c", "d", "e"], [0.0, 10.0, 20.0]).eval()
    path = tmp_path / "model.onnx"
    write_onnx(classifier, LENGTH, {"modulations": classifier.modulations}, path)
    session = open_session(path)
    iq = source.read(np.arange(120)) * 3
    found = compared(Answers(classifier), session, iq)
    assert found["frames"] == 120 and found["same_modulation"] >= 0.99 and found["within_1e-3"] >= 0.97, found
    assert compared(Answers(classifier), session, iq[:1])["largest_difference"] < 0.01
    silence = torch.zeros(1, 2, LENGTH)
    assert compared(Answers(classifier), session, silence)["largest_difference"] < 1e-3


class Level(torch.nn.Module):
    """Of a frame's samples, in decades, with a floor that keeps silence finite."""

    def forward(self, iq: torch.Tensor) -> torch.Tensor:
        return (iq.square() + 1e-30).log10()


def test_what_keeps_silence_finite_stays(tmp_path):
    classifier = Classifier(Level(), Seen(), ["a", "b", "c", "d", "e"], [0.0, 10.0, 20.0]).eval()
    write_onnx(classifier, LENGTH, {}, tmp_path / "model.onnx")
    silence = torch.zeros(2, 2, LENGTH)
    found = compared(Answers(classifier), open_session(tmp_path / "model.onnx"), silence)
    assert found["largest_difference"] < 1e-3, found


@pytest.mark.parametrize(
    ("options", "said"),
    [({"groups": ("likelihood",)}, "can't hold likelihood"), ({"symbol_rate": "refined"}, "symbol_rate=given")],
)
def test_steps_that_hang_on_the_frames_are_refused(options, said):
    source = Synthetic(["BPSK"], [0], frames_per_cell=1, frame_length=LENGTH)
    facts = Facts.of(source)
    with pytest.raises(UserError, match=said):
        check_one_shape(Fusion(facts, Augmented, partial(Points, **options)), source, facts.samples_per_symbol)


def test_task_leaves_a_file_that_the_page_reads(cli, trained, monkeypatch, capsys):
    done = cli("task=export", f"checkpoint={trained}/checkpoints/best.pt", "task.frames=20")
    assert done.code == 0, done.err
    found = json.loads((done.folder / "export.json").read_text())
    assert found["frames"] == 20 and found["same_modulation"] == 1.0 and found["onnxruntime_1_ms"] > 0
    monkeypatch.chdir(done.folder)
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", PAGE, re.S)[1], names)
    assert names["modulations"] == ["BPSK", "QPSK"] and names["length"] == LENGTH
    assert json.loads(names["about"]["samples_per_symbol"]) == 8 and json.loads(names["about"]["snrs_db"]) == [
        0,
        20,
    ]
    assert "PSK" in capsys.readouterr().out


def test_what_cannot_be_exported_is_said(cli, trained, tmp_path, monkeypatch):
    best = f"checkpoint={trained}/checkpoints/best.pt"
    assert "task.frames must be" in cli("task=export", best, "task.frames=0").out
    facts = Facts(LENGTH, 8.0)
    classifier = Classifier(Points(facts, groups=("likelihood",)), Seen(), ["a"], [0.0])
    with pytest.raises(UserError, match=r"Points with this network can't be written.* constellation, augmented"):
        write_onnx(classifier, LENGTH, {}, tmp_path / "none.onnx")
    assert not (tmp_path / "none.onnx").exists()
    monkeypatch.setattr(onnx_file, "NEEDS", ("onnx", "no_such_package"))
    said = cli("task=export", best)
    assert said.code == 1 and "pip install 'amc-xai[export]'" in said.out


def test_samples_a_symbol_must_be_one(cli):
    given = ["representation=points", "backbone=point_set_narrow", "dataset.samples_per_symbol=[3,6]"]
    run = cli(*tiny(*given), "task.test_after=false", "task.explain_after=false")
    task = ["task=export", f"checkpoint={run.folder}/checkpoints/best.pt", "task.frames=8"]
    refused = cli(*task)
    assert refused.code == 1 and "such as dataset.samples_per_symbol=8" in refused.out
