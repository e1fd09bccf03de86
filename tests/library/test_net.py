"""A network from Python: the answers of ``task=predict``, whatever form the samples come in."""

import json

import numpy as np
import pytest
import torch

import amc_xai
from amc_xai.errors import UserError
from amc_xai.evaluation.predictions import Predictions
from amc_xai.explain.attribution import Occlusion
from amc_xai.library import Explanation
from tests.conftest import tiny

LENGTH = 128


@pytest.fixture(scope="module")
def net(trained):
    return amc_xai.load(trained / "checkpoints" / "best.pt")


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.standard_normal(5 * LENGTH + 50) + 1j * rng.standard_normal(5 * LENGTH + 50)).astype(np.complex64)


def test_answers_are_those_of_the_task(net, trained, recording, tmp_path, cli):
    recording.tofile(tmp_path / "one.cf32")
    given = ["task=predict", f"checkpoint={trained}/checkpoints/best.pt", "device=cpu", "dataset=recordings"]
    done = cli(*given, f"dataset.path={tmp_path}/one.cf32", f"dataset.frame_length={LENGTH}")
    assert done.code == 0, done.err
    expected, found = Predictions.load(done.folder / "predictions.npz"), net.predict(recording)
    np.testing.assert_allclose(found.modulation_probability, expected.modulation_probability, atol=1e-6)
    np.testing.assert_allclose(found.snr_probability, expected.snr_probability, atol=1e-6)
    assert found.start.tolist() == [k * LENGTH for k in range(5)] and set(found.row) == {0}
    assert found.modulation.tolist() == expected.modulations[expected.modulation_predicted].tolist()
    assert found.snr.tolist() == expected.snrs[expected.snr_predicted].tolist()


def test_where_samples_a_symbol_differ_frames_are_searched_as_by_the_task(recording, tmp_path, cli):
    given = ["representation=points", "backbone=point_set_narrow", "dataset.samples_per_symbol=[3,6]"]
    run = cli(*tiny(*given), "task.test_after=false", "task.explain_after=false")
    assert run.code == 0, run.err
    best = run.folder / "checkpoints" / "best.pt"
    recording.tofile(tmp_path / "one.cf32")
    task = ["task=predict", f"checkpoint={best}", "device=cpu", "dataset=recordings"]
    task += [f"dataset.path={tmp_path}/one.cf32", f"dataset.frame_length={LENGTH}"]
    net = amc_xai.load(best)
    for rate, told in ((None, []), (4.0, ["dataset.samples_per_symbol=4"])):
        done = cli(*task, *told)
        assert done.code == 0, done.err
        expected = Predictions.load(done.folder / "predictions.npz").modulation_probability
        found = net.predict(recording, samples_per_symbol=rate).modulation_probability
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_verdicts_are_those_of_the_task(net, trained, recording, tmp_path, cli):
    recording.tofile(tmp_path / "one.cf32")
    given = ["task=predict", f"checkpoint={trained}/checkpoints/best.pt", "device=cpu", "dataset=recordings"]
    done = cli(*given, f"dataset.path={tmp_path}/one.cf32", f"dataset.frame_length={LENGTH}")
    expected = json.loads((done.folder / "verdicts.jsonl").read_text())
    (found,) = net.predict(recording).verdicts
    own = found.as_dict() | {"recording": "one.cf32"}
    assert [name for name, _ in own["top"]] == [name for name, _ in expected.pop("top")] and own.pop("top")
    assert own == pytest.approx(expected, abs=1e-4)
    assert str(found) in str(net.predict(recording))
    assert len(net.predict(np.stack([recording] * 3)).verdicts) == 3
    assert not net.predict(np.stack([recording[:LENGTH]] * 33)).verdicts
    with pytest.raises(UserError, match=r"^iq: all 5 frames hold zeros alone"):
        net.predict(0 * recording)


def test_the_package_network_is_the_default(trained, monkeypatch, tmp_path):
    monkeypatch.setattr("amc_xai.builtin.FILE", trained / "checkpoints" / "best.pt")
    assert amc_xai.load().modulations == ["BPSK", "QPSK"]
    monkeypatch.setattr("amc_xai.builtin.FILE", tmp_path / "none.pt")
    with pytest.raises(UserError, match=r"^checkpoint: this copy of amc_xai comes without a network"):
        amc_xai.load()


def test_form_of_the_samples_makes_no_difference(net, recording):
    expected = net.predict(recording[: 2 * LENGTH]).modulation_probability
    frames = recording[: 2 * LENGTH].reshape(2, LENGTH)
    pairs = np.stack([frames.real, frames.imag], 1)
    forms = [
        frames,
        frames.astype(np.complex128),
        pairs,
        pairs.astype(np.float64),
        torch.from_numpy(frames),
        torch.from_numpy(frames.conj()).conj(),
        torch.from_numpy(pairs).requires_grad_(),
        np.stack([recording.real, recording.imag])[:, : 2 * LENGTH],
        recording[: 2 * LENGTH].tolist(),
    ]
    for form in forms:
        np.testing.assert_allclose(net.predict(form).modulation_probability, expected, atol=1e-6)
    rows = net.predict(np.stack([recording, recording[::-1]]))
    assert rows.row.tolist() == [0] * 5 + [1] * 5 and rows.start.tolist() == [k * LENGTH for k in range(5)] * 2
    np.testing.assert_allclose(rows.modulation_probability[:2], expected, atol=1e-6)


