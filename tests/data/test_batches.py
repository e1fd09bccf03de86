import numpy as np
import pytest
import torch

from amc_xai.data import Synthetic, evaluation_loader, training_loader
from amc_xai.data.ahead import Ahead
from amc_xai.data.batches import TrainingBatches
from amc_xai.errors import UserError


class Numbered:
    """Frame k holds the number k, its labels are k % 3 and k % 4."""

    def __init__(self, count):
        self.modulation_index, self.snr_index = np.arange(count) % 3, np.arange(count) % 4
        self.reads = []

    def read(self, indices):
        self.reads.append(len(indices))
        return torch.from_numpy(np.asarray(indices)).float()[:, None, None].expand(-1, 2, 5)


def visited(loader):
    numbers = []
    for batch in loader:
        number = batch.iq[:, 0, 0].long()
        assert torch.equal(batch.modulation, number % 3) and torch.equal(batch.snr, number % 4)
        assert batch.modulation.dtype == batch.snr.dtype == torch.int64
        numbers.append(number.tolist())
    return numbers


def flat(batches):
    return [number for batch in batches for number in batch]


def test_an_epoch_visits_every_frame_once_in_an_order_of_its_own():
    indices = np.arange(100, 150)
    source = Numbered(200)
    loader = training_loader(source, indices, 8, seed=1)
    orders = []
    for epoch in range(3):
        loader.batch_sampler.epoch = epoch
        found = visited(loader)
        assert [len(batch) for batch in found] == [8] * 6 + [2]
        assert len(loader) == 7
        orders.append(flat(found))
        assert sorted(orders[-1]) == indices.tolist()
    assert orders[0] != orders[1] != orders[2] != sorted(orders[2])
    # A batch is one read of the source.
    assert source.reads == ([8] * 6 + [2]) * 3
    loader.batch_sampler.epoch = 1
    assert flat(visited(loader)) == orders[1]
    assert flat(visited(training_loader(source, indices, 8, seed=2))) != orders[0]


def test_a_last_batch_of_one_frame_is_left_out_and_another_frame_each_time():
    loader = training_loader(Numbered(17), np.arange(17), 8, seed=0)
    left_out = set()
    for epoch in range(12):
        loader.batch_sampler.epoch = epoch
        found = visited(loader)
        assert [len(batch) for batch in found] == [8, 8] and len(loader) == 2
        (missing,) = set(range(17)) - set(flat(found))
        left_out.add(missing)
    assert len(left_out) > 3


def test_batches_of_one_frame_by_choice_are_all_there():
    assert len(TrainingBatches(np.zeros(5, np.int64), 1, seed=0)) == 5


@pytest.mark.parametrize("start", [1, 4, 7])
def test_start_skips_exactly_the_batches_that_are_done(start):
    loader = training_loader(Numbered(50), np.arange(50), 8, seed=3)
    loader.batch_sampler.epoch = 2
    whole = visited(loader)
    loader.batch_sampler.start = start
    assert visited(loader) == whole[start:]
    # The length stays that of the whole epoch: schedules and progress count in it.
    assert len(loader) == len(whole)


def test_rates_take_their_share_of_every_snr():
    snr = np.arange(8000) % 4
    rates = np.array([0.0, 0.25, 0.5, 1.0])
    sampler = TrainingBatches(snr, 64, seed=0, rates=lambda epoch: rates * (epoch == 0) + (epoch > 0))
    counts = np.bincount(snr[np.concatenate(list(sampler))], minlength=4)
    # 2000 frames of each SNR; standard deviations 19.4 and 22.4 of the binomial draws.
    assert counts[0] == 0 and counts[3] >= 1999
    assert abs(counts[1] - 500) < 4 * 19.4 and abs(counts[2] - 1000) < 4 * 22.4
    sampler.epoch = 1
    assert sorted(np.concatenate(list(sampler))) == list(range(8000))


def test_evaluation_takes_every_frame_once_in_order():
    indices = np.array([3, 5, 6, 7, 20, 21, 30])
    loader = evaluation_loader(Numbered(40), indices, 3)
    assert visited(loader) == [[3, 5, 6], [7, 20, 21], [30]]
    assert len(loader) == 3


