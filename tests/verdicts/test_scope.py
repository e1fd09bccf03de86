"""What is out of scope says so and why; what is a known class doesn't."""

import numpy as np
import pytest
import torch

from amc_xai.signal.classes import MODULATIONS
from amc_xai.verdicts import scope
from amc_xai.verdicts.frames import clock_of
from amc_xai.verdicts.looks import look
from tests.verdicts import formulas

NAMES = list(MODULATIONS)


def judged(z: np.ndarray, named: str) -> scope.Scope:
    """The verdict where a network is sure of one class, whatever it is."""
    seen, samples = look(z), torch.from_numpy(z.astype(np.complex64))
    probability = np.full(len(NAMES), 1e-6)
    probability[NAMES.index(named)] = 1
    return scope.judge(probability, NAMES, seen, clock_of(samples, seen) is not None, len(z))


STRANGERS = {
    "noise": (lambda rng: 0.001 * rng.standard_normal(formulas.LENGTH), scope.NOISE),
    "2-FSK": (lambda rng: formulas.fsk(1.0, 8, rng), scope.TONES),
    "chirp": (lambda rng: formulas.chirp(rng.uniform(0.1, 0.6)), scope.SWEEP),
    "OFDM": (lambda rng: formulas.ofdm(rng), scope.REPEATS),
    "two": (
        lambda rng: (
            formulas.turned(formulas.psk(4, 8, rng), -0.15) + formulas.turned(formulas.psk(2, 10, rng), 0.2)
        ),
        scope.TWO,
    ),
    "slow 2-FSK": (lambda rng: formulas.fsk(12.3, 64, rng), scope.TONES),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_strangers_are_out_of_scope_for_their_own_reason(name):
    make, reason = STRANGERS[name]
    rng = np.random.default_rng(0)
    decibel = -60 if name == "noise" else 15
    for named in ("QPSK", "FM", "256QAM"):
        z = formulas.noisy(make(rng) + 0j, decibel, rng)
        assert judged(z, named).reason == reason


@pytest.mark.parametrize("decibel", [12, 30])
def test_known_classes_are_left_to_the_network(decibel):
    rng = np.random.default_rng(1)
    for order, name in ((2, "BPSK"), (4, "QPSK"), (8, "8PSK")):
        for rate in (2.3, 5.0, 10.0):
            z = formulas.noisy(formulas.turned(formulas.psk(order, rate, rng), 1e-3), decibel, rng)
            found = judged(z, name)
            assert found.reason is None and NAMES[found.probability.argmax()] == name


def test_a_constant_envelope_without_a_clock_is_fm_whatever_the_network_says():
    rng = np.random.default_rng(2)
    for deviation in (0.05, 0.25):
        found = judged(formulas.noisy(formulas.fm(deviation, rng), 20, rng), "32PSK")
        assert found.reason is None and NAMES[found.probability.argmax()] == "FM"


def test_what_has_no_clock_and_no_message_is_none_of_the_classes():
    """Keyed levels of random length: real about its carrier as AM-DSB-SC is, but no message's."""
    rng = np.random.default_rng(3)
    keyed = np.repeat(rng.choice([-1.0, 1.0], 600), rng.integers(8, 90, 600))[: formulas.LENGTH]
    assert judged(formulas.noisy(keyed + 0j, 20, rng), "BPSK").reason == scope.NO_CLOCK


def test_a_network_that_is_undecided_about_a_strong_signal_says_so():
    rng = np.random.default_rng(4)
    seen = look(formulas.noisy(formulas.psk(4, 5, rng), 20, rng))
    even = np.full(len(NAMES), 1 / len(NAMES))
    assert scope.judge(even, NAMES, seen, True, formulas.LENGTH).reason == scope.UNDECIDED
    assert scope.judge(even, NAMES, seen, True, 1024).reason is None


def test_symbols_of_multicarrier_signals_are_no_clock():
    assert scope.is_clock(8.0, 0.125, 0.0) and not scope.is_clock(80.0, 0.125, 0.0)
    assert not scope.is_clock(float("nan"), 0.125, 0.0)
