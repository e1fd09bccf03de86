"""Inspection finds dead and broken frames, leaking amplitudes and a permuted class order."""

import re

import numpy as np
import pytest
import torch

from amc_xai.data import Synthetic
from amc_xai.data.findings import warnings_about
from amc_xai.data.inspection import LEAST_DECADE, STEPS, cell_counts, chunks_of, scan
from amc_xai.errors import UserError

CLASSES = ["BPSK", "QPSK", "4ASK", "16QAM", "8PSK"]


class Wrapped:
    """The synthetic frames, with chosen ones replaced."""

    def __init__(self, source: Synthetic):
        self.inner, self.modulations, self.snrs = source, source.modulations, source.snrs
        self.frame_length, self.samples_per_symbol = source.frame_length, source.samples_per_symbol
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
    statistics = scan(source, chunks_of(source))
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

    real = Real(Synthetic(["BPSK"], [0], 3, 64))
    statistics = scan(real, chunks_of(real))
    np.testing.assert_allclose(statistics.line, 1)


def test_dead_and_broken_frames_are_each_found(source):
    source.broken, source.dead = {3, 40, 41}, {17}
    statistics, said = told(source)
    assert np.flatnonzero(~statistics.finite).tolist() == [3, 40, 41]
    assert np.flatnonzero(statistics.dead).tolist() == [17]
    assert said[0] == "3 frames can't be used (of the first: frame holds NaN): 3, 40, 41"
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


class Given:
    """Frames as they are given, (N, 2, L), of one class at one SNR, or of none."""

    samples_per_symbol = sample_rate = snr_definition = origin = None

    def __init__(self, iq: np.ndarray, modulation=(), snr=()):
        self.iq, self.frame_length = torch.from_numpy(iq.astype(np.float32)), iq.shape[2]
        self.modulations, self.snrs = sorted(set(modulation)), sorted(set(snr))
        unknown = np.full(len(iq), -1)
        self.modulation_index = (
            np.array([self.modulations.index(m) for m in modulation]) if modulation else unknown
        )
        self.snr_index = np.array([self.snrs.index(s) for s in snr]) if len(snr) else unknown.copy()

    def read(self, indices):
        return self.iq[torch.as_tensor(indices)]


RNG = np.random.default_rng(7)


def gaussian(frames=20, length=1024) -> np.ndarray:
    return RNG.standard_normal((frames, 2, length))


@pytest.mark.parametrize("scale", [4, 20, 127 / 4.5])
def test_a_converter_with_room_is_not_called_clipped(scale):
    statistics, said = told(Given(np.round(gaussian() * scale)))
    assert not statistics.clipped.any() and not statistics.levels.any() and said == []


