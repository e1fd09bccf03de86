"""The curriculum against the original study's table of rates, and what batches and schedules make of it."""

import numpy as np
import pytest
import torch

from amc_xai.data import FreshBatches, Synthetic, training_loader
from amc_xai.errors import UserError
from amc_xai.training import SnrCurriculum, SnrFocus, cosine, mean_batches, no_curriculum

SNRS = [0, 10, 20, 30, -10, -20]


def test_rates_are_the_published_ones():
    rates = SnrCurriculum(SNRS)
    by_snr = [dict(zip(SNRS, rates(epoch).tolist(), strict=True)) for epoch in range(7)]
    assert by_snr[0] == {30: 1, 20: 0.5, 10: 0.25, 0: 0.125, -10: 0.1, -20: 0.1}
    assert by_snr[1] == {30: 1, 20: 1, 10: 0.5, 0: 0.25, -10: 0.125, -20: 0.1}
    assert by_snr[4] == {30: 1, 20: 1, 10: 1, 0: 1, -10: 1, -20: 0.5}
    assert set(by_snr[5].values()) == set(by_snr[6].values()) == {1}
    assert no_curriculum(SNRS) is None


def test_rates_outside_a_share_are_refused():
    with pytest.raises(UserError, match="curriculum: rates must lie in"):
        SnrCurriculum(SNRS, coming=[1.5])


def test_a_focus_takes_the_snrs_of_its_range_more_often():
    rates = SnrFocus(SNRS, low=0, high=20, others=0.25)
    assert rates(0).tolist() == rates(9).tolist() == [1, 1, 1, 0.25, 0.25, 0.25]
    with pytest.raises(UserError, match=r"^curriculum.others must be within \[0, 1\], not 2"):
        SnrFocus(SNRS, 0, 20, others=2)
    with pytest.raises(UserError, match=r"curriculum.low=1 and curriculum.high=9 hold no SNR .* -20 to 30 dB"):
        SnrFocus(SNRS, 1, 9)


@pytest.fixture(scope="module")
def source():
    return Synthetic(["BPSK", "QPSK"], SNRS, frames_per_cell=200, frame_length=16, samples_per_symbol=4)


def test_an_epoch_takes_each_snr_at_its_rate(source):
    everything = np.arange(len(source.snr_index))
    rates = SnrCurriculum(SNRS)
    loader = training_loader(source, everything, 64, seed=5, rates=rates)
    sampler = loader.batch_sampler
    for epoch in (0, 3, 9):
        sampler.epoch = epoch
        positions = np.concatenate(list(sampler))
        assert len(positions) == len(set(positions))
        taken = np.bincount(source.snr_index[positions], minlength=6) / 400
        # Four standard deviations of a binomial share.
        assert np.abs(taken - rates(epoch)).max() <= 4 * np.sqrt(0.25 / 400)
        assert (taken[rates(epoch) == 1] >= 1 - 1 / 400).all()  # all but a last batch of one frame
        assert np.array_equal(positions, np.concatenate(list(sampler)))


def test_unknown_snrs_are_always_taken_and_tiny_sets_never_empty(source):
    rates = SnrCurriculum(SNRS, coming=[], others=0.0)
    unknown = Synthetic(["BPSK"], SNRS, frames_per_cell=5, frame_length=16, samples_per_symbol=4)
    unknown.snr_index = np.where(unknown.snr_index == 0, -1, unknown.snr_index)
    order = training_loader(unknown, np.arange(30), 4, 0, rates).batch_sampler.order()
    assert set(unknown.snr_index[order]) == {-1, SNRS.index(30)}
    low = np.flatnonzero(source.snr_index == SNRS.index(-20))[:8]
    assert len(training_loader(source, low, 4, 0, rates).batch_sampler.order()) == 8


def test_fresh_batches_draw_snrs_in_proportion(source):
    rates = SnrCurriculum(SNRS)
    batches = FreshBatches(source, 4096, 512, seed=1, device=torch.device("cpu"), rates=rates)
    counts = sum(torch.bincount(batch.snr, minlength=6) for batch in batches) / 4096
    expected = rates(0) / rates(0).sum()
    assert np.abs(counts.numpy() - expected).max() <= 4 * np.sqrt(0.25 / 4096)


def test_schedule_ends_with_the_last_batch_of_the_last_epoch(source):
    """Epochs grow under a curriculum; the learning rate must reach the end of its cosine with the last of them."""
    everything = np.arange(len(source.snr_index))
    loader = training_loader(source, everything, 64, seed=5, rates=SnrCurriculum(SNRS))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = cosine(optimizer, 4, mean_batches(loader, 4), warmup=0.0, final=0.0)
    lengths = []
    for epoch in range(4):
        loader.batch_sampler.epoch = epoch
        lengths.append(len(loader))
        for _ in range(len(loader)):
            assert optimizer.param_groups[0]["lr"] > 0
            optimizer.step()
            schedule.after_batch()
    assert lengths == sorted(lengths) and lengths[0] < lengths[-1]
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)
    plain = training_loader(source, everything, 64, seed=5)
    assert mean_batches(plain, 4) == len(plain) == 38
