"""Arrays in files, read in place or not: links, damage, claims and names that a hostile file may hold."""

import h5py
import numpy as np
import pytest

from amc_xai.data.hdf5 import frames_array, hdf5_array
from amc_xai.data.stored import StoredFrames
from amc_xai.errors import UserError

X = np.random.default_rng(0).standard_normal((40, 16, 2)).astype(np.float32)


@pytest.mark.parametrize("kind", ["external link", "soft link", "virtual", "external storage"])
def test_frames_that_lie_elsewhere_come_from_there(tmp_path, kind):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["before"], other["X"] = np.zeros(999), X
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["large"] = np.ones(10_000)
        if kind == "external link":
            file["X"] = h5py.ExternalLink("other.h5", "X")
        elif kind == "soft link":
            file["held/elsewhere"], file["X"] = X, h5py.SoftLink("/held/elsewhere")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(X.shape, X.dtype)
            layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "X", X.shape)
            file.create_virtual_dataset("X", layout)
        else:
            raw = str(tmp_path / "raw.bin")
            file.create_dataset("X", data=X, external=[(raw, 0, h5py.h5f.UNLIMITED)])
    frames = StoredFrames(frames_array(tmp_path / "a.h5"))
    order = np.random.default_rng(1).permutation(40)
    assert np.array_equal(frames.read(order), X[order])
    assert frames.array.mapped == (kind == "soft link")


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
