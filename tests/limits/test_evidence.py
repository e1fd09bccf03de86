"""The evidence of each symbol: against what was sent, closed forms, and the frame's own likelihood."""

import math

import numpy as np
import pytest
import torch

from amc_xai.data.synthetic import Synthetic
from amc_xai.limits.evidence import (
    _terms,
    phaseless_evidence,
    received_symbols,
    symbol_evidence,
    whole_symbols,
)
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


@pytest.mark.parametrize(
    ("sent", "named", "rival"), [("QPSK", "QPSK", "8PSK"), ("16QAM", "16QAM", "8PSK"), ("OQPSK", "OQPSK", "QPSK")]
)
@pytest.mark.parametrize("es_n0_db", [0.0, 12.0, 25.0])
def test_without_the_phase_it_is_the_mean_over_phases_with_a_symbol_and_without(sent, named, rival, es_n0_db):
    generator, ratio = torch.Generator().manual_seed(3), 10 ** (es_n0_db / 10)
    points = constellation("QPSK" if sent == "OQPSK" else sent)
    symbols = points[torch.randint(0, len(points), (2, 30), generator=generator)].to(torch.complex64)
    noise = torch.randn(2, 2, 2, 30, generator=generator) * math.sqrt(0.5 / ratio)
    symbols, late = symbols + torch.complex(*noise[0]), symbols + torch.complex(*noise[1])
    known, ratios = torch.ones(2, 30, dtype=torch.bool), torch.full((2,), ratio)
    known[:, -2:] = False
    found = phaseless_evidence(symbols, late, ratios, [named] * 2, [rival] * 2, known)
    assert (found[:, -2:] == 0).all()

    turns, expected = torch.arange(8000) * 2 * math.pi / 8000, 0
    for sign, name in ((1, named), (-1, rival)):
        turned = [part[0, :-2] * torch.polar(torch.ones(8000), turns)[:, None] for part in (symbols, late)]
        terms = _terms(*turned, torch.full((8000,), ratio), [name] * 8000)
        total = terms.sum(1, keepdim=True)
        expected = expected + sign * (total.logsumexp(0) - (total - terms).logsumexp(0))
    torch.testing.assert_close(found[0, :-2], expected, atol=2e-3, rtol=1e-4)


def test_classes_that_differ_in_turn_alone_are_told_by_other_symbols_without_the_phase():
    generator, ratio = torch.Generator().manual_seed(4), 10**1.5
    symbols = (2.0 * torch.randint(0, 2, (1, 100), generator=generator) - 1).to(torch.complex64)
    noise = torch.randn(2, 1, 100, generator=generator) * math.sqrt(0.5 / ratio)
    symbols = symbols + torch.complex(*noise)
    asked = (symbols, symbols, torch.full((1,), ratio), ["BPSK"], ["QPSK"])
    genie = symbol_evidence(*asked)
    without = phaseless_evidence(*asked, torch.ones(1, 100, dtype=torch.bool))
    # Turned by 45 degrees, two of the four points are BPSK's: every symbol says that half of them were not sent.
    assert float(without.mean()) == pytest.approx(math.log(2), abs=0.02) and float(without.std()) < 0.2
    assert float(genie.mean()) > 5 and float(genie.std()) > 2
