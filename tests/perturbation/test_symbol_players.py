"""Symbols taken from every channel at once: which ones, what goes with them, and what takes their place."""

import math

import pytest
import torch

from amc_xai.data import Facts
from amc_xai.errors import UserError
from amc_xai.perturbation import DoesNotApply, FrameSymbols, SymbolSelector, View, without_symbols
from amc_xai.representation import Augmented
from amc_xai.tasks.views import frame_symbols


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def symbols_of(value: torch.Tensor, first: float = 2.0, step: float = 4.0) -> FrameSymbols:
    ones = torch.ones(len(value))
    return FrameSymbols(value, first * ones, step * ones, torch.ones(value.shape, dtype=torch.bool))


def view_of(value: torch.Tensor, **given) -> View:
    x = given.pop("x", torch.stack([value.real, value.imag], 1))
    return View(None, x, ["I", "Q"], symbols=symbols_of(value, **given))


def taken(selector: SymbolSelector, value: list[complex], count: int) -> set[int]:
    ranking = selector.rank(view_of(torch.tensor([value])), seeded())
    return set(ranking.cut(count / len(value))[0].nonzero().flatten().tolist())


def test_each_feature_takes_the_symbols_that_it_names():
    ring = [0.2 + 0j, 1j, -2 + 0j, 3 + 3j, 0.1j, -5 - 0.1j, 1 - 1.1j]
    assert taken(SymbolSelector("radius", largest=True), ring, 2) == {3, 5}
    assert taken(SymbolSelector("radius"), ring, 2) == {0, 4}
    # Of a quarter turn's angle nothing is known: rays of the axes and of the diagonals.
    assert taken(SymbolSelector("phase"), ring, 5) == {0, 1, 2, 4, 5}
    assert taken(SymbolSelector("phase", degrees=45), ring, 2) == {3, 6}
    assert taken(SymbolSelector("time"), ring, 3) == {0, 1, 2}
    assert taken(SymbolSelector("time", largest=True), ring, 1) == {6}
    assert taken(SymbolSelector("transition", largest=True), ring, 2) == {3, 6}
    crowd = [1 + 0.01j * k for k in range(7)] + [-1 + 0j, 5j]
    assert taken(SymbolSelector("cluster", largest=True), crowd, 2) == {7, 8}
    assert taken(SymbolSelector("cluster"), crowd, 7) == set(range(7))
    with pytest.raises(UserError, match="selected by radius, phase"):
        SymbolSelector("colour")


def test_a_column_that_goes_takes_that_of_one_that_stays_in_every_channel():
    value = torch.complex(torch.arange(12.0), 100 + torch.arange(12.0)).expand(300, 12)
    removed = torch.zeros(300, 12, dtype=torch.bool)
    removed[:, 4:9] = True
    found = without_symbols(view_of(value), removed, None, seeded())
    assert torch.equal(found[:, 1] - found[:, 0], torch.full((300, 12), 100.0))
    stays = torch.tensor([0, 1, 2, 3, 9, 10, 11])
    assert torch.equal(found[:, 0, stays], stays.float().expand(300, 7))
    counts = torch.bincount(found[:, 0, 4:9].flatten().long(), minlength=12)
    assert counts[4:9].sum() == 0
    # 1,500 draws of 7: four standard deviations.
    assert (counts[stays] - 1500 / 7).abs().max() < 4 * math.sqrt(1500 * 6 / 49)
    everything = torch.ones_like(removed)
    assert torch.equal(without_symbols(view_of(value), everything, None, seeded())[:, 0], value.real)


def test_samples_go_with_their_symbol_and_another_symbols_take_their_place():
    # Symbols at samples 2, 6, 10, 14: each owns the four samples around it.
    time = torch.arange(16.0)
    x = torch.stack([time, -time])[None]
    view = view_of(torch.zeros(1, 4, dtype=torch.complex64), x=x)
    assert view.symbols.owners(16).tolist() == [[0] * 5 + [1] * 3 + [2] * 5 + [3] * 3]
    removed = torch.tensor([[False, True, True, True]])
    found = without_symbols(view, removed, None, seeded())[0]
    assert torch.equal(found[1], -found[0])
    # Only the first symbol stays: samples 0..4 keep their place, the others repeat what lies around sample 2.
    assert found[0].tolist() == [0, 1, 2, 3, 4, 1, 2, 3, 0, 1, 2, 3, 4, 1, 2, 3]


def test_pictures_lose_the_symbols_points_in_every_channel():
    facts = Facts(256, 8.0)
    names = ("trajectory", "symbols", "differential", "residual")
    representation = Augmented(facts, image_size=16, channels=names)
    iq = torch.randn(3, 2, 256, generator=seeded(1))
    cells = representation.cells(iq)
    symbols = frame_symbols(iq, 8.0)
    view = View(iq, representation.draw(cells), list(representation.channels), cells, symbols=symbols)
    assert symbols.value.shape[1] == cells["symbols"].shape[1]
    removed = SymbolSelector("radius", largest=True).rank(view, seeded()).cut(0.5)
    # The outermost half of the symbols: what stays lies within the median radius, in the picture too.
    found = without_symbols(view, removed, representation, seeded())
    assert found.shape == view.image.shape
    half = torch.arange(16) + 0.5 - 8
    radius = torch.hypot(half[:, None], half).flatten() / 8
    kept = representation.points(iq)["symbols"].abs().masked_fill(removed, 0).amax(1)
    for i in range(3):
        lit = found[i, 1].flatten() > 0
        assert radius[lit].max() <= kept[i] + math.sqrt(2) / 16
    for channel, points in cells.items():
        before = (points >= 0).sum(1)
        after = (found[:, list(cells).index(channel)].expm1()).sum((1, 2)).round()
        assert torch.equal(after.long(), before)  # as many points as before


def test_what_symbols_lack_is_said():
    value = torch.zeros(1, 12, dtype=torch.complex64)
    with pytest.raises(DoesNotApply, match="samples a symbol are not known"):
        SymbolSelector("radius").rank(View(None, torch.zeros(1, 2, 12), ["I", "Q"]), seeded())
    odd = View(torch.zeros(1, 2, 40), torch.zeros(1, 2, 41), ["I", "Q"], symbols=symbols_of(value))
    with pytest.raises(DoesNotApply, match="channel of 41 points"):
        without_symbols(odd, torch.zeros(1, 12, dtype=torch.bool), None, seeded())
    assert frame_symbols(torch.zeros(1, 2, 40), 12.0) is None  # three symbols are too few
