"""The constellation as points: what each group of channels holds of frames whose truth is known."""

import math

import pytest
import torch

from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.representation import Points
from amc_xai.representation.points import DEFAULT_GROUPS, GROUPS
from amc_xai.signal import Channel, draw_fresh, synthesise
from amc_xai.signal.constellations import constellation

FACTS = Facts(512, 8.0)

SPS = 8


def frames(name, count=48, snr_db=30.0, seed=0, **channel):
    channel = Channel(**{"roll_off": (0.25, 0.25), **channel})
    draws = draw_fresh(count, [name], 1024, SPS, channel, torch.Generator().manual_seed(seed))
    zero = torch.zeros(count, dtype=torch.long)
    return synthesise(zero, torch.full((count,), snr_db), draws, [name], 1024, SPS, channel).iq


def channels(points, iq):
    return dict(zip(points.channels, points(iq).unbind(1), strict=True))


def complex_of(found, group):
    return torch.complex(found[f"{group} I"], found[f"{group} Q"])


def error_db(z, name):
    """Distance to the nearest ideal point, for the better of the turns that a fourth power leaves open."""
    ideal = constellation(name).to(torch.complex64)
    z = z[:, 6:-6]
    turned = [z * complex(math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)) for k in range(2)]
    distance = torch.stack([(t[..., None] - ideal).abs().amin(-1).square().mean(-1) for t in turned]).amin(0)
    return 10 * math.log10(distance.mean())


def test_all_groups_give_their_channels_over_the_symbols():
    points = Points(FACTS)
    # The first and last symbol of 128 are left out: their pulses are cut.
    assert points.output_shape(1024) == (30, 126) == tuple(points(frames("QPSK", 2)).shape[1:])
    assert points.output_shape(5) == (30, 1) == tuple(points(torch.randn(2, 2, 5)).shape[1:])
    assert Points(FACTS, ["amplitude"]).output_shape(64) == (1, 6)
    every = Points(FACTS, GROUPS)
    found = channels(every, frames("QPSK", 2))
    assert len(found) == len(every.channels) == 66
    for name, values in channels(points, frames("QPSK", 2)).items():
        assert torch.equal(values, found[name])
    assert set(DEFAULT_GROUPS) < set(GROUPS) and (found["valid"] == 1).all()
    assert not hasattr(points, "cells")


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
def test_noise_is_es_n0_and_symbols_keep_the_power_of_the_signal(snr_db):
    found = channels(Points(FACTS), frames("QPSK", 200, snr_db))
    # One frame's noise is known to 0.2 dB, its power by 126 symbols.
    assert 10 * found["noise"].mean() + 15 == pytest.approx(snr_db, abs=0.15)
    assert (10 * found["noise"].std(0) < (0.9 if snr_db == 0 else 0.4)).all()
    assert torch.equal(found["noise"], found["noise"][:, :1].expand(-1, 126))
    assert found["amplitude"].square().mean() == pytest.approx(1 + 10 ** (-snr_db / 10), rel=0.05)


@pytest.mark.parametrize(
    ("group", "name"),
    [("recovered_2", "BPSK"), ("recovered", "QPSK"), ("recovered_8", "8PSK"), ("recovered_16", "16PSK")],
)
def test_the_carrier_is_taken_out_by_the_power_that_holds_a_line(group, name):
    # At 25 dB the noise alone is -25 dB from the points; what timing and carrier leave comes on top.
    found = channels(Points(FACTS), frames(name, snr_db=25.0))
    order = {"recovered_2": 2, "recovered": 4}.get(group, int(group.rpartition("_")[2] if "_" in group else 4))
    z = complex_of(found, group)[:, 6:-6]
    aligned = torch.polar(torch.ones(z.shape), order * z.angle()).mean(-1)
    noise = math.exp(-(order**2) * 10**-2.5 / 4)
    assert (aligned.real > 0.75 * noise).float().mean() > 0.95 and found[f"{group} line"].mean() > 0.7 * noise


@pytest.mark.parametrize("name", ["16QAM", "32QAM", "64QAM"])
def test_the_outermost_points_find_the_carrier_of_dense_qam(name):
    found = channels(Points(FACTS), frames(name, 200, 25.0))
    assert (
        error_db(complex_of(found, "recovered_outer"), name) < error_db(complex_of(found, "recovered"), name) - 0.5
    )


