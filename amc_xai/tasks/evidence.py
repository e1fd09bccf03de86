"""The optimal observer beside the network, symbol by symbol: ``evidence.csv`` of ``task=explain``."""

import numpy as np
import torch

from amc_xai.errors import UserError
from amc_xai.explain.asking import rivals_of
from amc_xai.explain.attribution import AttributionPlan, Method, contrast_input
from amc_xai.explain.evidence import BAND_DB, agreement_of_frames, evidence_rows, on_symbols, own_scores
from amc_xai.explain.precision import as_explained
from amc_xai.explain.table_files import write_rows
from amc_xai.limits import FrameModel
from amc_xai.limits.evidence import (
    has_evidence,
    phaseless_evidence,
    received_symbols,
    symbol_evidence,
    whole_symbols,
)
from amc_xai.perturbation import DoesNotApply, PerturbationPlan, View
from amc_xai.perturbation.symbol_players import symbols_of
from amc_xai.progress import progress
from amc_xai.tasks.attribution_methods import applicable, explained_frames, say
from amc_xai.tasks.limit_scope import refuse_unknown_limit
from amc_xai.tasks.views import donors_of, view_of
from amc_xai.tasks.workbench import Workbench

BATCH = 32
PULSE = ("root_raised_cosine",)


def weigh_evidence(bench: Workbench, indices: np.ndarray) -> None:
    """Leave ``evidence.csv``: how well maps and network agree with the log-likelihood ratio of each symbol.

    Of some of these frames, half of them at the SNRs in `BAND_DB`. Where the ratio isn't known, a line in the log
    says why.
    """
    plan: PerturbationPlan = bench.parts.make["perturbation"]
    if not bench.accelerator.is_main_process or not plan.evidence_frames or len(indices) == 0:
        return
    try:
        refuse_unknown_evidence(bench)
    except UserError as why:
        say(bench, f"evidence.csv is left out: {why}")
        return
    chosen = evidence_frames(bench, indices, plan.evidence_frames)
    as_explained(bench.classifier, bench.accelerator)
    methods = methods_of(bench, indices)
    found: dict[str, list[np.ndarray]] = {}
    places = []
    parts = [chosen[k : k + BATCH] for k in range(0, len(chosen), BATCH)]
    try:
        for part in progress(parts, "weighing evidence", 0, len(parts)):
            kept, agreement = agreement_of_batch(bench, part, methods)
            places.append(part[kept])
            for name, values in agreement.items():
                found.setdefault(name, []).append(values)
    except DoesNotApply as why:
        say(bench, f"evidence.csv is left out: {why}")
        return
    frames = np.concatenate(places) if places else np.zeros(0, np.int64)
    source = bench.source
    rows = evidence_rows(
        {name: np.concatenate(values) for name, values in found.items()},
        source.modulation_index[frames],
        np.asarray(source.snrs)[source.snr_index[frames]],
        source.modulations,
        bench.parts.seed,
    )
    if rows:
        write_rows(rows, bench.parts.folder / "evidence.csv")


def refuse_unknown_evidence(bench: Workbench) -> None:
    """Raise UserError unless the frames are symbols on known pulses in white noise of known density."""
    source = bench.source
    refuse_unknown_limit(source)
    channel = source.channel
    if tuple(channel.pulse) != PULSE or channel.unipolar_ask or channel.phase_noise_std:
        raise UserError(
            "the evidence of a symbol is known for root-raised-cosine pulses and a steady carrier alone"
        )
    if channel.iq_gain_std_db or channel.iq_phase_std_deg:
        raise UserError("the evidence of a symbol is not known behind an imbalance of I and Q")
    model = FrameModel.of(source.frame_length, source.samples_per_symbol, channel.roll_off, source.snr_definition)
    known = [name for name in source.modulations if has_evidence(name)]
    if len({model.amplitude(name) for name in known}) > 1:
        raise UserError("the evidence of a symbol is known of classes of one power alone")
    if len(known) < 2:
        raise UserError("the evidence of a symbol is known between two classes of symbols alone")


