"""The answers frame by frame say what the table of means says."""

import numpy as np
import pytest
import torch

from amc_xai.errors import UserError
from amc_xai.explain import perturbation_scores
from amc_xai.explain.perturbed import TASKS
from amc_xai.explain.perturbed_frames import frames_of, read_perturbed_frames, write_perturbed_frames
from amc_xai.perturbation import Bottom, Random, Zero
from tests.explain.test_pis_draws import Recorder


@pytest.mark.parametrize("control", [None, "random"])
def test_what_is_read_back_has_the_means_of_the_table(random_frames, tmp_path, control):
    frames = random_frames(40, 16)
    frames[0][1][:3] = -1  # labels that nobody knows
    result = perturbation_scores(
        Recorder(), frames, {"bottom": Bottom(), "random": Random()}, ("zero", Zero()), [0.3, 0.6],
        control=control, repeats=3,
    )  # fmt: skip
    places = np.arange(40) * 2
    write_perturbed_frames(frames_of(result.predictions, places), tmp_path / "perturbed_frames.npz")
    read = read_perturbed_frames(tmp_path / "perturbed_frames.npz")
    assert read.repeats == 3 and np.array_equal(read.places, places) and read.right.dtype == np.uint8
    rows = iter(result.rows)
    for t, setting in enumerate(read.settings):
        assert read.lit_fraction[t] == pytest.approx(result.predictions.shares[setting]["lit_fraction"].mean())
        for k, task in enumerate(TASKS):
            row, known = next(rows), read.known[k]
            assert (row["selector"], row["nominal_fraction"], row["task"]) == (*setting[::3], task)
            assert known.sum() == row["frames"] == (40 if task == "snr" else 37)
            lost = read.clean[k][known] - read.after(setting, task)[known]
            assert lost.mean() == pytest.approx(row["drop"])
            if control:
                beside = read.clean[k][known] - read.after(setting, task, control=True)[known]
                assert beside.mean() == pytest.approx(row["control_drop"])
    assert len(read.control_right) == (4 if control else 0)


def test_a_broken_file_is_refused_in_words(tmp_path):
    (tmp_path / "perturbed_frames.npz").write_bytes(b"no archive")
    with pytest.raises(UserError, match="not what task=explain leaves"):
        read_perturbed_frames(tmp_path / "perturbed_frames.npz")
    np.savez(tmp_path / "other.npz", right=torch.zeros(2).numpy())
    with pytest.raises(UserError, match="not what task=explain leaves"):
        read_perturbed_frames(tmp_path / "other.npz")