def test_oqpsk_is_told_by_its_stagger():
    oqpsk, qpsk = (channels(Points(FACTS), frames(name, snr_db=25.0)) for name in ("OQPSK", "QPSK"))
    inner = slice(6, -6)
    for part in ("staggered I", "staggered late Q"):
        on_levels = oqpsk[part][:, inner].abs()
        # Of unit power in both parts together: each is +-1/sqrt(2) at its own instant.
        assert (on_levels - math.sqrt(0.5)).abs().mean() < 0.1
    # Over 128 symbols what is random in the lines of QPSK is not small beside those of OQPSK.
    assert oqpsk["staggered line"].mean() > 2 * qpsk["staggered line"].mean()


def test_differential_and_amplitude_do_not_change_as_the_frame_turns():
    points, iq = Points(FACTS), frames("16QAM", 8)
    turned = torch.view_as_real(torch.view_as_complex(iq.transpose(1, 2).contiguous()) * 1j).transpose(1, 2)
    first, second = channels(points, iq), channels(points, turned)
    for name in ("differential I", "differential Q", "amplitude", "noise", "recovered line"):
        torch.testing.assert_close(first[name], second[name], atol=2e-3, rtol=0, msg=name)
    z = complex_of(first, "recovered")
    product = z[:, 1:] * z[:, :-1].conj()
    torch.testing.assert_close(complex_of(first, "differential").abs()[:, 1:], product.abs().sqrt())


def test_a_frame_depends_on_itself_alone_and_not_on_its_scale():
    points, iq = Points(FACTS), frames("64QAM", 6)
    alone = torch.cat([points(frame[None]) for frame in iq])
    torch.testing.assert_close(points(iq), alone, atol=1e-4, rtol=0)
    torch.testing.assert_close(points(1000 * iq), points(iq), atol=1e-3, rtol=0)


def test_noise_is_told_down_to_what_few_symbols_can_tell():
    found = [
        channels(Points(FACTS), frames("QPSK", 200, snr_db))["noise"].mean() for snr_db in (-10.0, -6.0, 0.0, 60.0)
    ]
    assert found[0] < found[1] - 0.1 < found[2] - 0.5 and found[3] == pytest.approx(4.5, abs=0.03)


def test_silence_stays_finite():
    assert Points(FACTS)(torch.zeros(2, 2, 64)).isfinite().all()


def test_what_cannot_be_told_is_refused():
    with pytest.raises(UserError, match=r"representation.groups: there is no group 'x'; choose from recovered_2,"):
        Points(FACTS, ["x"])
    with pytest.raises(UserError, match=r"representation.groups: name each group once"):
        Points(FACTS, ["noise", "noise"])
    with pytest.raises(UserError, match=r"representation.carrier_reach must lie above 0"):
        Points(FACTS, carrier_reach=0)
    with pytest.raises(UserError, match=r"representation.pulses: 'x' is no pulse"):
        Points(FACTS, pulses=["x"])


@pytest.mark.parametrize(("rate", "length"), [(2.0, 128), (2.41, 127)])
def test_noise_that_cannot_be_told_is_said_so(rate, length):
    """With so few bins beside the band all channels once were NaN."""
    points = Points(Facts(length, rate))
    found = channels(points, torch.randn(3, 2, length, generator=torch.Generator().manual_seed(0)))
    assert all(values.isfinite().all() for values in found.values())
    for name in ("noise", "noise told", "noise unevenness", "noise_difference"):
        assert (found[name] == 0).all(), name


def test_a_filtered_frame_does_not_look_like_a_clean_one():
    clean = frames("QPSK", 60, 20.0)
    signal = torch.complex(clean[:, 0], clean[:, 1])
    passed = torch.fft.ifft(torch.fft.fft(signal) * (torch.fft.fftfreq(1024).abs() < 0.25))
    filtered = torch.stack([passed.real, passed.imag], 1)
    points = Points(FACTS, carrier_reach=0.003)
    before, after = channels(points, clean), channels(points, filtered)
    assert (after["noise"] - before["noise"]).median() > 0.3
    assert (after["noise_inside"] - before["noise_inside"]).median().abs() < 0.1
    assert before["noise_difference"].median().abs() < 0.1 and after["noise_difference"].median() > 0.3
    assert after["noise unevenness"].median() > 1 and before["noise unevenness"].median() < 0.02


