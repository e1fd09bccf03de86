import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amc_xai.data import Synthetic
from amc_xai.errors import UserError
from amc_xai.signal import DIGITAL_17, MODULATIONS
from amc_xai.signal.filters import root_raised_cosine_taps

CLASSES = ["BPSK", "16QAM", "OQPSK", "GMSK", "FM", "AM-SSB-WC"]
GRID = [-20, -3.5, 0, 30]
FRAMES = 5
FULL = Synthetic(CLASSES, GRID, FRAMES, frame_length=64)


def frame_of(source, modulation, snr, k):
    """Frame k of a cell, found by the labels and not by the layout."""
    m, s = source.modulations.index(modulation), source.snrs.index(snr)
    where = np.flatnonzero((source.modulation_index == m) & (source.snr_index == s))
    return source.read(where[[k]])[0]


@settings(max_examples=25, deadline=None)
@given(
    st.permutations(CLASSES),
    st.integers(1, len(CLASSES)),
    st.permutations(GRID),
    st.integers(1, len(GRID)),
    st.integers(1, 9),
    st.data(),
)
def test_a_frame_does_not_depend_on_which_other_cells_are_asked_for(classes, m, grid, s, frames_per_cell, data):
    source = Synthetic(classes[:m], grid[:s], frames_per_cell, frame_length=64)
    name = data.draw(st.sampled_from(classes[:m]))
    snr = float(data.draw(st.sampled_from(grid[:s])))
    k = data.draw(st.integers(0, min(frames_per_cell, FRAMES) - 1))
    assert torch.equal(frame_of(source, name, snr, k), frame_of(FULL, name, snr, k))


def test_frames_cells_and_seeds_differ_from_each_other():
    source = Synthetic(["QPSK", "8PSK"], [10, 12], 6, frame_length=64)
    other = Synthetic(["QPSK", "8PSK"], [10, 12], 6, frame_length=64, seed=1)
    everything = torch.cat([source.read(np.arange(24)), other.read(np.arange(24))]).flatten(1)
    distance = torch.cdist(everything.double(), everything.double()) + torch.eye(48) * 1e3
    assert distance.min() > 1.0


def test_labels_run_through_the_classes_then_the_snrs_then_the_frames():
    source = Synthetic(["8PSK", "BPSK"], [12, 0, -2], 4, frame_length=8)
    assert source.modulations == ["8PSK", "BPSK"]
    assert source.snrs == [12.0, 0.0, -2.0]
    assert source.modulation_index.dtype == source.snr_index.dtype == np.int64
    np.testing.assert_array_equal(source.modulation_index, np.repeat([0, 1], 12))
    np.testing.assert_array_equal(source.snr_index, np.tile(np.repeat([0, 1, 2], 4), 2))


def test_indices_may_come_shuffled_twice_or_not_at_all():
    source = Synthetic(["QPSK", "FM"], [0, 10], 5, frame_length=32)
    ordered = source.read(np.arange(20))
    index = np.random.default_rng(0).integers(0, 20, 50)
    # Vectorised arithmetic rounds the last bit by a frame's place in the batch.
    torch.testing.assert_close(source.read(index), ordered[index], rtol=1e-5, atol=1e-5)
    nothing = source.read(np.arange(0))
    assert nothing.shape == (0, 2, 32) and nothing.dtype == ordered.dtype == torch.float32


def test_a_read_longer_than_a_chunk_gives_the_frames_one_by_one():
    source = Synthetic(["QPSK"], [10], 600, frame_length=16)
    long = source.read(np.arange(600))
    for k in (0, 255, 256, 511, 512, 599):
        torch.testing.assert_close(long[k], source.read(np.array([k]))[0], rtol=1e-5, atol=1e-5)


def test_the_snr_of_the_labels_is_the_snr_of_the_frames():
    # A frame of unit expected power at Es/N0 carries noise of power 8 / (Es/N0) at 8 samples a symbol.
    source = Synthetic(["QPSK"], [-20, 0, 30], 60, frame_length=512)
    for s, snr in enumerate(source.snrs):
        power = source.read(np.flatnonzero(source.snr_index == s)).square().sum(1).mean().item()
        assert power == pytest.approx(1 + 8 * 10 ** (-snr / 10), rel=0.04)


