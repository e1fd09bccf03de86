"""SigMF as people have it: archives, collections, channels, captures cut apart, annotations that lack things."""

import io
import json
import tarfile

import numpy as np
import pytest
import sigmf
from sigmf import SigMFFile

from amc_xai.data import Recordings
from amc_xai.errors import UserError
from tests.data.recordings.reading import ABOUT, IQ, RNG, N, labels_at, note, said, samples, write


def test_of_several_channels_one_is_read_as_the_package_does(tmp_path):
    data = RNG.integers(-(2**15), 2**15, (N, 3, 2), dtype=np.int16)
    path = write(tmp_path, data=data, datatype="ci16_le", num_channels=3)
    by_package = sigmf.fromfile(path).read_samples()
    for antenna in range(3):
        got = samples(path, antenna=antenna)
        np.testing.assert_array_equal(got[:, 0] + 1j * got[:, 1], by_package[:, antenna])
    with pytest.raises(UserError, match=r"^dataset.antenna must choose one of the 3 channels of .*antenna=0 to 2"):
        samples(path)
    with pytest.raises(UserError, match=r"^dataset.antenna=3: .*r.sigmf-meta has 3 channel"):
        samples(path, antenna=3)


@pytest.mark.parametrize("rate", [1e6, None])
def test_the_rate_is_needed_only_where_something_is_said_in_hertz(tmp_path, rate):
    path = write(
        tmp_path, notes=[note(0, 50, "BPSK", freq_lower_edge=-1e5, freq_upper_edge=1e5)], sample_rate=rate
    )
    if rate is None:
        with pytest.raises(
            UserError, match=r"^dataset.sample_rate must be given in Hz: annotations of .*bands=false"
        ):
            Recordings(str(path), 10)
        assert Recordings(str(path), 10, bands=False).sample_rate is None
        assert len(Recordings(str(path), 10, sample_rate=1e6).start) == 5
    else:
        assert Recordings(str(path), 10).sample_rate == 1e6


def test_an_offset_counts_from_the_stream_that_the_file_is_a_part_of(tmp_path, caplog):
    notes = [note(1020, 30, "BPSK"), note(990, 20, "QPSK")]
    path = write(tmp_path, [{"core:sample_start": 1000}], notes, offset=1000)
    expected = {
        0: "QPSK",
        10: None,
        20: "BPSK",
        30: "BPSK",
        40: "BPSK",
        50: None,
        60: None,
        70: None,
        80: None,
        90: None,
    }
    source = Recordings(str(path), 10)
    assert labels_at(source) == expected and said(caplog) == ""
    np.testing.assert_array_equal(source.read(np.array([2])).numpy()[0], IQ[20:30].T)
    # Some programs count from the file's first sample all the same.
    path = write(tmp_path, notes=[note(20, 30, "BPSK"), note(0, 10, "QPSK")], offset=1000)
    assert labels_at(Recordings(str(path), 10)) == expected
    assert "core:offset is 1000 and a capture begins at 0, before it" in said(caplog)


@pytest.mark.parametrize(
    ("second", "apart"),
    [
        ({}, False),
        ({"core:frequency": 1e9}, False),
        ({"core:datetime": "2024-01-01T00:00:00Z", "core:frequency": 1e9}, False),
        ({"core:frequency": 2e9}, True),
        ({"core:sample_rate": 2e6}, True),
        ({"core:global_index": 55}, False),
        ({"core:global_index": 77}, True),
        ({"core:header_bytes": 8}, True),
    ],
)
def test_captures_of_another_frequency_rate_or_time_are_cut_apart(tmp_path, second, apart):
    """No frame crosses the border at 55: frames of 10 begin at 0, 10, 40 of the first and at 55, 65, 75, 85."""
    first = {"core:sample_start": 0} | ({"core:frequency": 1e9} if second.get("core:frequency") else {})
    data = IQ.tobytes()
    if "core:header_bytes" in second:
        data = data[: 55 * 8] + b"a header" + data[55 * 8 :]
    path = write(tmp_path, [first, {"core:sample_start": 55, **second}], [note(50, 30, "BPSK")], data)
    source = Recordings(str(path), 10)
    firsts = [*range(0, 50, 10), *range(55, 95, 10)] if apart else list(range(0, 100, 10))
    assert source.start.tolist() == firsts
    assert source.read(np.arange(len(firsts))).numpy().tolist() == [IQ[b : b + 10].T.tolist() for b in firsts]
    labelled = [b for b, label in labels_at(source).items() if label]
    assert labelled == ([55, 65] if apart else [50, 60, 70])
    assert [r.sample_rate for r in source.recordings] == [1e6, second.get("core:sample_rate", 1e6)][: 1 + apart]


