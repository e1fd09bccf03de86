import math

import numpy as np
import pytest
import torch

from amc_xai.limits.carrier import CarrierPrior, without_carrier
from amc_xai.limits.carrier_average import with_carrier_averaged
from amc_xai.limits.decisions import Settings, draw_cell, find_limits
from amc_xai.limits.likelihood import log_likelihood, rotational_symmetry
from amc_xai.limits.observation import FrameModel, Observation
from amc_xai.limits.reachable import carrier_free_log_likelihood, find_reachable, with_carrier
from amc_xai.signal import constellation

PRIOR = CarrierPrior(offset_std=8e-4)


def frames_of(name: str, es_n0_db: float, symbols: int, count: int, seed: int = 0) -> Observation:
    settings = Settings((name,), (es_n0_db,), FrameModel(symbols, 8 * symbols), count, seed=seed)
    sent = draw_cell(settings, name, es_n0_db, 10 ** (-es_n0_db / 10), constellation(name))
    return with_carrier(sent, PRIOR, np.random.default_rng(seed))


def turns(symbols: int, sector: float, phases: int, offsets: torch.Tensor) -> torch.Tensor:
    """Every carrier of a grid, radian (F, P, K)."""
    position = torch.arange(symbols) - (symbols - 1) / 2
    phase = sector * torch.arange(phases) / phases
    return phase[None, :, None] + 2 * math.pi * offsets[:, None, None] * position


def by_hand(name: str, frames: Observation, es_n0: float, phases: int, offsets: torch.Tensor) -> torch.Tensor:
    """The average over a fine grid of carriers, one likelihood at a time: log of it (B,), less -g |y|^2."""
    points, (count, symbols) = constellation(name), frames.symbols.shape
    sector = 2 * math.pi / (2 if name == "OQPSK" else rotational_symmetry(points))
    turn = turns(symbols, sector, phases, offsets).flatten(0, 1)
    late = turn + math.pi * offsets.repeat_interleave(phases)[:, None]
    y = frames.symbols[:, None] * torch.polar(torch.ones_like(turn), -turn)
    w = frames.late[:, None] * torch.polar(torch.ones_like(late), -late)
    outputs = torch.complex(y.real, w.imag) if name == "OQPSK" else y
    flat = outputs.flatten(0, 1)
    value = log_likelihood(flat, points, 1 / es_n0) + symbols * math.log(math.pi / es_n0)
    value = (value + es_n0 * flat.abs().double().square().sum(1)).view(count, len(offsets), phases)
    weight = PRIOR.density(offsets) + math.log(float(offsets[1] - offsets[0])) - math.log(phases)
    return (value + weight[None, :, None]).flatten(1).logsumexp(1)


@pytest.mark.parametrize("name", ["BPSK", "QPSK", "16QAM", "16PSK", "8ASK", "OQPSK"])
@pytest.mark.parametrize("es_n0_db", [0.0, 12.0])
def test_average_over_the_carrier_is_that_over_a_fine_grid(name, es_n0_db):
    es_n0 = 10 ** (es_n0_db / 10)
    frames = frames_of(name, es_n0_db, symbols=48, count=3)
    offsets = torch.linspace(-4.5, 4.5, 61, dtype=torch.float64) * PRIOR.offset_std
    expected = by_hand(name, frames, es_n0, 160, offsets)
    found = with_carrier_averaged(name, es_n0, frames.symbols, frames.late, PRIOR)
    torch.testing.assert_close(found.log_sum, expected, rtol=0, atol=0.08)


@pytest.mark.parametrize(("name", "es_n0_db"), [("QPSK", 15.0), ("BPSK", 30.0), ("OQPSK", 12.0), ("64QAM", 25.0)])
def test_most_likely_carrier_is_the_one_that_was_put_on(name, es_n0_db):
    es_n0, symbols = 10 ** (es_n0_db / 10), 128
    settings = Settings((name,), (es_n0_db,), FrameModel(symbols, 8 * symbols), 6)
    sent = draw_cell(settings, name, es_n0_db, 1 / es_n0, constellation(name))
    frames = with_carrier(sent, PRIOR, np.random.default_rng(1))
    found = with_carrier_averaged(name, es_n0, frames.symbols, frames.late, PRIOR)
    still = without_carrier(frames.symbols, found)
    # Up to a turn that maps the constellation onto itself.
    order = 2 if name == "OQPSK" else rotational_symmetry(constellation(name))
    ratio = (still * sent.symbols.conj()).pow(order)
    wrong = torch.angle(ratio.sum(1)) / order
    told = 1 / math.sqrt(2 * symbols * es_n0)
    assert wrong.abs().max() < 4 * told
    # And level over the frame: the offset is out.
    ends = torch.angle(ratio[:, -32:].sum(1) * ratio[:, :32].sum(1).conj()) / order
    assert ends.abs().max() < 12 * told


