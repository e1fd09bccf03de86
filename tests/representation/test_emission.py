"""The symbol rate of whole emissions: hundreds of samples a symbol, pulses with edges and without."""

import numpy as np
import pytest
import torch

from amc_xai.representation.synchronisation import emission_symbol_rate, estimate_symbol_rate

KEYED = {"OOK": [0, 1], "BPSK": [-1, 1], "QPSK": [1, 1j, -1, -1j]}


def received(z: np.ndarray, es_n0_db: float, symbol: float, rng, offset: float = 0.0) -> torch.Tensor:
    """Samples of unit power with white noise, off the carrier."""
    z = z / np.sqrt((abs(z) ** 2).mean()) * np.exp(2j * np.pi * offset * np.arange(len(z)))
    noise = rng.standard_normal((2, len(z))).T @ [1, 1j]
    return torch.from_numpy(z + np.sqrt(symbol / 10 ** (es_n0_db / 10) / 2) * noise).to(torch.complex64)


def keyed(name: str, symbol: float, count: int, rng) -> np.ndarray:
    """Rectangular pulses: the value of a symbol stays for ``symbol`` samples."""
    values = rng.choice(np.array(KEYED[name], complex), count + 1)
    return values[np.floor(np.arange(int(count * symbol)) / symbol + rng.random()).astype(int)]


def shaped(symbol: float, count: int, rng, roll_off: float = 0.35) -> np.ndarray:
    """QPSK with root raised cosine pulses, by their formula."""
    values = rng.choice(np.array([1, 1j, -1, -1j]), count + 20)
    t = np.arange(int(count * symbol)) / symbol + rng.random()
    z = np.zeros(len(t), complex)
    for k in range(-8, 9):
        near = np.floor(t).astype(int) + k
        x = t - near + 1e-7
        pulse = np.sin(np.pi * x * (1 - roll_off)) + 4 * roll_off * x * np.cos(np.pi * x * (1 + roll_off))
        z += values[near + 10] * pulse / (np.pi * x * (1 - (4 * roll_off * x) ** 2))
    return z


@pytest.mark.parametrize("symbol", [24.0, 100.0, 313.3])
@pytest.mark.parametrize("name", [*KEYED, "shaped"])
def test_long_symbols_of_a_recording_are_told(name, symbol):
    rng = np.random.default_rng(1)
    count = int(min(400, 120_000 / symbol))
    z = shaped(symbol, count, rng) if name == "shaped" else keyed(name, symbol, count, rng)
    told = emission_symbol_rate(received(z, 25.0, symbol, rng, offset=0.13))
    assert told.sure and told.samples_per_symbol == pytest.approx(symbol, rel=2e-3)


@pytest.mark.parametrize("symbol", [2.3, 8.0])
def test_short_symbols_are_told_as_frames_tell_them(symbol):
    rng = np.random.default_rng(2)
    z = received(shaped(symbol, 600, rng), 20.0, symbol, rng)
    told, frame = emission_symbol_rate(z), estimate_symbol_rate(z)
    assert told.sure and told.samples_per_symbol == pytest.approx(float(frame.samples_per_symbol), rel=1e-3)


def test_what_it_is_sure_of_is_right():
    """Edges leave lines at all multiples of the rate, and a message with a rhythm at fractions: neither is it."""
    rng = np.random.default_rng(3)
    sure = wrong = 0
    for k in range(30):
        symbol = float(rng.uniform(20, 300))
        z = keyed(("OOK", "BPSK", "QPSK")[k % 3], symbol, 200, rng)
        told = emission_symbol_rate(received(z, (15.0, 30.0)[k % 2], symbol, rng, rng.uniform(-0.2, 0.2)))
        sure += told.sure
        wrong += told.sure and abs(told.samples_per_symbol / symbol - 1) > 2e-3
    for length in (4096, 60_000):
        wrong += emission_symbol_rate(torch.randn(length, dtype=torch.complex64)).sure
    fm = np.exp(2j * np.pi * 0.05 * np.cumsum(np.convolve(rng.standard_normal(50_000), np.ones(40) / 40, "same")))
    wrong += emission_symbol_rate(received(fm, 20.0, 1.0, rng)).sure
    assert sure >= 20 and wrong <= 1


@pytest.mark.parametrize("length", [0, 1, 100, 300])
def test_silence_and_a_few_samples_tell_nothing(length):
    assert not emission_symbol_rate(torch.zeros(length, dtype=torch.complex64)).sure
    assert not emission_symbol_rate(torch.ones(length, dtype=torch.complex64)).sure


def test_a_dozen_symbols_are_no_evidence():
    rng = np.random.default_rng(4)
    told = emission_symbol_rate(received(keyed("OOK", 300.0, 45, rng), 30.0, 300.0, rng))
    assert not told.sure
