import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from amc_xai.data import Split, stratified_split, verify
from amc_xai.errors import UserError


def labels(modulations, snrs, frames_per_cell):
    cell = np.repeat(np.arange(modulations * snrs), frames_per_cell)
    return cell // snrs, cell % snrs


def counts_of(split, in_cell):
    return [int(in_cell[part].sum()) for part in (split.train, split.validation, split.test)]


@st.composite
def percentages(draw):
    first = draw(st.integers(0, 100))
    second = draw(st.integers(0, 100 - first))
    return first, second, 100 - first - second


@settings(max_examples=60, deadline=None)
@given(percentages(), st.lists(st.integers(1, 60), min_size=1, max_size=4), st.integers(-(2**63), 2**63))
@example((80, 10, 10), [7], 0)
@example((5, 10, 85), [30], 0)
@example((29, 71, 0), [100], 1)
def test_the_counts_are_the_nearest_whole_numbers(percent, sizes, seed):
    # Brute force: of all ways to give n frames to three parts, none lies nearer to the exact shares. In
    # hundredths of a frame, so that everything is exact.
    def distance(counts, size):
        return sum((100 * c - p * size) ** 2 for c, p in zip(counts, percent, strict=True))

    def nearest(size):
        ways = ((a, b, size - a - b) for a in range(size + 1) for b in range(size + 1 - a))
        return min(distance(way, size) for way in ways)

    if percent[0] + percent[2] == 0:
        return
    modulation = np.repeat(np.arange(len(sizes)), sizes)
    shuffled = np.random.default_rng(0).permutation(len(modulation))
    modulation = modulation[shuffled]
    snr = np.zeros_like(modulation)
    ratios = [p / 100 for p in percent]
    try:
        split = stratified_split(modulation, snr, ratios, seed)
    except UserError as error:
        # Refused alone where the nearest counts leave a wanted part empty (or do so equally well).
        size = int(re.search(r"cell of (\d+) frames", str(error))[1])
        empty = [(a, b, size - a - b) for a in range(size + 1) for b in range(size + 1 - a)]
        empty = [way for way in empty if any(c == 0 < p for c, p in zip(way, percent, strict=True))]
        assert size in sizes and min(distance(way, size) for way in empty) == nearest(size)
        return
    for m, size in enumerate(sizes):
        counts = counts_of(split, modulation == m)
        assert sum(counts) == size
        assert distance(counts, size) == nearest(size), (counts, size, percent)
    verify(split, modulation, snr, [str(m) for m in range(len(sizes))], [0.0], ratios)


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_every_frame_stands_in_exactly_one_part(seed):
    modulation, snr = labels(3, 4, 20)
    split = stratified_split(modulation, snr, seed=seed)
    everything = np.concatenate([split.train, split.validation, split.test])
    np.testing.assert_array_equal(np.sort(everything), np.arange(240))
    np.testing.assert_array_equal(split.part("all"), np.arange(240))
    for part in (split.train, split.validation, split.test):
        assert (np.diff(part) > 0).all()


