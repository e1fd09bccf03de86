"""A kept frame is the frame that was read, and it is read once."""

import pickle

import numpy as np
import pytest
import torch

from amc_xai.data import Synthetic
from amc_xai.data.residency import Resident, resident
from amc_xai.errors import UserError

CPU = torch.device("cpu")


class Counting:
    modulations, snrs, frame_length = ["A"], [0.0], 8
    modulation_index = snr_index = np.zeros(20, dtype=np.int64)

    def __init__(self, scale=1.0):
        self.reads, self.scale = [], scale

    def read(self, indices):
        self.reads += np.asarray(indices).tolist()
        return self.scale * (
            torch.from_numpy(np.asarray(indices))[:, None, None] + torch.arange(16.0).view(2, 8) / 7
        )


def test_every_frame_is_read_once_and_comes_back_as_it_was():
    inner = Counting()
    kept = resident(inner, "memory", False, CPU)
    rng = np.random.default_rng(0)
    for _ in range(5):
        index = rng.integers(0, 20, 12)
        assert kept.read(index).equal(Counting().read(index))
    assert len(inner.reads) == len(set(inner.reads))


def test_half_precision_keeps_eleven_bits():
    kept = resident(Counting(), "memory", True, CPU)
    for _ in range(2):
        frames = kept.read(np.arange(20))
        assert frames.dtype == torch.float32
        assert frames.equal(Counting().read(np.arange(20)).half().float())
    with pytest.raises(UserError, match=r"dataset.half_precision: an amplitude exceeds 65504"):
        resident(Counting(1e4), "memory", True, CPU).read(np.arange(20))


def test_synthetic_frames_are_identical_from_memory():
    source = Synthetic(["QPSK", "8PSK"], [0, 20], 4, 128)
    kept = resident(source, "auto", False, CPU)
    assert isinstance(kept, Resident)
    index = np.arange(16)
    assert kept.read(index).equal(source.read(index))
    assert kept.read(index[::-1].copy()).equal(source.read(index).flip(0))
    assert kept.modulations == ["QPSK", "8PSK"] and kept.samples_per_symbol == 8


def test_new_labels_stay_with_the_keeper_and_a_worker_gets_the_source():
    kept = resident(Synthetic(["QPSK", "8PSK"], [0, 20], 4, 128), "memory", False, CPU)
    kept.modulation_index = kept.modulation_index + 3
    kept.read(np.arange(16))
    travelled = pickle.loads(pickle.dumps(kept))
    assert len(pickle.dumps(kept)) < 10_000
    assert np.array_equal(travelled.modulation_index, kept.modulation_index)
    index = np.arange(16)
    assert travelled.read(index).equal(kept.inner.read(index))


def test_what_is_too_large_for_auto_stays_on_disk():
    class Large(Counting):
        frame_length = 2**24

    assert isinstance(resident(Large(), "auto", False, CPU), Large)
    assert isinstance(resident(Counting(), "disk", False, CPU), Counting)
    with pytest.raises(UserError, match=r"dataset.residency must be one of auto, disk, memory, device"):
        resident(Counting(), "tape", False, CPU)
