"""Every kind of augmentation against its definition, frame by frame."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from amc_xai.data.augmentation import Augmentation
from amc_xai.data.contracts import Batch
from amc_xai.errors import UserError

LENGTH = 256


def source(**changes):
    values = {
        "modulations": ["QPSK", "AM-SSB-SC"], "snrs": [20.0, 0.0, 10.0], "samples_per_symbol": 8.0,
        "snr_definition": "es_n0", "frame_length": LENGTH,
    }  # fmt: skip
    return SimpleNamespace(**values | changes)


def batch(frames=64, snr=None) -> Batch:
    generator = torch.Generator().manual_seed(1)
    iq = torch.randn(frames, 2, LENGTH, generator=generator)
    label = torch.arange(frames) % 2
    return Batch(iq, label, torch.full((frames,), 0) if snr is None else snr)


def z(iq: torch.Tensor) -> np.ndarray:
    return (iq[:, 0].double() + 1j * iq[:, 1].double()).numpy()


def changed(given: Batch, epoch=0, step=0, of=None, **options) -> Batch:
    return Augmentation(of or source(), **options)(given, epoch, step)


def test_all_off_is_the_same_batch():
    given = batch()
    assert changed(given) is given


ALL = {
    "phase_rotation": True, "carrier_offset": 1e-3, "time_shift": 5, "conjugation": True, "lower_snr": 0.5,
    "crop": 200, "iq_gain_std_db": 1.0, "iq_phase_std_deg": 3.0,
}  # fmt: skip


def test_draws_hang_on_seed_epoch_step_and_rank_alone():
    given = batch()
    first = changed(given, 2, 3, **ALL).iq
    torch.manual_seed(5)
    assert first.equal(changed(given, 2, 3, **ALL).iq)
    for other in (
        changed(given, 2, 4, **ALL), changed(given, 3, 3, **ALL), changed(given, 2, 3, seed=1, **ALL),
        changed(given, 2, 3, rank=1, **ALL),
    ):  # fmt: skip
        assert not first.equal(other.iq)


def test_phase_rotation_is_one_factor_a_frame_and_uniform():
    given = batch(2000)
    factor = z(changed(given, phase_rotation=True).iq) / z(given.iq)
    np.testing.assert_allclose(factor, factor[:, :1] * np.ones(LENGTH), atol=1e-4)
    np.testing.assert_allclose(np.abs(factor), 1, atol=1e-4)
    # The mean of 2000 uniform phasors has a standard deviation of 1/sqrt(2000).
    assert abs(factor[:, 0].mean()) < 5 / math.sqrt(2000)


def test_carrier_offset_turns_by_a_constant_step():
    given = batch(500)
    factor = z(changed(given, carrier_offset=0.01).iq) / z(given.iq)
    step = np.angle(factor[:, 1:] / factor[:, :-1]) / (2 * np.pi)
    np.testing.assert_allclose(step, step[:, :1] * np.ones(LENGTH - 1), atol=2e-5)
    assert np.abs(step[:, 0]).max() <= 0.01 + 2e-5
    assert step[:, 0].min() < -0.008 and step[:, 0].max() > 0.008


def test_time_shift_is_circular_and_takes_every_value():
    given = batch(200)
    got, seen = changed(given, time_shift=3).iq, set()
    for k in range(200):
        hits = [s for s in range(-3, 4) if got[k].equal(given.iq[k].roll(s, -1))]
        assert len(hits) == 1
        seen.update(hits)
    assert seen == set(range(-3, 4))


def test_crop_is_a_stretch_of_the_frame():
    given = batch(300)
    got, starts = changed(given, crop=253).iq, set()
    assert got.shape == (300, 2, 253)
    for k in range(300):
        starts |= {s for s in range(4) if got[k].equal(given.iq[k, :, s : s + 253])}
    assert starts == {0, 1, 2, 3}


def test_conjugation_takes_half_of_the_frames_of_allowed_classes():
    given = batch(1000)
    given = given._replace(modulation=torch.where(torch.arange(1000) < 100, -1, given.modulation))
    got = changed(given, conjugation=True).iq
    assert got[:, 0].equal(given.iq[:, 0])
    turned = got[:, 1, 0] == -given.iq[:, 1, 0]
    assert got[turned, 1].equal(-given.iq[turned, 1]) and got[~turned, 1].equal(given.iq[~turned, 1])
    assert not turned[given.modulation != 0].any()
    assert 180 < turned.sum() < 270  # 450 QPSK frames, half of them, four standard deviations


@pytest.mark.parametrize(("definition", "oversampling"), [("es_n0", 8.0), ("sample", 1.0)])
def test_added_noise_reaches_the_snr_that_the_label_says(definition, oversampling):
    frames = 3000
    generator = torch.Generator().manual_seed(0)
    clean = torch.full((frames, 2, LENGTH), 0.5**0.5)
    noise = torch.randn(frames, 2, LENGTH, generator=generator) * math.sqrt(oversampling / 10**2 / 2)
    given = Batch(clean + noise, torch.zeros(frames, dtype=torch.long), torch.zeros(frames, dtype=torch.long))
    got = changed(given, of=source(snr_definition=definition), lower_snr=0.5)
    kept = got.snr == 0
    assert 0.46 < kept.float().mean() < 0.54
    assert got.iq[kept].equal(given.iq[kept])
    for index, db in ((1, 0), (2, 10)):
        here = got.snr == index
        assert 0.21 < here.float().mean() < 0.29
        power = (got.iq[here] - clean[here]).square().sum(1).mean()
        # The frame's own power stands for the signal's, which costs a little at random.
        assert power == pytest.approx(oversampling / 10 ** (db / 10), rel=0.02)


def test_the_lowest_and_unknown_snrs_stay():
    snr = torch.tensor([1, -1] * 32)
    got = changed(batch(snr=snr), lower_snr=1.0)
    assert got.snr.equal(snr) and got.iq.equal(batch().iq)


def test_doubled_decibels_count_twice():
    doubled = source(snr_definition="radioml2018", snrs=[10.0, 0.0])
    ones = torch.full((2000, 2, LENGTH), 0.5**0.5)
    label = torch.zeros(2000, dtype=torch.long)
    got = changed(Batch(ones, label, label), of=doubled, lower_snr=1.0)
    # From 20 dB to 0 dB of power, for a frame of power 1 of which 1/101 already is noise.
    assert (got.iq - ones).square().sum(1).mean() == pytest.approx((1 - 0.01) / 1.01, rel=0.01)


def test_imbalance_is_linear_and_keeps_the_product_of_gains():
    given = batch(400)
    got = changed(given, iq_gain_std_db=1.0).iq
    ratio = got / given.iq
    np.testing.assert_allclose((ratio[:, 0] * ratio[:, 1]).numpy(), 1, rtol=1e-4)
    decibel = 20 * (ratio[:, 0, 0] / ratio[:, 1, 0]).log10()
    assert decibel.std() == pytest.approx(1.0, rel=0.15)
    skewed = changed(given, iq_phase_std_deg=10.0).iq
    assert skewed[:, 0].equal(given.iq[:, 0])
    sine = ((skewed[:, 1] * given.iq[:, 0]).sum(-1) - (given.iq[:, 0] * given.iq[:, 1]).sum(-1)) / given.iq[
        :, 0
    ].square().sum(-1)
    assert sine.asin().rad2deg().std() == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize(
    ("options", "of", "sentence"),
    [
        ({"lower_snr": 1.5}, {}, "augmentation.lower_snr must lie in 0..1, not 1.5"),
        ({"time_shift": -1}, {}, "augmentation.time_shift must be 0 or more"),
        ({"crop": 257}, {}, "augmentation.crop must lie in 1..256"),
        ({"lower_snr": 0.5}, {"samples_per_symbol": None}, "without its samples per symbol"),
        ({"lower_snr": 0.5}, {"snrs": [3.0]}, "has no lower SNR to go to"),
        ({"phase_rotation": True}, {"image_shape": (1, 8, 8)}, "yields pictures; use none"),
    ],
)
def test_bad_values_are_named(options, of, sentence):
    with pytest.raises(UserError, match=sentence):
        Augmentation(source(**of), **options)
