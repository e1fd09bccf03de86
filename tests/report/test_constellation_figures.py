"""The gallery file, and that its pictures show its pixels where they are."""

from dataclasses import replace

import numpy as np
import pytest

from amc_xai.errors import UserError
from amc_xai.report.attribution_maps import attribution_by_snr, attribution_grid
from amc_xai.report.constellations import (
    FAINTEST,
    MASKED_FRAMES,
    brightness,
    chosen_frames,
    constellation_grid,
    masked_twins,
    pooled,
)
from amc_xai.report.gallery import Gallery
from amc_xai.report.style import LOUD


def images(figure):
    return {image.get_gid(): image for axes in figure.axes for image in axes.images}


def pixels(image):
    return np.ma.getdata(image.get_array())


def test_gallery_round_trip(gallery, tmp_path):
    loaded = Gallery.load(gallery.save(tmp_path / "gallery.npz"))
    for name in (
        "image",
        "modulation",
        "snr",
        "channels",
        "modulation_predicted",
        "snr_predicted",
        "confidence",
    ):
        before, after = getattr(gallery, name), getattr(loaded, name)
        assert before.dtype == after.dtype and np.array_equal(before, after)
    assert (loaded.extent, loaded.mask_fraction) == (2.5, 0.3)
    assert list(loaded.masks) == ["top"] and np.array_equal(loaded.masks["top"], gallery.masks["top"])
    with np.load(tmp_path / "gallery.npz") as archive:
        assert archive["masks_top"].dtype == bool and archive["image"].dtype == np.float32
        assert archive["extent"].shape == archive["mask_fraction"].shape == ()


def test_gallery_without_predictions_or_masks(gallery, tmp_path):
    plain = Gallery(gallery.image, gallery.modulation, gallery.snr, gallery.channels)
    loaded = Gallery.load(plain.save(tmp_path / "gallery.npz"))
    assert loaded.modulation_predicted is None and loaded.masks == {} and np.isnan(loaded.extent)


def test_gallery_errors(gallery, tmp_path):
    with pytest.raises(UserError, match="expected bool"):
        replace(gallery, masks={"top": gallery.masks["top"][:1]})
    with pytest.raises(UserError, match="snr has shape"):
        replace(gallery, snr=np.zeros(3))
    with pytest.raises(UserError, match="3 channels"):
        replace(gallery, channels=np.array(["a", "b", "c"]))
    np.savez(tmp_path / "part.npz", image=gallery.image)
    with pytest.raises(UserError, match="lacks modulation, snr, channels"):
        Gallery.load(tmp_path / "part.npz")
    with pytest.raises(UserError, match="there is no file"):
        Gallery.load(tmp_path / "none.npz")


def test_grid_shows_every_image_in_its_cell(gallery):
    figure = constellation_grid(gallery, "symbols", snr_definition="es_n0")
    (axes,) = figure.axes
    drawn = images(figure)
    for g, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        image = drawn[f"{gallery.modulation[g]}|{gallery.snr[g]:g}"]
        assert np.array_equal(image.get_array(), brightness(gallery.image[g, 1])[::-1])
        left, right, bottom, top = image.get_extent()
        assert ((left + right) / 2, (bottom + top) / 2) == (column, row)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["BPSK", "QPSK"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "10"]
    (frame,) = axes.patches  # only the first frame's modulation was named wrongly
    assert frame.get_xy() == pytest.approx((-0.47, -0.47))


@pytest.mark.parametrize("draw", [constellation_grid, masked_twins])
def test_positive_i_is_right_and_positive_q_is_up(draw):
    # One lit block at high Q (large row) and low I (small column) must appear at the top left.
    image = np.zeros((1, 1, 16, 16), dtype=np.float32)
    image[0, 0, 12:15, 1:4] = 1
    gallery = Gallery(image, np.array(["BPSK"]), np.array([0.0]), np.array(["trajectory"]))
    figure = draw(gallery, "trajectory")
    figure.canvas.draw()
    page = np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)
    box = figure.axes[0].images[0].get_window_extent()
    height = page.shape[0]
    picture = page[int(height - box.y1) + 2 : int(height - box.y0) - 2, int(box.x0) + 2 : int(box.x1) - 2]
    lit_rows, lit_columns = np.nonzero(picture.sum(axis=-1) > 300)
    assert lit_rows.size > 0
    assert lit_rows.max() < picture.shape[0] / 2 and lit_columns.max() < picture.shape[1] / 2


def test_masked_pixels_are_loud_and_the_others_unchanged(gallery):
    # Corners lit, so that nothing is cut off.
    image = gallery.image.copy()
    image[:, :, [0, -1], [0, -1]] = 0.5
    gallery = replace(gallery, image=image)
    drawn = images(masked_twins(gallery, "trajectory"))
    assert set(drawn) == {"1|original", "1|top", "3|original", "3|top"}  # each class at its highest SNR
    for g in (1, 3):
        mask = gallery.masks["top"][g, 0]
        original, twin = pixels(drawn[f"{g}|original"]), pixels(drawn[f"{g}|top"])
        assert original[..., 0] == pytest.approx(brightness(gallery.image[g, 0]))
        assert twin[mask] == pytest.approx(np.tile(LOUD, (mask.sum(), 1)))
        assert np.array_equal(twin[~mask], original[~mask])