def test_other_seeds_draw_other_frames_and_the_same_seed_the_same():
    modulation, snr = labels(2, 2, 50)
    first, again, other = (stratified_split(modulation, snr, seed=s).test for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_frames_are_drawn_from_all_over_a_cell():
    # The test part of a cell of 10,000: positions of a uniform draw have mean 0.5 and this standard error.
    modulation, snr = labels(1, 1, 10_000)
    test = stratified_split(modulation, snr, seed=0).test / 10_000
    assert abs(test.mean() - 0.5) < 4 / np.sqrt(12 * len(test))
    per_tenth = np.histogram(test, 10, (0, 1))[0]
    assert (abs(per_tenth - 100) < 4 * np.sqrt(90)).all()


def test_choosing_fewer_classes_or_snrs_moves_no_frame():
    modulation, snr = labels(4, 3, 30)
    full = stratified_split(modulation, snr, seed=7)
    kept = np.flatnonzero((modulation != 1) & (snr != 0))
    relabelled = np.array([0, -9, 1, 2])[modulation[kept]], snr[kept] - 1
    fewer = stratified_split(*relabelled, seed=7)
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(kept[fewer.part(name)], np.intersect1d(full.part(name), kept))


def test_frames_without_a_label_are_split_as_a_cell_of_their_own():
    modulation = np.repeat([0, -1, -1, 1], 10)
    snr = np.repeat([0, 0, -1, -1], 10)
    split = stratified_split(modulation, snr)
    for cell in range(4):
        assert counts_of(split, np.arange(40) // 10 == cell) == [8, 1, 1]
    verify(split, modulation, snr, ["a", "b"], [0.0], (0.8, 0.1, 0.1))


def test_a_cell_that_is_too_small_is_refused_with_the_size_that_would_do():
    modulation, snr = np.repeat([0, 1], [20, 4]), np.zeros(24, np.int64)
    with pytest.raises(UserError) as error:
        stratified_split(modulation, snr)
    assert str(error.value) == (
        "split.ratios: a (modulation, SNR) cell of 4 frames is too small to give the test part its share of 0.1; "
        "use at least 7 frames a cell (dataset.frames_per_cell) or other ratios"
    )
    for size in range(7, 100):
        stratified_split(np.zeros(size, np.int64), np.zeros(size, np.int64))
    with pytest.raises(UserError):
        stratified_split(np.zeros(6, np.int64), np.zeros(6, np.int64))


def test_a_share_of_zero_leaves_its_part_empty():
    modulation, snr = labels(2, 2, 9)
    split = stratified_split(modulation, snr, (0.0, 0.0, 1.0))
    assert (len(split.train), len(split.validation), len(split.test)) == (0, 0, 36)
    verify(split, modulation, snr, ["a", "b"], [0.0, 2.0], (0.0, 0.0, 1.0))


@pytest.mark.parametrize(
    "ratios", [(0.8, 0.2), (0.8, 0.1, 0.2), (1.2, -0.1, -0.1), (0.0, 1.0, 0.0), (np.nan, 0.5, 0.5)]
)
def test_bad_ratios_are_refused(ratios):
    with pytest.raises(UserError, match=r"split\.ratios must be three shares"):
        stratified_split(*labels(1, 1, 100), ratios)


def test_no_frames_are_refused():
    none = np.zeros(0, np.int64)
    with pytest.raises(UserError, match="not one frame"):
        stratified_split(none, none)


def test_an_unknown_part_is_refused_with_the_names_there_are():
    split = stratified_split(*labels(1, 1, 10))
    with pytest.raises(UserError, match=r"task\.part must be one of train, validation, test, all, not 'val'"):
        split.part("val")


NAMES, SNRS, RATIOS = ["BPSK", "QPSK"], [-4.0, 10.0], (0.8, 0.1, 0.1)


def test_verify_names_an_absent_cell():
    modulation, snr = labels(2, 2, 10)
    split = stratified_split(modulation, snr)
    lost = split.test[(modulation[split.test] == 1) & (snr[split.test] == 0)]
    broken = Split(split.train, split.validation, np.setdiff1d(split.test, lost))
    with pytest.raises(UserError, match=r"^split: the test part holds no frame of QPSK at -4 dB$"):
        verify(broken, modulation, snr, NAMES, SNRS, RATIOS)


def test_verify_names_an_unbalanced_cell():
    modulation, snr = labels(2, 2, 50)
    split = stratified_split(modulation, snr)
    moved = split.train[(modulation[split.train] == 0) & (snr[split.train] == 1)][:2]
    broken = Split(np.setdiff1d(split.train, moved), np.union1d(split.validation, moved), split.test)
    with pytest.raises(UserError) as error:
        verify(broken, modulation, snr, NAMES, SNRS, RATIOS)
    assert str(error.value) == (
        "split: the train part holds 38 of the 50 frames of BPSK at 10 dB, where its share of 0.8 asks for 40"
    )


def test_verify_finds_a_frame_in_two_parts():
    modulation, snr = labels(2, 2, 50)
    split = stratified_split(modulation, snr)
    broken = Split(split.train, split.validation, np.union1d(split.test, split.train[:3]))
    with pytest.raises(UserError, match=r"^split: 3 frames stand in more than one part$"):
        verify(broken, modulation, snr, NAMES, SNRS, RATIOS)
