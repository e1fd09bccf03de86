import pickle

import h5py
import numpy as np
import pytest

from amc_xai.data import Facts, SplitHdf5
from amc_xai.data.split_files import cell_path, write_cell
from amc_xai.errors import UserError

CELLS = [("BPSK", -4.0), ("BPSK", 10.0), ("QPSK", -4.0), ("QPSK", 10.0)]


def frames(number, count=5, length=12):
    return np.random.default_rng(number).normal(size=(count, 2, length)).astype(np.float32)


def store(root, cells=CELLS, **options):
    written = {}
    for number, (modulation, snr) in enumerate(cells):
        written[modulation, snr] = frames(number, **options)
        write_cell(root, modulation, snr, written[modulation, snr], {"samples_per_symbol": 8.0, "note": None})
    return written


def test_what_is_written_is_read_back_value_for_value(tmp_path):
    written = store(tmp_path)
    source = SplitHdf5(str(tmp_path))
    assert (source.modulations, source.snrs, source.frame_length) == (["BPSK", "QPSK"], [-4.0, 10.0], 12)
    assert Facts.of(source) == Facts(12, 8.0)
    assert source.modulation_index.dtype == source.snr_index.dtype == np.int64
    read = source.read(np.arange(20)).numpy()
    assert read.dtype == np.float32
    for k in range(20):
        cell = source.modulations[source.modulation_index[k]], source.snrs[source.snr_index[k]]
        np.testing.assert_array_equal(read[k], written[cell][k % 5])


def test_the_file_holds_frames_samples_and_then_i_and_q(tmp_path):
    iq = frames(0)
    path = write_cell(tmp_path, "8PSK", -20, iq, {"snr_definition": "sample"})
    assert path == tmp_path / "8PSK" / "SNR_-20" / "8PSK_SNR_-20.h5"
    with h5py.File(path) as file:
        assert file["X"].shape == (5, 12, 2) and file["X"].dtype == np.float32
        assert file["X"].chunks is None
        np.testing.assert_array_equal(file["X"][..., 0], iq[:, 0])
        np.testing.assert_array_equal(file["X"][..., 1], iq[:, 1])
        assert file.attrs["snr_definition"] == "sample"
    assert SplitHdf5(str(tmp_path)).snr_definition == "sample"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = write_cell(tmp_path, "BPSK", 0, frames(0), {})
    with pytest.raises(TypeError):
        write_cell(tmp_path, "BPSK", 0, frames(1), {"bad": object()})
    np.testing.assert_array_equal(SplitHdf5(str(tmp_path)).read(np.arange(5)).numpy(), frames(0))
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_indices_may_come_shuffled_and_twice(tmp_path):
    store(tmp_path)
    source = SplitHdf5(str(tmp_path))
    ordered = source.read(np.arange(20)).numpy()
    index = np.random.default_rng(0).integers(0, 20, 60)
    np.testing.assert_array_equal(source.read(index).numpy(), ordered[index])


def test_contiguous_files_are_mapped_and_all_others_read_the_same(tmp_path):
    store(tmp_path / "plain")
    plain = SplitHdf5(str(tmp_path / "plain"))
    expected = plain.read(np.arange(20)).numpy()
    assert all(file.mapped for file in plain._files) and len(plain._files) == 4
    layouts = [{"chunks": (2, 4, 2), "compression": "gzip"}, {"dtype": np.float64}, {"dtype": ">f4"}]
    for number, layout in enumerate(layouts):
        root = tmp_path / str(number)
        for (modulation, snr), _ in zip(CELLS, range(4), strict=True):
            iq = SplitHdf5(str(tmp_path / "plain"), [modulation], [snr]).read(np.arange(5)).numpy()
            path = cell_path(root, modulation, snr)
            path.parent.mkdir(parents=True)
            with h5py.File(path, "w") as file:
                file.create_dataset("X", data=iq.transpose(0, 2, 1), **layout)
        other = SplitHdf5(str(root))
        np.testing.assert_array_equal(other.read(np.arange(20)).numpy(), expected)
        assert all(file.mapped == ("compression" not in layout) for file in other._files)


