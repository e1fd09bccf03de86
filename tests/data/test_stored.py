"""Arrays in files, read in place or not: links, damage, claims and names that a hostile file may hold."""

import h5py
import numpy as np
import pytest

from amc_xai.data import Arrays
from amc_xai.data.hdf5 import frames_array, hdf5_array
from amc_xai.data.stored import StoredFrames
from amc_xai.errors import UserError

X = np.random.default_rng(0).standard_normal((40, 16, 2)).astype(np.float32)


def elsewhere(folder, kind) -> None:
    """A file whose X, or the way to it, lies in another."""
    with h5py.File(folder / "other.h5", "w") as other:
        other["before"], other["X"] = np.zeros(999), X
    with h5py.File(folder / "a.h5", "w") as file:
        if kind == "external link":
            file["X"] = h5py.ExternalLink("other.h5", "X")
        elif kind == "link to a link":
            file["far"], file["X"] = h5py.ExternalLink("other.h5", "/"), h5py.SoftLink("/far/X")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(X.shape, X.dtype)
            layout[:] = h5py.VirtualSource(folder / "other.h5", "X", X.shape)
            file.create_virtual_dataset("X", layout)
        else:
            raw = str(folder / "raw.bin")
            file.create_dataset("X", data=X, external=[(raw, 0, h5py.h5f.UNLIMITED)])


@pytest.mark.parametrize("kind", ["external link", "link to a link", "virtual", "external storage"])
def test_no_other_file_is_opened_than_the_one_that_was_named(tmp_path, kind):
    elsewhere(tmp_path, kind)
    sentence = r"^dataset\.path: \S+ of \S+a\.h5 is (a link to|put together from).* no other file is opened"
    with pytest.raises(UserError, match=sentence):
        frames_array(tmp_path / "a.h5")
    for names in ({"x": "X"}, {"x": "far/X"}):
        if kind == "link to a link" or names["x"] == "X":
            with pytest.raises(UserError, match=r"no other file is opened"):
                Arrays(str(tmp_path / "a.h5"), y=None, snr=None, **names)


@pytest.mark.parametrize("target", ["/held/elsewhere", "held/elsewhere", "held/./elsewhere"])
def test_links_within_a_file_are_followed_and_circles_are_not(tmp_path, target):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["large"] = np.ones(10_000)
        file["held/elsewhere"], file["X"] = X, h5py.SoftLink(target)
        file["held/beside"] = h5py.SoftLink("elsewhere")
        file["one"], file["other"] = h5py.SoftLink("/other"), h5py.SoftLink("/one")
    order = np.random.default_rng(1).permutation(40)
    for name in ("X", "held/beside"):
        frames = StoredFrames(hdf5_array(tmp_path / "a.h5", name))
        assert frames.array.mapped and np.array_equal(frames.read(order), X[order])
    assert hdf5_array(tmp_path / "a.h5", "one") is None and hdf5_array(tmp_path / "a.h5", "X/more") is None


def test_a_packed_frame_that_is_damaged_is_said(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("X", data=X, chunks=(10, 16, 2), compression="gzip", fletcher32=True)
        place = file["X"].id.get_chunk_info(2)
    data = bytearray((tmp_path / "a.h5").read_bytes())
    data[place.byte_offset + 20] ^= 0xFF
    (tmp_path / "a.h5").write_bytes(data)
    frames = StoredFrames(frames_array(tmp_path / "a.h5"))
    assert np.array_equal(frames.read(np.arange(20)), X[:20])
    with pytest.raises(UserError, match=r"^dataset.path: X of .*a.h5 can't be read \(") as error:
        frames.read(np.arange(40))
    assert str(error.value).isprintable()


def test_a_claim_of_more_frames_than_memory_holds(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("X", (10**13, 16, 2), "f4", chunks=(1, 16, 2))
    assert (tmp_path / "a.h5").stat().st_size < 10_000
    with pytest.raises(UserError, match="claims 10000000000000 frames"):
        StoredFrames(frames_array(tmp_path / "a.h5"))


def test_names_in_a_file_are_printable_in_sentences(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["\x1b[31m\nred"] = 1.0
    with pytest.raises(UserError, match=r"not \?\[31m\?red") as error:
        frames_array(tmp_path / "a.h5")
    assert str(error.value).isprintable()
    assert hdf5_array(tmp_path / "a.h5", "absent") is None


def test_types_without_an_equal_in_numpy_are_not_mapped(tmp_path):
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(23, 15, 8, 0, 15)  # 24 of the 32 bits: sign, 8 of the exponent, 15 of the mantissa
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = h5py.Dataset(h5py.h5d.create(file.id, b"X", kind, h5py.h5s.create_simple(X.shape)))
        data[...] = X
    frames = StoredFrames(frames_array(tmp_path / "a.h5"))
    assert not frames.array.mapped and np.allclose(frames.read(np.arange(40)), X, rtol=2**-14, atol=0)
