"""RML2016 pickles: values and labels come back, each variant is told from the others, and caveats are said."""

import pickle

import numpy as np
import pytest

from amc_xai.data import radioml2016
from amc_xai.data.radioml2016 import RadioML2016
from amc_xai.errors import UserError
from tests.data.pickles import ELEVEN, TEN, WRITERS, cells, python2


def opened(tmp_path, content: dict, *args, write=pickle.dumps, **options) -> RadioML2016:
    """The source of a file with this content."""
    (tmp_path / "set.pkl").write_bytes(write(content))
    return RadioML2016(str(tmp_path / "set.pkl"), *args, **options)


STORED = {
    "(n, 2, L)": lambda a: a,
    "(n, L, 2)": lambda a: np.ascontiguousarray(a.transpose(0, 2, 1)),
    "complex": lambda a: a[:, 0] + 1j * a[:, 1],
    "complex128": lambda a: a[:, 0].astype(float) + 1j * a[:, 1],
    "float64": lambda a: a.astype(float),
}


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("writer", ["python2", "python2_text", "protocol2", "protocol3_numpy1", "protocol5"])
def test_frames_come_back_with_their_labels(tmp_path, writer, stored):
    content = cells()
    source = opened(tmp_path, {k: STORED[stored](v) for k, v in content.items()}, "a", write=WRITERS[writer])
    assert source.modulations == ELEVEN and source.snrs == [-20, 18] and source.frame_length == 128
    assert len(source.snr_index) == 11 * 2 * 2
    order = np.random.default_rng(0).permutation(44)
    read = source.read(order).numpy()
    assert read.dtype == np.float32 and read.shape == (44, 2, 128)
    for k, frame in zip(order, read, strict=True):
        cell = source.modulations[source.modulation_index[k]], int(source.snrs[source.snr_index[k]])
        assert np.array_equal(frame, content[cell][k % 2])
    cut = RadioML2016(str(tmp_path / "set.pkl"), "a", frame_length=20)
    assert np.array_equal(cut.read(order).numpy(), read[:, :, :20])
    assert cut.read(order[:0]).shape == (0, 2, 20)


@pytest.mark.parametrize("frames", [1, 7])
def test_where_the_bytes_stand_in_the_file_cells_are_one_map(tmp_path, frames):
    """Cells of a few kilobytes are not views of the file, and are asked one by one."""
    source = opened(tmp_path, cells(frames=frames), "a", frames_per_cell=1, write=WRITERS["python2"])
    assert (source._cells.file is not None) == (frames == 7)
    content = cells(frames=frames)
    for k, frame in enumerate(source.read(np.arange(22)).numpy()):
        cell = source.modulations[source.modulation_index[k]], int(source.snrs[source.snr_index[k]])
        assert np.array_equal(frame, content[cell][0])


def test_names_as_bytes(tmp_path):
    content = {(m.encode(), s): frames for (m, s), frames in cells().items()}
    assert opened(tmp_path, content, "a").modulations == ELEVEN
    content["BPSK", 18] = content[b"BPSK", 18]
    with pytest.raises(UserError, match="the cell BPSK at 18 dB twice"):
        opened(tmp_path, content, "a")


def test_10b_and_a_subset(tmp_path):
    content = cells(TEN, frames=3)
    source = opened(tmp_path, content, "b", ["WBFM", "BPSK"], [18], frames_per_cell=2, write=python2)
    assert source.modulation_index.tolist() == [0, 0, 1, 1]
    assert np.array_equal(source.read(np.array([3])).numpy()[0], content["BPSK", 18][1])
    assert "AM-DSB" not in RadioML2016(str(tmp_path / "set.pkl"), "b", "digital").modulations
    with pytest.raises(UserError, match=r"RML2016\.10a has 8PSK, AM-DSB, AM-SSB.* use dataset=radioml2016b"):
        RadioML2016(str(tmp_path / "set.pkl"), "a")


def test_a_pickled_source_reads_on(tmp_path):
    source = opened(tmp_path, cells(), "a", frame_length=100)
    travelled = pickle.dumps(source)
    assert len(travelled) < 10_000
    assert pickle.loads(travelled).read(np.arange(44)).equal(source.read(np.arange(44)))


def few(classes, frames):
    """Cells of (n, 2, 1): as many frames as published, of a single sample each."""
    return cells(classes, frames, snrs=(0,), length=1)


UNEVEN = {k: v[: 2 + i] for i, (k, v) in enumerate(cells(frames=99, snrs=(0,), length=1).items())}


@pytest.mark.parametrize(
    ("variant", "content", "definition", "symbols"),
    [
        ("a", cells(), "radioml2016", 8),
        ("a", cells(["BPSK", "QPSK"]), "radioml2016", 8),
        ("a", few(TEN, 1000), "radioml2016", 8),  # without AM-SSB, as people leave it out
        ("b", cells(["BPSK", "QPSK"]), "radioml2016", 8),
        ("c", UNEVEN, None, None),
        ("c", cells(), None, None),
        (None, few(ELEVEN, 1000), "radioml2016", 8),
        (None, few(["BPSK", "QPSK"], 1000), "radioml2016", 8),
        (None, few(TEN, 6000), "radioml2016", 8),
        (None, UNEVEN, None, None),
        (None, cells(), None, None),  # cells of 2 frames: whoever cut them knows from what
        (None, few(["BPSK", "16QAM"], 1000), None, None),
        (None, cells(["BPSK"], 1000, snrs=(20,), length=1), None, None),  # no such label in 10a
        (None, cells(["BPSK"], 1000, snrs=(18,), length=130), None, None),
        ("a", cells(["BPSK"], snrs=(1,)), None, 8),
    ],
)
def test_the_meaning_of_labels_goes_with_the_right_sets_alone(tmp_path, variant, content, definition, symbols):
    source = opened(tmp_path, content, variant)
    assert (source.snr_definition, source.samples_per_symbol) == (definition, symbols)
    if definition is None:
        given = RadioML2016(str(tmp_path / "set.pkl"), variant, snr_definition="sample", samples_per_symbol=8)
        assert (given.snr_definition, given.samples_per_symbol) == ("sample", 8)
    else:
        with pytest.raises(UserError, match=r"dataset\.snr_definition: RML2016.* so sample can't be right"):
            RadioML2016(str(tmp_path / "set.pkl"), variant, snr_definition="sample")


