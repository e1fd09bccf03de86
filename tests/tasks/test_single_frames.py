"""What ``task=explain`` leaves of single frames: three at work, changed ones, the optimal observer beside them."""

import csv
import logging

import numpy as np
import pytest
import torch

from amc_xai.explain.asking import margin, rivals_of
from amc_xai.explain.evidence import agreement_of_frames
from amc_xai.limits.evidence import symbol_evidence
from amc_xai.report.attribution_files import read_table
from amc_xai.report.evidence import NEEDED
from amc_xai.report.worked import CHANGED, WORKED, read_archive
from amc_xai.tasks.attributing import explain_by_attribution
from amc_xai.tasks.evidence import evidence_of, weigh_evidence
from amc_xai.tasks.explaining import explain
from amc_xai.tasks.views import donors_of, view_of
from amc_xai.tasks.worked import DONORS, show_frames

COUNTS = ("frames", "modulation_frames", "snr_frames", "items")


def test_worked_and_changed_frames_are_those_of_the_network(bench_of, tmp_path):
    bench = bench_of()
    indices, network = bench.split.test, bench.classifier.network.eval()
    show_frames(bench, indices)
    arrays = read_archive(tmp_path / "worked.npz", WORKED)
    assert set(arrays["kind"]) <= {"right", "wrong", "faint"} and "right" in arrays["kind"]
    right = arrays["kind"].tolist().index("right")
    assert arrays["named"][right] == arrays["modulation"][right]
    assert arrays["axes"].tolist() == ["I to the right, Q upwards, each from −3 to 3"]
    image = torch.from_numpy(arrays["image"])
    with torch.no_grad():
        logits = network(image).modulation
        pair = rivals_of(logits)
        donors = donors_of(bench, indices)
        order = np.random.default_rng([bench.parts.seed, 4]).permutation(len(donors.places))
        given = network(donors.seen[torch.from_numpy(order)]).modulation
    names = np.asarray(bench.source.modulations)
    assert arrays["named"].tolist() == names[pair[:, 0].numpy()].tolist()
    # Of the only channel another frame's means that frame: what is lost is the lead less the mean of theirs.
    lead = margin(logits, pair)
    for f in range(len(image)):
        # Of the frame's own picture among them nothing would be lost.
        other = (donors.seen[torch.from_numpy(order)] != image[f]).flatten(1).any(1)
        assert not other.all()
        others = given[other][:DONORS]
        theirs = margin(others, pair[f : f + 1].expand(len(others), -1)).mean()
        assert arrays["lost"][f, 0] == pytest.approx(float(lead[f] - theirs), abs=1e-3)
        assert arrays["lost_low"][f, 0] <= arrays["lost"][f, 0] <= arrays["lost_high"][f, 0]
    changed = read_archive(tmp_path / "counterfactuals.npz", CHANGED)
    assert changed["variant"].tolist() == [
        "as it came", "turned by 30°", "with noise for 10 dB less", "with Q half a symbol late",
        "without its outermost 25 % of symbols",
    ]  # fmt: skip
    assert changed["named"][:, 0].tolist() == changed["modulation"].tolist()
    with torch.no_grad():
        again = network(torch.from_numpy(changed["image"][0])).modulation.argmax(1)
    assert changed["named"][0].tolist() == names[again.numpy()].tolist()
    # Each change shows: no picture is the one before the change.
    assert all((changed["image"][:, v] != changed["image"][:, 0]).any() for v in range(1, 5))


def test_donors_of_the_same_frames_are_made_once(bench_of, monkeypatch):
    bench = bench_of()
    first = donors_of(bench, bench.split.test)
    monkeypatch.setattr(bench.source, "read", None)
    assert donors_of(bench, bench.split.test[::-1].copy()[::-1]) is first
    with pytest.raises(TypeError):
        donors_of(bench, bench.split.test[:20])


def test_the_noise_that_is_added_takes_ten_decibels(bench_of):
    from amc_xai.tasks.worked import changed_frames

    bench = bench_of("dataset.channel.carrier_offset_std=0")
    indices = np.flatnonzero(bench.source.snr_index == 1)[:40]  # 24 dB of Es/N0
    iq = bench.source.read(indices)
    noisy = changed_frames(bench, iq, indices, torch.Generator().manual_seed(0))["with noise for 10 dB less"]
    added = float((noisy - iq).square().sum(1).mean())
    # Mean sample power 1, so N = 8 / 10^2.4 a sample; nine times as much comes on top.
    assert added == pytest.approx(9 * 8 / 10**2.4, rel=0.05)


