import json
import signal

import pytest
import torch

from amc_xai.data import Batch, FreshBatches
from amc_xai.training import constant, cosine, load_checkpoint, plateau

TIMES = ("seconds", "frames_per_second")


def numbers(history):
    return [{k: v for k, v in row.items() if k not in TIMES} for row in history]


def interrupt_at(step, text="training"):
    """A progress hook that raises Ctrl-C's signal as batch ``step`` of the whole training is handed over."""
    handed = [0]

    def progress(batches, label, done, total):
        for batch in batches:
            if label.startswith(text):
                if handed[0] == step:
                    signal.raise_signal(signal.SIGINT)
                handed[0] += 1
            yield batch

    return progress


def assert_same_run(broken, unbroken):
    """Weights, optimizer, schedule and history of two runs, bit for bit."""
    for name, value in unbroken.weights().items():
        assert torch.equal(broken.weights()[name], value), name
    ours, theirs = (load_checkpoint(r.folder / "checkpoints" / "last.pt") for r in (broken, unbroken))
    assert numbers(ours["state"]["history"]) == numbers(theirs["state"]["history"])
    assert ours["scheduler"] == theirs["scheduler"] and ours["best_loss"] == theirs["best_loss"]
    for k, moments in theirs["optimizer"]["state"].items():
        for name, value in moments.items():
            assert torch.equal(ours["optimizer"]["state"][k][name], value), (k, name)
    assert torch.equal(ours["random"]["torch"], theirs["random"]["torch"])


@pytest.mark.parametrize("step", [0, 3, 9 - 2, 9 - 1, 9, 20])
@pytest.mark.parametrize("schedule", [cosine, plateau])
def test_a_run_stopped_in_mid_epoch_resumes_to_the_same_numbers(run, step, schedule):
    unbroken, broken = run("unbroken"), run("broken")
    unbroken.go(schedule=schedule)
    with pytest.raises(KeyboardInterrupt):
        broken.go(schedule=schedule, progress=interrupt_at(step))
    last = load_checkpoint(broken.folder / "checkpoints" / "last.pt")
    assert (last["state"]["epoch"], last["state"]["step"]) == (step // 9, step % 9 + 1)
    broken.go(last, schedule=schedule)
    assert_same_run(broken, unbroken)


def test_a_run_stopped_at_the_end_of_an_epoch_resumes_to_the_same_numbers(run):
    unbroken, broken = run("unbroken"), run("broken")
    unbroken.go()
    with pytest.raises(KeyboardInterrupt):
        broken.go(on_epoch=lambda row: row["epoch"] == 1 and signal.raise_signal(signal.SIGINT))
    last = load_checkpoint(broken.folder / "checkpoints" / "last.pt")
    assert (last["state"]["epoch"], last["state"]["step"]) == (2, 0)
    broken.go(last)
    assert_same_run(broken, unbroken)


def test_a_run_stopped_while_it_validates_resumes_to_the_same_numbers(run):
    unbroken, broken = run("unbroken"), run("broken")
    unbroken.go()
    with pytest.raises(KeyboardInterrupt):
        broken.go(progress=interrupt_at(4, "validation"))
    broken.go(load_checkpoint(broken.folder / "checkpoints" / "last.pt"))
    assert_same_run(broken, unbroken)


def test_a_run_may_be_stopped_again_and_again(run):
    unbroken, broken = run("unbroken"), run("broken")
    unbroken.go(epochs=2)
    last = None
    for step in (1, 1, 0, 5, 2):
        with pytest.raises(KeyboardInterrupt):
            broken.go(last, epochs=2, progress=interrupt_at(step))
        last = load_checkpoint(broken.folder / "checkpoints" / "last.pt")
    broken.go(last, epochs=2)
    assert_same_run(broken, unbroken)


class Drawn:
    """Stands in for a synthetic source: frames from the generator alone."""

    modulations, snrs = ["a", "b", "c"], [0.0, 10.0]

    def fresh(self, modulation, snr, generator, length=None):
        iq = torch.randn(len(modulation), 2, 6, generator=generator) + modulation[:, None, None]
        return Batch(iq, modulation, snr)


def test_endless_batches_resume_to_the_same_numbers(run):
    unbroken, broken = run("unbroken"), run("broken")

    def batches():
        return FreshBatches(Drawn(), 40, 8, 0, torch.device("cpu"))

    unbroken.go(batches=batches())
    with pytest.raises(KeyboardInterrupt):
        broken.go(batches=batches(), progress=interrupt_at(7))
    broken.go(load_checkpoint(broken.folder / "checkpoints" / "last.pt"), batches=batches())
    assert_same_run(broken, unbroken)


def test_more_epochs_may_follow_a_finished_run(run):
    # With a constant rate, two epochs and two more are four.
    unbroken, longer = run("unbroken"), run("longer")
    unbroken.go(epochs=4, schedule=constant)
    longer.go(epochs=2, schedule=constant)
    longer.go(load_checkpoint(longer.folder / "checkpoints" / "last.pt"), epochs=4, schedule=constant)
    assert_same_run(longer, unbroken)


def test_the_history_file_is_that_of_the_whole_run(run):
    broken = run()
    with pytest.raises(KeyboardInterrupt):
        broken.go(progress=interrupt_at(13))
    assert len((broken.folder / "history.jsonl").read_text().splitlines()) == 1
    state = broken.go(load_checkpoint(broken.folder / "checkpoints" / "last.pt"))
    rows = [json.loads(line) for line in (broken.folder / "history.jsonl").read_text().splitlines()]
    assert rows == state.history and [row["epoch"] for row in rows] == [0, 1, 2, 3]


def test_a_second_signal_stops_at_once_and_the_old_handlers_come_back(run):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def twice(batches, label, done, total):
        for batch in batches:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            yield batch

    broken = run()
    with pytest.raises(KeyboardInterrupt):
        broken.go(progress=twice)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    # What was saved before the first step is still whole.
    assert load_checkpoint(broken.folder / "checkpoints" / "last.pt")["state"]["step"] == 0