def test_dc_is_told():
    iq = frames("QPSK", 20)
    levels = [channels(Points(FACTS, ["dc"]), iq + level)["dc"].median() for level in (0.3, 0.03)]
    # DC in I and Q: 3 dB more than that of one; over a signal of power 1.
    assert [10 * float(level) - 20 for level in levels] == pytest.approx([-7.4, -27.4], abs=1)


def test_frames_of_different_symbol_rates_come_out_as_alone():
    """Padding and neighbours change nothing; what is no symbol is 0 in all channels."""
    points = Points(Facts(1024, 8.0), GROUPS, carrier_reach=0.02)
    iq = frames("16QAM", 6)
    rates = torch.tensor([8.0, 2.0, 16.0, 3.7, 5.33, 8.0])
    together = points(iq, rates)
    assert together.shape == (6, 66, 510)
    valid = dict(zip(points.channels, together.unbind(1), strict=True))["valid"]
    for k, rate in enumerate(rates.tolist()):
        count = int(1024 // rate) - 2
        assert valid[k].tolist() == [1.0] * count + [0.0] * (510 - count)
        assert (together[k, :, count:] == 0).all()
        alone = points(iq[k : k + 1], rates[k : k + 1])[0]
        torch.testing.assert_close(together[k, :, : alone.shape[-1]], alone, atol=2e-3, rtol=0)
    torch.testing.assert_close(points(iq, rates.flip(0))[0, :, :126], together[0, :, :126], atol=2e-3, rtol=0)


def test_a_rate_by_frame_means_what_one_rate_means():
    points = Points(FACTS, ["amplitude", "noise"])
    iq = frames("QPSK", 6)
    by_frame = points(iq, torch.full((6,), 8.0))[..., :126]
    torch.testing.assert_close(by_frame[:, 0], points(iq)[:, 0], atol=0.03, rtol=0)
    torch.testing.assert_close(by_frame[:, 1], points(iq)[:, 1], atol=0.05, rtol=0)


def test_a_rate_that_nobody_tells_is_estimated():
    iq = frames("QPSK", 8, 20.0, roll_off=(0.35, 0.35))
    points = Points(Facts(1024), ["amplitude", "valid"])
    found = points(iq)
    assert points.output_shape(1024) == (2, 510) and found.shape[1:] == (2, 126)
    inner = found[:, 0, 10:110]
    assert (inner.std(1) / inner.mean(1)).median() < 0.15  # QPSK has one amplitude


def test_a_rate_that_is_a_little_off_can_be_refined():
    iq = frames("QPSK", 30, 25.0, roll_off=(0.3, 0.4))
    told = Facts(1024, 8.025)
    given, refined = (
        channels(Points(told, ["amplitude"], symbol_rate=kind), iq)["amplitude"] for kind in ("given", "refined")
    )
    spread = [(amplitude[:, :100].std(1) / amplitude[:, :100].mean(1)).median() for amplitude in (given, refined)]
    assert spread[1] < 0.06 and spread[0] > 2 * spread[1]


def test_most_symbols_are_the_first_of_what_comes_out_without():
    frames = torch.randn(3, 2, 512, generator=torch.Generator().manual_seed(4))
    rates = torch.tensor([4.0, 8.0, 16.0])
    whole, few = Points(Facts(512)), Points(Facts(512), most_symbols=40)
    assert few.output_shape(512)[1] == 40 and whole.output_shape(512)[1] > 200
    torch.testing.assert_close(few(frames, rates), whole(frames, rates)[..., :40], rtol=0, atol=0)
    one = Points(Facts(512, 8.0), most_symbols=40)
    torch.testing.assert_close(one(frames), Points(Facts(512, 8.0))(frames)[..., :40], rtol=0, atol=0)
    assert Points(Facts(512, 8.0), most_symbols=400).output_shape(512) == Points(Facts(512, 8.0)).output_shape(512)
    with pytest.raises(UserError, match="most_symbols must be 1 or more"):
        Points(Facts(512, 8.0), most_symbols=0)
