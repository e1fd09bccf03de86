"""The evidence of each symbol: against what was sent, closed forms, and the frame's own likelihood."""

import math

import numpy as np
import pytest
import torch

from amc_xai.data.synthetic import Synthetic
from amc_xai.limits.evidence import received_symbols, symbol_evidence, whole_symbols
from amc_xai.limits.likelihood import log_likelihood
from amc_xai.signal.constellations import constellation

CLASSES = ["BPSK", "QPSK", "OQPSK", "16QAM"]


@pytest.fixture(scope="module")
def source():
    return Synthetic(CLASSES, [10.0, 60.0], frames_per_cell=3, frame_length=512)


def test_without_noise_the_outputs_are_the_symbols_that_were_sent(source):
    clear = np.flatnonzero(source.snr_index == 1)
    known = source.parameters_of(clear)
    symbols, late = received_symbols(source.read(clear), known)
    (made,) = source._in_chunks(clear)
    whole = whole_symbols(known, 512)
    assert int(whole.sum(1).min()) >= 56
    for k, place in enumerate(clear):
        sent, found = made.symbols[k][whole[k]], symbols[k][whole[k]]
        if source.modulations[source.modulation_index[place]] == "OQPSK":
            found = torch.complex(found.real, late[k][whole[k]].imag)
        # What a pulse has beyond two symbols is cut off at the frame's ends.
        assert (found - sent).abs().max() < 0.12 and (found - sent).abs().square().mean() < 1e-3


def test_noise_has_the_power_that_the_es_n0_says(source):
    noisy = np.flatnonzero((source.snr_index == 0) & (source.modulation_index == 0))
    symbols, _ = received_symbols(source.read(noisy), source.parameters_of(noisy))
    (made,) = source._in_chunks(noisy)
    whole = whole_symbols(source.parameters_of(noisy), 512)
    power = (symbols - made.symbols)[whole].abs().square().mean()
    # 3 x 60 exponential values of mean .1: a standard deviation of 7.5 %.
    assert float(power) == pytest.approx(0.1, rel=0.3)


def test_the_evidence_of_a_symbol_is_the_closed_form():
    y = torch.complex(torch.tensor([[0.3, -1.2, 0.0]]), torch.tensor([[0.4, 0.1, -0.9]]))
    g = torch.tensor([5.0])
    found = symbol_evidence(y, y, g, ["BPSK"], ["QPSK"])
    # BPSK: points +-1; QPSK: each axis is a BPSK of amplitude 1 / sqrt 2.
    for k, z in enumerate(y[0].tolist()):
        bpsk = math.log(math.cosh(2 * 5 * z.real)) - 5
        axes = [math.log(math.cosh(2 * 5 * part / math.sqrt(2))) for part in (z.real, z.imag)]
        assert float(found[0, k]) == pytest.approx(bpsk - (sum(axes) - 5), abs=1e-4)
    assert symbol_evidence(y, y, g, ["BPSK"], ["BPSK"]).abs().max() == 0


def test_over_a_frame_it_is_the_log_likelihood_ratio():
    generator = torch.Generator().manual_seed(0)
    y = torch.complex(*torch.randn(2, 4, 60, generator=generator))
    ratio = torch.tensor([1.0, 4.0, 10.0, 30.0])
    found = symbol_evidence(y, y, ratio, ["16QAM"] * 4, ["8PSK"] * 4).sum(1)
    noise = 1 / ratio.double()
    by_frame = log_likelihood(y, constellation("16QAM"), noise) - log_likelihood(y, constellation("8PSK"), noise)
    assert found.tolist() == pytest.approx(by_frame.tolist(), rel=1e-3, abs=1e-2)


def test_the_evidence_speaks_for_what_was_sent(source):
    noisy = np.flatnonzero(source.snr_index == 0)
    named = [source.modulations[m] for m in source.modulation_index[noisy]]
    rival = [CLASSES[(CLASSES.index(name) + 1) % 4] for name in named]
    known = source.parameters_of(noisy)
    outputs = received_symbols(source.read(noisy), known)
    found = symbol_evidence(*outputs, torch.full((len(noisy),), 10.0), named, rival)
    assert ((found * whole_symbols(known, 512)).sum(1) > 0).all()