def test_loading_leaves_the_random_stream_of_training_alone():
    # Or a resumed epoch, whose loaders start a second time, would draw other dropout masks.
    loaders = training_loader(Numbered(20), np.arange(20), 8, 0), evaluation_loader(Numbered(20), np.arange(20), 8)
    for loader in loaders:
        torch.manual_seed(0)
        expected = torch.rand(3)
        torch.manual_seed(0)
        visited(loader)
        assert torch.equal(torch.rand(3), expected)


def test_fewer_than_two_frames_are_refused():
    with pytest.raises(UserError, match="training needs at least two frames, and the training part has 1"):
        training_loader(Numbered(5), np.array([2]), 8, seed=0)


def test_reading_ahead_changes_nothing_but_the_time_of_reading():
    device = torch.device("cpu")
    loader = training_loader(Numbered(50), np.arange(50), 8, seed=3)
    ahead = Ahead(loader, device)
    for epoch, start in ((0, 0), (1, 0), (1, 4)):
        ahead.batch_sampler.epoch, ahead.batch_sampler.start = epoch, start
        assert visited(ahead) == visited(loader) and len(ahead) == len(loader) == 7
    # The next batch is read before this one is done with, and no more than that.
    source = Numbered(50)
    batches = iter(Ahead(evaluation_loader(source, np.arange(50), 8), device))
    next(batches)
    batches.close()
    assert source.reads == [8, 8]


def test_an_error_in_reading_ahead_comes_in_its_turn():
    class Broken(Numbered):
        def read(self, indices):
            if 20 in indices:
                raise UserError("frame 20 holds NaN")
            return super().read(indices)

    batches = iter(Ahead(evaluation_loader(Broken(50), np.arange(50), 8), torch.device("cpu")))
    assert [int(next(batches).iq[0, 0, 0]) for _ in range(2)] == [0, 8]
    with pytest.raises(UserError, match="frame 20 holds NaN"):
        next(batches)


class OfSeveralLengths(Numbered):
    """Frames of 4, 6 or 9 samples, in this order; each full of its own number."""

    frame_length = 9

    def __init__(self, counts):
        super().__init__(sum(counts))
        self.frame_lengths = np.repeat([4, 6, 9], counts)

    def read(self, indices):
        (length,) = np.unique(self.frame_lengths[indices])
        return torch.from_numpy(np.asarray(indices, dtype=np.float32))[:, None, None].expand(-1, 2, int(length))


def test_batches_of_frames_of_several_lengths_have_one_length_each():
    source = OfSeveralLengths([10, 7, 14])
    loader = evaluation_loader(source, np.arange(31), 4)
    batches = list(loader)
    assert len(loader) == len(batches) == 3 + 2 + 4
    assert [b.iq.shape[2] for b in batches] == [4] * 3 + [6] * 2 + [9] * 4
    # Ascending, each once: the rows of a table of predictions are the frames that were asked for.
    assert torch.cat([b.iq[:, 0, 0] for b in batches]).tolist() == list(range(31))


def test_training_on_several_lengths_visits_every_frame_and_goes_on_where_it_stopped():
    source = OfSeveralLengths([12, 8, 9])
    loader = training_loader(source, np.arange(29), 4, seed=0)
    batches = list(loader)
    # One frame of the nine of the last length would be left alone: batch norm can't train on it.
    assert len(loader) == len(batches) == 3 + 2 + 2
    seen = torch.cat([b.iq[:, 0, 0] for b in batches]).tolist()
    assert len(set(seen)) == len(seen) == 28
    lengths = [b.iq.shape[2] for b in batches]
    assert sorted(lengths) == [4] * 3 + [6] * 2 + [9] * 2 and lengths != sorted(lengths)
    loader.batch_sampler.start = 5
    rest = list(loader)
    assert [b.iq[:, 0, 0].tolist() for b in rest] == [b.iq[:, 0, 0].tolist() for b in batches[5:]]


def test_batches_carry_the_samples_a_symbol_that_each_frame_has():
    source = Synthetic(["BPSK", "QPSK"], [0, 10], 4, frame_length=64, samples_per_symbol=[2, 8])
    (batch,) = evaluation_loader(source, np.arange(16), 16)
    assert torch.equal(batch.samples_per_symbol, source.samples_per_symbol_of(np.arange(16)))
    (plain,) = evaluation_loader(Synthetic(["BPSK"], [0], 4, frame_length=64), np.arange(4), 4)
    assert plain.samples_per_symbol is None
