"""Batches drawn in line, in groups and by a thread are the same batches."""

import threading
from types import SimpleNamespace

import pytest
import torch

from amc_xai.data import Batch
from amc_xai.training import TrainerOptions
from amc_xai.training.prepared import drawn, in_thread, prepared
from amc_xai.training.session import Session


def batches(count=5, size=3, rates=False):
    for k in range(count):
        iq = torch.full((size, 2, 4), float(k))
        yield Batch(iq, torch.arange(size), torch.arange(size), torch.full((size,), 2.0 + k) if rates else None)


def add(batch, step):
    return batch._replace(iq=batch.iq + 100 * step)


def represent(iq, rates=None):
    """A tensor and, nested in a tuple, another that takes the rates."""
    return iq * 2, (iq.sum((1, 2)) if rates is None else iq.sum((1, 2)) * rates,)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def equal(first, second):
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(equal, first, second))
    return first is second is None or torch.equal(first, second)


@pytest.mark.parametrize("rates", [False, True])
def test_a_group_is_drawn_at_once_as_its_batches_are_one_by_one(rates):
    group = [*batches(2, 3, rates), *batches(1, 2, rates)]
    calls = []

    def counted(*args):
        calls.append(len(args[0]))
        return represent(*args)

    together = list(drawn(group, counted))
    assert calls == [8]
    alone = [pair for batch in group for pair in drawn([batch], represent)]
    assert len(together) == 3 and all(map(equal, together, alone))


@pytest.mark.parametrize("ahead", [False, True])
def test_steps_count_from_the_first_and_batches_keep_their_order(two_threads, ahead):
    pairs = list(prepared(batches(), add, represent, first=7, ahead=ahead))
    assert [float(batch.iq[0, 0, 0]) for batch, _ in pairs] == [700, 801, 902, 1003, 1104]
    assert [float(x[0][0, 0, 0]) for _, x in pairs] == [1400, 1602, 1804, 2006, 2208]


def test_a_thread_draws_with_its_share_of_the_cores_while_the_caller_computes(two_threads):
    seen, second = [], threading.Event()

    def watched(iq, rates=None):
        seen.append((threading.current_thread(), torch.get_num_threads()))
        if len(seen) == 2:
            second.set()
        return represent(iq)

    pairs = prepared(batches(), add, watched, ahead=True)
    next(pairs)
    # Nobody has asked for it yet.
    assert second.wait(10)
    assert torch.get_num_threads() == 1
    pairs.close()
    assert torch.get_num_threads() == 2
    assert {(thread is threading.current_thread(), cores) for thread, cores in seen} == {(False, 1)}
    assert not seen[0][0].is_alive()


def test_what_the_thread_raises_comes_in_its_turn(two_threads):
    def breaks(iq, rates=None):
        if iq[0, 0, 0] == 2:
            raise ValueError("no third")
        return represent(iq)

    pairs = in_thread(batches(), breaks)
    assert [float(next(pairs)[0].iq[0, 0, 0]) for _ in range(2)] == [0, 1]
    with pytest.raises(ValueError, match="no third"):
        next(pairs)
    assert torch.get_num_threads() == 2


def test_without_a_second_core_nothing_is_drawn_ahead():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    drawn_by = []

    def watched(iq, rates=None):
        drawn_by.append(threading.current_thread())
        return represent(iq)

    try:
        assert len(list(prepared(batches(), add, watched, ahead=True))) == 5
    finally:
        torch.set_num_threads(before)
    assert set(drawn_by) == {threading.current_thread()}


def test_a_training_that_draws_ahead_learns_the_same(run, two_threads):
    plain, ahead = (run(), run())
    rows = [one.go(epochs=2, ahead=way).history for one, way in ((plain, False), (ahead, True))]
    for first, second in zip(*rows, strict=True):
        for name in ("train_loss", "validation_loss"):
            assert first[name] == pytest.approx(second[name], rel=1e-4)


def test_a_gpu_is_never_drawn_for_by_a_thread():
    # A thread would start on the first GPU, whichever one training is on, and draw batch by batch.
    options, optimizer = TrainerOptions(1, 1, ahead=True), SimpleNamespace(param_groups=[])
    classifier = SimpleNamespace(network=torch.nn.Identity())
    for device, ahead in (("cuda:1", False), ("mps", False), ("cpu", True)):
        where = SimpleNamespace(device=torch.device(device), num_processes=1)
        assert Session(classifier, None, optimizer, None, options, where, None, {}).ahead is ahead