def test_labels_in_the_order_of_another_class_list_give_the_same_frames():
    # As when a checkpoint brings its own, longer class lists: labels then index those.
    source = Synthetic(["BPSK"], [10], 3, frame_length=64)
    before = source.read(np.arange(3))
    source.modulations, source.snrs = ["QPSK", "BPSK"], [0.0, 30.0, 10.0]
    source.modulation_index, source.snr_index = np.ones(3, np.int64), np.full(3, 2)
    assert torch.equal(source.read(np.arange(3)), before)


def test_symbol_instants_sit_where_the_noise_free_signal_has_its_points():
    # BPSK through one matched pulse half: at the stated instants of a still channel the matched signal is +-1.
    still = {"carrier_offset_std": 0.0, "random_phase": False, "roll_off": (0.3, 0.3)}
    source = Synthetic(["BPSK"], [30], 8, frame_length=512, samples_per_symbol=8, channel=still)
    instants = source.symbol_instants(np.arange(8))
    assert instants.shape == (8, 64)
    assert ((instants[:, 0] >= 0) & (instants[:, 0] < 8)).all()
    torch.testing.assert_close(instants.diff(dim=1), torch.full((8, 63), 8.0))
    taps = root_raised_cosine_taps(0.3, 8, 16)
    for frame, at in zip(source.read(np.arange(8)), instants, strict=True):
        matched = np.convolve(frame[0].numpy(), taps.numpy(), "same") / np.sqrt(8)
        sampled = np.interp(at[10:54].numpy(), np.arange(512), matched)
        assert np.abs(np.abs(sampled) - 1).mean() < 0.04
        off = np.interp(at[10:54].numpy() + 4, np.arange(512), matched)
        assert np.abs(np.abs(off) - 1).mean() > 0.3


def test_a_class_without_symbols_has_no_instants():
    source = Synthetic(["FM", "QPSK"], [10], 2, frame_length=64)
    instants = source.symbol_instants(np.arange(4))
    assert instants[:2].isnan().all() and instants[2:].isfinite().all()


def test_named_sets():
    assert Synthetic("digital", [0], 1).modulations == list(DIGITAL_17)
    assert Synthetic("all", [0], 1).modulations == list(MODULATIONS)
    with pytest.raises(UserError, match=r"^dataset\.modulations must be a list of classes, digital or all"):
        Synthetic("analog", [0])


@pytest.mark.parametrize(
    ("modulations", "sentence"),
    [
        (["QPSK", "7PSK"], "dataset.modulations: '7PSK' is unknown (did you mean QPSK?); choose from OOK, 4ASK"),
        (["QPSK", "QPSK"], "dataset.modulations: name each class once"),
        ([], "dataset.modulations: name each class once, and at least one"),
    ],
)
def test_bad_classes_are_refused(modulations, sentence):
    with pytest.raises(UserError) as error:
        Synthetic(modulations, [0])
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize(
    ("snrs", "sentence"),
    [
        ([0, -40.5], "dataset.snrs: -40.5 dB lies outside -40..90 dB of Es/N0"),
        ([91], "dataset.snrs: 91 dB lies outside -40..90 dB of Es/N0"),
        ([float("nan")], "dataset.snrs must be a list of SNRs in dB, such as [0,10,20]; nan is no number"),
        ([4, 4.0], "dataset.snrs must name at least one SNR, and each only once"),
        ([], "dataset.snrs must name at least one SNR"),
    ],
)
def test_bad_snrs_are_refused(snrs, sentence):
    with pytest.raises(UserError) as error:
        Synthetic(["QPSK"], snrs)
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize("key", ["frames_per_cell", "frame_length"])
def test_counts_below_one_are_refused(key):
    with pytest.raises(UserError, match=rf"^dataset\.{key} must be .*1 or more.*, not 0$"):
        Synthetic(["QPSK"], [0], **{key: 0})