BAD = {
    "empty": (np.zeros(0, np.complex64), "no samples"),
    "no rows": (np.zeros((0, 2, LENGTH), np.float32), "no samples"),
    "one sample": (np.ones(1, np.complex64), "less than a frame"),
    "short": (np.ones(LENGTH - 1, np.complex64), "less than a frame"),
    "NaN": (np.full(LENGTH, np.nan + 0j), "sample 0 of row 0 is nan"),
    "infinite": (np.full((2, LENGTH), np.inf), "is inf"),
    "absurd": (np.full((2, LENGTH), 1e300), "1e[+]300"),
    "real": (np.ones(LENGTH), "real numbers of shape"),
    "three channels": (np.ones((4, 3, LENGTH)), "real numbers of shape"),
    "four dimensions": (np.ones((1, 1, 2, LENGTH)), "real numbers of shape"),
    "complex in three dimensions": (np.ones((1, 2, LENGTH), np.complex64), "complex numbers of shape"),
    "int16": (np.ones((2, LENGTH), np.int16), "integers .int16.*32768"),
    "torch's integers": (torch.ones(2, LENGTH, dtype=torch.uint8), "integers .uint8.*255"),
    "truth": (np.ones((2, LENGTH), bool), "not bool"),
    "text": ("capture.cf32", "not <U12"),
    "nothing": (None, "not object"),
    "ragged": ([[1j, 2j], [3j]], "different lengths"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_samples_end_in_one_sentence(net, name):
    iq, said = BAD[name]
    for ask in (net.predict, net.explain):
        with pytest.raises(UserError, match=said) as caught:
            ask(iq)
        assert "\n" not in str(caught.value) and str(caught.value).startswith("iq")


def test_what_contradicts_the_training_is_refused_in_the_words_of_the_call(net, recording):
    for given, said in (
        ({"samples_per_symbol": 4.0}, "^samples_per_symbol: these frames have 4"),
        ({"samples_per_symbol": -1.0}, "^samples_per_symbol"),
        ({"sample_rate": float("nan")}, "^sample_rate"),
    ):
        with pytest.raises(UserError, match=said):
            net.predict(recording, **given)


def test_what_cannot_be_loaded_is_said(tmp_path, trained):
    for what, said in ((tmp_path / "none.pt", "no file"), (tmp_path, "folder"), (3, "path of a file")):
        with pytest.raises(UserError, match=said):
            amc_xai.load(what)
    with pytest.raises(UserError, match="no 'cuda:99'"):
        amc_xai.load(trained / "checkpoints" / "best.pt", device="cuda:99")


def test_explanation_adds_up_to_the_logit(net, recording):
    found = net.explain(recording[: 2 * LENGTH])
    assert found.worth.shape == found.seen.shape and found.axes.keys() >= set(found.channels)
    classifier = net.classifier(LENGTH)
    seen = torch.from_numpy(found.seen)
    with torch.no_grad():
        logits, empty = (classifier.network(x).modulation for x in (seen, torch.zeros_like(seen)))
    named = torch.from_numpy(found.prediction.modulation_probability.argmax(1))[:, None]
    expected = (logits - empty).gather(1, named)[:, 0].numpy()
    np.testing.assert_allclose(found.by_channel.sum(1), expected, rtol=0.02, atol=1e-3)
    other = net.explain(recording[:LENGTH], task="snr", method=Occlusion())
    assert other.task == "snr" and not np.allclose(other.worth[0], found.worth[0])
    with pytest.raises(UserError, match="task must be one of modulation, snr"):
        net.explain(recording, task="colour")


def test_pictures_of_different_planes_are_not_added_up(net, recording):
    from matplotlib.figure import Figure

    prediction = net.predict(recording[:LENGTH])
    worth = np.zeros((1, 2, 3, 3), np.float32)
    worth[0, 1, 0, 2] = -2.0
    found = Explanation(prediction, "modulation", ["symbols", "residual"], worth, worth, {"residual": "the noise"})
    with pytest.raises(UserError, match=r"another place in each.*symbols, residual"):
        found.by_place  # noqa: B018
    axes = found.plot_places(axes=Figure().subplots())
    assert axes.get_title().endswith("channel residual") and axes.get_xlabel() == "the noise"
    assert axes.images[0].get_array()[0, 2] == -2
    assert not found.plot_places(axes=Figure().subplots(), channel="symbols").images[0].get_array().any()
    with pytest.raises(UserError, match=r"channel: there is no 'symbol' .did you mean symbols"):
        found.plot_places(channel="symbol")
    lone = Explanation(prediction, "modulation", ["residual"], worth[:, 1:], worth[:, 1:])
    assert lone.by_place[0, 0, 2] == -2


def test_figures_are_drawn_on_the_axes_given(net, recording):
    from matplotlib.figure import Figure

    one, several = net.predict(recording[:LENGTH]), net.predict(recording)
    found = net.explain(recording[:LENGTH])
    for draw in (one.plot, several.plot, found.plot, found.plot_places):
        axes = Figure().subplots()
        assert draw(axes=axes) is axes and axes.get_title()
    axes = one.plot(axes=Figure().subplots())
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(one.modulation_probability[0].tolist())
