"""``resume=auto``: the same command begins a training and goes on with it."""

import json

import pytest
import torch

from tests.conftest import tiny

TRAINING = tiny("resume=auto", "task.test_after=false", "task.explain_after=false", "scheduler=constant")


def epochs(number: int) -> list[str]:
    return [o for o in TRAINING if not o.startswith("trainer.epochs")] + [f"trainer.epochs={number}"]


def history(folder) -> list[dict]:
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in ("seconds", "frames_per_second")} for row in rows]


def test_the_same_folder_goes_on_to_the_numbers_of_an_unbroken_run(cli):
    first = cli(*epochs(1))
    assert first.code == 0 and "there is nothing to go on from" in first.out
    again = cli(*epochs(3), folder=first.folder)
    assert again.code == 0 and "resuming from" in again.out
    whole = cli(*epochs(3))
    assert history(first.folder) == history(whole.folder) and len(history(whole.folder)) == 3
    last, other = (torch.load(f / "checkpoints/last.pt", weights_only=True) for f in (first.folder, whole.folder))
    assert last["config"]["resume"] == str(first.folder / "checkpoints/last.pt")
    for name, value in other["network"].items():
        assert torch.equal(last["network"][name], value), name


@pytest.fixture
def begun(cli, trained, tmp_path):
    """A run folder with the checkpoints of a tiny training."""
    folder = tmp_path / "begun"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("last.pt", "best.pt"):
        (folder / "checkpoints" / name).write_bytes((trained / "checkpoints" / name).read_bytes())
    return folder


def test_a_folder_of_other_settings_is_refused_and_left_as_it_is(cli, begun):
    before = (begun / "checkpoints/last.pt").read_bytes()
    result = cli(*tiny("resume=auto", "optimizer.lr=0.5"), folder=begun)
    assert result.code == 1 and "Traceback" not in result.out + result.err
    assert "was trained with other settings (optimizer.lr was 0.002 and is 0.5)" in result.out
    assert (begun / "checkpoints/last.pt").read_bytes() == before


def test_a_checkpoint_that_can_not_be_read_is_said_and_passed_over(cli, begun):
    (begun / "checkpoints/last.pt").write_bytes(b"half a file")
    result = cli(*epochs(1), folder=begun)
    assert result.code == 0
    assert "can't be read as a checkpoint" in result.out and "the training begins" in result.out
    assert len(history(begun)) == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["task=evaluate", "checkpoint=x"], "resume goes with task=train; for task=evaluate use checkpoint=PATH"),
        (
            ["trainer.save_every=0"],
            "trainer.save_every must be null (after each epoch alone) or a number of minutes",
        ),
    ],
)
def test_what_can_not_be_meant_is_said(cli, given, sentence):
    result = cli(*tiny("resume=auto", *given))
    assert result.code == 1 and sentence in result.out


def test_several_processes_name_their_file(cli, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    result = cli(*tiny("resume=auto"))
    assert result.code == 1 and "resume=auto goes with one process a job" in result.out
