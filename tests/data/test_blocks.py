"""Frames that share samples never stand in two parts of a split."""

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hypothesis import given, settings
from hypothesis import strategies as st

from amc_xai.__main__ import config_folder
from amc_xai.data import Origin, Recordings, Split, SplitHdf5, stratified_split, verify
from amc_xai.data.blocks import split_cell
from amc_xai.data.conversion import SplitStoreWriter, write_cells
from amc_xai.errors import UserError
from amc_xai.parts import make_parts
from amc_xai.tasks.workbench import Workbench

PARTS = ("train", "validation", "test")
RATIOS = [(0.8, 0.1, 0.1), (0.5, 0.0, 0.5), (0.2, 0.3, 0.5), (0, 0, 1)]


def leaks(split: Split, origin: Origin) -> int:
    """Samples that stand in two parts, by sets of them."""
    held = []
    for name in PARTS:
        firsts = ((origin.recording[i], origin.start[i]) for i in getattr(split, name))
        held.append({(recording, start + n) for recording, start in firsts for n in range(origin.length)})
    return len(held[0] & held[1]) + len(held[1] & held[2]) + len(held[0] & held[2])


@st.composite
def cut_recordings(draw):
    """Labels and origin of frames as a reader cuts them, unlabelled ones between the labels, and maybe a copy."""
    length = draw(st.integers(1, 9))
    cell, recording, start = [], [], []
    for r in range(draw(st.integers(1, 5))):
        hop = draw(st.integers(1, 12))
        starts = np.arange(draw(st.integers(1, 60))) * hop
        change = draw(st.integers(0, int(starts[-1]) + length))
        inside = [(starts + length <= change), (starts >= change)]
        cell.append(np.select(inside, [draw(st.integers(0, 1)), draw(st.integers(0, 1))], -1))
        recording.append(np.full(len(starts), r))
        start.append(starts)
    cell, recording, start = (np.concatenate(column) for column in (cell, recording, start))
    order = np.random.default_rng(0).permutation(len(cell))
    return cell[order], Origin(recording[order], start[order], length)


@settings(max_examples=150, deadline=None)
@given(
    cut_recordings(),
    st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.0, 0.5), (0.2, 0.3, 0.5), (0, 0, 1)]),
    st.integers(0, 9),
)
def test_no_sample_stands_in_two_parts(cut, ratios, seed):
    cell, origin = cut
    try:
        split = stratified_split(cell, np.where(cell < 0, -1, 0), ratios, seed, origin)
    except UserError as error:
        assert "too small" in str(error)
        return
    assert leaks(split, origin) == 0
    assert np.array_equal(split.part("all"), np.arange(len(cell)))
    verify(split, cell, np.where(cell < 0, -1, 0), ["a", "b"], [0.0], ratios, origin)


def test_a_cell_misses_its_ratios_by_no_more_than_its_gaps():
    ratios, rng = np.array(RATIOS[0]), np.random.default_rng(0)
    by_size = np.argsort(ratios, kind="stable")
    for seed in range(1000):
        length, keys, at = int(rng.integers(2, 10)), [], 0
        for _ in range(rng.integers(1, 6)):
            keys.append(at + np.arange(rng.integers(1, 40)) * rng.integers(1, length + 1))
            at = keys[-1][-1] + 10 * length
        key = np.concatenate(keys)
        got = np.bincount(split_cell(key, length, ratios, by_size, seed) + 1, minlength=4)
        assert np.abs(got[1:] - ratios * len(key)).max() <= 1 + got[0]


def test_frames_without_common_samples_are_split_as_ever():
    cell = np.repeat([0, 1], 40)
    origin = Origin(np.repeat([0, 1], 40), np.tile(np.arange(40) * 8, 2), 8)
    plain, told = (stratified_split(cell, cell, seed=3, origin=o) for o in (None, origin))
    assert all(np.array_equal(getattr(plain, name), getattr(told, name)) for name in (*PARTS, "gap"))


@pytest.mark.parametrize(("hop", "most"), [(256, 0.1), (64, 0.1), (512, 0.1)])
def test_little_is_left_out_of_a_long_recording_and_the_ratios_hold(hop, most):
    frames = 4000
    origin = Origin(np.zeros(frames, np.int64), np.arange(frames) * hop, 1024)
    none = np.zeros(frames, np.int64)
    split = stratified_split(none, none, seed=1, origin=origin)
    assert 0 < len(split.gap) < most * frames
    kept = frames - len(split.gap)
    shares = [len(getattr(split, name)) / kept for name in PARTS]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)
    # Not one end of the recording: what changes in it comes to all parts.
    assert np.ptp(split.test) > frames / 4


