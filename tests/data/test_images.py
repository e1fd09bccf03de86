"""PNG trees, written as frames and read back, originals and twins."""

import numpy as np
import pytest
import torch
from PIL import Image

from amc_xai.data import Facts, Images, Synthetic
from amc_xai.data.conversion import write_cells
from amc_xai.errors import UserError
from amc_xai.perturbation import PerturbationPlan, Random, Top, Zero
from amc_xai.representation import Augmented, Constellation, Unchanged
from amc_xai.tasks.images import PngWriter

FACTS = Facts(512, 8.0)

SOURCE = Synthetic(["QPSK", "8PSK"], [-2, 10], frames_per_cell=3, frame_length=128)
PLAN = PerturbationPlan(["top", "random"], [0.05, 0.5], Zero(), {"top": Top, "random": Random})


def write(root, representation, plan=None):
    return list(write_cells(SOURCE, PngWriter(representation, plan, 0), root, {}))


def test_pictures_come_back_with_their_labels(tmp_path):
    representation = Constellation(FACTS, 32)
    assert write(tmp_path, representation) == [True] * 4
    assert write(tmp_path, representation) == [False] * 4
    assert (tmp_path / "QPSK" / "SNR_-2" / "trajectory_QPSK_SNR_-2_sample_0.png").is_file()
    images = Images(str(tmp_path), ["trajectory"], modulations=["QPSK", "8PSK"])
    assert images.snrs == [-2, 10] and images.frame_length == 32
    assert np.array_equal(images.modulation_index, SOURCE.modulation_index)
    assert np.array_equal(images.snr_index, SOURCE.snr_index)
    read = images.read(np.arange(12))
    drawn = representation(SOURCE.read(np.arange(12)))
    drawn = drawn / drawn.amax((2, 3), keepdim=True)
    # 8 bits: half a level away at most; and exactly the same pixels are lit.
    assert (read - drawn).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(read > 0, drawn > 0)


def test_channels_and_the_representation_that_passes_them_on(tmp_path):
    representation = Augmented(FACTS, 16, ["symbols", "residual"])
    write(tmp_path, representation)
    images = Images(str(tmp_path), ["residual", "symbols"])
    swapped = Images(str(tmp_path), ["symbols", "residual"])
    batch = images.read(np.arange(5))
    assert batch.equal(swapped.read(np.arange(5)).flip(1))
    unchanged = Unchanged(FACTS, ["residual", "symbols"])
    assert unchanged(batch) is batch and unchanged.output_shape(images.frame_length) == batch.shape[1:]
    with pytest.raises(UserError, match="use dataset=images, or another representation"):
        unchanged(SOURCE.read(np.arange(2)))


def test_twins_lack_exactly_the_masked_pixels(tmp_path):
    write(tmp_path, Constellation(FACTS, 32), PLAN)
    original = Images(str(tmp_path), ["trajectory"]).read(np.arange(12))
    lit = (original > 0).sum((1, 2, 3))
    for name, fraction in (("top5", 0.05), ("random5", 0.05), ("top50", 0.5), ("random50", 0.5)):
        twin = Images(str(tmp_path), ["trajectory"], twin=name)
        got = twin.read(np.arange(12))
        assert torch.equal(twin.read(np.array([7]))[0], got[7])
        masked = (original > 0) & (got == 0)
        expected = [max(1, int(np.floor(fraction * n + 0.5))) for n in lit.tolist()]
        assert masked.sum((1, 2, 3)).tolist() == expected
        assert torch.equal(torch.where(masked, 0, original), got)
        if name == "top5":
            assert all(original[k][masked[k]].min() >= got[k].max() for k in range(12))
    with pytest.raises(
        UserError,
        match=r"holds no twins named top7 \(did you mean top5\?\); it holds random5, random50, top5, top50",
    ):
        Images(str(tmp_path), ["trajectory"], twin="top7")


def test_bad_trees_are_named(tmp_path):
    with pytest.raises(UserError, match=r"dataset.path must name the folder"):
        Images(None, ["grayscale"])
    with pytest.raises(UserError, match="holds no picture named"):
        Images(str(tmp_path), ["grayscale"])
    folder = tmp_path / "BPSK" / "SNR_0"
    folder.mkdir(parents=True)
    Image.new("L", (8, 8)).save(folder / "grayscale_BPSK_SNR_0_sample_0.png")
    (folder / "grayscale_BPSK_SNR_0_sample_1.png").write_bytes(b"no picture")
    Image.new("L", (9, 9)).save(folder / "grayscale_BPSK_SNR_0_sample_2.png")
    images = Images(str(tmp_path), ["grayscale"])
    with pytest.raises(UserError, match=r"sample_1\.png is no readable picture"):
        images.read(np.array([1]))
    with pytest.raises(UserError, match=r"sample_2\.png is 9 x 9 pixels, the first picture 8 x 8"):
        images.read(np.array([2]))
    with pytest.raises(UserError, match="holds no pictures of type colour; it holds grayscale"):
        Images(str(tmp_path), ["colour"])
