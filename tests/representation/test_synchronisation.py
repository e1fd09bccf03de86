"""The whole chain on frames whose truth is known: how far the symbols lie from those that were sent."""

import math

import pytest
import torch

from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.representation.synchronisation import (
    PULSES,
    Powers,
    Receiver,
    Spectrum,
    carrier_of,
    check_blind,
    pulse_spectrum,
    recover_carrier,
    staggered_carrier,
    symbol_timing,
    synchronise,
)
from amc_xai.representation.synchronisation.dc import dc_of
from amc_xai.representation.synchronisation.spectrum import periods_of, spectrum
from amc_xai.signal.filters import root_raised_cosine_spectrum
from tests.representation.received import evm_db, frames, samples, shifted


def through(signal, response):
    """Frames (B, L) through a filter, by its response at frequencies in cycles a sample."""
    return torch.fft.ifft(torch.fft.fft(signal) * response(torch.fft.fftfreq(signal.shape[-1])))


def noisy(signal, variance, seed=7):
    noise = torch.randn(signal.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))
    return signal + noise * math.sqrt(variance)


@pytest.mark.parametrize("rate", [2.0, 2.5, 3.0, 4.0, 16 / 3, 8.0, 16.0])
def test_any_number_of_samples_a_symbol_gives_clean_symbols(rate):
    made = frames("QPSK", 48, 1024, rate, 30.0, carrier_offset_std=1e-4)
    found = synchronise(samples(made), rate)
    assert evm_db(recover_carrier(found.symbols), made.symbols, 0).median() < -28.9


@pytest.mark.parametrize("offset", [0.0, 1e-3, 3e-3, 1e-2, 3e-2])
def test_large_carrier_offsets_are_taken_out(offset):
    made = frames("QPSK", 48, 1024, 8, 20.0)
    receiver = Receiver(carrier_reach=0.4)
    found = synchronise(shifted(samples(made), offset), 8.0, receiver)
    carrier = carrier_of(Powers(found.symbols), 4, 4, receiver.fine_reach(4))
    assert evm_db(carrier.removed(found.symbols), made.symbols, 0).median() < -19.2


def test_oqpsk_comes_out_clean_on_a_fine_grid_of_carriers():
    made = frames("OQPSK", 48, 1024, 8, 30.0, carrier_offset_std=1e-4)
    found = synchronise(samples(made), 8.0)
    periods = found.frame.periods
    shape = pulse_spectrum("rrc_0.25", torch.arange(1 - periods, periods) / periods)
    filtered = Spectrum(found.frame.bins * shape, periods)
    first, carrier = staggered_carrier(filtered, 0.003)
    now = carrier.removed(filtered.at(first))[:, 1:126]
    late = carrier.removed(filtered.at(first + 0.5), delay=0.5)[:, 1:126]
    # Half a symbol off, I and Q have changed places, and which sign each has isn't known.
    candidates = [(now.real, late.imag), (late.imag[:, :-1], now.real[:, 1:]), (late.imag, now.real)]
    errors = [evm_db(torch.complex(a, sign * b), made.symbols) for a, b in candidates for sign in (1.0, -1.0)]
    assert torch.stack(errors).amin(0).median() < -25


def test_timing_finds_the_first_symbol_instant():
    made = frames("QPSK", 32, 4096, 8, 30.0, roll_off=(0.35, 0.35))
    found, strength = symbol_timing(spectrum(samples(made), 8.0, periods_of(4096, 8.0)))
    assert ((found >= 0) & (found < 1)).all()
    error = (found - made.first_symbol / 8 + 0.5) % 1 - 0.5
    assert error.square().mean().sqrt() < 0.004 and error.mean().abs() < 0.002
    assert made.first_symbol.std() > 1.5
    # Noise has no symbol rate.
    noise = noisy(torch.zeros(32, 4096), 1.0)
    assert symbol_timing(spectrum(noise, 8.0, periods_of(4096, 8.0)))[1].mean() < 0.3 < 0.9 < strength.mean()


def test_a_pulse_that_is_known_tells_the_timing_more_closely():
    made = frames("64QAM", 300, 1024, 8, 13.0, pulse="radioml2018")
    known = synchronise(samples(made), 8.0, Receiver(("radioml2018",)))
    error, blind = (
        ((delay - made.first_symbol / 8 + 0.5) % 1 - 0.5).square().mean().sqrt()
        for delay in (known.delay, symbol_timing(known.frame)[0])
    )
    assert error < 0.9 * blind and error < 0.036