def test_reachable_limit_of_16_symbols_is_that_of_brute_force_integration():
    """BPSK, QPSK and 8PSK, noise known: the shares of right decisions within Monte Carlo's 1.5 points."""
    names, count, symbols, es_n0_db = ("BPSK", "QPSK", "8PSK"), 1000, 16, 3.0
    es_n0 = 10 ** (es_n0_db / 10)
    settings = Settings(names, (es_n0_db,), FrameModel(symbols, 8 * symbols), count, gain="known")
    right = find_reachable(settings, PRIOR)[0]
    offsets = torch.linspace(-4, 4, 9, dtype=torch.float64) * PRIOR.offset_std
    hits = 0
    for label, name in enumerate(names):
        frames = frames_of(name, es_n0_db, symbols, count)
        scores = torch.stack([by_hand(other, frames, es_n0, 24, offsets) for other in names], 1)
        hits += int((scores.argmax(1) == label).sum())
    assert right.frames == len(names) * count
    assert abs(right.modulation_right - hits) / right.frames < 0.015


def test_reachable_limit_lies_below_the_one_that_knows_the_carrier():
    settings = Settings(("QPSK", "8PSK", "16QAM", "16APSK", "OQPSK"), (2.0, 8.0, 22.0), frames_per_cell=40)
    known, reachable = find_limits(settings), find_reachable(settings, PRIOR)
    for genie, row in zip(known, reachable, strict=True):
        # Two draws of 200 frames: 4 standard deviations of their difference.
        slack = 4 * math.sqrt(2 * 0.25 / genie.frames) * (genie.modulation_right < genie.frames)
        assert row.modulation_right / row.frames <= genie.modulation_right / genie.frames + slack
        assert row.joint_right <= row.frames
    assert reachable[0].modulation_right < 0.95 * reachable[0].frames
    assert reachable[-1].modulation_right == reachable[-1].joint_right == reachable[-1].frames


def test_scale_of_the_frame_is_no_evidence_when_the_gain_is_unknown():
    frames = frames_of("16QAM", 10.0, 64, 4)
    grid, names = [10.0**0.8, 10.0, 10.0**1.2], ("QPSK", "16QAM")
    found = carrier_free_log_likelihood(frames, names, grid, 512, PRIOR)
    louder = Observation(3 * frames.symbols, 3 * frames.late, 9 * frames.energy)
    moved = carrier_free_log_likelihood(louder, names, grid, 512, PRIOR)
    difference = moved - found
    both = torch.isfinite(found)
    assert torch.equal(both, torch.isfinite(moved))
    # The same for every hypothesis, so that no decision changes: -2 L log 3.
    np.testing.assert_allclose(difference[both], -2 * 512 * math.log(3), rtol=0, atol=0.02)


def test_at_the_highest_labels_nothing_is_lost_to_rounding():
    """69 dB of Es/N0: the carrier is told so closely that not knowing it costs nothing."""
    model = FrameModel(128, 1024, snr_definition="radioml2018")
    settings = Settings(
        ("unipolar 8ASK", "32QAM", "64QAM", "256QAM", "128APSK", "OQPSK"), (26.0, 28.0, 30.0), model, 3
    )
    for row in find_reachable(settings, CarrierPrior(offset_std=2.8e-4)):
        assert row.modulation_right == row.joint_right == row.frames


def test_a_dense_cross_is_found_in_next_to_no_noise():
    # The coarse pass over offsets takes more noise for granted than there is: it may not blur the points too much.
    frames = frames_of("128QAM", 30.0, symbols=128, count=12)
    names = ["128QAM", "256QAM"]
    found = carrier_free_log_likelihood(frames, names, [1000.0], 1024, PRIOR)[:, :, 0]
    assert (found[:, 0] > found[:, 1]).all()