def test_captures_with_bytes_between_them_are_those_that_the_package_finds(tmp_path):
    captures = [
        {"core:sample_start": 10, "core:header_bytes": 16},
        {"core:sample_start": 40, "core:header_bytes": 5},
        {"core:sample_start": 70, "core:header_bytes": 3},
    ]
    pieces = [IQ[:10].tobytes(), b"h" * 16, IQ[10:40].tobytes(), b"h" * 5, IQ[40:70].tobytes(), b"h" * 3]
    path = write(tmp_path, captures, (), b"".join([*pieces, IQ[70:].tobytes(), b"tail"]), trailing_bytes=4)
    # What isn't SigMF's own data set has to be named.
    meta = json.loads(path.read_text())
    meta["global"]["core:dataset"] = "r.sigmf-data"
    path.write_text(json.dumps(meta))
    np.testing.assert_array_equal(samples(path), IQ)


def test_annotations_without_count_start_or_label(tmp_path, caplog):
    captures = [{"core:sample_start": 0}, {"core:sample_start": 60, "core:datetime": "2024-01-01T00:00:00Z"}]
    # To the end of its capture, which is what the specification says of one without a count.
    assert labels_at(Recordings(str(write(tmp_path, captures, [note(20, None, "BPSK")])), 20)) == {
        0: None, 20: "BPSK", 40: "BPSK", 60: None, 80: None,
    }  # fmt: skip
    assert (
        labels_at(Recordings(str(write(tmp_path, captures, [note(70, None, "BPSK")])), 20, hop=10))[80] == "BPSK"
    )
    assert said(caplog) == ""
    assert labels_at(Recordings(str(write(tmp_path, captures, [note(None, 50, "BPSK")])), 20)) == {
        0: "BPSK", 20: "BPSK", 40: None, 60: None, 80: None,
    }  # fmt: skip
    assert "1 annotations say no first sample; taken from the first on" in said(caplog)
    everything = Recordings(str(write(tmp_path, captures, [note(None, None, "BPSK")])), 20)
    assert set(labels_at(everything).values()) == {"BPSK"}
    unlabelled = [note(0, 40), note(40, 40, " "), note(80, 20, 3), {**note(0, 20), "x:SNR_dB": 7}]
    source = Recordings(str(write(tmp_path, captures, unlabelled)), 20)
    assert source.modulations == [] and source.snrs == [7]
    assert source.snr_index.tolist() == [0, -1, -1, -1, -1]


def test_an_archive_is_read_where_it_lies(tmp_path):
    """By the package's own writer, and one of several recordings."""
    write(tmp_path, notes=[note(20, 40, "BPSK")])
    SigMFFile(metadata=json.loads((tmp_path / "r.sigmf-meta").read_text()), data_file=tmp_path / "r.sigmf-data",
              skip_checksum=True).archive(str(tmp_path / "one.sigmf"))  # fmt: skip
    source = Recordings(str(tmp_path / "one.sigmf"), 10)
    assert [b for b, label in labels_at(source).items() if label] == [20, 30, 40, 50]
    np.testing.assert_array_equal(source.read(np.arange(10)).numpy(), IQ.reshape(10, 10, 2).transpose(0, 2, 1))
    assert source.recordings[0].numbers.file == tmp_path / "one.sigmf"
    write(tmp_path, name="s", data=-IQ)
    with tarfile.open(tmp_path / "two.sigmf", "w") as tar:
        for file in ("r.sigmf-meta", "r.sigmf-data", "s.sigmf-meta", "s.sigmf-data"):
            tar.add(tmp_path / file, f"folder/{file}")
    source = Recordings(str(tmp_path / "two.sigmf"), N)
    assert [p.name for p in source.files] == ["r.sigmf-meta", "s.sigmf-meta"]
    np.testing.assert_array_equal(source.read(np.arange(2)).numpy(), np.stack([IQ.T, -IQ.T]))
    (tmp_path / "labels.csv").write_text(
        "file,start,stop,modulation,snr\ns,,,QPSK,\nfolder/r.sigmf-data,,,8PSK,\n"
    )
    source = Recordings(str(tmp_path / "two.sigmf"), N, labels=str(tmp_path / "labels.csv"))
    assert [source.modulations[m] for m in source.modulation_index] == ["8PSK", "QPSK"]


def archive(path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))


