import math

import numpy as np
import pytest
import torch

from amc_xai.data import Facts, Synthetic
from amc_xai.errors import UserError
from amc_xai.representation import Augmented, Constellation
from amc_xai.representation.augmented import CHANNELS

FACTS = Facts(512, 8.0)

IQ = Synthetic(["QPSK", "16QAM", "GMSK"], [5, 25], 2, frame_length=512).read(np.arange(12))


def test_channels_come_in_the_order_asked_for():
    every = Augmented(FACTS, 32, CHANNELS)(IQ)
    assert every.shape == (12, 7, 32, 32)
    assert Augmented(FACTS, 32, CHANNELS).output_shape(512) == (7, 32, 32)
    for chosen in (("residual",), ("recovered", "trajectory"), ("differential", "symbols", "residual")):
        some = Augmented(FACTS, 32, chosen)
        assert some.channels == chosen and some.output_shape(512) == (len(chosen), 32, 32)
        expected = every[:, [CHANNELS.index(name) for name in chosen]]
        assert torch.equal(some(IQ), expected)
    # No two channels show the same.
    for a in range(7):
        for b in range(a):
            assert not torch.allclose(every[:, a], every[:, b], atol=0.1)


def test_the_trajectory_is_the_constellation_of_all_samples():
    difference = Augmented(FACTS, 32, ["trajectory"], log=False)(IQ) - Constellation(
        FACTS, 32, extent=3.0, log=False
    )(IQ)
    # Division by the extent may round a point over an edge.
    assert difference.abs().sum() <= 4


def test_the_image_of_a_frame_depends_on_that_frame_alone():
    augmented = Augmented(FACTS, 32, CHANNELS, log=False)
    together = augmented(IQ)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    shuffled = augmented(IQ[order])
    alone = torch.cat([augmented(IQ[k : k + 1]) for k in range(12)])
    for other, expected in ((shuffled, together[order]), (alone, together)):
        # An FFT may round its last bit by the batch; a point then crosses an edge that it touches.
        assert (other - expected).abs().sum((1, 2, 3)).max() <= 4


def test_scale_makes_no_difference():
    augmented = Augmented(FACTS, 32, CHANNELS)
    assert torch.equal(augmented(IQ * 2.0**-9), augmented(IQ))


def test_a_constant_phase_drops_out_of_the_differential_and_turns_the_symbols():
    augmented = Augmented(FACTS, 64, ["symbols", "differential", "recovered"])
    points = augmented.points(IQ)
    frame = torch.complex(IQ[:, 0], IQ[:, 1]) * complex(math.cos(1.0), math.sin(1.0))
    turned = augmented.points(torch.stack([frame.real, frame.imag], 1))
    torch.testing.assert_close(turned["differential"], points["differential"], rtol=0, atol=2e-4)
    by = complex(math.cos(1.0), math.sin(1.0))
    torch.testing.assert_close(turned["symbols"], points["symbols"] * by, rtol=0, atol=2e-4)
    # Carrier recovery undoes the turn, up to quarters: the fourth powers agree.
    torch.testing.assert_close(turned["recovered"] ** 4, points["recovered"] ** 4, rtol=0, atol=2e-3)


def test_a_carrier_offset_only_turns_the_differential():
    # s[n+1] s*[n] gains exactly the phase of one symbol's worth of offset.
    step = 2 * math.pi * 1e-4
    ramp = torch.polar(torch.ones(512), step * torch.arange(512))
    frame = torch.complex(IQ[8:, 0], IQ[8:, 1])
    augmented = Augmented(FACTS, 64, ["differential"])
    before = augmented.points(torch.stack([frame.real, frame.imag], 1))["differential"]
    shifted = frame * ramp
    after = augmented.points(torch.stack([shifted.real, shifted.imag], 1))["differential"]
    turn = torch.angle((after * before.conj()).sum(-1))
    torch.testing.assert_close(turn, torch.full_like(turn, 8 * step), rtol=0.05, atol=0)