def test_every_table_of_an_explanation_says_of_how_many_frames_it_is(bench_of, tmp_path):
    small = ["attribution.frames=4", "attribution.metric_frames=2", "attribution.sanity_layers=1"]
    quick = ["attribution.curve_steps=2", "attribution.random_orders=1", "perturbation.evidence_frames=8"]
    bench = bench_of("attribution=smooth_grad", "perturbation.fractions=[0.5]", *small, *quick)
    indices = bench.split.test[::4]
    explain(bench, indices)
    explain_by_attribution(bench, indices)
    weigh_evidence(bench, indices)
    tables = {path.name: list(csv.DictReader(path.read_text().splitlines())) for path in tmp_path.glob("*.csv")}
    # What maps foretell for masks is of the frames that pis.csv and attribution.csv tell.
    del tables["pis_vs_attribution.csv"]
    assert {"pis.csv", "channels.csv", "flows.csv", "contrast.csv", "evidence.csv", "sanity.csv"} <= set(tables)
    for name, rows in tables.items():
        counts = [int(value) for key, value in rows[0].items() if key in COUNTS]
        assert counts and all(0 < count <= len(indices) for count in counts), name


def test_evidence_is_weighed_beside_maps_that_know_nothing(bench_of, tmp_path):
    bench = bench_of("perturbation.evidence_frames=24", "attribution=smooth_grad", "attribution.metric_frames=0")
    weigh_evidence(bench, bench.split.test)
    rows = read_table(tmp_path / "evidence.csv", NEEDED)
    whole = {row["map"]: row for row in rows if row["modulation"] == "all" and row["snr_low"] != row["snr_high"]}
    assert set(whole) == {"own", "smooth_grad", "uniform", "phaseless", "random"}
    # At 24 dB the evidence of BPSK against 8PSK is log 4 for every symbol: such frames have no order.
    assert 6 <= whole["own"]["frames"] < 24
    assert whole["random"]["low"] < 0.1 and whole["random"]["high"] > -0.1
    assert {row["modulation"] for row in rows} == {"all", "BPSK", "8PSK"}
    for row in rows:
        assert -1 <= row["low"] <= row["value"] <= row["high"] <= 1


def test_what_is_the_likelihood_of_the_receivers_own_symbols_agrees_with_the_evidence(bench_of):
    bench = bench_of("dataset.channel.carrier_offset_std=1e-4")
    source = bench.source
    places = np.flatnonzero((source.modulation_index == 0) & (source.snr_index == 1))[:24]  # BPSK at 24 dB
    view = view_of(bench, source.read(places).contiguous(), places)
    evidence, known, _ = evidence_of(bench, view, places, ["BPSK"] * 24, ["4ASK"] * 24)
    # Found blindly: time and carrier by the receiver, the phase as the likeliest for BPSK.
    ratio = torch.full((24,), 10**2.4)
    value = view.symbols.value / (view.symbols.value.abs().square().mean(1, keepdim=True) / (1 + 10**-2.4)).sqrt()
    turns = torch.arange(128) * torch.pi / 128
    turned = [value * torch.polar(torch.tensor(1.0), turn) for turn in turns]
    best = torch.stack([part.real.square().sum(1) for part in turned]).argmax(0)
    symbols = torch.stack([turned[k][row] for row, k in enumerate(best.tolist())])
    own = symbol_evidence(symbols, symbols, ratio, ["BPSK"] * 24, ["4ASK"] * 24)
    found = agreement_of_frames({"own": own, "late": own.roll(1, 1)}, evidence, known)
    # What is left is of the receiver: a phase that drifts a little, an instant a little off.
    assert np.median(found["own"]) > 0.9 and (found["own"] > 0.5).mean() > 0.8
    assert abs(found["late"].mean()) < 0.1


def test_where_the_evidence_is_unknown_the_log_says_why(bench_of, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    bench = bench_of("dataset.channel.multipath=rayleigh")
    weigh_evidence(bench, bench.split.test)
    assert "evidence.csv is left out: limits are known for white noise alone" in caplog.text
    assert not (tmp_path / "evidence.csv").exists()