def test_frames_draw_their_own_samples_a_symbol():
    source = Synthetic(["QPSK", "GMSK"], [10, 20], 8, frame_length=256, samples_per_symbol=[2, 16])
    assert source.samples_per_symbol is None
    index = np.array([3, 30, 17])
    own = source.samples_per_symbol_of(index)
    assert own.dtype == torch.float32 and own.min() >= 2 and own.max() <= 16 and len(own.unique()) == 3
    # Known without making a frame, and what the frame has: the noise of Es/N0 is proportional to it.
    assert torch.equal(own, source._make(index).samples_per_symbol)
    instants = source.symbol_instants(index)
    for row in range(3):
        known = instants[row][instants[row].isfinite()]
        torch.testing.assert_close(known.diff(), torch.full((len(known) - 1,), own[row].item()), atol=1e-3, rtol=0)
        assert known[-1] < 256 <= known[-1] + own[row] + 1e-3


def test_one_samples_a_symbol_for_all_is_told_once():
    source = Synthetic(["QPSK"], [10], 4, frame_length=64, samples_per_symbol=4)
    assert source.samples_per_symbol == 4.0 and source.samples_per_symbol_of(np.arange(4)) is None


def test_a_range_of_frame_lengths_is_laid_out_by_length():
    source = Synthetic(["QPSK", "8PSK"], [10, 20], 20, frame_length=[64, 512])
    lengths = source.frame_lengths
    assert source.frame_length == 512 and lengths[0] == 64 and len(np.unique(lengths)) == 8
    assert (np.diff(lengths) >= 0).all() and len(lengths) == 80
    for length in np.unique(lengths):
        here = np.flatnonzero(lengths == length)
        assert source.read(here).shape == (len(here), 2, length)
        # Each length holds every cell, as evenly as 20 frames over 8 lengths allow.
        cell = source.modulation_index[here] * 2 + source.snr_index[here]
        assert set(np.bincount(cell, minlength=4)) <= {2, 3}
    with pytest.raises(UserError, match=r"^dataset\.frame_length: frames of 64 and of 512 samples"):
        source.read(np.array([0, 79]))


def test_a_frame_of_a_range_does_not_depend_on_frames_per_cell():
    few, many = (Synthetic(["QPSK"], [10], n, frame_length=[64, 512], samples_per_symbol=[2, 8]) for n in (8, 16))
    for k in range(8):
        (there,) = np.flatnonzero(many._number == few._number[k])
        torch.testing.assert_close(few.read(np.array([k])), many.read(np.array([there])), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"frame_length": [512, 64]}, r"dataset\.frame_length must be a whole number of 1 or more, or a range"),
        ({"frame_length": [64]}, r"dataset\.frame_length"),
        ({"frame_length": 64.5}, r"dataset\.frame_length"),
        ({"samples_per_symbol": [8, 2]}, r"dataset\.samples_per_symbol must be a number of 1 or more, or a range"),
        ({"samples_per_symbol": 0.5}, r"dataset\.samples_per_symbol"),
    ],
)
def test_ranges_that_are_none_are_refused(options, sentence):
    with pytest.raises(UserError, match=f"^{sentence}"):
        Synthetic(["QPSK"], [10], 4, **options)


def test_labels_of_radioml_are_bounded_by_the_es_n0_that_they_stand_for():
    twin = {"snr_definition": "radioml2018"}
    assert Synthetic(["QPSK"], [-20, 30], 1, channel=twin).snr_definition == "radioml2018"
    with pytest.raises(UserError, match=r"^dataset\.snrs: 42 dB lies outside -40\.\.90 dB of Es/N0: for QPSK it"):
        Synthetic(["QPSK"], [42], 1, channel=twin)
    with pytest.raises(UserError, match=r"^dataset\.channel\.snr_definition: radioml2016 says nothing of 8ASK"):
        Synthetic(["8ASK"], [10], 1, channel={"snr_definition": "radioml2016"})