def test_each_grid_says_what_its_own_channels_axes_are(gallery):
    told = ["I to the right, Q upwards, each from −2 to 2", "angle: the phase of the noise"]
    for channel, says in zip(("trajectory", "symbols"), told, strict=True):
        (legend,) = constellation_grid(replace(gallery, axes=told), channel).legends
        assert says in [text.get_text().replace("\n", " ") for text in legend.get_texts()]
        assert not set(told) - {says} & {text.get_text() for text in legend.get_texts()}
    for legend in constellation_grid(gallery, "symbols").legends:  # what isn't known isn't told
        assert [text.get_text() for text in legend.get_texts()] == ["modulation named wrongly"]


def test_no_picture_that_nothing_was_taken_from_is_shown_as_masked(gallery):
    # As `cluster` on `residual`: of the second channel the first selector takes nothing; of frame 1 none does.
    cluster, top = (gallery.masks["top"].copy() for _ in range(2))
    cluster[:, 1], cluster[1], top[1] = False, False, False
    maps = {f"rise_{task}": gallery.image - 0.3 for task in ("modulation", "snr")}
    some = replace(gallery, masks={"cluster": cluster, "top": top}, attributions=maps)
    for channel, selectors in (("trajectory", {"cluster", "top"}), ("symbols", {"top"})):
        twins = masked_twins(some, channel)
        assert set(images(twins)) == {"1|original", "3|original", *(f"3|{selector}" for selector in selectors)}
        assert [text.get_text() for axes in twins.axes for text in axes.texts] == ["nothing masked"] * len(
            selectors
        )
        first = min(selectors)
        shown = attribution_grid(some, channel)
        assert shown.axes[1].get_title(loc="center") == f"mask:\n{first}"
        assert "3|mask" in images(shown) and "1|mask" not in images(shown)
        assert (pixels(images(shown)["3|mask"]) == np.float32(LOUD)).all(-1).any()
        by_snr = attribution_by_snr(some, channel)
        assert by_snr.axes[0].get_title(loc="center") == f"image, masked by {first}"
    nothing = replace(some, masks={"cluster": cluster & False})
    assert attribution_by_snr(nothing, "symbols").axes[0].get_title(loc="center") == "image"
    assert "3|mask" not in images(attribution_grid(nothing, "symbols"))


def test_twins_are_cut_to_what_is_lit_or_masked(gallery):
    image = np.zeros((1, 1, 40, 40), dtype=np.float32)
    image[0, 0, 18, 20] = 1
    mask = np.zeros(image.shape, dtype=bool)
    mask[0, 0, 20, 10] = True  # a masked pixel that isn't lit stays in view
    one = Gallery(image, ["BPSK"], [0.0], ["trajectory"], masks={"top": mask})
    picture = pixels(images(masked_twins(one, "trajectory"))["0|top"])
    assert picture.shape == (24, 24, 3)  # margin 10 to the masked pixel, less a border of 2
    assert picture[18 - 8, 20 - 8] == pytest.approx(np.ones(3))
    assert picture[20 - 8, 10 - 8] == pytest.approx(LOUD)


def test_chosen_frames_are_spread_over_many_classes():
    classes = [f"class{i:02d}" for i in range(17)]
    image = np.zeros((34, 1, 2, 2))
    gallery = Gallery(image, np.repeat(classes, 2), np.tile([10.0, 4.0], 17), ["trajectory"])
    chosen = chosen_frames(gallery)
    assert len(chosen) == MASKED_FRAMES
    assert (gallery.snr[chosen] == 10).all()
    assert gallery.modulation[chosen][[0, -1]].tolist() == ["class00", "class16"]


@pytest.mark.parametrize(("height", "width", "size"), [(16, 16, 5), (17, 13, 6), (8, 8, 8), (7, 7, 20)])
def test_pooling_against_loops(height, width, size):
    image = np.random.default_rng(0).random((height, width))
    factor = next(f for f in range(1, 50) if -(-max(height, width) // f) <= size)
    small = pooled(image, size)
    assert max(small.shape) <= size
    for row in range(small.shape[0]):
        for column in range(small.shape[1]):
            block = image[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            assert small[row, column] == block.max()


def test_brightness_lifts_the_faintest_and_keeps_the_dark():
    shown = brightness(np.array([[0.0, 1e-6], [2.0, 4.0]]))
    assert shown == pytest.approx(np.array([[0, FAINTEST], [(1 + FAINTEST) / 2, 1]]), abs=1e-6)
    assert not brightness(np.zeros((3, 3))).any()
