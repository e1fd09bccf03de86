"""Recordings come back sample for sample, cut and labelled as asked."""

import json
import pickle

import numpy as np
import pytest
import sigmf
from scipy.io import wavfile
from sigmf import SigMFFile

from amc_xai.data.recordings import Recordings
from amc_xai.errors import UserError

N = 100
RNG = np.random.default_rng(3)
EXTENSIONS = [{"name": "signal", "version": "1.0.0", "optional": True}]
IQ = (RNG.uniform(-1, 1, N) + 1j * RNG.uniform(-1, 1, N)).astype(np.complex64)


def samples(source) -> np.ndarray:
    """All frames, joined again to complex samples."""
    iq = source.read(np.arange(len(source.start))).numpy()
    return (iq[:, 0] + 1j * iq[:, 1]).reshape(-1)


def interleaved(values: np.ndarray, dtype: str) -> np.ndarray:
    return np.stack([values.real, values.imag], -1).astype(dtype)


def write_sigmf(folder, data: np.ndarray, datatype: str, annotations=(), rate=1e6):
    data.tofile(folder / "r.sigmf-data")
    meta = SigMFFile(
        data_file=str(folder / "r.sigmf-data"),
        global_info={
            "core:datatype": datatype,
            "core:sample_rate": rate,
            "core:version": "1.0.0",
            "core:extensions": EXTENSIONS,
        },
    )
    meta.add_capture(0)
    for start, count, extra in annotations:
        meta.add_annotation(start, count, metadata=extra)
    meta.tofile(str(folder / "r.sigmf-meta"), overwrite=True)
    return folder / "r.sigmf-meta"


def every_datatype() -> list[tuple[str, str]]:
    """The datatypes of the standard (``^(c|r)(f32|f64|i32|i16|u32|u16|i8|u8)(_le|_be)?``), and numpy's names."""
    wide = [(kind + str(8 * size), end, f"{'<' if end == '_le' else '>'}{kind}{size}")
            for kind, size in (("f", 4), ("f", 8), ("i", 4), ("i", 2), ("u", 4), ("u", 2))
            for end in ("_le", "_be")]  # fmt: skip
    narrow = [("i8", "", "i1"), ("u8", "", "u1")]
    return [(f"{letter}{name}{end}", dtype) for letter in "cr" for name, end, dtype in wide + narrow]


@pytest.mark.parametrize(("datatype", "dtype"), every_datatype())
def test_sigmf_comes_back_as_the_package_reads_it(tmp_path, datatype, dtype, caplog):
    kind, parts = np.dtype(dtype), 2 if datatype[0] == "c" else 1
    if kind.kind == "f":
        data = interleaved(IQ, dtype)[:, :parts]
    else:
        span = np.iinfo(kind)
        whole = RNG.integers(span.min, span.max, (N, parts), endpoint=True, dtype=kind.newbyteorder("="))
        data = whole.astype(dtype)
    path = write_sigmf(tmp_path, data, datatype)
    source = Recordings(str(path), frame_length=10)
    # Where it is real, the package's samples are, and stand in I; in Q there is nothing.
    assert np.array_equal(samples(source), sigmf.fromfile(path).read_samples())
    if kind.kind == "f":
        assert np.array_equal(samples(source).real, data[:, 0].astype("f4"))
    assert source.sample_rate == 1e6
    told = [record.getMessage() for record in caplog.records if "real samples, not I/Q" in record.getMessage()]
    assert len(told) == (parts == 1)


def test_sigmf_with_bytes_that_are_no_samples(tmp_path):
    """A data set that isn't SigMF's own: 6 bytes before the samples, 5 after them."""
    (tmp_path / "r.raw").write_bytes(b"header" + interleaved(IQ, "<f4").tobytes() + b"trail")
    about = {"core:datatype": "cf32_le", "core:sample_rate": 1e6, "core:version": "1.0.0"}
    about |= {"core:dataset": "r.raw", "core:trailing_bytes": 5}
    capture = {"core:sample_start": 0, "core:header_bytes": 6}
    meta = {"global": about, "captures": [capture], "annotations": []}
    path = tmp_path / "r.sigmf-meta"
    path.write_text(json.dumps(meta))
    assert np.array_equal(samples(Recordings(str(path), frame_length=10)), IQ)


