"""The predictions table: what it accepts, and that a file gives it back."""

import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

from amc_xai.errors import UserError
from amc_xai.evaluation.predictions import Predictions
from amc_xai.files import replacing


def arrays(**changes):
    rng = np.random.default_rng(0)
    values = {
        "modulation_label": np.array([0, 2, -1, 1]),
        "snr_label": np.array([1, -1, 0, 0]),
        "modulation_probability": rng.dirichlet(np.ones(3), 4),
        "snr_probability": rng.dirichlet(np.ones(2), 4),
        "modulations": ["BPSK", "QPSK", "16QAM"],
        "snrs": [0, 10],
    }
    return values | changes


def test_round_trip_keeps_values_and_types(tmp_path):
    table = Predictions(**arrays())
    path = table.save(tmp_path / "new" / "predictions.npz")
    loaded = Predictions.load(path)
    for field in fields(Predictions):
        before, after = getattr(table, field.name), getattr(loaded, field.name)
        assert before.dtype == after.dtype and np.array_equal(before, after)
    with np.load(path, allow_pickle=False) as archive:
        kinds = {name: archive[name].dtype.str for name in archive.files}
    assert kinds["modulation_label"] == kinds["snr_label"] == "<i8"
    assert kinds["modulation_probability"] == kinds["snr_probability"] == "<f4"
    assert kinds["snrs"] == "<f8" and kinds["modulations"].startswith("<U")
    assert [entry.name for entry in path.parent.iterdir()] == ["predictions.npz"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"snr_label": np.array([0, 1])}, "snr_label has shape"),
        ({"modulation_label": np.array([0, 3, 0, 0])}, "from 0 to 3; allowed are 0 to 2"),
        ({"modulation_label": np.array([0, -2, 0, 0])}, "-1 for unknown"),
        ({"modulation_probability": np.full((4, 2), 0.5)}, r"modulation_probability has shape \(4, 2\)"),
        ({"snr_probability": np.full((4, 2), np.nan)}, "snr_probability holds values that are not"),
        ({"snr_probability": np.full((4, 2), -3.0)}, "snr_probability holds values that are not"),
        ({"modulations": ["BPSK", "BPSK", "QPSK"]}, "modulations must be a list"),
        ({"snrs": [0, np.inf]}, "snrs holds a value that is not finite"),
    ],
)
def test_contradictions_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        Predictions(**arrays(**changes))


def test_files_that_are_no_table(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        Predictions.load(tmp_path / "none.npz")
    np.save(tmp_path / "single.npy", np.zeros(3))
    with pytest.raises(UserError, match="is not a table"):
        Predictions.load(tmp_path / "single.npy")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(UserError, match="is not a table"):
        Predictions.load(tmp_path / "text.npz")
    np.savez(tmp_path / "part.npz", snrs=np.zeros(1))
    with pytest.raises(UserError, match="lacks modulation_label, snr_label"):
        Predictions.load(tmp_path / "part.npz")
    with pytest.raises(UserError, match=r"must end in \.npz"):
        Predictions(**arrays()).save(tmp_path / "table.bin")


def test_pickled_objects_are_refused(tmp_path):
    values = arrays(modulations=np.array(["BPSK", "QPSK", "16QAM"], dtype=object))
    np.savez(tmp_path / "objects.npz", **values)
    with pytest.raises(UserError, match="is not a table"):
        Predictions.load(tmp_path / "objects.npz")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_rooms_that_read_files_import_no_torch():
    program = (
        "import sys, pkgutil, importlib, amc_xai.evaluation, amc_xai.report\n"
        "for name in amc_xai.evaluation.__all__:\n"
        "    getattr(amc_xai.evaluation, name)\n"
        "for name in amc_xai.report.__all__:\n"
        "    getattr(amc_xai.report, name)\n"
        "for module in pkgutil.iter_modules(amc_xai.report.__path__, 'amc_xai.report.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert 'torch' not in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
