"""Labels from a CSV go to the file that they name; measured SNRs are put into bins."""

import json

import numpy as np
import pytest

from amc_xai.data import Recordings
from amc_xai.errors import UserError
from tests.data.recordings.reading import said

HEAD = "file,start,stop,modulation,snr\n"


@pytest.fixture
def folder(tmp_path):
    """a/r.cf32, b/r.cf32, b/s.cf32 and s.wav's namesake b/s.cs8, of 40 samples each; all differ."""
    rng = np.random.default_rng(9)
    for name in ("a/r.cf32", "b/r.cf32", "b/s.cf32", "b/s.cs8"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng.integers(-100, 100, (40, 2)).astype("i1" if name.endswith("cs8") else "<f4").tofile(path)
    return tmp_path / "data"


def labelled(folder, rows: str, **options):
    path = folder.parent / "labels.csv"
    path.write_text(HEAD + rows, encoding="utf-8")
    return Recordings(str(folder), 10, labels=str(path), **options)


def modulations(source) -> dict[str, str | None]:
    """The label of each file's first frame, by its path below the folder."""
    root = min(source.files, key=lambda p: len(p.parts)).parents[1]
    return {
        str(path.relative_to(root)): None if m < 0 else source.modulations[m]
        for path, m in zip(source.files, source.modulation_index[source.start == 0], strict=True)
    }


def test_files_of_one_name_in_two_folders_keep_their_own_labels(folder):
    source = labelled(folder, "b/r.cf32,,,QPSK,\na/r.cf32,,,BPSK,\n")
    assert modulations(source) == {"a/r.cf32": "BPSK", "b/r.cf32": "QPSK", "b/s.cf32": None, "b/s.cs8": None}


@pytest.mark.parametrize(
    "name", ["a/r", "./a/r.cf32", "a\\r.cf32", "data/a/r.cf32", "{folder}/a/r.cf32", " a/r.cf32 "]
)
def test_a_path_may_be_written_in_several_ways(folder, name):
    source = labelled(folder, f"{name.format(folder=folder)},,,BPSK,\n")
    assert modulations(source)["a/r.cf32"] == "BPSK" and modulations(source)["b/r.cf32"] is None


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            "r.cf32,,,BPSK,",
            r"names r\.cf32, which may be .*a/r\.cf32, .*b/r\.cf32; write its path below dataset\.path",
        ),
        ("b/s,,,BPSK,", r"names b/s, which may be .*s\.cf32, .*s\.cs8"),
        ("c/r.cf32,,,BPSK,", r"names c/r\.cf32, which isn't there; .*a/r\.cf32 is: write its path"),
        ("../data/a/r.cf32,,,BPSK,", r"which isn't there"),
        ("/elsewhere/a/r.cf32,,,BPSK,", r"which isn't there"),
        (",,,BPSK,", r"names no file, which isn't there"),
        ("a/r.cf32,x,,BPSK,", r"start must be a whole number of samples, not 'x'"),
        ("a/r.cf32,1.5,,BPSK,", r"start must be a whole number of samples, not '1\.5'"),
        ("a/r.cf32,,inf,BPSK,", r"stop must be a whole number of samples, not 'inf'"),
        ("a/r.cf32,-3,,BPSK,", r"labels the samples -3 to 40; .*a/r\.cf32 has the samples 0 to 40"),
        ("a/r.cf32,20,10,BPSK,", r"labels the samples 20 to 10; "),
        ("a/r.cf32,40,90,BPSK,", r"labels the samples 40 to 90; "),
        ("a/r.cf32,,,BPSK,nan", r"snr must be a number of dB, not 'nan'"),
        ("a/r.cf32,,,BPSK,1e9", r"snr must be a number of dB, not '1e9'"),
        ("a/r.cf32,,,BPSK,ten", r"snr must be a number of dB, not 'ten'"),
    ],
)
def test_a_line_that_could_mean_another_file_or_nothing_is_refused(folder, row, words):
    with pytest.raises(UserError, match=rf"^dataset\.labels: line 3 of .*labels\.csv.* ?{words}"):
        labelled(folder, f"a/r.cf32,,,BPSK,3\n{row}\n")


def test_numbers_and_separators_of_spreadsheets(folder):
    source = labelled(folder, "a/r.cf32,10.0,3e1,BPSK,5\n")
    assert source.start[source.modulation_index == 0].tolist() == [10, 20]
    for separator in ";\t":
        (folder.parent / "x.csv").write_text(
            (HEAD + "a/r,10,30,BPSK,5\n").replace(",", separator), encoding="utf-8-sig"
        )
        source = Recordings(str(folder), 10, labels=str(folder.parent / "x.csv"))
        assert source.start[source.modulation_index == 0].tolist() == [10, 20]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00x", b"file,start,stop,modulation,snr\na/r,\xff,,,"])
def test_what_is_no_text_is_refused(folder, content):
    (folder.parent / "x.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"^dataset\.labels: .*x\.csv (is no readable CSV file|lacks the column)"):
        Recordings(str(folder), 10, labels=str(folder.parent / "x.csv"))


def test_a_row_reaches_all_captures_of_its_file_and_bands_are_left(tmp_path):
    captures = [{"core:sample_start": 0, "core:frequency": 1}, {"core:sample_start": 50, "core:frequency": 2}]
    band = {"core:sample_start": 0, "core:label": "X", "core:freq_lower_edge": 1, "core:freq_upper_edge": 9}
    meta = {"global": {"core:datatype": "ci8"}, "captures": captures, "annotations": [band]}
    (tmp_path / "r.sigmf-meta").write_text(json.dumps(meta))
    (tmp_path / "r.sigmf-data").write_bytes(bytes(200))
    for name in ("r", "r.sigmf-meta", "r.sigmf-data"):
        (tmp_path / "labels.csv").write_text(f"{HEAD}{name},20,80,BPSK,\n")
        source = Recordings(str(tmp_path), 10, labels=str(tmp_path / "labels.csv"))
        assert source.start[source.modulation_index == 0].tolist() == [20, 30, 40, 50, 60, 70]


def test_measured_snrs_are_put_into_bins(folder, caplog):
    values = [-3.01, -2.99, -0.9, 0.99, 1.0, 4.7, 100.0]
    rows = "".join(f"a/r,{k},{k + 10},,{value}\n" for k, value in enumerate(values))
    source = labelled(folder, rows, hop=1, snr_step=2)
    assert source.snrs == [-4, -2, 0, 2, 4, 100]
    assert [source.snrs[k] for k in source.snr_index[:7]] == [-4, -2, 0, 0, 2, 4, 100]
    assert labelled(folder, rows, hop=1, snr_step=0.1).snrs == [-3.0, -0.9, 1.0, 4.7, 100.0]
    assert labelled(folder, rows, hop=1).snrs == values and said(caplog) == ""
    many = "".join(f"a/r,,,,{k / 7}\n" for k in range(65))
    assert len(labelled(folder, many).snrs) == 65
    assert "65 different SNRs, 0 to 9.14286 dB, each a class of its own; dataset.snr_step=2 puts them" in said(
        caplog
    )
    with pytest.raises(UserError, match=r"^dataset\.snrs: .* holds no 5; it holds -4"):
        labelled(folder, rows, snr_step=2, snrs=[5])
