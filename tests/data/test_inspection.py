"""Inspection finds dead and broken frames, leaking amplitudes and a permuted class order."""

import numpy as np
import pytest
import torch

from amc_xai.data import Synthetic
from amc_xai.data.inspection import cell_counts, chunks_of, scan, warnings_about
from amc_xai.errors import UserError

CLASSES = ["BPSK", "QPSK", "4ASK", "16QAM", "8PSK"]


class Wrapped:
    """The synthetic frames, with chosen ones replaced."""

    def __init__(self, source: Synthetic):
        self.inner, self.modulations, self.snrs = source, source.modulations, source.snrs
        self.modulation_index, self.snr_index = source.modulation_index, source.snr_index
        self.broken, self.dead, self.gain, self.copy_of = set(), set(), {}, {}

    def read(self, indices):
        if self.broken & set(indices.tolist()):
            raise UserError("frame holds NaN")
        iq = self.inner.read(np.asarray([self.copy_of.get(i, i) for i in indices.tolist()]))
        for k, i in enumerate(indices.tolist()):
            iq[k] *= 0 if i in self.dead else self.gain.get(self.modulation_index[i], 1)
        return iq


@pytest.fixture
def source() -> Wrapped:
    return Wrapped(Synthetic(CLASSES, [0, 30], frames_per_cell=6, frame_length=1024))


def told(source) -> tuple:
    statistics = scan(source, chunks_of(len(source.snr_index)))
    return statistics, warnings_about(source, statistics)


def test_clean_frames_raise_no_warning_and_the_power_is_right(source):
    statistics, said = told(source)
    assert said == [] and statistics.finite.all() and not statistics.dead.any()
    z = source.inner.read(np.arange(60)).double()
    np.testing.assert_allclose(statistics.rms, z.square().sum(1).mean(-1).sqrt().numpy(), rtol=1e-9)
    assert cell_counts(source).tolist() == [[6, 6]] * 5


def test_the_line_of_a_real_tone_free_signal_is_its_whole_power():
    class Real(Wrapped):
        def read(self, indices):
            return torch.stack([torch.ones(len(indices), 64), torch.zeros(len(indices), 64)], 1)

    statistics = scan(Real(Synthetic(["BPSK"], [0], 3, 64)), chunks_of(3))
    np.testing.assert_allclose(statistics.line, 1)


def test_dead_and_broken_frames_are_each_found(source):
    source.broken, source.dead = {3, 40, 41}, {17}
    statistics, said = told(source)
    assert np.flatnonzero(~statistics.finite).tolist() == [3, 40, 41]
    assert np.flatnonzero(statistics.dead).tolist() == [17]
    assert said[0].startswith("3 frames hold NaN or infinite samples: 3, 40, 41")
    assert said[1].startswith("1 frames hold nothing but zeros: 17")


def test_copies_are_each_found_but_for_the_first(source):
    source.dead, source.copy_of = {1, 2}, {9: 4, 50: 4, 30: 31}
    statistics, said = told(source)
    assert statistics.copies.tolist() == [9, 31, 50]
    assert said[1] == "3 frames hold the same samples as one before them: 9, 31, 50"


def test_a_permuted_class_order_is_noticed(source):
    source.modulations = ["QPSK", "BPSK", "16QAM", "4ASK", "8PSK"]
    _, said = told(source)
    assert len(said) == 1 and "the class order looks permuted" in said[0]
    for name in source.modulations[:4]:
        assert f"{name} looks like a {'complex' if name in ('BPSK', '4ASK') else 'real'}" in said[0]
    assert "8PSK" not in said[0]


def test_an_amplitude_that_gives_the_class_away_is_noticed(source):
    source.gain = {2: 1.6}
    _, said = told(source)
    assert len(said) == 1 and "the amplitude gives classes away" in said[0] and "for 4ASK" in said[0]
