"""Frames written as SigMF are valid by the standard's own package, and come back with their labels."""

import numpy as np
import pytest
import sigmf

from amc_xai.data import Recordings, Synthetic
from amc_xai.data.conversion import cells_of, write_cells
from amc_xai.data.sigmf_files import SigmfWriter, WholeSigmfWriter
from amc_xai.errors import UserError

RNG = np.random.default_rng(5)


def as_read(source) -> dict:
    """Every frame's bytes with its labels as words, sorted: the order of files is no matter."""
    names, levels = [*source.modulations, None], [*source.snrs, None]
    found = []
    # Cell by cell: in other chunks the last bit of a synthetic frame may fall differently.
    for m, s in set(zip(source.modulation_index.tolist(), source.snr_index.tolist(), strict=True)):
        cell = np.flatnonzero((source.modulation_index == m) & (source.snr_index == s))
        found += [(frame.tobytes(), str(names[m]), str(levels[s])) for frame in source.read(cell).numpy()]
    return sorted(found)


def test_cells_come_back_frame_by_frame(tmp_path):
    source = Synthetic(["QPSK", "8PSK"], [-2.5, 10], 3, frame_length=64)
    source.sample_rate = 2e6
    assert list(write_cells(source, SigmfWriter(), tmp_path, {})) == [True] * 4
    assert list(write_cells(source, SigmfWriter(), tmp_path, {})) == [False] * 4
    back = Recordings(tmp_path, frame_length=64)
    assert as_read(back) == as_read(source) and back.sample_rate == 2e6
    # Frames don't touch: cut in another length, none is made of two.
    other = Recordings(tmp_path, frame_length=48)
    labelled = other.modulation_index >= 0
    assert np.array_equal(other.start[labelled] % 64 <= 16, np.ones(labelled.sum(), bool))
    for path in tmp_path.rglob("*.sigmf-meta"):
        meta = sigmf.fromfile(path)  # which compares the checksum
        meta.validate()
        notes = meta.get_annotations()
        assert [note["core:sample_start"] for note in notes] == [0, 64, 128]
        assert meta.get_global_info()["amc_xai:snr_definition"] == "es_n0"


@pytest.fixture
def labelled(tmp_path):
    """Two recordings; of the first, samples 200 to 699 are BPSK, 500 to 699 at 10 dB; the second has no label."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "ab":
        (RNG.standard_normal((1000, 2)).astype("<f4")).tofile(folder / f"{name}.cf32")
    (tmp_path / "labels.csv").write_text(
        "file,start,stop,modulation,snr\na.cf32,200,700,BPSK,\na.cf32,500,700,BPSK,10\n"
    )
    return lambda **more: Recordings(
        folder, frame_length=100, sample_rate=1e6, labels=tmp_path / "labels.csv", **more
    )


@pytest.mark.parametrize("hop", [None, 25])
def test_whole_recordings_come_back_with_labels_and_overlap(tmp_path, labelled, hop):
    source, writer = labelled(hop=hop), WholeSigmfWriter()
    assert sum(write_cells(source, writer, tmp_path / "out", {}, cells=writer.parts(source))) == 2
    back = Recordings(tmp_path / "out", frame_length=100, hop=hop)
    assert as_read(back) == as_read(source)
    assert (back.modulation_index < 0).any() and (back.snr_index >= 0).any()
    for path in (tmp_path / "out").glob("*.sigmf-meta"):
        sigmf.fromfile(path).validate()


def test_a_gap_makes_two_recordings_and_nothing_is_invented_between(tmp_path, labelled):
    source, writer = labelled(modulations=["BPSK"]), WholeSigmfWriter()
    source.origin.start[:] = np.where(source.origin.start >= 400, source.origin.start + 100, source.origin.start)
    list(write_cells(source, writer, tmp_path / "out", {}, cells=writer.parts(source)))
    files = sorted(path.name for path in (tmp_path / "out").glob("*.sigmf-data"))
    assert files == [
        "recording_00000_from_000000000200.sigmf-data",
        "recording_00000_from_000000000500.sigmf-data",
    ]
    assert as_read(Recordings(tmp_path / "out", frame_length=100)) == as_read(source)


def test_frames_that_were_cut_from_nothing_are_no_recordings():
    with pytest.raises(UserError, match="not cut from recordings"):
        WholeSigmfWriter().parts(Synthetic(["QPSK"], [0], 3, frame_length=64))


def test_frames_without_labels_are_left_out_of_cells_and_said_so(cli, brought, tmp_path, caplog):
    (tmp_path / "labels.csv").write_text("file,start,stop,modulation,snr\nBPSK0.cf32,0,128,BPSK,3\n")
    given = [
        "task=convert", "task.format=sigmf", f"task.to={tmp_path}/out", "dataset=recordings",
        "dataset.frame_length=128", f"dataset.path={brought}/recordings", "dataset.sample_rate=1e6",
        f"dataset.labels={tmp_path}/labels.csv",
    ]  # fmt: skip
    done = cli(*given)
    assert done.code == 0 and "39 frames without a label" in done.out
    assert "dataset=recordings dataset.frame_length=128" in done.out
    assert len(cells_of(Recordings(tmp_path / "out", frame_length=128))) == 1
    whole = cli(*given[:2], f"task.to={tmp_path}/whole", *given[3:], "task.whole=true")
    assert whole.code == 0 and "without a label" not in whole.out
    assert len(Recordings(tmp_path / "whole", frame_length=128).snr_index) == 40
