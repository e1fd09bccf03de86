"""Single frames on the page: pictures, probabilities and answers are those of the files."""

import numpy as np
import pytest

from amc_xai.errors import UserError
from amc_xai.report.constellations import brightness
from amc_xai.report.figures import build_figures
from amc_xai.report.worked import WORKED, counterfactual_figure, read_archive, worked_figure

CHANNELS = np.array(["symbols", "residual"])


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    image = np.where(rng.random((2, 2, 16, 16)) < 0.3, rng.random((2, 2, 16, 16)) + 0.2, 0)
    image[:, :, [0, -1], [0, -1]] = 1.0  # lit to the corners, so that nothing is cut off
    return {
        "kind": np.array(["right", "wrong"]), "image": image, "map": rng.normal(size=image.shape),
        "channels": CHANNELS, "axes": np.array(["", ""]), "modulation": np.array(["QPSK", "8PSK"]),
        "snr": np.array([14.0, 30.0]), "named": np.array(["QPSK", "QPSK"]), "rival": np.array(["8PSK", "8PSK"]),
        "pair_probability": np.array([[0.9, 0.05], [0.6, 0.3]]), "snr_named": np.array([14.0, 28.0]),
        "snr_probability": np.array([0.8, 0.7]), "top": np.array([["QPSK", "8PSK", "BPSK"]] * 2),
        "top_probability": np.array([[0.9, 0.05, 0.02], [0.6, 0.3, 0.05]]),
        "lost": np.array([[1.5, -0.25], [0.0, 2.0]]), "lost_low": np.zeros((2, 2)), "lost_high": np.ones((2, 2)),
    }  # fmt: skip


def test_a_worked_frame_shows_channels_evidence_and_probabilities(frames):
    figure = worked_figure(frames, "es_n0")
    drawn = {image.get_gid(): image for axes in figure.axes for image in axes.images}
    assert set(drawn) == {f"{k}|{c}|{p}" for k in ("right", "wrong") for c in CHANNELS for p in ("image", "map")}
    shown = drawn["wrong|residual|image"].get_array()
    assert np.allclose(shown, brightness(frames["image"][1, 1]))
    # One scale for both channels: the paler map is that of the smaller numbers.
    frames["map"][0, 1] *= 0.01
    again = {image.get_gid(): image for axes in worked_figure(frames).axes for image in axes.images}
    assert np.asarray(again["right|residual|map"].get_array()).min() > 0.9
    assert np.asarray(again["right|symbols|map"].get_array()).min() < 0.6
    texts = " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
    assert "sent: 8PSK, 30 dB" in texts and "named: QPSK (60 %)" in texts and "rival: 8PSK (30 %)" in texts
    titles = [axes.get_title() for axes in figure.axes]
    assert "residual\n\N{MINUS SIGN}0.2 (0.0 to 1.0)" in titles
    bars = [[bar.get_width() for bar in axes.patches] for axes in figure.axes if axes.patches]
    assert bars == [pytest.approx([90, 5, 2]), pytest.approx([60, 30, 5])]


def test_answers_that_a_change_turns_stand_out(frames, tmp_path):
    arrays = {
        "variant": np.array(["as it came", "turned by 30°"]), "image": np.stack([frames["image"]] * 2, 1),
        "channels": CHANNELS, "modulation": np.array(["QPSK", "8PSK"]), "snr": np.array([20.0, 20.0]),
        "named": np.array([["QPSK", "OQPSK"], ["8PSK", "8PSK"]]), "probability": np.full((2, 2), 0.5),
        "snr_named": np.array([[20.0, 20.0], [20.0, 10.0]]), "snr_probability": np.full((2, 2), 0.25),
    }  # fmt: skip
    figure = counterfactual_figure(arrays, "es_n0")
    drawn = {image.get_gid() for axes in figure.axes for image in axes.images}
    assert drawn == {f"{f}|{v}|{c}" for f in (0, 1) for v in arrays["variant"] for c in CHANNELS}
    loud = {t.get_text() for axes in figure.axes for t in axes.texts if t.get_color() == "#D55E00"}
    assert loud == {"OQPSK (50 %)", "10 dB (25 %)"}
    np.savez(tmp_path / "counterfactuals.npz", **arrays)
    np.savez(tmp_path / "worked.npz", **frames)
    assert [name for name, _ in build_figures(tmp_path)] == ["worked", "counterfactuals"]
    np.savez(tmp_path / "worked.npz", kind=frames["kind"])
    with pytest.raises(UserError, match="lacks image, map"):
        read_archive(tmp_path / "worked.npz", WORKED)
