"""Pickles of arrays: what every Python and numpy wrote comes back, and a pickle that is a program does not run."""

import os
import pickle
import warnings
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest

from amc_xai.data.array_pickle import load_arrays
from amc_xai.errors import UserError
from tests.data.pickles import WRITERS, cells


def by_python(data: bytes) -> dict:
    """What Python's own reader, which runs everything, makes of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy 2 warns of numpy 1's module names
        return pickle.loads(data, encoding="latin1")


ARRAYS = {
    "float32": lambda a: a,
    "channels last": lambda a: np.ascontiguousarray(a.transpose(0, 2, 1)),
    "complex": lambda a: a[:, 0] + 1j * a[:, 1],
    "float64": lambda a: a.astype(np.float64),
    "int16": lambda a: (1000 * a).astype(np.int16),
    "Fortran order": np.asfortranarray,
    "big-endian": lambda a: a.astype(">f4"),
    "no frames": lambda a: a[:0],
    "not contiguous": lambda a: a[:, :, ::2],
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_arrays_come_back_as_python_reads_them(tmp_path, writer):
    of_python2 = writer in (WRITERS["python2"], WRITERS["python2_text"])
    names = ["float32", "channels last", "complex", "float64", "int16"] if of_python2 else ARRAYS
    for name in names:
        content = {key: ARRAYS[name](array) for key, array in cells(["BPSK"], 40).items()}
        data = writer(content)
        (tmp_path / "a.pkl").write_bytes(data)
        read = load_arrays(tmp_path / "a.pkl")
        read = {(m.decode() if isinstance(m, bytes) else m, s): array for (m, s), array in read.items()}
        assert read.keys() == content.keys() == by_python(data).keys()
        for key, array in by_python(data).items():
            # The order of bytes is no matter here: up to protocol 4 Python's reader turns them at once.
            assert read[key].dtype.newbyteorder("=") == array.dtype.newbyteorder("="), name
            assert np.array_equal(read[key], array), name


def test_arrays_are_views_of_the_file(tmp_path):
    for name in ("python2", "protocol3", "protocol4", "protocol5"):
        (tmp_path / "a.pkl").write_bytes(WRITERS[name](cells(["BPSK"], 40)))
        for array in load_arrays(tmp_path / "a.pkl").values():
            assert not array.flags.owndata and not array.flags.writeable


def test_other_dictionaries_and_numbers_of_numpy(tmp_path):
    content = {("BPSK", np.int64(3)): np.zeros(2), (np.str_("QPSK"), np.float32(4)): np.ones(2)}
    for made in (OrderedDict(content), defaultdict(list, content)):
        for protocol in range(6):
            (tmp_path / "a.pkl").write_bytes(pickle.dumps(made, protocol))
            read = load_arrays(tmp_path / "a.pkl")
            assert list(read) == [("BPSK", 3), ("QPSK", 4.0)] and read["QPSK", 4].tolist() == [1, 1]


class Python2Dict(OrderedDict):
    """Pickled as Python 2 did: the entries are arguments, each a list of two."""

    def __reduce__(self):
        return OrderedDict, ([[key, value] for key, value in self.items()],)


def test_an_ordered_dictionary_of_python_2_and_a_memory_map(tmp_path):
    mapped = np.memmap(tmp_path / "frames", np.float32, "w+", shape=(3, 2))
    mapped[:] = 7
    for made in (Python2Dict({("BPSK", 3): np.ones(2)}), {("BPSK", 3): mapped[:1]}):
        for protocol in range(5):
            (tmp_path / "a.pkl").write_bytes(pickle.dumps(made, protocol))
            (read,) = load_arrays(tmp_path / "a.pkl").values()
            assert np.array_equal(read, made["BPSK", 3])


class Program:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path, protocol):
    content = cells() | {("BPSK", 0): Program(tmp_path / "it ran")}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(UserError, match=r"the pickle asks for (posix|nt).mkdir, .* it was not called"):
        load_arrays(tmp_path / "a.pkl")
    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize(
    "name",
    [
        b"cbuiltins\neval\n",
        b"cnumpy\nload\n",
        b"cnumpy.core.multiarray\nfromfile\n",
        b"cos\nsystem\n",
        b"\x8c\x05numpy\x8c\x17ndarray.__reduce_ex__.a\x93",
        b"\x8c\x02os\x8c\x06system\x93",
        b"(ios\nsystem\n",
        b"cbuiltins\n\x1b[31m\n",
    ],
)
def test_no_other_name_is_admitted(tmp_path, name):
    (tmp_path / "a.pkl").write_bytes(name + b"(U\x011tR.")
    with pytest.raises(UserError, match="which no data set of arrays needs") as error:
        load_arrays(tmp_path / "a.pkl")
    assert str(error.value).isprintable()


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
DTYPE = b"cnumpy\ndtype\n(U\x02f4K\x00K\x01tR"
ARRAY = RECONSTRUCT + b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
# State that would have numpy take the data for pointers.
FLAGS = DTYPE + b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        # State for what is no array: attributes of functions and classes could be set so.
        (RECONSTRUCT + b"N}U\x08__code__Ns\x86b.", "builds an object that is no array"),
        (b"cnumpy\nndarray\nN}U\x07__new__Ns\x86b.", "builds an object that is no array"),
        (b"}U\x01a\x81.", "the instruction"),
        (RECONSTRUCT + b"(cbuiltins\nbytes\n(K\x00tU\x01btR.", "calls _reconstruct as no data set"),
        (b"cbuiltins\nbytes\n(K\x09tR.", "calls bytes as no data set"),
        (b"ccollections\ndefaultdict\n(cbuiltins\nbytes\ntR.", "calls defaultdict as no data set"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.", "calls encode as no data set"),
        (b"cnumpy\ndtype\n(U\x02O8K\x00K\x01tR.", "an array of 'O8'"),
        (b"U\x01a(tR.", "a call of what is no function"),
        # Claims of more memory than there is.
        (ARRAY + b"(J\xff\xff\xff\x7ft" + DTYPE + b"\x89U\x04abcdtb.",
         "more or fewer bytes than its shape"),
        (b"\x8e" + bytes([255] * 7) + b"\x7fa.", "it ends too early"),
        (b"\x96" + bytes([0, 0, 0, 0, 9, 0, 0, 0]) + b"a.", "it ends too early"),
        (b"\x8b\xff\xff\xff\x7f" + b"1" * 99 + b".", "too many digits"),
        (b"I" + b"9" * 99 + b"\n.", "too many digits"),
        (b"Nr\xff\xff\xff\xff" + b"0.", "IndexError"),  # a place in the memo that C's reader would make room for
        # Keys that take for ever to hash.
        (b"}U\x01a" + b"2\x86" * 40 + b"Ns.", "a key that is no name, number or pair"),
        (b"N0" * 600_000, "more than 1,000,000 values outside of arrays"),
    ],
)  # fmt: skip
def test_a_hostile_pickle_gets_no_further_than_a_sentence(tmp_path, data, sentence):
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(UserError, match=sentence):
        load_arrays(tmp_path / "a.pkl")


def test_what_a_type_says_of_itself_never_reaches_numpy(tmp_path):
    array = (
        RECONSTRUCT + b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x01\x85" + FLAGS + b"\x89U\x04\0\0\x80?tb."
    )
    (tmp_path / "a.pkl").write_bytes(array)
    read = load_arrays(tmp_path / "a.pkl")
    assert read.tolist() == [1.0] and read.dtype == np.dtype("f4") and not read.dtype.hasobject