def test_fewer_classes_move_no_frame():
    cell, recording = np.repeat([0, 1, 2], 200), np.repeat(np.arange(12), 50)
    origin = Origin(recording, np.tile(np.arange(50) * 3, 12), 8)
    full = stratified_split(cell, cell * 0, seed=5, origin=origin)
    kept = np.flatnonzero(cell != 1)
    fewer = stratified_split(cell[kept], kept * 0, seed=5, origin=Origin(recording[kept], origin.start[kept], 8))
    for name in PARTS:
        np.testing.assert_array_equal(kept[getattr(fewer, name)], np.intersect1d(getattr(full, name), kept))


def test_unlabelled_frames_move_no_labelled_one():
    starts = np.arange(400) * 4
    inside = (starts < 400) | (starts >= 440) & (starts < 1200)
    cell = np.where(inside, 0, -1)
    origin = Origin(cell * 0, starts, 16)
    every = stratified_split(cell, cell, seed=2, origin=origin)
    kept = np.flatnonzero(inside)
    labelled = stratified_split(cell[kept], cell[kept], seed=2, origin=Origin(kept * 0, starts[kept], 16))
    for name in PARTS:
        np.testing.assert_array_equal(kept[getattr(labelled, name)], np.intersect1d(getattr(every, name), kept))
    assert leaks(every, origin) == 0


def test_a_cell_too_small_for_its_gaps_is_refused_and_says_what_would_do():
    origin = Origin(np.zeros(12, np.int64), np.arange(12), 8)
    none = np.zeros(12, np.int64)
    with pytest.raises(UserError, match=r"cell of 12 frames, of which \d+ are left out .*hop=null"):
        stratified_split(none, none, origin=origin)


def test_verify_finds_common_samples():
    cell = np.zeros(60, np.int64)
    origin = Origin(cell, np.arange(60) * 4, 8)
    frame_by_frame = stratified_split(cell, cell)
    with pytest.raises(UserError, match=r"^split: \d+ frames of the train part share samples with the"):
        verify(frame_by_frame, cell, cell, ["a"], [0.0], (0.8, 0.1, 0.1), origin)


@pytest.fixture
def overlapping(tmp_path):
    """How to read two recordings of noise, one a class, with a hop of a quarter of a frame."""
    rng = np.random.default_rng(0)
    rows = ["file,start,stop,modulation,snr"]
    (tmp_path / "cut").mkdir()
    for name in ("BPSK", "QPSK"):
        rng.standard_normal(2 * 64 * 40, np.float32).tofile(tmp_path / "cut" / f"{name}.cf32")
        rows.append(f"{name}.cf32,,,{name},10")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return {
        "path": str(tmp_path / "cut"), "labels": str(tmp_path / "labels.csv"), "frame_length": 64, "hop": 16,
        "sample_rate": 1e6,
    }  # fmt: skip


def samples_in_two_parts(source, split) -> int:
    held = []
    for name in PARTS:
        iq = source.read(getattr(split, name)).numpy()
        held.append(set((iq[:, 0] + 1j * iq[:, 1]).reshape(-1).tolist()))
    return len(held[0] & held[1]) + len(held[1] & held[2]) + len(held[0] & held[2])


def test_recordings_cut_with_overlap_leak_nothing_from_training_to_test(overlapping, tmp_path, caplog):
    given = ["dataset=recordings", *(f"dataset.{key}={value}" for key, value in overlapping.items())]
    given += ["representation=constellation", "representation.image_size=32", "device=cpu"]
    with initialize_config_dir(config_folder(), job_name="amc_xai"):
        bench = Workbench.build(make_parts(compose("config", given), tmp_path / "run", given))
    assert min(len(getattr(bench.split, name)) for name in PARTS) > 10
    assert samples_in_two_parts(bench.source, bench.split) == 0
    assert f"{len(bench.split.gap)} of {len(bench.source.start)} frames are in no part" in caplog.text
    # Split frame by frame, as it was, there is hardly a test frame without samples of training.
    frame_by_frame = stratified_split(bench.source.modulation_index, bench.source.snr_index)
    assert samples_in_two_parts(bench.source, frame_by_frame) > 500


def test_a_store_made_from_recordings_remembers_which_frames_overlap(overlapping, tmp_path):
    list(write_cells(Recordings(**overlapping), SplitStoreWriter(), tmp_path / "store", {}))
    for options in ({}, {"frames_per_cell": 60}, {"frame_length": 48}, {"modulations": ["QPSK"]}):
        source = SplitHdf5(tmp_path / "store", **options)
        split = stratified_split(source.modulation_index, source.snr_index, origin=source.origin)
        assert len(split.gap) and samples_in_two_parts(source, split) == 0
