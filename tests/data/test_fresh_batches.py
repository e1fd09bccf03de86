import numpy as np
import pytest
import torch

from amc_xai.data import FreshBatches, Synthetic

SOURCE = Synthetic(["BPSK", "QPSK", "GMSK"], [0, 10, 20], 4, frame_length=32)
CPU = torch.device("cpu")


def batches(epoch=0, start=0, seed=0, frames=64, size=16, **options):
    fresh = FreshBatches(SOURCE, frames, size, seed, CPU, **options)
    fresh.batch_sampler.epoch, fresh.batch_sampler.start = epoch, start
    return list(fresh)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one[:3], other[:3], strict=True))


def test_a_batch_is_fixed_by_seed_epoch_and_step():
    torch.manual_seed(1)
    first = batches(epoch=3, seed=5)
    torch.manual_seed(2)
    again = batches(epoch=3, seed=5)
    assert len(first) == 4
    for one, other in zip(first, again, strict=True):
        assert same(one, other)
        assert one.iq.shape == (16, 2, 32) and one.iq.dtype == torch.float32


def test_start_skips_the_steps_that_are_done():
    whole, rest = batches(epoch=1), batches(epoch=1, start=3)
    assert len(rest) == 1 and same(rest[0], whole[3])


def test_every_seed_epoch_step_and_process_draws_frames_of_its_own():
    many = [*batches(), *batches(epoch=1), *batches(seed=1), *batches(rank=1)]
    frames = torch.cat([b.iq for b in many]).flatten(1)
    assert len(torch.unique(frames, dim=0)) == len(frames) == 16 * 16


def test_drawing_leaves_the_global_random_stream_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    batches()
    assert torch.equal(torch.rand(3), expected)


def test_labels_are_uniform_without_rates_and_describe_their_frames():
    drawn = batches(frames=9000, size=3000)
    cell = torch.cat([b.modulation * 3 + b.snr for b in drawn])
    # 9 cells of 1000 expected, binomial standard deviation 29.8.
    assert (torch.bincount(cell, minlength=9) - 1000).abs().max() < 4 * 29.9
    batch = drawn[0]
    power = batch.iq.square().sum(1).mean(-1)
    for s, snr in enumerate(SOURCE.snrs):
        expected = 1 + 8 * 10 ** (-snr / 10)
        assert power[batch.snr == s].mean().item() == pytest.approx(expected, rel=0.1)


def test_rates_of_the_epoch_set_the_shares_of_the_snrs():
    table = np.array([[0.0, 1.0, 3.0], [1.0, 0.0, 0.0]])
    first = torch.cat([b.snr for b in batches(frames=4000, size=2000, rates=lambda epoch: table[epoch])])
    # 4000 draws at 1/4 : 3/4, standard deviation 27.4; an SNR of rate zero never comes.
    counts = torch.bincount(first, minlength=3)
    assert counts[0] == 0 and abs(counts[1] - 1000) < 4 * 27.4
    second = torch.cat([b.snr for b in batches(epoch=1, rates=lambda epoch: table[epoch])])
    assert (second == 0).all()


def test_processes_share_a_batch():
    assert [len(b.iq) for b in batches(ranks=2)] == [8] * 4


def test_the_length_is_the_number_of_whole_batches_and_at_least_one():
    assert len(FreshBatches(SOURCE, 100, 16, 0, CPU)) == 6
    assert len(FreshBatches(SOURCE, 10, 16, 0, CPU)) == 1


def test_each_batch_of_a_range_has_one_length_and_its_frames_their_own_samples_a_symbol():
    source = Synthetic(["BPSK", "QPSK"], [0, 10], 4, frame_length=[64, 512], samples_per_symbol=[2, 16])
    drawn = list(FreshBatches(source, 320, 16, 0, CPU))
    lengths = {b.iq.shape[2] for b in drawn}
    assert len(lengths) > 4 and min(lengths) >= 64 and max(lengths) <= 512
    for batch in drawn:
        own = batch.samples_per_symbol
        assert own.shape == (16,) and own.dtype == torch.float32 and own.min() >= 2 and own.max() <= 16
    # All processes of a training step have frames of one length, but frames of their own.
    other = list(FreshBatches(source, 320, 16, 0, CPU, rank=1, ranks=2))
    assert [b.iq.shape[2] for b in other] == [b.iq.shape[2] for b in drawn]
