"""Damaged and hostile data files, as the command line answers them: exit code 1 and one sentence."""

import os
import pickle
import shutil

import h5py
import numpy as np
import pytest
from torch._utils import ExceptionWrapper

from amc_xai.__main__ import user_error
from amc_xai.errors import UserError
from tests.conftest import tiny


def edited(change):
    """Damage a RadioML 2018.01A file through h5py."""

    def damage(path):
        with h5py.File(path, "r+") as file:
            change(file)

    return damage


def permute_labels(file):
    """Frames of no class's look under labels that left their rows."""
    file["Y"][:] = np.random.default_rng(0).permutation(file["Y"][:])


def one_channel(file):
    real = file["X"][:, :, 0]
    del file["X"]
    file["X"] = real


def break_frames(file):
    """Every frame of BPSK (label column 3) at 0 dB."""
    file["X"][(3 * 26 + 10) * 10 : (3 * 26 + 11) * 10, 5, 1] = np.nan


DAMAGES = {
    "permuted_labels": (edited(permute_labels), ["contradict its labels", "BPSK looks like", "permuted apart"]),
    "no_labels": (edited(lambda file: file.__delitem__("Y")), ["lacks Y, the one-hot labels"]),
    "wrong_shape": (edited(one_channel), ["shape (frames, samples, 2)", "(6240, 128)"]),
    "cut_short": (lambda path: os.truncate(path, path.stat().st_size - 5000), ["is cut short"]),
    "not_finite": (edited(break_frames), ["frame 8", "holds NaN or infinite samples", "task=inspect"]),
}


def sentence(result) -> str:
    """The last line that was printed; nothing of a traceback came before it."""
    assert result.code == 1
    said = result.out + result.err
    assert "Traceback" not in said and "Error" not in said
    assert "Traceback" not in (result.folder / "amc_xai.log").read_text()
    return said.strip().splitlines()[-1]


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_radioml2018_file(cli, brought, tmp_path, damage, words):
    path = tmp_path / "gold.hdf5"
    shutil.copy(brought / "gold.hdf5", path)
    damage(path)
    result = cli(*tiny("dataset=radioml2018", f"dataset.path={path}"))
    said = sentence(result)
    for word in ["dataset.path", str(path), *words]:
        assert word in said
    assert "metrics.json" not in result.files


class Program:
    """Pickles as a call of ``os.mkdir``."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("variant", ["a", "b"])
def test_a_pickle_that_tries_to_run_code(cli, tmp_path, variant):
    path, made = tmp_path / "frames.pkl", tmp_path / "made_by_the_pickle"
    frames = np.zeros((10, 2, 128), np.float32)
    path.write_bytes(pickle.dumps({("BPSK", 0): frames, ("QPSK", 0): Program(made)}, 2))
    said = sentence(cli(*tiny(f"dataset=radioml2016{variant}", f"dataset.path={path}")))
    assert "asks for posix.mkdir" in said and "not called" in said and str(path) in said
    assert not made.exists()
    pickle.loads(path.read_bytes())
    assert made.exists()  # elsewhere it would have run


def test_an_error_of_a_reading_process_is_the_same_sentence():
    """torch hands it on as the text of the process's traceback."""
    try:
        raise UserError("dataset.path: frame 3 holds NaN")
    except UserError:
        wrapped = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(UserError, match="Traceback") as caught:
        wrapped.reraise()
    assert str(user_error(caught.value)) == "dataset.path: frame 3 holds NaN"
