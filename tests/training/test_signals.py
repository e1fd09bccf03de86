"""Signals of a scheduler: ``last.pt`` first, then whoever waits for them; and savings within an epoch."""

import signal

import pytest

from amc_xai.training import load_checkpoint, loop, session
from tests.training.test_resume import assert_same_run

PREEMPTED = (signal.SIGTERM, signal.SIGUSR2)  # as submitit has SLURM send them


@pytest.fixture
def handlers():
    """Set handlers as a launcher would; the old ones come back."""
    before = {number: signal.getsignal(number) for number in PREEMPTED}
    yield signal.signal
    for number, handler in before.items():
        signal.signal(number, handler)


def at_batch(step, *numbers):
    """A progress hook that raises these signals as batch ``step`` of the whole training is handed over."""
    handed = [0]

    def progress(batches, label, done, total):
        for batch in batches:
            if label.startswith("training"):
                if handed[0] == step:
                    for number in numbers:
                        signal.raise_signal(number)
                handed[0] += 1
            yield batch

    return progress


def last_of(run) -> dict:
    return load_checkpoint(run.folder / "checkpoints" / "last.pt", "resume")


@pytest.mark.parametrize("step", [0, 4, 8, 13, 30])
def test_a_job_that_is_queued_again_saves_first_and_goes_on_to_the_same_numbers(run, handlers, step):
    unbroken, broken, seen = run("unbroken"), run("broken"), []
    unbroken.go()

    def passed(number, frame):
        seen.append(number)

    def requeued(number, frame):
        state = last_of(broken)["state"]
        seen.append((number, state["epoch"], state["step"]))
        raise SystemExit(-1)

    handlers(signal.SIGTERM, passed)
    handlers(signal.SIGUSR2, requeued)
    with pytest.raises(SystemExit):
        broken.go(progress=at_batch(step, *PREEMPTED))
    assert seen == [signal.SIGTERM, (signal.SIGUSR2, step // 9, step % 9 + 1)]
    broken.go(last_of(broken))
    assert_same_run(broken, unbroken)


def test_a_signal_that_its_handler_lets_pass_costs_a_saving_and_nothing_else(run, handlers):
    unbroken, broken, seen = run("unbroken"), run("broken"), []
    unbroken.go()
    handlers(signal.SIGTERM, lambda number, frame: seen.append(last_of(broken)["state"]["step"]))
    broken.go(progress=at_batch(12, signal.SIGTERM, signal.SIGTERM))
    assert seen == [4, 4]
    assert_same_run(broken, unbroken)


@pytest.mark.parametrize("number", PREEMPTED)
def test_a_signal_that_nobody_else_waits_for_stops_as_ctrl_c_does(run, handlers, number):
    handlers(number, signal.SIG_DFL)
    broken = run()
    with pytest.raises(KeyboardInterrupt):
        broken.go(progress=at_batch(12, number))
    assert (last_of(broken)["state"]["epoch"], last_of(broken)["state"]["step"]) == (1, 4)
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_long_epoch_is_saved_every_so_many_minutes_and_goes_on_from_there(run, monkeypatch):
    clock, broken, unbroken = [0.0], run("broken"), run("unbroken")
    monkeypatch.setattr(session.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(loop, "LOOK_EVERY", 2)

    def steps(batches, label, done, total):
        for batch in batches:
            if label.startswith("training"):
                clock[0] += 20  # seconds
                found.append(last_of(broken)["state"]["step"])
            yield batch
            if len(found) == 8:
                raise MemoryError  # killed, with no time to save

    found = []
    with pytest.raises(MemoryError):
        broken.go(progress=steps, save_every=1.0)
    # A minute is over after three steps; it is looked at after four, and again a minute later, after eight.
    assert found == [0, 0, 0, 0, 4, 4, 4, 4]
    broken.go(last_of(broken))
    unbroken.go()
    assert_same_run(broken, unbroken)
