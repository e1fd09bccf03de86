"""Maps are brought to symbols point by point, and agreement is counted frame by frame."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from amc_xai.data import Facts
from amc_xai.explain.evidence import agreement_of_frames, evidence_rows, on_symbols, own_scores
from amc_xai.model.network import Prediction
from amc_xai.perturbation import FrameSymbols, View
from amc_xai.representation import Augmented


@pytest.fixture
def view():
    """Two frames of 5 symbols: a channel with a point each, one with a point a pair, one with 20 samples."""
    cells = {
        "symbols": torch.tensor([[0, 0, 1, 2, -1], [3, 3, 3, 3, 3]]),
        "differential": torch.tensor([[0, 1, 2, 3], [0, 0, 1, 1]]),
        "trajectory": torch.zeros(2, 20, dtype=torch.int64),
    }
    symbols = FrameSymbols(
        torch.zeros(2, 5, dtype=torch.complex64), torch.full((2,), 1.5), torch.full((2,), 4.0),
        torch.ones(2, 5, dtype=torch.bool),
    )  # fmt: skip
    return View(torch.zeros(2, 2, 20), torch.zeros(2, 3, 2, 2), list(cells), cells, symbols=symbols)


def test_a_pixels_score_is_shared_by_its_points_and_comes_back_to_their_symbols(view):
    scores = torch.zeros(2, 3, 2, 2)
    scores[:, 0] = torch.tensor([[8.0, 1.0], [5.0, 10.0]])
    found = on_symbols(scores, view)
    assert found.tolist() == [[4, 4, 1, 5, 0], [2, 2, 2, 2, 2]]
    scores = torch.zeros(2, 3, 2, 2)
    scores[:, 1] = torch.tensor([[2.0, 4.0], [6.0, 8.0]])
    # Pairs 0-1, 1-2, ... share what their pixel has.
    assert on_symbols(scores, view)[0].tolist() == [1, 3, 5, 7, 4]
    assert on_symbols(scores, view)[1].tolist() == [0.5, 1, 1.5, 2, 1]
    scores = torch.zeros(2, 3, 2, 2)
    scores[:, 2, 0, 0] = 20.0
    assert on_symbols(scores, view).tolist() == [[4.0] * 5] * 2  # twenty samples, four a symbol
    assert float(on_symbols(torch.ones(2, 3, 2, 2), view)[0].sum()) == pytest.approx(3 + 4 + 1)


def test_columns_of_a_sequence_are_symbols_and_samples_go_to_theirs(view):
    columns = replace(view, image=torch.zeros(2, 3, 5), cells={})
    scores = torch.arange(5.0).expand(2, 3, 5)
    assert on_symbols(scores, columns)[0].tolist() == [0, 3, 6, 9, 12]
    samples = replace(view, image=torch.zeros(2, 2, 20), channels=["I", "Q"], cells={})
    scores = torch.ones(2, 2, 20)
    assert on_symbols(scores, samples).tolist() == [[8.0] * 5] * 2


class Counter(nn.Module):
    """Its modulation's lead is the number of points right of the middle less those left of it."""

    def forward(self, x):
        count = x[:, 0].expm1().sum(1)
        half = count.shape[1] // 2
        lead = count[:, half:].sum(1) - count[:, :half].sum(1) + 1000
        logits = torch.stack([lead, torch.zeros_like(lead)], 1)
        return Prediction(logits, logits)


def test_a_networks_own_scores_are_what_each_symbol_adds_to_its_lead():
    representation = Augmented(Facts(256, 8.0), image_size=16, channels=("symbols",))
    generator = torch.Generator().manual_seed(1)
    cells = {"symbols": torch.randint(0, 256, (3, 30), generator=generator)}
    symbols = FrameSymbols(
        torch.zeros(3, 30, dtype=torch.complex64), torch.zeros(3), torch.full((3,), 8.0),
        torch.ones(3, 30, dtype=torch.bool),
    )  # fmt: skip
    view = View(torch.zeros(3, 2, 256), representation.draw(cells), ["symbols"], cells, symbols=symbols)
    found = own_scores(Counter(), view, representation, generator)
    right = (cells["symbols"] % 16) >= 8
    torch.testing.assert_close(found, 2.0 * right - 1.0, atol=1e-3, rtol=0)


def test_agreement_is_spearmans_over_known_symbols_with_rows_by_class_and_snr():
    generator = torch.Generator().manual_seed(0)
    evidence = torch.randn(40, 30, generator=generator)
    known = torch.ones(40, 30, dtype=torch.bool)
    known[:, :3] = False
    hidden = evidence.clone()
    hidden[:, :3] = 100.0  # unknown symbols don't count
    maps = {"same": hidden**3, "opposite": -evidence, "uniform": torch.ones(40, 30)}
    found = agreement_of_frames(maps, evidence, known)
    assert found["same"] == pytest.approx(1) and found["opposite"] == pytest.approx(-1)
    assert np.isnan(found["uniform"]).all()
    modulation, snr = np.tile([0, 1], 20), np.repeat([0.0, 10.0, 20.0, 30.0], 10)
    found["half"] = np.where(snr == 10, 1.0, 0.0)
    rows = evidence_rows(found, modulation, snr, ["QPSK", "8PSK"])
    half = {(r["modulation"], r["snr_low"], r["snr_high"]): r for r in rows if r["map"] == "half"}
    assert half["all", 10, 20]["value"] == pytest.approx(0.5) and half["all", 10, 20]["frames"] == 20
    assert half["8PSK", 10, 20]["frames"] == 10 and half["all", 10, 10]["value"] == 1
    assert half["all", 10, 20]["low"] < 0.5 < half["all", 10, 20]["high"]
    assert not [row for row in rows if row["map"] == "uniform"]