def evidence_frames(bench: Workbench, indices: np.ndarray, count: int) -> np.ndarray:
    """``count`` frames with labels, ascending: half at the SNRs in `BAND_DB`, or more where there are no others,
    classes in turn in both halves."""
    source = bench.source
    indices = indices[(source.modulation_index[indices] >= 0) & (source.snr_index[indices] >= 0)]
    indices = np.random.default_rng([bench.parts.seed, 2]).permutation(indices)
    snr = np.asarray(source.snrs)[source.snr_index[indices]]
    inside = (snr >= BAND_DB[0]) & (snr <= BAND_DB[1])

    def in_turn(some: np.ndarray, most: int) -> np.ndarray:
        label = source.modulation_index[some]
        turn = np.zeros(len(some), np.int64)
        for k in np.unique(label):
            turn[label == k] = np.arange((label == k).sum())
        return some[np.argsort(turn, kind="stable")][:most]

    first = in_turn(indices[inside], count - min(count // 2, int((~inside).sum())))
    rest = in_turn(indices[~inside], count - len(first))
    return np.sort(np.concatenate([first, rest]))


def methods_of(bench: Workbench, indices: np.ndarray) -> dict[str, Method]:
    """The methods of ``attribution=`` that apply."""
    plan: AttributionPlan = bench.parts.make["attribution"]
    if not plan.methods:
        return {}
    *_, subject = explained_frames(bench, plan, indices[:1])
    return applicable(bench, plan, subject, donors_of(bench, indices))


def agreement_of_batch(
    bench: Workbench, places: np.ndarray, methods: dict[str, Method]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Which of these frames have an evidence (bool), and the agreement of each map with it on those."""
    source, classifier, device = bench.source, bench.classifier, bench.accelerator.device
    iq = source.read(places).contiguous().to(device)
    with torch.no_grad():
        pair = rivals_of(classifier.network(view_of(bench, iq, places).whole).modulation)
    named, rival = ([classifier.modulations[k] for k in column] for column in pair.T.tolist())
    kept = np.array([has_evidence(a) and has_evidence(b) for a, b in zip(named, rival, strict=True)], bool)
    if not kept.any():
        return kept, {}
    places, iq, pair = places[kept], iq[torch.from_numpy(kept).to(device)], pair[torch.from_numpy(kept).to(device)]
    named, rival = ([name for name, there in zip(names, kept, strict=True) if there] for names in (named, rival))
    view = view_of(bench, iq, places)
    evidence, known, phaseless = evidence_of(bench, view, places, named, rival)
    generator = torch.Generator().manual_seed(bench.parts.seed)
    maps = {"own": own_scores(classifier.network, view, classifier.representation, generator)}
    x = view.image
    for name, method in methods.items():
        maps[name] = on_symbols(contrast_input(method, classifier.network, x, pair, "modulation"), view)
    maps["uniform"] = on_symbols((x > 0).to(x.dtype) if x.ndim == 4 else torch.ones_like(x), view)
    maps["phaseless"] = phaseless
    maps["random"] = torch.rand(view.symbols.value.shape, generator=generator)
    return kept, agreement_of_frames(maps, evidence, known)


def evidence_of(
    bench: Workbench, view: View, places: np.ndarray, named: list[str], rival: list[str]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The evidence (B, K) of the symbols that the receiver found, for which of them it is known, and what it is to
    an observer that doesn't know the phase."""
    source = bench.source
    known, step = source.parameters_of(places), source.samples_per_symbol
    model = FrameModel.of(source.frame_length, step, source.channel.roll_off, source.snr_definition)
    snr = np.asarray(source.snrs)[source.snr_index[places]]
    ratio = torch.tensor([model.es_n0(float(value), named[0]) for value in snr])
    received = received_symbols(view.iq, known)
    all_of_frame = symbol_evidence(*received, ratio, named, rival)
    symbols = symbols_of(view)
    k = torch.arange(symbols.value.shape[1])
    instant = symbols.first.cpu()[:, None] + k * symbols.step.cpu()[:, None]
    number = ((instant - known.timing.cpu()[:, None]) / step).round().long()
    inside = (number >= 0) & (number < all_of_frame.shape[1]) & symbols.known.cpu()
    number = number.clamp(0, all_of_frame.shape[1] - 1)
    whole = whole_symbols(known, view.iq.shape[2])
    phaseless = phaseless_evidence(*received, ratio, named, rival, whole)
    return all_of_frame.gather(1, number), inside & whole.gather(1, number), phaseless.gather(1, number)
