"""Frames to explain are spread over classes and SNRs."""

from types import SimpleNamespace

import numpy as np

from amc_xai.tasks.even_choice import evenly


def source_of(cells: list[tuple[int, int, int]]) -> SimpleNamespace:
    """Frames by (modulation, snr, how many), in that order."""
    modulation, snr = (np.repeat([c[k] for c in cells], [c[2] for c in cells]) for k in (0, 1))
    return SimpleNamespace(modulation_index=modulation, snr_index=snr, snrs=[0.0, 10.0])


def counts(source, chosen) -> dict[tuple[int, int], int]:
    pairs = zip(source.modulation_index[chosen].tolist(), source.snr_index[chosen].tolist(), strict=True)
    found: dict[tuple[int, int], int] = {}
    for pair in pairs:
        found[pair] = found.get(pair, 0) + 1
    return found


def test_cells_get_equal_shares_and_small_ones_all_they_have():
    source = source_of([(0, 0, 50), (0, 1, 3), (1, 0, 50), (1, 1, 400), (-1, 1, 50)])
    chosen = evenly(source, np.arange(10, 553), 43, seed=0)
    assert counts(source, chosen) == {(0, 0): 10, (0, 1): 3, (1, 0): 10, (1, 1): 10, (-1, 1): 10}
    assert (np.diff(chosen) > 0).all() and chosen.min() >= 10
    assert set(counts(source, evenly(source, np.arange(553), 42, seed=0)).values()) <= {3, 9, 10}


def test_the_seed_draws_within_cells_and_decides_alone():
    source = source_of([(0, 0, 200), (1, 0, 200)])
    first, again, other = (evenly(source, np.arange(400), 40, seed) for seed in (0, 0, 1))
    assert (first == again).all() and (first != other).any()
    # No order of the source shows: those that are drawn lie all over their cell.
    assert abs(first[first < 200].mean() - 100) < 40


def test_few_frames_are_of_cells_drawn_at_random():
    source = source_of([(k, 0, 5) for k in range(20)])
    found = {frozenset(counts(source, evenly(source, np.arange(100), 4, seed))) for seed in range(5)}
    assert len(found) == 5 and all(len(cells) == 4 for cells in found)


def test_all_are_taken_where_there_are_no_more():
    source = source_of([(0, 0, 3)])
    assert evenly(source, np.arange(3), 9, seed=0).tolist() == [0, 1, 2]