@pytest.mark.parametrize("ending", [".cf32", ".cfile", ".complex"])
def test_raw_float(tmp_path, ending):
    IQ.tofile(tmp_path / f"r{ending}")
    assert np.array_equal(samples(Recordings(str(tmp_path), 10, sample_rate=1e6)), IQ)


@pytest.mark.parametrize(
    ("ending", "dtype", "zero", "scale"),
    [(".cs16", "<i2", 0, 32768), (".cs8", "i1", 0, 128), (".cu8", "u1", 127.5, 127.5)],
)
def test_raw_integers(tmp_path, ending, dtype, zero, scale):
    span = np.iinfo(dtype)
    raw = RNG.integers(span.min, span.max, (N, 2), endpoint=True).astype(dtype)
    raw[0] = span.min, span.max
    raw.tofile(tmp_path / f"r{ending}")
    expected = (raw.astype(float) - zero) / scale
    got = samples(Recordings(str(tmp_path), 10, sample_rate=1e6))
    np.testing.assert_allclose(got, expected[:, 0] + 1j * expected[:, 1], atol=1e-7)


def test_npy(tmp_path):
    for array in (IQ, IQ.astype(np.complex128), interleaved(IQ, "f4"), interleaved(IQ, "f4").T):
        np.save(tmp_path / "r.npy", array)
        assert np.array_equal(samples(Recordings(str(tmp_path), 10, sample_rate=1)), IQ)


@pytest.mark.parametrize(
    ("dtype", "zero", "scale"), [("f4", 0, 1), ("i4", 0, 2**31), ("i2", 0, 32768), ("u1", 128, 128)]
)
def test_wav(tmp_path, dtype, zero, scale):
    data = (interleaved(IQ, "f8") * 0.9 * scale + zero).astype(dtype)
    wavfile.write(tmp_path / "r.wav", 48_000, data)
    source = Recordings(str(tmp_path), 10)
    expected = (data.astype("f8") - zero) / scale
    np.testing.assert_allclose(samples(source), expected[:, 0] + 1j * expected[:, 1], atol=1e-7)
    assert source.sample_rate == 48_000


def test_hop_and_annotations(tmp_path):
    notes = [
        (0, 40, {"core:label": "BPSK", "signal:snr": 10}),
        (40, 30, {"core:label": "QPSK"}),
        (0, 100, {"core:comment": "everything", "signal:snr": 4}),
    ]
    source = Recordings(str(write_sigmf(tmp_path, interleaved(IQ, "<f4"), "cf32_le", notes)), 20, hop=10)
    assert source.start.tolist() == list(range(0, 81, 10))
    assert source.modulations == ["BPSK", "QPSK"] and source.snrs == [4, 10]
    # Starts 0, 10, 20 lie in the BPSK stretch, 40 and 50 in the QPSK one, the others in the last alone.
    assert source.modulation_index.tolist() == [0, 0, 0, -1, 1, 1, -1, -1, -1]
    assert source.snr_index.tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0]
    frame = source.read(np.array([3])).numpy()[0]
    assert np.array_equal(frame[0] + 1j * frame[1], IQ[30:50])
    assert pickle.loads(pickle.dumps(source)).read(np.array([3])).numpy()[0].tolist() == frame.tolist()
    chosen = Recordings(str(tmp_path), 20, hop=10, modulations=["QPSK"])
    assert chosen.start.tolist() == [40, 50]