def test_the_differential_keeps_the_square_root_of_the_magnitude():
    augmented = Augmented(FACTS, 64, ["symbols", "differential"])
    points = augmented.points(IQ)
    s = points["symbols"] * 2
    product = s[:, 1:] * s[:, :-1].conj()
    d = points["differential"] * 2
    torch.testing.assert_close(d.abs(), product.abs().sqrt(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(d * d.abs(), product, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["QPSK", "64QAM", "GMSK"])
def test_the_radius_of_the_residual_is_the_noise_level(name):
    # Es/N0 of x dB is noise of power v = 8 / 10^(x/10) beside a signal of power 1. What lies beyond 1.2 symbol
    # rates, a share of 0.7 of the band, has Rayleigh amplitudes of power 0.7 v, of median sqrt(0.7 v ln 2). The
    # picture spans 5.2 decades of amplitude, so that 10 dB are 0.5 / 5.2 at every level.
    snrs = [-30, 0, 10, 20, 30, 60]
    channel = {"roll_off": (0.25, 0.25), "snr_definition": "es_n0"}
    source = Synthetic([name], snrs, 24, frame_length=1024, channel=channel)
    radius = Augmented(FACTS, 64, ["residual"]).points(source.read(np.arange(24 * 6)))["residual"].abs()
    share = (np.abs(np.fft.fftfreq(1024)) > 1.2 / 8).mean()
    medians = []
    for s, snr in enumerate(snrs):
        medians.append(radius[source.snr_index == s].flatten().median().item())
        amplitude = math.sqrt(share * 8 * 10 ** (-snr / 10) * math.log(2))
        if snr >= 0:
            assert medians[-1] == pytest.approx((math.log10(amplitude) + 4) / 5.2, abs=0.015 if snr else 0.03), snr
    # Noise alone counts as what leaves 2 % to the signal, or as little as chance makes of it.
    alone = (math.log10(math.sqrt(share * math.log(2) / 0.02)) + 4) / 5.2
    assert medians[1] + 0.02 < medians[0] < alone + 0.005


def test_a_decibel_at_0_is_as_wide_in_the_residual_as_at_30():
    snrs = [2, 4, 30, 32]
    source = Synthetic(["QPSK"], snrs, 60, frame_length=1024, channel={"roll_off": (0.25, 0.25)})
    radius = Augmented(FACTS, 64, ["residual"]).points(source.read(np.arange(240)))["residual"].abs().mean(1)
    low, less, high, higher = (radius[source.snr_index == s].mean() for s in range(4))
    assert low - less == pytest.approx(high - higher, rel=0.25)
    # Two decibels are 2/3 of a pixel.
    assert 32 * (low - less) > 0.5


def test_the_residual_keeps_its_direction_and_stops_at_the_centre():
    augmented = Augmented(FACTS, 64, ["residual"])
    n = torch.arange(256)
    # A tone far outside the band passes whole: amplitude 1, where noise is all and leaves 2 % to
    # the signal, so 4 + 0.85 of 5.2 decades from the centre; where the frame's ends fade, nothing is drawn.
    tone = torch.polar(torch.ones(256), 2 * math.pi * 0.375 * n + 0.4)
    found = augmented.points(torch.stack([tone.real, tone.imag])[None])["residual"][0]
    left = (256 - len(found)) // 2
    assert 64 <= len(found) < 256
    expected = (4 - math.log10(0.02) / 2) / 5.2 * tone[left : 256 - left]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    # One inside the band leaves nothing.
    tone = torch.polar(torch.ones(256), 2 * math.pi * 0.0625 * n)
    found = augmented.points(torch.stack([tone.real, tone.imag])[None])["residual"][0]
    assert found.abs().max() < 0.02


def test_a_frame_of_zeros_is_a_dot_in_the_middle_of_every_channel():
    image = Augmented(FACTS, 9, CHANNELS, log=False)(torch.zeros(1, 2, 128))[0]
    for channel in image:
        assert channel.nonzero().tolist() == [[4, 4]]


def test_drawing_the_cells_is_the_image_and_weights_leave_points_out():
    augmented = Augmented(FACTS, 16, CHANNELS, smoothing=0.8)
    cells = augmented.cells(IQ)
    assert list(cells) == list(CHANNELS)
    assert torch.equal(augmented.draw(cells), augmented(IQ))
    keep = {
        name: torch.rand(c.shape, generator=torch.Generator().manual_seed(1)) < 0.5 for name, c in cells.items()
    }
    without = augmented.draw({name: torch.where(keep[name], c, -1) for name, c in cells.items()})
    weighted = augmented.draw(cells, {name: k.float() for name, k in keep.items()})
    torch.testing.assert_close(weighted, without)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"channels": ["symbols", "phase"]},
            "representation.channels: there is no channel 'phase'; choose from trajectory, symbols, recovered, "
            "recovered_8, recovered_16, differential, residual",
        ),
        ({"channels": []}, "representation.channels: name each channel once, and at least one"),
        ({"channels": ["symbols", "symbols"]}, "representation.channels: name each channel once"),
        (
            {"facts": Facts(512, 1.5)},
            "dataset.samples_per_symbol must be 2 or more for symbols to be found",
        ),
        (
            {"facts": Facts(512, 2.0)},
            "representation.channels: at 2 samples a symbol the signal fills the band, so residual has nothing",
        ),
        ({"carrier_reach": 0}, "representation.carrier_reach must lie above 0 and up to 0.4 cycles a symbol"),
        ({"image_size": -1}, "representation.image_size must be 1 or more pixels, not -1"),
    ],
)
def test_bad_settings_are_refused(options, sentence):
    with pytest.raises(UserError) as error:
        Augmented(**{"facts": FACTS, **options})
    assert str(error.value).startswith(sentence)


def test_two_samples_a_symbol_are_enough_without_the_residual():
    iq = Synthetic(["QPSK"], [20], 2, frame_length=256, samples_per_symbol=2).read(np.arange(2))
    augmented = Augmented(Facts(256, 2.0), 16, ["symbols", "recovered", "differential"])
    points = augmented.points(iq)["recovered"] * 2
    # Fourth powers of QPSK points gather on one point of the unit circle (0.09 for symbols of random phase);
    # linear interpolation between so few samples spreads them.
    assert ((points**4).mean(-1).abs() > 0.6).all()


def test_frames_of_different_symbol_rates_are_drawn_as_alone():
    augmented = Augmented(FACTS, 32, CHANNELS, log=False)
    rates = torch.tensor([8.0, 2.0, 16.0, 3.7, 5.33, 8.0])
    together = augmented(IQ[:6], rates)
    alone = torch.cat([augmented(IQ[k : k + 1], rates[k : k + 1]) for k in range(6)])
    assert (together - alone).abs().sum((1, 2, 3)).max() <= 4
    counts = augmented(IQ[:6], rates)[:, CHANNELS.index("recovered")].sum((1, 2))
    assert (counts <= 512 // rates - 2).all() and (counts > 0.9 * (512 // rates - 2)).all()
    # Nothing lies beside the band at 2 samples a symbol.
    assert augmented.points(IQ[:2], torch.tensor([2.0, 8.0]))["residual"][0].abs().nansum() == 0
