"""The driver, with networks simple enough that every drop and every fraction is known beforehand."""

import math
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from amc_xai.errors import UserError
from amc_xai.explain import Setting, perturbation_scores, score_rows
from amc_xai.perturbation import Bottom, Random, Top, View, Zero

ZERO = ("zero", Zero())


class Logits(NamedTuple):
    modulation: torch.Tensor
    snr: torch.Tensor


class ReadOut(nn.Module):
    """Each task sums one region of the image: class 1 if the sum is above one half, else class 0."""

    def __init__(self, modulation: torch.Tensor, snr: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("modulation", modulation)
        self.register_buffer("snr", snr)

    def forward(self, image: torch.Tensor) -> Logits:
        sums = [(image * region).sum((1, 2, 3)) for region in (self.modulation, self.snr)]
        return Logits(*(torch.stack([torch.full_like(total, 0.5), total], dim=1) for total in sums))


class Blind(nn.Module):
    """Answers class 1 and class 0, whatever it is shown."""

    def forward(self, image: torch.Tensor) -> Logits:
        flat = torch.zeros(image.shape[0], 2)
        return Logits(flat + torch.tensor([0.0, 1.0]), flat + torch.tensor([1.0, 0.0]))


class Region:
    """Masks a fixed region: a selector without a ranking."""

    def __init__(self, region: torch.Tensor) -> None:
        self.region = region

    def mask(self, view, channel, fraction, generator):
        return view.place(channel, (self.region & (view.image > 0))[:, view.index(channel)].flatten(1))


def by_key(rows):
    return {(r["selector"], r["channel"], r["nominal_fraction"], r["task"]): r for r in rows}


def planted():
    """Return a network that is right on all of ten 4 x 4 images, these, and the row of each pixel.

    Row 0 carries the modulation (bright in class 1, dark in class 0), row 3 the SNR (faint in class 1, dark
    in class 0), and rows 1 and 2 are lit to the same level in every image.
    """
    modulation = torch.tensor([1, 1, 1, 0, 0, 1, 1, 0, 1, 1])
    snr = torch.tensor([0, 1, 0, 1, 0, 1, 0, 0, 1, 0])
    image = torch.full((10, 1, 4, 4), 2.0)
    image[:, 0, 0] = 3.0 * modulation[:, None]
    image[:, 0, 3] = 1.0 * snr[:, None]
    rows = torch.arange(4)[:, None].expand(4, 4)
    network = ReadOut((rows == 0)[None], (rows == 3)[None])
    return network, [(View(None, image, ["trajectory"]), modulation, snr)], rows


def test_a_planted_read_out_owes_its_whole_score_to_its_region():
    network, frames, rows = planted()
    selectors = {
        "modulation region": Region((rows == 0)[None, None]),
        "snr region": Region((rows == 3)[None, None]),
        "elsewhere": Region(((rows == 1) | (rows == 2))[None, None]),
    }
    table = by_key(perturbation_scores(network, frames, selectors, ZERO, [0.25]).rows)
    # Without its region a read-out answers 0: wrong on its 7 (modulation) or 4 (SNR) frames of class 1. The
    # other task stays right, so that the joint answer is wrong on the same frames.
    drops = {
        "modulation region": (0.7, 0.0, 0.7),
        "snr region": (0.0, 0.4, 0.4),
        "elsewhere": (0.0, 0.0, 0.0),
    }
    for name, expected in drops.items():
        for task, drop in zip(("modulation", "snr", "joint"), expected, strict=True):
            row = table[name, "trajectory", 0.25, task]
            assert row["drop"] == pytest.approx(drop, abs=1e-15)
            assert row["accuracy"] == pytest.approx(1 - drop, abs=1e-15)
            assert row["pis_nominal"] == pytest.approx(drop / 0.25)
            assert row["pis_lit"] == pytest.approx(drop / row["lit_fraction"])
            if drop == 0.0:
                assert (row["drop"], row["pis_nominal"], row["pis_lit"]) == (0.0, 0.0, 0.0)


def test_top_finds_what_is_read_from_the_brightest_and_bottom_from_the_faintest():
    # Of 16 lit pixels 4 are bright, 8 middling and 4 faint; modulation is read from the bright, SNR from the
    # faint.
    image = torch.full((6, 1, 4, 4), 2.0)
    image[:, :, 0], image[:, :, 3] = 3.0, 1.0
    rows = torch.arange(4)[:, None].expand(4, 4)
    network = ReadOut((rows == 0)[None], (rows == 3)[None])
    ones = torch.ones(6, dtype=torch.int64)
    selectors = {"top": Top(), "bottom": Bottom()}
    result = perturbation_scores(network, [(View(None, image, ["t"]), ones, ones)], selectors, ZERO, [0.25, 0.75])
    table = by_key(result.rows)
    for name, hit, spared in (("top", "modulation", "snr"), ("bottom", "snr", "modulation")):
        for fraction in (0.25, 0.75):
            assert table[name, "t", fraction, hit]["drop"] == 1.0
            assert table[name, "t", fraction, hit]["pis_lit"] == pytest.approx(1 / fraction)
            assert table[name, "t", fraction, spared]["drop"] == 0.0
            assert table[name, "t", fraction, "joint"]["drop"] == 1.0


def test_only_the_channel_that_is_read_has_a_score():
    image = torch.ones(4, 2, 3, 3)
    only_second = torch.zeros(2, 3, 3)
    only_second[1] = 1.0
    ones = torch.ones(4, dtype=torch.int64)
    frames = [(View(None, image, ["a", "b"]), ones, ones)]
    network = ReadOut(only_second, only_second)
    table = by_key(perturbation_scores(network, frames, {"random": Random()}, ZERO, [1.0]).rows)
    assert table["random", "a", 1.0, "joint"]["drop"] == 0.0
    assert table["random", "b", 1.0, "joint"]["drop"] == 1.0
    rows = perturbation_scores(network, frames, {"random": Random()}, ZERO, [1.0], channels=["b"]).rows
    assert {row["channel"] for row in rows} == {"b"}


def test_a_network_that_ignores_the_image_drops_by_exactly_nothing(random_frames):
    frames = random_frames(37, 10)
    selectors = {"top": Top(), "bottom": Bottom(), "random": Random()}
    rows = perturbation_scores(Blind(), frames, selectors, ZERO, [0.01, 0.3, 1.0]).rows
    modulation = torch.cat([labels for _, labels, _ in frames])
    assert len(rows) == 3 * 3 * 3
    for row in rows:
        assert (row["drop"], row["pis_nominal"], row["pis_lit"]) == (0.0, 0.0, 0.0)
        if row["task"] == "modulation":
            assert row["accuracy"] == pytest.approx(float((modulation == 1).float().mean()))


def test_fractions_of_a_four_by_four_image_as_counted_by_hand():
    # First image: five lit pixels of 1 + 1 + 2 + 4 + 8 = 16; second: two of 3 + 1 = 4; third: dark.
    image = torch.zeros(3, 1, 4, 4)
    image[0, 0, 0] = torch.tensor([1.0, 1.0, 2.0, 0.0])
    image[0, 0, 2] = torch.tensor([0.0, 4.0, 8.0, 0.0])
    image[1, 0, 3] = torch.tensor([3.0, 0.0, 0.0, 1.0])
    # Flat pixels: 8.0 is at 10, 4.0 at 9, 3.0 at 12. Five, two and no points lie inside the image.
    cells = torch.tensor([[10, 10, 9, 0, 1, -1], [12, 15, -1, -1, -1, -1], [-1] * 6])
    ones = torch.ones(3, dtype=torch.int64)
    frames = [(View(None, image, ["t"], {"t": cells}), ones, ones)]
    result = perturbation_scores(Blind(), frames, {"top": Top()}, ZERO, [0.3, 0.5])
    # 0.3 of five lit pixels is 1.5, so 2 (8.0 and 4.0); of two it is 0.6, so 1 (3.0); of none, none.
    # 0.5 of five is 2.5, so 3 (8.0, 4.0 and 2.0); of two, 1.
    expected = {
        0.3: {
            "lit_fraction": [2 / 5, 1 / 2, 0],
            "pixel_fraction": [2 / 16, 1 / 16, 0],
            "mass_fraction": [12 / 16, 3 / 4, 0],
            "sample_fraction": [3 / 5, 1 / 2, 0],
        },
        0.5: {
            "lit_fraction": [3 / 5, 1 / 2, 0],
            "pixel_fraction": [3 / 16, 1 / 16, 0],
            "mass_fraction": [14 / 16, 3 / 4, 0],
            "sample_fraction": [3 / 5, 1 / 2, 0],
        },
    }
    table = by_key(result.rows)
    for fraction, shares in expected.items():
        for name, values in shares.items():
            share = result.predictions.shares[Setting("top", "zero", "t", fraction)][name]
            assert share == pytest.approx(values)
            assert table["top", "t", fraction, "joint"][name] == pytest.approx(np.mean(values))


def test_without_cells_the_share_of_samples_is_unknown(random_frames):
    rows = perturbation_scores(Blind(), random_frames(3, 3), {"top": Top()}, ZERO, [0.5]).rows
    assert all(math.isnan(row["sample_fraction"]) for row in rows)


def test_frames_without_a_label_count_for_nothing():
    # Right on frame 0; the labels of frame 1 (modulation) and of frame 2 (SNR) are unknown; wrong on frame 3.
    modulation, snr = torch.tensor([1, -1, 1, 0]), torch.tensor([0, 0, -1, 1])
    views = View(None, torch.ones(4, 1, 2, 2), ["t"])
    result = perturbation_scores(Blind(), [(views, modulation, snr)], {"top": Top()}, ZERO, [0.5])
    accuracy = {row["task"]: row["accuracy"] for row in result.rows}
    assert accuracy == {"modulation": 2 / 3, "snr": 2 / 3, "joint": 1 / 2}
    assert result.predictions.known["joint"].tolist() == [True, False, False, True]
    clean, perturbed = result.predictions.paired(Setting("top", "zero", "t", 0.5), "snr")
    assert clean.tolist() == perturbed.tolist() == [True, True, False]


def test_a_task_without_any_label_has_no_row():
    unknown = torch.full((2,), -1)
    frames = [(View(None, torch.ones(2, 1, 2, 2), ["t"]), torch.ones(2, dtype=torch.int64), unknown)]
    rows = perturbation_scores(Blind(), frames, {"top": Top()}, ZERO, [0.5]).rows
    assert [row["task"] for row in rows] == ["modulation"]
    with pytest.raises(UserError, match="label"):
        perturbation_scores(Blind(), [(frames[0][0], unknown, unknown)], {"top": Top()}, ZERO, [0.5])


def test_the_operator_is_handed_the_representation(random_frames):
    seen = []

    def operator(view, mask, representation=None, generator=None):
        seen.append(representation)
        return view.image

    representation = nn.Identity()
    perturbation_scores(
        Blind(), random_frames(2, 2), {"top": Top()}, ("spy", operator), [0.5], representation=representation
    )
    assert seen == [representation]


def test_rows_are_a_function_of_the_kept_predictions_and_frames_stay_in_order(random_frames):
    frames = random_frames(11, 4)
    done = []
    result = perturbation_scores(Blind(), frames, {"top": Top()}, ZERO, [0.2], progress=done.append)
    assert done == [4, 8, 11]
    labels = torch.cat([modulation for _, modulation, _ in frames])
    assert result.predictions.clean["modulation"].tolist() == (labels == 1).tolist()
    for ours, again in zip(result.rows, score_rows(result.predictions), strict=True):
        assert ours.keys() == again.keys()
        assert all(ours[k] == again[k] or k == "sample_fraction" for k in ours)


def test_frames_may_use_gradients_and_the_network_is_evaluated_without_dropout(random_frames):
    class Dropping(Blind):
        def forward(self, image):
            assert not self.training
            assert not torch.is_grad_enabled()
            return super().forward(image)

    def frames():
        for view, *labels in random_frames(4, 2):
            weight = view.image.clone().requires_grad_()
            (weight**2).sum().backward()
            yield View(None, weight, view.channels, score_map=weight.grad), *labels

    result = perturbation_scores(Dropping().train(), frames(), {"top": Top()}, ZERO, [0.5])
    assert result.predictions.clean["joint"].shape == (4,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"selectors": {}}, r"perturbation\.selectors"),
        ({"fractions": []}, r"perturbation\.fractions"),
        ({"fractions": [0.1, 0.1]}, r"perturbation\.fractions"),
        ({"fractions": [0.0]}, r"perturbation\.fractions"),
        ({"channels": []}, r"perturbation\.channels"),
        ({"channels": ["phase"]}, r"perturbation\.channels.*c0"),
        ({"frames": []}, "no frames"),
    ],
)
def test_bad_input_is_answered_in_words(changes, message, random_frames):
    arguments = {
        "network": Blind(),
        "frames": random_frames(2, 2),
        "selectors": {"top": Top()},
        "operator": ZERO,
        "fractions": [0.5],
        **changes,
    }
    with pytest.raises(UserError, match=message):
        perturbation_scores(**arguments)


def test_importing_the_rooms_or_reading_a_table_does_not_import_torch():
    code = (
        "import sys, amc_xai.perturbation, amc_xai.explain;"
        "from amc_xai.explain import read_pis_csv, write_pis_csv, score_rows, Setting;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
