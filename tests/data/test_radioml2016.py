"""RML2016 pickles: values and labels come back, and a pickle that is a program does not run."""

import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from amc_xai.data import radioml2016
from amc_xai.data.radioml2016 import RadioML2016
from amc_xai.errors import UserError

A = ["8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"]


def cells(classes=A, frames=2, snrs=(-20, 18)) -> dict:
    rng = np.random.default_rng(0)
    # The published dictionary is in no order at all.
    keys = [(m, s) for s in snrs for m in reversed(classes)]
    return {key: rng.standard_normal((frames, 2, 128)).astype(np.float32) for key in keys}


def python2_pickle(content: dict) -> bytes:
    """What Python 2's cPickle writes at protocol 2: byte strings for keys and for the arrays' data."""

    def text(s: bytes) -> bytes:
        return b"U" + bytes([len(s)]) + s if len(s) < 256 else b"T" + struct.pack("<i", len(s)) + s

    def integer(n: int) -> bytes:
        return b"J" + struct.pack("<i", n)

    out = b"\x80\x02}("
    for (modulation, snr), array in content.items():
        out += text(modulation.encode()) + integer(snr) + b"\x86"
        out += b"cnumpy.core.multiarray\n_reconstruct\n" + b"cnumpy\nndarray\n" + integer(0) + b"\x85"
        out += text(b"b") + b"\x87R(" + integer(1)
        out += integer(array.shape[0]) + integer(array.shape[1]) + integer(array.shape[2]) + b"\x87"
        out += b"cnumpy\ndtype\n" + text(b"f4") + integer(0) + integer(1) + b"\x87R(" + integer(3) + text(b"<")
        out += b"NNN" + integer(-1) + integer(-1) + integer(0) + b"tb"
        out += b"\x89" + text(array.tobytes()) + b"tb"
    return out + b"u."


@pytest.mark.parametrize("writer", [python2_pickle, lambda c: pickle.dumps(c, 2), lambda c: pickle.dumps(c, 5)])
def test_frames_come_back_with_their_labels(tmp_path, writer):
    content = cells()
    (tmp_path / "a.pkl").write_bytes(writer(content))
    source = RadioML2016(str(tmp_path / "a.pkl"), "a")
    assert source.modulations == A and source.snrs == [-20, 18]
    assert len(source.snr_index) == 11 * 2 * 2
    for k in range(0, len(source.snr_index), 2):
        cell = source.modulations[source.modulation_index[k]], int(source.snrs[source.snr_index[k]])
        assert np.array_equal(source.read(np.array([k, k + 1])).numpy(), content[cell])


def test_10b_and_a_subset(tmp_path):
    content = cells([m for m in A if m != "AM-SSB"], frames=3)
    (tmp_path / "b.dat").write_bytes(python2_pickle(content))
    source = RadioML2016(str(tmp_path / "b.dat"), "b", ["WBFM", "BPSK"], [18], frames_per_cell=2)
    assert source.modulation_index.tolist() == [0, 0, 1, 1]
    assert np.array_equal(source.read(np.array([3])).numpy()[0], content["BPSK", 18][1])
    assert "AM-DSB" not in RadioML2016(str(tmp_path / "b.dat"), "b", "digital").modulations
    with pytest.raises(UserError, match=r"RML2016\.10a has 8PSK, AM-DSB, AM-SSB"):
        RadioML2016(str(tmp_path / "b.dat"), "a")


class Program:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path, protocol):
    content = cells() | {("BPSK", 0): Program(tmp_path / "it ran")}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(UserError, match=r"the pickle asks for (posix|nt).mkdir, .* it was not called"):
        RadioML2016(str(tmp_path / "a.pkl"))
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize(
    "name", ["cbuiltins\neval\n", "cnumpy\nload\n", "cnumpy.core.multiarray\nfromfile\n", "cos\nsystem\n"]
)
def test_no_other_callable_is_admitted(tmp_path, name):
    (tmp_path / "a.pkl").write_bytes(name.encode() + b"(U\x011tR.")
    with pytest.raises(UserError, match="which no data set of arrays needs"):
        RadioML2016(str(tmp_path / "a.pkl"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (pickle.dumps([1, 2]), "holds a list, not a dictionary"),
        (pickle.dumps({"BPSK": 1}), "has an entry 'BPSK'"),
        (pickle.dumps({("BPSK", 0): np.zeros((3, 128, 2), np.float32)}), r"are \(3, 128, 2\); they must be"),
        (python2_pickle(cells())[:-2000], "no readable pickle"),
        (b"BZh91AY&SY", "no readable pickle"),
        (b"", "no readable pickle"),
    ],
)
def test_a_wrong_file_is_named_in_one_sentence(tmp_path, content, sentence):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        RadioML2016(str(tmp_path / "a.pkl"))


def test_frames_that_are_not_finite_are_named(tmp_path):
    content = cells()
    content["PAM4", 18][1, 0, 5] = np.inf
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match="frame 1 of PAM4 at 18 dB holds NaN"):
        RadioML2016(str(tmp_path / "a.pkl"))


def test_the_caveats_are_said_once(tmp_path, caplog):
    radioml2016.warn.cache_clear()
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(cells()))
    for _ in range(2):
        RadioML2016(str(tmp_path / "a.pkl"))
    assert len(caplog.records) == 1
    assert "doubled dB" in caplog.text and "AM-SSB frames hold noise alone" in caplog.text


def test_copies_of_frames_are_known(tmp_path):
    content = cells()
    for writer, copies in ((lambda c: c, 0), (lambda c: {k: np.repeat(v, 2, 0) for k, v in c.items()}, 44)):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(writer(content)))
        origin = RadioML2016(str(tmp_path / "a.pkl")).origin
        assert (0 if origin is None else len(origin.recording) - len(np.unique(origin.recording))) == copies
