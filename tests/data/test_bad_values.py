"""A value of the wrong kind is named with its key in one sentence, whatever source it is given to."""

import numpy as np
import pytest
import torch

from amc_xai.data import (
    Arrays,
    Images,
    RadioML2016,
    RadioML2018,
    Recordings,
    SplitHdf5,
    Synthetic,
    stratified_split,
)
from amc_xai.data.residency import resident
from amc_xai.data.split_files import write_cell
from amc_xai.errors import UserError

WRONG = {
    "snrs": ["abc", 3, [0, "abc"], [None], [True], [[1]], float("nan"), [float("nan")], {"a": 1}],
    "modulations": [3, "abc", [3], [None], [["BPSK"]], {"a": 1}],
    "frames_per_cell": ["abc", 1.5, 0, True, [1]],
    "frame_length": ["abc", 1.5, 0, True],
    "samples_per_symbol": ["abc", 0, float("nan"), True],
    "sample_rate": ["abc", 0, float("inf"), [1e6]],
    "snr_definition": ["abc", 3, ["es_n0"]],
    "datatype": ["abc", 3, "int16"],
    "antenna": ["abc", -1, 1.5, True],
    "bands": ["abc", 1, None],
    "snr_step": ["abc", 0, True],
    "squelch": ["abc", -1, float("nan")],
    "classes": [3, "abc", [3], [None]],
    "x": [3, None, "absent"],
    "y": [3, "absent"],
    "snr": [True, "absent", float("nan"), 1e9],
    "hop": ["abc", 1.5, 0],
    "labels": ["nowhere.csv", 3],
    "seed": ["abc", None, 1.5, True],
    "endless": ["abc", 1, None],
    "frames_per_epoch": ["abc", 0, 1.5],
    "channel": [3, "abc"],
    "channels": [3, "abc", [3]],
}


@pytest.fixture
def sources(tmp_path, brought, pictures):
    """Each source and what it needs."""
    write_cell(tmp_path / "store", "BPSK", 0, np.random.default_rng(0).standard_normal((4, 2, 16)), {})
    return {
        Synthetic: {"modulations": ["BPSK"], "snrs": [0]},
        SplitHdf5: {"path": tmp_path / "store"},
        RadioML2018: {"path": brought / "gold.hdf5"},
        RadioML2016: {"path": brought / "a.pkl"},
        Arrays: {"path": brought / "arrays.npz"},
        Recordings: {"path": brought / "recordings", "sample_rate": 1e6, "frame_length": 64},
        Images: {"path": pictures, "channels": ["trajectory"]},
    }


def test_every_wrong_value_is_named_with_its_key(sources):
    said = 0
    for source, needs in sources.items():
        source(**needs)
        for key in source.__init__.__annotations__.keys() & WRONG.keys():
            for value in WRONG[key]:
                with pytest.raises(UserError) as error:
                    source(**{**needs, key: value})
                assert str(error.value).startswith(f"dataset.{key}") and "\n" not in str(error.value), (
                    source,
                    value,
                )
                said += 1
    assert said > 100


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"roll_off": "abc"}, "roll_off"),
        ({"roll_off": ["abc", 1]}, "roll_off"),
        ({"path_delays": None}, "path_delays"),
        ({"clip": "abc"}, "clip"),
        ({"carrier_offset_std": "abc"}, "carrier_offset_std"),
        ({"phase_noise_std": None}, "phase_noise_std"),
        ({"k_factor": True}, "k_factor"),
        ({"gaussian_bt": "abc"}, "gaussian_bt"),
        ({"random_timing": "abc"}, "random_timing"),
        ({"pulse": 3}, "pulse"),
        ({"quantisation_bits": "abc"}, "quantisation_bits"),
        ({"snr_definition": 3}, "snr_definition"),
    ],
)
def test_every_wrong_setting_of_the_channel_is_named(options, name):
    with pytest.raises(UserError, match=rf"^channel.{name}: "):
        Synthetic(["BPSK"], [0], channel=options)


@pytest.mark.parametrize("ratios", ["abc", 3, None, ["a", "b", "c"], [0.8, None, 0.2], [True, True]])
def test_ratios_that_are_no_numbers_are_refused(ratios):
    with pytest.raises(UserError, match=r"^split\.ratios must be three shares"):
        stratified_split(np.zeros(9, np.int64), np.zeros(9, np.int64), ratios)


@pytest.mark.parametrize("seed", ["abc", None, 1.5])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(UserError, match=r"^split\.seed must be a whole number"):
        stratified_split(np.zeros(9, np.int64), np.zeros(9, np.int64), seed=seed)


@pytest.mark.parametrize("half", ["abc", 2, None])
def test_half_precision_is_true_or_false(half):
    with pytest.raises(UserError, match=r"^dataset\.half_precision must be true or false"):
        resident(Synthetic(["BPSK"], [0], 2, 16), "memory", half, torch.device("cpu"))
