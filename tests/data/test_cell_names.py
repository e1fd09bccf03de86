"""Whatever a label says, its files stay in their folder, no two share one, and it can be read back."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amc_xai.data import Facts, Images, Recordings, SplitHdf5
from amc_xai.data.cell_names import LONGEST, check_apart, class_name, class_of, snr_name
from amc_xai.data.conversion import SplitStoreWriter, write_cells
from amc_xai.data.split_files import cell_path
from amc_xai.errors import UserError
from amc_xai.representation import Constellation
from amc_xai.tasks.images import PngWriter

EVIL = [
    "../../evil",
    "/etc/evil",
    "..",
    ".",
    "a/b",
    "a\\b",
    "a_b",
    "a%2Fb",
    "nul\0",
    "QPSK ",
    ".hidden",
    "\ud800",
    "π/4",
]
LABELS = st.one_of(
    st.sampled_from(EVIL), st.text(st.characters(codec=None, exclude_categories=[]), min_size=1, max_size=9)
)


@settings(deadline=None, max_examples=200, database=None)
@given(
    LABELS,
    st.floats(-99, 99, allow_subnormal=False).map(lambda snr: round(snr, 9)),  # a training flushes the others
)
def test_a_cell_lies_two_folders_below_its_root_and_tells_its_label(label, snr):
    root = Path("/store")
    path = cell_path(root, label, snr)
    assert Path(os.path.normpath(path)) == path and path.parent.parent.parent == root
    assert class_of(path.parent.parent.name) == label and "\0" not in str(path)
    assert float(path.parent.name.removeprefix("SNR_")) == snr
    assert "_" not in class_name(label, "_") and class_of(class_name(label, "_")) == label
    path.name.encode()  # which a lone surrogate could not be


@settings(deadline=None, max_examples=100, database=None)
@given(st.lists(LABELS, min_size=2, max_size=2, unique=True))
def test_two_labels_are_two_names_or_refused(pair):
    assert class_name(pair[0]) != class_name(pair[1])
    if class_name(pair[0]).casefold() == class_name(pair[1]).casefold():
        with pytest.raises(UserError, match="differ in case alone"):
            check_apart(pair)
    else:
        check_apart(pair)


def test_a_folder_of_another_writer_keeps_its_name():
    assert class_of("A%FF") == "A%FF"


def test_snrs_that_print_alike_are_told_apart():
    assert [snr_name(s) for s in (10.0, 10.000001, -4, 2.5, -0.0, 1e-7)] == [
        "10", "10.000001", "-4", "2.5", "0", "0.0000001",
    ]  # fmt: skip


def test_labels_and_snrs_that_can_not_be_names_are_refused():
    for label in ("", "x" * (LONGEST + 1), "/" * 70):
        with pytest.raises(UserError, match="can't be a file's name"):
            class_name(label)
    for snr in (np.inf, np.nan, 1e-300):
        with pytest.raises(UserError, match="can't be part of a file's name"):
            snr_name(snr)


@pytest.fixture
def hostile(tmp_path) -> Recordings:
    """A SigMF recording whose notes are named like places elsewhere, at two SNRs that print alike."""
    folder = tmp_path / "in"
    folder.mkdir()
    np.random.default_rng(0).standard_normal(2 * 64 * 8, np.float32).tofile(folder / "r.sigmf-data")
    cells = [(label, snr) for label in ("../../evil", "a_b/c") for snr in (10, 10.000001)]
    notes = [
        {"core:sample_start": 128 * k, "core:sample_count": 128, "core:label": label, "lab:snr": snr}
        for k, (label, snr) in enumerate(cells)
    ]
    about = {"core:datatype": "cf32_le", "core:sample_rate": 1.0, "core:version": "1.0.0"}
    meta = {"global": about, "captures": [{"core:sample_start": 0}], "annotations": notes}
    (folder / "r.sigmf-meta").write_text(json.dumps(meta))
    return Recordings(folder, frame_length=64)


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_labels_of_a_file_write_nothing_outside_of_the_folder_and_come_back(tmp_path, hostile):
    before = files_in(tmp_path)
    root = tmp_path / "deep" / "store"
    assert len(list(write_cells(hostile, SplitStoreWriter(), root, {}))) == 4
    assert all(path.is_relative_to(root) for path in files_in(tmp_path) - before)
    assert not (tmp_path / "evil").exists()
    store = SplitHdf5(root)
    assert store.modulations == ["../../evil", "a_b/c"] and store.snrs == [10, 10.000001]
    assert np.array_equal(store.read(np.arange(8)), hostile.read(np.arange(8)))


def test_pictures_of_such_labels_do_so_too(tmp_path, hostile):
    before = files_in(tmp_path)
    root = tmp_path / "deep" / "pictures"
    list(write_cells(hostile, PngWriter(Constellation(Facts.of(hostile), 16), None, 0), root, {}))
    assert all(path.is_relative_to(root) for path in files_in(tmp_path) - before)
    pictures = Images(root, ["trajectory"])
    assert pictures.modulations == ["../../evil", "a_b/c"] and pictures.snrs == [10, 10.000001]
    assert len(pictures.modulation_index) == 8