@pytest.mark.parametrize("name", ["QPSK", "64QAM"])
def test_the_receive_filter_is_that_of_the_pulse(name):
    """Root-raised cosines ask for their own; frames that come filtered already are left free of interference."""
    made = frames(name, 40, 1024 + 256, 8, roll_off=(0.3, 0.3))
    roots = synchronise(noisy(samples(made)[:, 128:-128], 8e-3), 8.0)
    assert evm_db(roots.symbols, made.symbols[:, 16:], 0).median() < -29
    assert sum(PULSES[k].startswith("rrc") for k in roots.pulse) > 36

    whole = through(samples(made), lambda f: root_raised_cosine_spectrum(8 * f, 0.3))
    signal = noisy(whole[:, 128:-128], 8e-4)
    chosen = synchronise(signal, 8.0)
    assert evm_db(chosen.symbols, made.symbols[:, 16:], 0).median() < -32
    assert sum(PULSES[k].startswith("rc") for k in chosen.pulse) > 36 and chosen.margin.median() > 10
    matched = synchronise(signal, 8.0, Receiver(("rrc_0.3",)))
    assert evm_db(matched.symbols, made.symbols[:, 16:], 0).median() > -22
    free = synchronise(signal, 8.0, Receiver(("none",)))
    assert evm_db(free.symbols, made.symbols[:, 16:], 0).median() < -30


def test_rectangular_pulses_are_received_by_a_rectangle():
    sent = torch.exp(0.5j * math.pi * torch.randint(4, (40, 128), generator=torch.Generator().manual_seed(3)))
    found = synchronise(noisy(sent.repeat_interleave(8, 1), 8e-2), 8.0)
    assert all(PULSES[k] == "rectangular" for k in found.pulse)
    assert evm_db(found.symbols, sent, 0).median() < -19


def test_the_pulse_of_radioml_2018_opens_the_eye_and_the_nearest_raised_cosine_does_not():
    made = frames("256QAM", 24, 1024, 8.0, snr_db=60, pulse="radioml2018")
    measured = {
        name: evm_db(synchronise(samples(made), 8.0, Receiver((name,))).symbols, made.symbols).median()
        for name in ("radioml2018", "rc_0.3")
    }
    assert measured["radioml2018"] < -37  # half the distance of two points of 256QAM is 22 dB below the signal
    assert measured["rc_0.3"] > -21


def test_in_much_noise_the_filter_is_matched():
    """Without one, 2.4 dB more noise would come through."""
    made = frames("QPSK", 100, 1024, 8, 5.0)
    chosen, free = (
        evm_db(recover_carrier(synchronise(samples(made), 8.0, receiver).symbols), made.symbols, 0).median()
        for receiver in (Receiver(), Receiver(("none",)))
    )
    assert chosen < -4.6 and chosen < free - 1.5


def test_the_first_and_last_symbols_are_left_out():
    """Their pulses are cut: with them, the frame's ends are 14 and 23 dB off."""
    made = frames("QPSK", 100, 128, 8)
    found = synchronise(samples(made), 8.0)
    assert found.symbols.shape == (100, 14)
    assert evm_db(found.symbols, made.symbols, 0).median() < -22


def test_the_equaliser_undoes_multipath():
    made = frames("QPSK", 100, 1024, 8, 30.0, multipath="rayleigh", roll_off=(0.1, 0.4), carrier_offset_std=1e-4)
    plain, equalised = (synchronise(samples(made), 8.0, Receiver(equaliser=kind)) for kind in ("none", "cma"))
    before, after = (
        evm_db(recover_carrier(found.symbols, reach=0.003), made.symbols, 0) for found in (plain, equalised)
    )
    assert before.median() > -17 and after.median() < -25 and after.quantile(0.9) < -16
    assert plain.ripple is None and equalised.ripple.median() < 0.02
    # What the symbols are told to hold of the noise is what noise alone would leave in them.
    noise = noisy(torch.zeros(100, 1024), 8e-3)
    periods = plain.frame.periods
    alone = spectrum(noise, 8.0, periods).bins
    for found in (plain, equalised):
        response = (found.filtered.bins / spectrum_at(found)).abs()
        expected = (alone.abs().square() * response.square()).sum(1).mean()
        assert found.symbol_noise.mean() == pytest.approx(expected.item(), rel=0.1)


