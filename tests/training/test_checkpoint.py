import pickle

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amc_xai.errors import UserError
from amc_xai.training import load_checkpoint, save_checkpoint
from amc_xai.training.checkpoint import random_state, restore_random_state

STATE = {
    "network": {"weight": torch.arange(6.0).view(2, 3)},
    "config": {"seed": 0, "nested": {"list": [1, 2.5, "three", None, True]}},
    "modulations": ["BPSK"],
    "snrs": [0.0, 10.0],
}


def refused(path, key="checkpoint"):
    with pytest.raises(UserError) as error:
        load_checkpoint(path, key)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_saved_is_loaded(tmp_path):
    path = tmp_path / "new" / "last.pt"
    save_checkpoint(path, STATE)
    loaded = load_checkpoint(str(path))
    assert torch.equal(loaded.pop("network")["weight"], STATE["network"]["weight"])
    assert loaded == {k: v for k, v in STATE.items() if k != "network"}
    assert [p.name for p in path.parent.iterdir()] == ["last.pt"]


def test_a_save_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "last.pt"
    save_checkpoint(path, STATE)
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        save_checkpoint(path, {"function": lambda: None})
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def test_an_absent_file_and_a_folder(tmp_path):
    path = tmp_path / "best.pt"
    for key, name in {"checkpoint": "best.pt", "resume": "last.pt"}.items():
        sentence = f"{key}: there is no file {path}; a run leaves its own in checkpoints/{name}"
        assert refused(path, key) == sentence
        sentence = f"{key}: {tmp_path} is a folder; name the file, such as {tmp_path}/checkpoints/{name}"
        assert refused(tmp_path, key) == sentence


def test_a_training_goes_on_from_a_file_that_holds_all_of_it(tmp_path):
    path = tmp_path / "checkpoints" / "some.pt"
    save_checkpoint(path, STATE)
    assert "holds the weights of one epoch alone" in refused(path, "resume")
    # Written before the validation loss was the plain sum: its best epoch means nothing any more.
    save_checkpoint(path, {**STATE, "optimizer": {}, "state": {}})
    assert "measured its validation loss otherwise" in refused(path, "resume")
    assert load_checkpoint(path)["modulations"] == ["BPSK"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80))
def test_garbage(tmp_path, content):
    path = tmp_path / "garbage.pt"
    path.write_bytes(content)
    # A few bytes may happen to be the pickle of a number.
    assert refused(path).startswith((f"checkpoint: {path} can't be read", f"checkpoint: {path} is no checkpoint"))


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9])
def test_a_file_that_was_cut_short(tmp_path, keep):
    path = tmp_path / "cut.pt"
    save_checkpoint(path, STATE)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    assert refused(path).startswith(f"checkpoint: {path} can't be read as a checkpoint (")


class Harmful:
    def __reduce__(self):
        return exec, ("raise SystemExit('this code was run')",)


def test_a_file_with_code_in_it_is_refused_unrun(tmp_path):
    path = tmp_path / "harmful.pt"
    torch.save({**STATE, "extra": Harmful()}, path)
    assert "can't be read as a checkpoint" in refused(path)
    path.write_bytes(pickle.dumps(Harmful()))
    assert "can't be read as a checkpoint" in refused(path)


@pytest.mark.parametrize("lacking", ["network", "config", "modulations", "snrs"])
def test_a_checkpoint_of_something_else(tmp_path, lacking):
    path = tmp_path / "other.pt"
    torch.save({k: v for k, v in STATE.items() if k != lacking}, path)
    sentence = f"checkpoint: {path} is no checkpoint of amc_xai (it lacks network, config or class lists)"
    assert refused(path) == sentence
    torch.save([1, 2], path)
    assert refused(path) == sentence


def test_the_random_stream_comes_back():
    torch.manual_seed(5)
    state = random_state()
    first = torch.rand(4)
    restore_random_state(state)
    assert torch.equal(torch.rand(4), first)
