"""What the attribution figures draw is what the files say."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from amc_xai.errors import UserError
from amc_xai.report.attribution import (
    faithfulness_curves,
    faithfulness_scores,
    pis_against_attribution,
    sanity_by_layer,
)
from amc_xai.report.attribution_files import read_curves, read_table
from amc_xai.report.attribution_maps import (
    SIGNED,
    attribution_by_snr,
    attribution_grid,
    pooled_signed,
    signed_brightness,
)
from amc_xai.report.attribution_points import attribution_points, constellations_of, shares_of
from amc_xai.report.attribution_traces import CLOSE_UP, attribution_traces, strongest_stretch
from amc_xai.report.figures import build_figures
from amc_xai.report.gallery import Gallery
from amc_xai.report.style import LOUD

NAMES = ("integrated_gradients", "random", "integrated_gradients_untrained")


def lines(figure):
    return {line.get_gid(): line for axes in figure.axes for line in axes.get_lines() if line.get_gid()}


@pytest.fixture
def curves_file(tmp_path):
    generator = np.random.default_rng(0)
    arrays = {"share": np.linspace(0, 1, 5)}
    for name in NAMES:
        for task in ("modulation", "snr"):
            for measure in ("deletion", "insertion"):
                arrays[f"{measure}|{name}|{task}"] = generator.random((3, 5)).astype(np.float32)
    np.savez(tmp_path / "attribution_curves.npz", **arrays)
    return tmp_path / "attribution_curves.npz", arrays


def test_curves_are_the_means_over_frames(curves_file):
    path, arrays = curves_file
    drawn = lines(faithfulness_curves(read_curves(path)))
    assert set(drawn) == set(arrays) - {"share"}
    for gid, line in drawn.items():
        assert list(line.get_xdata()) == [0, 0.25, 0.5, 0.75, 1]
        np.testing.assert_allclose(line.get_ydata(), arrays[gid].mean(0), rtol=1e-6)


def score_rows():
    return [
        {
            "method": name, "kind": "control" if name != NAMES[0] else "method", "network": judge, "task": task,
            "difference": 0.1 * i + 0.01 * t, "difference_low": 0.1 * i - 0.05, "difference_high": 0.1 * i + 0.06,
        }
        for judge in ("trained", "robust") for i, name in enumerate(NAMES)
        for t, task in enumerate(("modulation", "snr"))
    ]  # fmt: skip


def test_scores_and_their_intervals_are_the_tables():
    figure = faithfulness_scores(score_rows())
    drawn = lines(figure)
    for row in score_rows():
        point = drawn[f"{row['network']}|{row['method']}|{row['task']}"]
        assert point.get_xdata()[0] == row["difference"]
    bars = [s for axes in figure.axes for c in axes.collections for s in c.get_segments()]
    expected = sorted((r["difference_low"], r["difference_high"]) for r in score_rows())
    found = sorted((float(s[0, 0]), float(s[1, 0])) for s in bars)
    assert np.allclose(found, expected)


def test_sanity_lines_are_the_table_and_labels_stand_apart():
    rows = [
        {
            "method": "rise",
            "task": task,
            "check": "weights",
            "layer": str(i),
            "share_randomised": i / 2,
            "spearman": s,
        }
        for task in ("modulation", "snr")
        for i, s in enumerate((1.0, 0.4, -0.1))
    ]
    rows.append({**rows[0], "check": "labels", "share_randomised": 1.0, "spearman": 0.05})
    figure = sanity_by_layer(rows)
    line = lines(figure)["rise|modulation"]
    assert list(line.get_xdata()) == [0, 0.5, 1] and list(line.get_ydata()) == [1.0, 0.4, -0.1]
    stars = [line for line in figure.axes[0].get_lines() if line.get_marker() == "*"]
    assert [list(star.get_ydata()) for star in stars] == [[0.05]]


def test_pis_against_attribution_shows_drops_and_the_mean_tau():
    rows = [
        {"task": task, "selector": s, "channel": "a", "drop": 0.1 * i, "share_rise": 0.2 * i, "rank_rise": i}
        for task in ("modulation", "snr")
        for i, s in enumerate(("top", "random"))
    ]
    agreement = [
        {"kind": "drops", "a": "rise", "task": task, "kendall": k}
        for task in ("modulation", "snr")
        for k in (0.2, 0.6)
    ]
    figure = pis_against_attribution(rows, [*agreement, {**agreement[0], "kendall": float("nan")}])
    drawn = lines(figure)
    assert list(drawn["rise|snr|random"].get_xdata()) == [0.2]
    assert list(drawn["rise|snr|random"].get_ydata()) == [0.1]
    assert all("0.40" in axes.get_title(loc="right") for axes in figure.axes)


@pytest.fixture
def explained(gallery):
    generator = np.random.default_rng(1)
    for task in ("modulation", "snr"):
        gallery.attributions[f"grad_cam_{task}"] = generator.normal(size=gallery.image.shape).astype(np.float32)
    return gallery


def test_a_gallery_keeps_its_maps_and_refuses_those_of_another_shape(explained, tmp_path):
    again = Gallery.load(explained.save(tmp_path / "gallery.npz"))
    assert set(again.attributions) == {"grad_cam_modulation", "grad_cam_snr"}
    np.testing.assert_array_equal(again.attributions["grad_cam_snr"], explained.attributions["grad_cam_snr"])
    assert set(again.masks) == {"top"} and again.mask_fraction == explained.mask_fraction
    with pytest.raises(UserError, match="attribution_rise_snr has shape"):
        Gallery(
            explained.image, explained.modulation, explained.snr, explained.channels,
            attributions={"rise_snr": np.zeros((1, 2))},
        )  # fmt: skip


def test_the_grid_shows_image_mask_and_a_map_a_task(explained):
    figure = attribution_grid(explained, "symbols")
    gids = {image.get_gid() for axes in figure.axes for image in axes.get_images()}
    shown = {gid.split("|", 1)[0] for gid in gids}
    assert gids == {f"{g}|{p}" for g in shown for p in ("image", "mask", "grad_cam|modulation", "grad_cam|snr")}
    assert len(shown) == 2  # one frame a class
    captions = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert any("(75 %)" in caption for caption in captions)


def test_maps_have_one_scale_for_all_channels_tell_their_shares_and_say_where_they_are_empty(gallery):
    strong = np.where(gallery.image > 0, 1.0, 0.0).astype(np.float32)
    strong[:, 1] *= 0.1  # the second channel says a tenth of what the first does, where as much is lit
    maps = {f"rise_{task}": strong for task in ("modulation", "snr")}
    for c, channel in enumerate(("trajectory", "symbols")):
        figure = attribution_grid(replace(gallery, attributions=maps), channel)
        shown = {image.get_gid(): np.asarray(image.get_array()) for axes in figure.axes for image in axes.images}
        strongest = shown["1|rise|modulation"].reshape(-1, 3)
        strongest = strongest[strongest.sum(1).argmin()]
        assert strongest == pytest.approx(SIGNED((1.0, 0.55)[c])[:3], abs=0.02)
        chosen = strong[[1, 3]]  # each class at its highest SNR
        shares = np.abs(chosen).sum((0, 2, 3), dtype=np.float64)
        titles = [axes.get_title(loc="center") for axes in figure.axes]
        assert sum(f", {100 * shares[c] / shares.sum():.0f} %" in title for title in titles) == 2
    nothing = {name: np.zeros_like(strong) for name in maps}
    figure = attribution_grid(replace(gallery, attributions=nothing), "symbols")
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == ["empty"] * 4


def test_maps_keep_sign_and_zero_when_scaled_and_shrunk():
    scores = np.zeros((4, 4))
    scores[0, 0], scores[0, 1], scores[3, 3] = 2.0, -4.0, 1.0
    scaled = signed_brightness(scores)
    assert scaled[1, 1] == 0 and scaled[0, 1] == -1 and 0.5 <= scaled[0, 0] < 0.52
    np.testing.assert_array_equal(pooled_signed(scores, 2), [[-4.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(signed_brightness(np.zeros((2, 2))), np.zeros((2, 2)))


def test_a_run_folder_with_attribution_has_its_figures(run_folder, explained, curves_file):
    explained.save(run_folder / "gallery.npz")
    (run_folder / "attribution_curves.npz").write_bytes(curves_file[0].read_bytes())
    with (run_folder / "attribution.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(score_rows()[0]))
        writer.writeheader()
        writer.writerows(score_rows())
    names = [name for name, _ in build_figures(run_folder)]
    assert {"attribution_trajectory", "attribution_symbols", "faithfulness_scores", "faithfulness_curves"} <= set(
        names
    )
    (run_folder / "attribution.csv").write_text("method,task\nrise,snr\n")
    with pytest.raises(UserError, match="lacks the columns kind, network, difference"):
        read_table(run_folder / "attribution.csv", ("method", "kind", "network", "task", "difference"))


def test_maps_by_class_and_snr_stand_in_their_cells_with_what_was_named(explained):
    figure = attribution_by_snr(explained, "symbols")
    shown = {image.get_gid(): image for axes in figure.axes for image in axes.get_images()}
    assert set(shown) == {f"{g}|{kind}" for g in range(4) for kind in ("image", "modulation", "snr")}
    # Frame 2 is QPSK (second row) at 0 dB (first column).
    left, right, bottom, top = shown["2|snr"].get_extent()
    assert left < 0 < right and top < 1 < bottom
    masked = np.asarray(shown["1|image"].get_array())
    assert (np.abs(masked - LOUD).max(-1) < 1e-6).any()
    wrong = [
        sum(patch.get_linewidth() > 1 for patch in axes.patches) for axes in figure.axes
    ]  # frame 0 is taken for QPSK, frame 3 for 0 dB
    assert wrong == [0, 1, 1]
    assert [text.get_text() for text in figure.axes[2].texts] == ["75"] * 4


@pytest.fixture
def sequences():
    """Two frames of 600 samples; what speaks is at samples 400 to 409 of Q, and against at 20."""
    rng = np.random.default_rng(0)
    scores = np.zeros((2, 2, 600), np.float32)
    scores[:, 1, 400:410], scores[:, 0, 20] = 1.0, -1.0
    return Gallery(
        rng.normal(size=(2, 2, 600)), ["BPSK", "QPSK"], [0.0, 10.0], ["I", "Q"],
        attributions={"rise_modulation": scores, "rise_snr": -scores},
    )  # fmt: skip


def test_traces_are_the_frames_coloured_by_their_attribution(sequences, tmp_path):
    sequences = Gallery.load(sequences.save(tmp_path / "gallery.npz"))
    figure = attribution_traces(sequences, "rise")
    strips = {image.get_gid(): image for axes in figure.axes for image in axes.get_images()}
    assert set(strips) == {f"{g}|{task}" for g in (0, 1) for task in ("modulation", "snr")}
    strip = np.asarray(strips["1|snr"].get_array())
    assert strip.shape == (2, 300)  # two samples a place; the one that says more is kept
    assert strip[0, 10] == 1 and (strip[1, 200:205] == -1).all() and np.count_nonzero(strip) == 6
    lines = {c.get_gid(): c for axes in figure.axes for c in axes.collections}
    assert set(lines) == {f"{g}|{task}|{c}" for g in (0, 1) for task in ("modulation", "snr") for c in "IQ"}
    trace = lines["0|modulation|Q"]
    begin = strongest_stretch(sequences.attributions["rise_modulation"][0], CLOSE_UP).start
    assert begin <= 400 and begin + CLOSE_UP >= 410
    points = np.array([segment[0] for segment in trace.get_segments()])
    np.testing.assert_array_equal(points[:, 0], np.arange(begin, begin + CLOSE_UP - 1))
    drawn = points[:, 1] - points[:, 1].mean()  # each trace stands at a height of its own
    frame = sequences.image[0, 1, begin : begin + CLOSE_UP - 1]
    np.testing.assert_allclose(drawn, frame - frame.mean(), atol=1e-5)
    assert np.flatnonzero(trace.get_array()).tolist() == list(range(399 - begin, 410 - begin))


def test_a_short_frame_is_its_own_close_up(sequences):
    assert strongest_stretch(np.ones((2, 40)), CLOSE_UP) == slice(0, 40)
    short = Gallery(
        sequences.image[:, :, :40], ["BPSK", "QPSK"], [0.0, 10.0], ["I", "Q"],
        attributions={f"rise_{t}": np.zeros((2, 2, 40)) for t in ("modulation", "snr")},
    )  # fmt: skip
    assert attribution_traces(short, "rise").axes


@pytest.fixture
def points():
    """Two frames of 50 symbols in two constellations; the map lies on the second but for a strength's share."""
    rng = np.random.default_rng(0)
    channels = ["near I", "near Q", "near line", "far I", "far Q", "amplitude"]
    scores = np.zeros((2, 6, 50), np.float32)
    scores[:, 3, 7], scores[:, 4, 7], scores[:, 4, 8], scores[:, 2] = 1.0, 2.0, -4.0, 0.02
    return Gallery(
        rng.normal(size=(2, 6, 50)), ["BPSK", "QPSK"], [0.0, 10.0], channels,
        attributions={"rise_modulation": scores, "rise_snr": scores},
    )  # fmt: skip


def test_points_are_the_symbols_coloured_by_what_both_parts_say(points, run_folder):
    pairs = constellations_of(points.channels.tolist())
    assert pairs == {"near": (0, 1), "far": (3, 4)}
    assert shares_of(points.attributions["rise_snr"], pairs) == pytest.approx({"far": 7 / 8, "near": 0})
    figure = attribution_points(points, "rise")
    drawn = {c.get_gid(): c for axes in figure.axes for c in axes.collections}
    assert set(drawn) == {f"{g}|{t}|{c}" for g in (0, 1) for t in ("modulation", "snr") for c in ("near", "far")}
    dots = drawn["1|snr|far"]
    # The strongest are drawn last: symbol 7, for the answer, and symbol 8, against it.
    np.testing.assert_allclose(dots.get_offsets()[-2:], points.image[1, 3:5].T[[7, 8]])
    assert dots.get_array()[-2] > 0.7 and dots.get_array()[-1] == -1 and not dots.get_array()[:-2].any()
    assert "far\n88 % of the maps" in figure.axes[0].get_title()
    points.save(run_folder / "gallery.npz")
    names = [name for name, _ in build_figures(run_folder)]
    assert "attribution_points_rise" in names and "attribution_samples_rise" not in names