@pytest.mark.parametrize(
    ("variant", "content", "sentence"),
    [
        ("a", UNEVEN, r"hold 2 to 12 frames, and those of RML2016.10a all 1000: .* \(dataset=radioml2016c\)"),
        ("b", {k: v for k, v in UNEVEN.items() if k[0] != "AM-SSB"}, "those of RML2016.10b all 6000"),
        ("b", cells(), "RML2016.10b has 8PSK, AM-DSB, BPSK.* use dataset=radioml2016a"),
        ("a", few(["BPSK"], 1001), "1001 frames, more than the 1000 of RML2016.10a"),
        ("a", cells(["BPSK", "16QAM"]), "holds the classes 16QAM, BPSK; .* dataset=radioml2016, and"),
        ("d", cells(), "dataset.variant must be a, b, c or null"),
    ],
)
def test_another_variant_is_refused_by_its_name(tmp_path, variant, content, sentence):
    with pytest.raises(UserError, match=sentence):
        opened(tmp_path, content, variant)


def test_uneven_cells_of_04c(tmp_path):
    source = opened(tmp_path, UNEVEN, "c")
    assert np.bincount(source.modulation_index).tolist() == [len(UNEVEN[m, 0]) for m in ELEVEN]


SHARED = np.zeros((40, 2, 128), np.float32)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (pickle.dumps([1, 2]), "holds a list, not a dictionary"),
        (pickle.dumps({}), "holds an empty dictionary, not a dictionary"),
        (pickle.dumps({"BPSK": 1}), "has an entry 'BPSK'"),
        (pickle.dumps({(b"BPSK", "x"): SHARED}), "has an entry"),
        (pickle.dumps({("BPSK", 0): [1.0]}), "BPSK at 0 dB .* is none but a list"),
        (pickle.dumps({("BPSK", 0): SHARED[:, :, :0]}), "frames have no samples"),
        (pickle.dumps({("BPSK", 0): SHARED[:0]}), "holds no frames"),
        (pickle.dumps({("BPSK", 0): np.zeros((3, 128))}), r"shape \(3, 128\) of float64"),
        (
            pickle.dumps({("BPSK", 0): SHARED, ("QPSK", 0): SHARED[:, :, :9]}),
            "of 9 samples.* others in the file 128",
        ),
        (pickle.dumps({("BPSK", 0): SHARED, ("QPSK", 0): SHARED}), "one array to several cells"),
        (python2(cells())[:-2000], "no readable pickle"),
        (b"BZh91AY&SY", r"packed by bzip2, .* unpack it \(tar xjf RML2016.10a.tar.bz2\)"),
        (b"\x1f\x8b\x08", "packed by gzip"),
        (b"PK\x03\x04", "a zip archive"),
        (bytes(257) + b"ustar", "a tar archive"),
        (b"", "no readable pickle"),
    ],
)
def test_a_wrong_file_is_named_in_one_sentence(tmp_path, content, sentence):
    (tmp_path / "RML2016.10a.tar.bz2").write_bytes(content)
    with pytest.raises(UserError, match=sentence) as error:
        RadioML2016(str(tmp_path / "RML2016.10a.tar.bz2"))
    assert "\n" not in str(error.value)


def test_frames_that_are_not_finite_are_named(tmp_path):
    content = cells()
    content["PAM4", 18][1, 0, 5] = np.inf
    source = opened(tmp_path, content)
    with pytest.raises(UserError, match=r"frame 1 of PAM4 at 18 dB .* holds NaN"):
        source.read(np.arange(44))


def test_the_caveats_are_said_once(tmp_path, caplog):
    radioml2016.warn.cache_clear()
    for _ in range(2):
        opened(tmp_path, cells())
    assert len(caplog.records) == 2
    assert "doubled dB" in caplog.text and "AM-SSB frames hold noise alone" in caplog.text
    radioml2016.warn.cache_clear()
    caplog.clear()
    opened(tmp_path, cells(), "a", "digital")
    assert "doubled dB" in caplog.text and "AM-SSB" not in caplog.text
    opened(tmp_path, UNEVEN, "c")
    assert "RML2016.04C: what its SNR labels mean is not known" in caplog.text


def test_copies_of_frames_are_known(tmp_path):
    content = cells()
    for writer, copies in ((lambda c: c, 0), (lambda c: {k: np.repeat(v, 2, 0) for k, v in c.items()}, 44)):
        origin = opened(tmp_path, writer(content)).origin
        assert (0 if origin is None else len(origin.recording) - len(np.unique(origin.recording))) == copies