def test_a_choice_of_classes_snrs_and_frames(tmp_path):
    written = store(tmp_path)
    source = SplitHdf5(str(tmp_path), ["QPSK", "BPSK"], [10], frames_per_cell=3)
    np.testing.assert_array_equal(source.modulation_index, [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(source.snr_index, np.zeros(6))
    expected = np.concatenate([written["QPSK", 10.0][:3], written["BPSK", 10.0][:3]])
    np.testing.assert_array_equal(source.read(np.arange(6)).numpy(), expected)


def test_a_tree_without_some_cells_is_read_as_far_as_it_goes(tmp_path):
    written = store(tmp_path, [("BPSK", -4.0), ("QPSK", 10.0), ("QPSK", 0.5)])
    (tmp_path / "notes").mkdir()
    (tmp_path / "QPSK" / "SNR_10" / "other.h5").write_bytes(b"not of the store")
    source = SplitHdf5(str(tmp_path))
    assert source.snrs == [-4.0, 0.5, 10.0]
    np.testing.assert_array_equal(source.modulation_index, np.repeat([0, 1, 1], 5))
    np.testing.assert_array_equal(source.snr_index, np.repeat([0, 1, 2], 5))
    np.testing.assert_array_equal(source.read(np.arange(5, 10)).numpy(), written["QPSK", 0.5])
    with pytest.raises(UserError, match="holds none of the cells that were asked for"):
        SplitHdf5(str(tmp_path), ["BPSK"], [10])


def test_different_lengths_are_refused_or_cut(tmp_path):
    long, short = frames(0, length=12), frames(1, length=7)
    write_cell(tmp_path, "BPSK", 0, long, {})
    write_cell(tmp_path, "QPSK", 0, short, {})
    with pytest.raises(UserError) as error:
        SplitHdf5(str(tmp_path))
    assert str(error.value) == (
        "dataset.frame_length: the files hold frames of different lengths: 7 (QPSK_SNR_0.h5), 12 (BPSK_SNR_0.h5); "
        "set dataset.frame_length=7 to cut all to the shortest"
    )
    source = SplitHdf5(str(tmp_path), frame_length=6)
    assert source.frame_length == 6
    np.testing.assert_array_equal(
        source.read(np.arange(10)).numpy(), np.concatenate([long[..., :6], short[..., :6]])
    )
    with pytest.raises(
        UserError, match=r"frame_length: .*QPSK_SNR_0\.h5 holds frames of 7 samples.* use 7 or fewer"
    ):
        SplitHdf5(str(tmp_path), frame_length=8)


@pytest.mark.parametrize("key", ["frame_length", "frames_per_cell"])
@pytest.mark.parametrize("value", [0, -3])
def test_counts_below_one_are_refused(tmp_path, key, value):
    store(tmp_path)
    with pytest.raises(UserError, match=rf"^dataset\.{key} must be 1 or more, not {value}$"):
        SplitHdf5(str(tmp_path), **{key: value})


def test_sentences_for_what_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"^dataset\.path must name the folder"):
        SplitHdf5(None)
    with pytest.raises(UserError, match=r"^dataset\.path: .*nowhere is not a folder"):
        SplitHdf5(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"^dataset\.path: .* holds no file named"):
        SplitHdf5(str(tmp_path))
    store(tmp_path)
    with pytest.raises(UserError, match=r"^dataset\.modulations: .* holds no 8PSK; it holds BPSK, QPSK$"):
        SplitHdf5(str(tmp_path), ["BPSK", "8PSK"])
    with pytest.raises(UserError, match=r"^dataset\.snrs: .* holds no 2; it holds -4, 10$"):
        SplitHdf5(str(tmp_path), snrs=[10, 2])
    with pytest.raises(UserError, match=r"^dataset\.snrs must name at least one entry, and each only once"):
        SplitHdf5(str(tmp_path), snrs=[10, 10])


def test_a_file_without_frames_in_it_is_refused(tmp_path):
    path = cell_path(tmp_path, "BPSK", 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no HDF5 at all")
    with pytest.raises(UserError, match=r"^dataset\.path: .*BPSK_SNR_0\.h5 is not a readable HDF5 file"):
        SplitHdf5(str(tmp_path))
    for name, shape in (("Y", (3, 4, 2)), ("X", (3, 3, 4)), ("X", (3, 8))):
        with h5py.File(path, "w") as file:
            file.create_dataset(name, data=np.zeros(shape, np.float32))
        with pytest.raises(UserError, match=r"must (hold a dataset X of|have) shape \(frames, samples, 2\)"):
            SplitHdf5(str(tmp_path))


def test_maps_do_not_travel_to_a_worker(tmp_path):
    store(tmp_path)
    source = SplitHdf5(str(tmp_path))
    expected = source.read(np.arange(20)).numpy()
    travelled = pickle.loads(pickle.dumps(source))
    assert all(f.array._rows is not None for f in source._files)
    assert all(f.array._rows is None for f in travelled._files)
    np.testing.assert_array_equal(travelled.read(np.arange(20)).numpy(), expected)


@pytest.mark.parametrize("value", [1e30, np.nan, -1.0, 0.5])
@pytest.mark.parametrize("name", ["recording", "start"])
def test_numbers_of_frames_that_are_none_are_refused(tmp_path, name, value):
    path = tmp_path / "BPSK" / "SNR_0" / "BPSK_SNR_0.h5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file["X"] = np.ones((3, 16, 2), np.float32)
        file["recording"] = file["start"] = np.arange(3.0)
        file[name][1] = value
    with pytest.raises(UserError, match=f"{name} of .* must be whole numbers of 0 or more, and frame 1 has"):
        SplitHdf5(str(tmp_path))
