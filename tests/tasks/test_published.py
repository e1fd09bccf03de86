"""The published score on a network that was trained: an artefact of its masks, which exact masks don't show."""

import pytest

from amc_xai.explain import read_pis_csv
from amc_xai.tasks.explaining import explain

FRACTIONS = (0.01, 0.02, 0.05)


def test_on_a_trained_network_the_published_score_grows_as_one_over_p_and_the_exact_one_does_not(bench_of):
    bench = bench_of(
        "experiment=pis_published", "perturbation.selectors=[published,bottom]", "perturbation.frames=null",
        "perturbation.fractions=[0.01,0.02,0.05]", "perturbation.control=null",
    )  # fmt: skip
    explain(bench, bench.split.test)
    rows = {
        (r["selector"], r["nominal_fraction"]): r
        for r in read_pis_csv(bench.parts.folder / "pis.csv")
        if (r["task"], r["operator"]) == ("joint", "zero")
    }
    published = [rows["published_bottom", p] for p in FRACTIONS]
    exact = [rows["bottom", p] for p in FRACTIONS]
    # "1 %", "2 %" and "5 %" are the same pixels, a third of the lit ones: one drop, divided by what was named.
    assert len({row["lit_fraction"] for row in published}) == 1 and published[0]["lit_fraction"] > 0.3
    assert len({row["accuracy"] for row in published}) == 1 and published[0]["drop"] > 0.2
    for p, row in zip(FRACTIONS, published, strict=True):
        assert row["pis_nominal"] == pytest.approx(published[0]["drop"] / p)
        assert row["pis_lit"] == pytest.approx(published[0]["pis_lit"])
    # Exact masks take what they name. What they cost is far from the published drop, so that no 1/p can arise:
    # it would have to be the same drop at each fraction.
    for p, row in zip(FRACTIONS, exact, strict=True):
        assert row["lit_fraction"] == pytest.approx(p, rel=0.2)
        assert row["drop_high"] < 0.5 * published[0]["drop_low"]