def test_labels_from_a_csv(tmp_path):
    IQ.tofile(tmp_path / "a.cf32")
    IQ.tofile(tmp_path / "b.cf32")
    (tmp_path / "labels.csv").write_text("file,start,stop,modulation,snr\na.cf32,,,8PSK,6\nb.cf32,50,100,,8\n")
    source = Recordings(str(tmp_path), 50, sample_rate=1, labels=str(tmp_path / "labels.csv"))
    assert source.modulation_index.tolist() == [0, 0, -1, -1]
    assert source.snr_index.tolist() == [0, 0, -1, 1] and source.snrs == [6, 8]


def test_unlabelled_recordings_have_unknown_labels(tmp_path):
    IQ.tofile(tmp_path / "a.cf32")
    source = Recordings(str(tmp_path), 50, sample_rate=1)
    assert source.modulations == [] and source.snrs == []
    assert source.modulation_index.tolist() == [-1, -1] and source.snr_index.tolist() == [-1, -1]


def test_bad_input_is_named(tmp_path):
    IQ.tofile(tmp_path / "a.cf32")
    assert Recordings(str(tmp_path), 50).sample_rate is None
    with pytest.raises(UserError, match="gives no frame of 101 samples"):
        Recordings(str(tmp_path), 101, sample_rate=1)
    with pytest.raises(UserError, match="there is no file or folder"):
        Recordings(str(tmp_path / "absent.cf32"))
    (tmp_path / "x.csv").write_text("file,start,stop,modulation\n")
    with pytest.raises(UserError, match=r"dataset.labels: .* lacks the column snr"):
        Recordings(str(tmp_path), 50, sample_rate=1, labels=str(tmp_path / "x.csv"))
    wavfile.write(tmp_path / "mono.wav", 8000, np.zeros(200, np.float32))
    with pytest.raises(UserError, match=r"mono\.wav has 1 channel\(s\); I/Q needs two"):
        Recordings(str(tmp_path / "mono.wav"))
    wavfile.write(tmp_path / "mono.wav", 8000, np.zeros((200, 2), np.float32))
    (tmp_path / "odd.cs16").write_bytes(b"123")
    with pytest.raises(UserError, match=r"odd\.cs16 has 3 bytes; \.cs16 needs 4"):
        Recordings(str(tmp_path / "odd.cs16"))
    (tmp_path / "bad.sigmf-meta").write_text("{")
    with pytest.raises(UserError, match="no readable SigMF recording"):
        Recordings(str(tmp_path / "bad.sigmf-meta"))
    broken = IQ.copy()
    broken[60] = np.nan
    broken.tofile(tmp_path / "n.cf32")
    with pytest.raises(UserError, match=r"frame 50 of .*n\.cf32 \(named by its first sample\) holds NaN"):
        Recordings(str(tmp_path / "n.cf32"), 50, sample_rate=1).read(np.array([0, 1]))


@pytest.mark.parametrize("most", [1, 2, 3])
def test_frames_per_cell_takes_the_first_of_each_class_at_each_snr_and_of_each_without(tmp_path, most):
    """By brute force, over all pairs of labels that are there, unknown ones included."""
    cells = [(m, s) for m in ("BPSK", "QPSK", "8PSK", "") for s in ("0", "10", "20", "")]
    rng = np.random.default_rng(0)
    order = rng.permutation(np.repeat(np.arange(len(cells)), 3))
    rng.standard_normal((len(order) * 8, 2), np.float32).tofile(tmp_path / "r.cf32")
    rows = [f"r,{8 * k},{8 * k + 8},{cells[c][0]},{cells[c][1]}" for k, c in enumerate(order)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,start,stop,modulation,snr", *rows]))
    source = Recordings(
        str(tmp_path / "r.cf32"), 8, sample_rate=1, labels=str(tmp_path / "labels.csv"), frames_per_cell=most
    )
    expected = sorted(8 * k for c in range(len(cells)) for k in np.flatnonzero(order == c)[:most])
    assert source.start.tolist() == expected
    for k, start in enumerate(source.start // 8):
        m, s = cells[order[start]]
        assert [*source.modulations, ""][source.modulation_index[k]] == m
        assert [*source.snrs, None][source.snr_index[k]] == (float(s) if s else None)