@pytest.mark.parametrize("level", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("bits", [8, None])
def test_clipping_is_seen_and_how_much_of_it(level, bits):
    clipped = gaussian().clip(-level, level)
    clipped = clipped if bits is None else np.round(clipped / level * 127)
    iq = np.concatenate([gaussian(5), clipped])
    statistics, said = told(Given(iq))
    assert np.flatnonzero(statistics.clipped).tolist() == list(range(5, 25))
    assert statistics.clipped[10] == pytest.approx((np.abs(iq[10]) == np.abs(iq[10]).max()).mean())
    assert any("20 frames look clipped" in sentence for sentence in said)


def test_pure_levels_are_no_clipping_but_said():
    statistics, said = told(Given(np.sign(gaussian())))
    assert not statistics.clipped.any() and set(statistics.levels) == {2}
    assert len(said) == 1 and "I and Q of 20 frames take 2 values at most" in said[0]


def test_absurd_values_are_named_with_the_largest():
    iq = gaussian()
    iq[7] *= 1.8e22 / np.abs(iq[7]).max()
    statistics, said = told(Given(iq))
    assert statistics.rms[7] == pytest.approx(np.sqrt((iq[7] ** 2).sum(0).mean()))
    assert "1 frames hold samples beyond 4.29e+09 (up to 1.8e+22, in frame 7)" in said[0] and len(said) == 1


def test_bytes_of_another_type_are_seen_by_their_spread():
    words = np.random.default_rng(0).integers(-300, 300, 20 * 2 * 1024 * 2).astype("<i2").view("<f4")
    words = np.nan_to_num(words, nan=0, posinf=0, neginf=0).reshape(20, 2, 1024)
    assert "which no converter gives: were they written as another type" in told(Given(words))[1][0]
    wide = 10 ** RNG.uniform(-12, 0, (20, 2, 1024)) * np.sign(gaussian())
    assert any(
        "decades" in sentence and "written as another type" in sentence for sentence in told(Given(wide))[1]
    )


def test_dc_of_a_receiver_is_told_from_carriers_of_any_phase():
    iq = gaussian()
    iq[:, 0] += 0.2
    _, said = told(Given(iq))
    assert len(said) == 1 and re.search("the same mean value lies 1[678] dB under the power", said[0])
    phase = RNG.uniform(0, 2 * np.pi, (20, 1))
    turned = gaussian()
    turned[:, 0] += np.cos(phase)
    turned[:, 1] += np.sin(phase)
    assert told(Given(turned))[1] == []


def test_frames_in_which_nobody_transmits_are_counted():
    iq = gaussian()
    iq[:6] *= 0.01
    _, said = told(Given(iq))
    assert said == [
        "6 frames without a label lie 20 dB or more under the loudest tenth: nobody seems to transmit there: "
        "0, 1, 2, 3, 4, 5"
    ]


def test_magnitudes_are_counted_by_their_decade():
    iq = np.full((1, 2, 64), 0.05)
    iq[0, 0] = -3e5
    iq[0, 1, :10] = 0
    counts = told(Given(iq))[0].values
    steps = {int(np.floor((np.log10(v) - LEAST_DECADE) * STEPS)): n for v, n in ((3e5, 64), (0.05, 54))}
    assert {int(k): int(counts[k]) for k in np.flatnonzero(counts)} == steps


@pytest.fixture(scope="module")
def by_snr() -> Synthetic:
    return Synthetic(["QPSK", "16QAM"], [-10, 0, 10, 20, 30], frames_per_cell=5, frame_length=1024)


def test_snr_labels_that_follow_the_noise_are_believed_and_permuted_ones_not(by_snr):
    assert told(by_snr)[1] == []
    wrapped = Wrapped(by_snr)
    wrapped.snrs = [30, 10, 20, 0, -10]
    assert any("the SNR labels look permuted" in sentence for sentence in told(wrapped)[1])


def test_labels_over_frames_of_one_noise_are_doubted(by_snr):
    alike = Wrapped(by_snr)
    of_one = np.flatnonzero(by_snr.snr_index == 3)
    alike.copy_of = {int(i): int(of_one[i % len(of_one)]) for i in range(len(by_snr.snr_index))}
    assert any("stand over frames whose noise beside the signal is the same" in s for s in told(alike)[1])


def test_a_class_of_noise_is_named():
    iq = gaussian(40)
    signal = Synthetic(["QPSK"], [20], 20, frame_length=1024).read(np.arange(20)).numpy()
    iq[:20] = signal
    source = Given(iq, ["QPSK"] * 20 + ["AM-SSB"] * 20, [20] * 40)
    source.samples_per_symbol = 8.0
    said = told(source)[1]
    assert any("look like white noise and nothing else: AM-SSB" in s for s in said)


def test_frames_of_several_lengths_are_read_by_length():
    source = Synthetic(["QPSK"], [20], 12, frame_length=[64, 512])
    statistics, _ = told(source)
    assert statistics.finite.all() and (statistics.rms > 0).all()
    assert all(len(set(source.frame_lengths[chunk])) == 1 for chunk in chunks_of(source))
    assert statistics.spectra.shape == (2, 2, 64) and statistics.spectra[0, 0].mean() == pytest.approx(
        12, rel=0.01
    )
