"""The constellation as points: what each group of channels holds of frames whose truth is known."""

import math

import pytest
import torch

from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.representation import Points
from amc_xai.representation.points import GROUPS
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
    assert points.output_shape(1024) == (24, 127) == tuple(points(frames("QPSK", 2)).shape[1:])
    assert points.output_shape(5) == (24, 1) == tuple(points(torch.randn(2, 2, 5)).shape[1:])
    assert Points(FACTS, ["amplitude"]).output_shape(64) == (1, 7)
    assert not hasattr(points, "cells")


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
def test_noise_is_es_n0_and_symbols_keep_the_power_of_the_signal(snr_db):
    found = channels(Points(FACTS), frames("QPSK", 200, snr_db))
    # One frame's noise is known to 0.2 dB, its power by 127 symbols, of which the first and last lack a little.
    assert 10 * found["noise"].mean() + 15 == pytest.approx(snr_db, abs=0.15)
    assert (10 * found["noise"].std(0) < (0.9 if snr_db == 0 else 0.4)).all()
    assert torch.equal(found["noise"], found["noise"][:, :1].expand(-1, 127))
    assert found["amplitude"].square().mean() == pytest.approx(1 + 10 ** (-snr_db / 10), rel=0.03)


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
    assert found[0] < found[1] - 0.1 < found[2] - 0.5 and found[3] == 3


def test_silence_stays_finite():
    assert Points(FACTS)(torch.zeros(2, 2, 64)).isfinite().all()


def test_what_cannot_be_told_is_refused():
    with pytest.raises(UserError, match=r"representation.groups: there is no group 'x'; choose from recovered_2,"):
        Points(FACTS, ["x"])
    with pytest.raises(UserError, match=r"representation.groups: name each group once"):
        Points(FACTS, ["noise", "noise"])
    with pytest.raises(UserError, match=r"at 2 samples a symbol the signal fills the band"):
        Points(Facts(64, 2.0))
    with pytest.raises(UserError, match=r"representation.carrier_reach must lie above 0"):
        Points(FACTS, carrier_reach=0)
    without = [group for group in GROUPS if group != "noise"]
    assert Points(Facts(64, 2.0), without).output_shape(64) == (23, 31)