def spectrum_at(found):
    """Bins of the frame at its first symbol instant, none of them 0."""
    bins = found.frame.bins
    return bins.where(bins.abs() > 1e-9, 1e-9)


def test_the_equaliser_leaves_a_clean_frame_alone_and_padding_out():
    made = frames("8PSK", 20, 1024, 8, 30.0)
    receiver = Receiver(equaliser="cma")
    assert evm_db(synchronise(samples(made), 8.0, receiver).symbols, made.symbols, 0).median() < -27
    rates = torch.full((20,), 8.0)
    by_frame = synchronise(samples(made), rates, receiver, 144)
    assert evm_db(by_frame.symbols[:, :126], made.symbols, 0).median() < -27
    assert (by_frame.symbols[:, 126:] == 0).all()
    silence = synchronise(torch.zeros(2, 512, dtype=torch.complex64), 8.0, receiver)
    assert silence.symbols.isfinite().all()


def test_dc_is_told_and_can_be_taken_out():
    made = frames("QPSK", 60, 1024, 8, 30.0)
    clean = samples(made)
    for level in (-20.0, -10.0):
        signal = clean + 10 ** (level / 20) * torch.exp(torch.tensor(0.8j))
        kept, cleared = (synchronise(signal, 8.0, Receiver(dc=dc)) for dc in ("keep", "remove"))
        told = 20 * (kept.dc.abs()[:, 0] / kept.symbols.abs().square().mean(1).sqrt()).log10()
        assert told.median() == pytest.approx(level, abs=0.7)
        assert evm_db(kept.symbols, made.symbols, 0).median() > level - 0.5
        assert evm_db(cleared.symbols, made.symbols, 0).median() < -27.5
    off = shifted(clean, 0.01) + 0.1
    receiver = Receiver(carrier_reach=0.4, dc="remove")
    found = synchronise(off, 8.0, receiver)
    carrier = carrier_of(Powers(found.symbols), 4, 4, receiver.fine_reach(4))
    assert evm_db(carrier.removed(found.symbols), made.symbols, 0).median() < -27


def test_the_middle_of_a_circle_and_of_a_line():
    angle = torch.linspace(0, 4, 50)
    arc = torch.polar(torch.ones(50), angle)[None] * 2 + (0.3 - 0.2j)
    assert (dc_of(arc) - (0.3 - 0.2j)).abs().item() < 0.01  # the mean of an arc lies elsewhere
    line = (torch.tensor([1.0, -1, 1, -1, 1, 1, -1, -1]) * (0.6 + 0.8j) + (0.1 + 0.1j))[None]
    assert (dc_of(line) - (0.1 + 0.1j)).abs().item() < 0.01
    padded = torch.cat([arc, torch.zeros(1, 9)], 1)
    valid = torch.arange(59)[None] < 50
    torch.testing.assert_close(dc_of(padded, valid), dc_of(arc), atol=1e-5, rtol=0)


def test_what_cannot_be_synchronised_is_refused():
    assert check_blind(Facts(512, 3.5)) == 3.5
    with pytest.raises(UserError, match=r"dataset.samples_per_symbol must be 2 or more for symbols to be found"):
        check_blind(Facts(512, 1.9))
    for pulses, sentence in (
        (("rrc",), "'rrc' is no pulse; allowed are rrc_R and rc_R"),
        (("rrc_1.5",), "'rrc_1.5' is no pulse"),
        (("gaussian_x",), "'gaussian_x' is no pulse"),
        (("rc_0.3", "rc_0.3"), "name at least one pulse, and each only once"),
        (("none", "rc_0.3"), "none stands alone"),
    ):
        with pytest.raises(UserError, match=rf"representation.pulses: .*{sentence}"):
            Receiver(pulses)
    with pytest.raises(UserError, match=r"representation.dc must be keep or remove, not 'drop'"):
        Receiver(dc="drop")
    with pytest.raises(UserError, match=r"representation.equaliser must be none or cma, not 'lms'"):
        Receiver(equaliser="lms")
    with pytest.raises(UserError, match=r"representation.symbol_rate must be given or refined, not 'x'"):
        Receiver(symbol_rate="x")