def test_an_archive_that_is_cut_short_compressed_or_none(tmp_path, caplog):
    path = tmp_path / "r.sigmf"
    meta = json.dumps({"global": ABOUT, "captures": [], "annotations": []}).encode()
    archive(path, {"r/r.sigmf-meta": meta, "r/r.sigmf-data": IQ.tobytes()})
    # Its data begin behind three heads of 512 bytes and the metadata's own block.
    path.write_bytes(path.read_bytes()[: 512 * 3 + 80 * 8 + 3])
    np.testing.assert_array_equal(samples(path), IQ[:80])
    assert f"is cut short: {20 * 8 - 3} of the {N * 8} bytes of r/r.sigmf-data are missing" in said(caplog)
    for content, words in (
        (b"\x1f\x8b" + bytes(600), "is packed by gzip: unpack it"),
        (b"PK\x03\x04" + bytes(600), "is a zip archive: unpack it"),
        (b"rubbish" * 100, "is no readable archive"),
        (b"", "is no readable archive"),
    ):
        path.write_bytes(content)
        with pytest.raises(UserError, match=rf"^dataset.path: .*r\.sigmf {words}[^\n]*$"):
            samples(path)
    archive(path, {"r.txt": b"x"})
    with pytest.raises(UserError, match=r"holds no recording: there is no file .sigmf-meta in it"):
        samples(path)
    archive(path, {"r.sigmf-meta": meta, "s.sigmf-data": IQ.tobytes()})
    with pytest.raises(UserError, match=r"has no samples beside it, in a file named r\.sigmf-data"):
        samples(path)


def test_a_collection_is_its_streams_and_they_stay_together_in_a_split(tmp_path):
    for name, sign in (("a", 1), ("b", -1)):
        write(tmp_path, name=name, data=sign * IQ)
    write(tmp_path, name="c", data=2 * IQ)
    streams = [{"name": "a", "hash": ""}, {"name": "b", "hash": ""}]
    path = tmp_path / "both.sigmf-collection"
    path.write_text(json.dumps({"collection": {"core:version": "1.2.0", "core:streams": streams}}))
    source = Recordings(str(path), 50)
    assert [f.name for f in source.files] == ["a.sigmf-meta", "b.sigmf-meta"]
    assert source.origin.key().tolist()[:2] == source.origin.key().tolist()[2:] and source.origin.overlaps()
    # In a folder each stream is read once, and what is in no collection stands alone.
    source = Recordings(str(tmp_path), 50)
    assert [f.name for f in source.files] == ["a.sigmf-meta", "b.sigmf-meta", "c.sigmf-meta"]
    assert [len(set(source.origin.recording[source.file_index < k])) for k in (2, 3)] == [1, 2]
    path.write_text("{}")
    with pytest.raises(UserError, match=r"both.sigmf-collection is no readable SigMF collection"):
        Recordings(str(path), 50)


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "..", "a/b", "a\\b", "a\0b", "C:x", "\ud800", "\x1b[31m", "", 3, None]
)
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    (tmp_path / "inner").mkdir()
    write(tmp_path, name="evil")
    (tmp_path / "inner" / "c.sigmf-collection").write_text(
        json.dumps({"collection": {"core:streams": [{"name": name}]}})
    )
    with pytest.raises(UserError, match=r"core:streams .*; it must be the name of a file in the same folder"):
        Recordings(str(tmp_path / "inner" / "c.sigmf-collection"), 10)
    if name is not None:
        (tmp_path / "inner" / "c.sigmf-collection").unlink()
        write(tmp_path / "inner", dataset=name if name != "../evil" else "../evil.sigmf-data")
        with pytest.raises(UserError, match=r"core:dataset .*; it must be the name of a file in the same folder"):
            Recordings(str(tmp_path / "inner"), 10)


def test_a_data_set_of_another_ending_is_read_once_by_its_metadata(tmp_path, caplog):
    """A WAV file with metadata beside it: the specification's own example of such."""
    (tmp_path / "r.wav").write_bytes(b"h" * 44 + (IQ * 2**15).astype("<i2").tobytes())
    path = write(
        tmp_path, [{"core:sample_start": 0, "core:header_bytes": 44}], dataset="r.wav", datatype="ci16_le"
    )
    (tmp_path / "r.sigmf-data").unlink()
    np.testing.assert_allclose(samples(tmp_path), IQ, atol=2**-15)
    assert Recordings(str(tmp_path), 10).files == [path] and said(caplog) == ""


def test_a_header_with_the_wrong_type_is_overruled(tmp_path, caplog):
    path = write(tmp_path, datatype="ci16_le")
    np.testing.assert_array_equal(samples(path, datatype="cf32_le"), IQ)
    assert "its header says ci16_le; dataset.datatype=cf32_le wins" in said(caplog)


