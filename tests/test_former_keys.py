"""A training goes on from a checkpoint that holds keys which are none any more."""

from amc_xai.parts import without_radii


def test_rings_that_were_told_by_radii_take_the_shares_of_today():
    stored = {"selectors": ["top"], "available": {"annulus": {"_target_": "a", "radii": [0.5]}, "top": {}}}
    found = without_radii(stored)
    assert found == {"selectors": ["top"], "available": {"annulus": {"_target_": "a"}, "top": {}}}
    assert stored["available"]["annulus"]["radii"] == [0.5]
    assert without_radii({"selectors": ["top"]}) == {"selectors": ["top"]}