def test_a_file_that_ends_before_its_annotations_is_said_to(tmp_path, caplog):
    samples(write(tmp_path, notes=[note(50, 100, "BPSK")]))
    assert "its samples end at 100, and its annotations at 150; the file seems cut short" in said(caplog)


def test_a_data_file_is_found_by_its_own_name(tmp_path):
    path = write(tmp_path)
    np.testing.assert_array_equal(samples(path.with_suffix(".sigmf-data")), IQ)
    path.unlink()
    with pytest.raises(UserError, match=r"has no .sigmf-meta beside it"):
        samples(path.with_suffix(".sigmf-data"))
    np.testing.assert_array_equal(samples(path.with_suffix(".sigmf-data"), datatype="cf32_le"), IQ)


def told(captures=(), annotations=(), **about) -> dict:
    return {
        "global": ABOUT | {f"core:{key}": value for key, value in about.items()},
        "captures": [{f"core:{key}": value for key, value in capture.items()} for capture in captures],
        "annotations": [{f"core:{key}": value for key, value in entry.items()} for entry in annotations],
    }


WRONG = {
    "no JSON": ("{", "no readable SigMF recording"),
    "too deep": ("[" * 100_000, "no readable SigMF recording"),
    "a list": ("[]", "its global is none"),
    "null": ("null", "its global is none"),
    "global a list": ({"global": []}, "its global is none"),
    "captures a word": ({"global": ABOUT, "captures": "x"}, "its captures is none"),
    "a capture that is a number": ({"global": ABOUT, "captures": [1]}, "its captures is none"),
    "annotations of null": ({"global": ABOUT, "annotations": [None]}, "its annotations is none"),
    "no type": ({"global": {}}, "core:datatype of .* must be a type of samples"),
    "a type of another kind": (told(datatype=["cf32_le"]), "must be a type of samples"),
    "channels of 0": (told(num_channels=0), "has core:num_channels 0; it must be 1 or more"),
    "channels of a word": (told(num_channels="2"), "has core:num_channels '2'"),
    "a start below 0": (told([{"sample_start": -1}]), "has core:sample_start -1; it must be a whole"),
    "a start of infinity": (told([{"sample_start": float("inf")}]), "has core:sample_start inf; it must"),
    "half a start": (told([{"sample_start": 0.5}]), "has core:sample_start 0.5; it must be a whole"),
    "captures out of order": (told([{"sample_start": 9}, {"sample_start": 3}]), "not in the order"),
    "a count that is a word": (told((), [{"sample_start": 0, "sample_count": "x"}]), "core:sample_count 'x'"),
    "more header than file": (told([{"sample_start": 0, "header_bytes": 10**15}]), "holds no samples"),
    "more trailer than file": (told(trailing_bytes=10**9), "holds no samples"),
    "numbers beyond all": (told(offset=10**30), "has core:offset 1000"),
}


@pytest.mark.parametrize("which", WRONG)
def test_metadata_that_are_wrong_are_refused_in_a_sentence(tmp_path, which):
    content, sentence = WRONG[which]
    path = write(tmp_path)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(UserError, match=rf"^dataset.path: .*{sentence}[^\n]*$"):
        Recordings(str(path), 10)


def test_ten_thousand_annotations_label_the_frames_that_brute_force_says(tmp_path):
    """They overlap, lack labels and SNRs, and begin anywhere; the shortest that holds a frame whole decides."""
    rng = np.random.default_rng(0)
    kinds, length = ["BPSK", "QPSK", "8PSK", None], 10
    begin, count = rng.integers(0, 98_000, 10_000), rng.permutation(10_000) // 8 + 1
    kind, snr = rng.integers(0, 4, 10_000), rng.integers(-1, 9, 10_000)
    notes = [
        note(int(begin[k]), int(count[k]), kinds[kind[k]], snr=None if snr[k] < 0 else 2 * int(snr[k]))
        for k in range(10_000)
    ]
    data = rng.integers(-9, 9, (100_000, 2), dtype="i1")
    source = Recordings(str(write(tmp_path, notes=notes, data=data, datatype="ci8")), length)
    classes, levels = [*source.modulations, None], [*source.snrs, None]
    for frame in range(0, len(source.start), 97):
        at = source.start[frame]
        holds = (begin <= at) & (at + length <= begin + count)
        for known, names, found in (
            (kind < 3, kinds, classes[source.modulation_index[frame]]),
            (snr >= 0, [2.0 * k for k in range(9)], levels[source.snr_index[frame]]),
        ):
            told = kind if names is kinds else snr
            here = np.flatnonzero(holds & known)
            nearest = here[count[here] == count[here].min()] if len(here) else here
            assert found in ({names[told[k]] for k in nearest} or {None})
