"""Single frames for the page: three at work, and some changed in one way at a time, with the answer to each."""

import math

import numpy as np
import torch

from amc_xai.data.contracts import rates_of
from amc_xai.explain.asking import margin, rivals_of
from amc_xai.explain.attribution import ExpectedGradients, contrast_input
from amc_xai.explain.channels import mixed, players_of
from amc_xai.explain.contrast import interval_of
from amc_xai.files import replacing
from amc_xai.perturbation import Donors, SymbolSelector, View, without_symbols
from amc_xai.tasks.gallery import axes_of
from amc_xai.tasks.lengths import of_one_length
from amc_xai.tasks.views import donors_of, gives_pictures, view_of
from amc_xai.tasks.workbench import Workbench

LOOKED_AT = 256
DONORS = 24
SAMPLES = 32  # of the gradients behind a map
RIGHT_DB, FAINT_DB = 14.0, (0.0, 6.0)
TURN_DEGREES, NOISE_DB, RING_SHARE = 30, 10.0, 0.25
PREFERRED = ("QPSK", "16QAM", "16APSK", "8PSK", "BPSK")


def show_frames(bench: Workbench, indices: np.ndarray) -> None:
    """Leave ``worked.npz`` and ``counterfactuals.npz``; of networks on one picture whose points are known."""
    representation, network = bench.classifier.representation, bench.classifier.network
    if not hasattr(representation, "cells") or hasattr(representation, "sequence_of") or gives_pictures(bench):
        return
    source = bench.source
    indices = of_one_length(source, indices)
    indices = indices[(source.modulation_index[indices] >= 0) & (source.snr_index[indices] >= 0)]
    if len(indices) < 2 or len(source.modulations) < 2:
        return
    looked = np.sort(np.random.default_rng([bench.parts.seed, 3]).permutation(indices)[:LOOKED_AT])
    named = answers_on(bench, looked)
    donors = donors_of(bench, indices)
    kinds = worked_frames(bench, looked, named)
    if kinds and donors is not None:
        save(bench, "worked.npz", worked(bench, network, kinds, donors))
    chosen = frames_to_change(bench, looked, named)
    if len(chosen):
        save(bench, "counterfactuals.npz", counterfactuals(bench, chosen))


@torch.inference_mode()
def answers_on(bench: Workbench, indices: np.ndarray) -> np.ndarray:
    """The modulation and the SNR named on these frames, and the lead of the former in nats: float64 (3, N)."""
    parts = []
    for batch in bench.evaluation_batches(indices):
        batch = batch.to(bench.accelerator.device)
        said = bench.classifier.network(bench.classifier.represent(batch.iq, batch.samples_per_symbol))
        lead = margin(said.modulation, rivals_of(said.modulation))
        parts.append(torch.stack([said.modulation.argmax(1), said.snr.argmax(1), lead]).cpu().double())
    return torch.cat(parts, 1).numpy()


def worked_frames(bench: Workbench, indices: np.ndarray, named: np.ndarray) -> dict[str, int]:
    """By kind the frame to show: right (both answers, near 14 dB), wrong (the highest SNR), faint (0 to 6 dB).

    Of several the one whose lead is the middle one: neither the plainest nor the narrowest. Of three classes, if
    so many are named rightly.
    """
    source = bench.source
    snr = np.asarray(source.snrs)[source.snr_index[indices]]
    right = named[0] == source.modulation_index[indices]
    both = right & (named[1] == source.snr_index[indices])
    faint = right & (snr >= FAINT_DB[0]) & (snr <= FAINT_DB[1])
    found: dict[str, int] = {}
    for kind, fitting, order in (
        ("right", both, np.abs(snr - RIGHT_DB)),
        ("wrong", ~right, -snr),
        ("faint", faint, np.abs(snr - FAINT_DB[1])),
    ):
        shown = source.modulation_index[list(found.values())]
        other = fitting & ~np.isin(source.modulation_index[indices], shown)
        places = np.flatnonzero(other if other.any() else fitting & ~np.isin(indices, list(found.values())))
        if len(places):
            nearest = places[order[places] == order[places].min()]
            found[kind] = int(indices[nearest[np.argsort(named[2][nearest])[(len(nearest) - 1) // 2]]])
    return found


def worked(
    bench: Workbench, network: torch.nn.Module, kinds: dict[str, int], donors: Donors
) -> dict[str, np.ndarray]:
    """The arrays of ``worked.npz`` (see `report.worked.worked_figure`).

    The rival is the runner-up; of a wrong answer the true class.
    """
    source, device = bench.source, bench.accelerator.device
    indices = np.array(list(kinds.values()))
    view = view_of(bench, source.read(indices).to(device), indices)
    truth = torch.from_numpy(source.modulation_index[indices]).to(device)
    with torch.no_grad():
        said = network(view.image)
    pair = rivals_of(said.modulation)
    wrong = pair[:, 0] != truth
    pair[wrong, 1] = truth[wrong]
    probability, snr = said.modulation.float().softmax(1), said.snr.float().softmax(1)
    top = probability.topk(min(3, probability.shape[1]), dim=1)
    method = ExpectedGradients(samples=SAMPLES, donors=donors.seen)
    names, snrs = np.asarray(source.modulations), np.asarray(source.snrs)
    return {
        "kind": np.array(list(kinds)),
        "image": view.image.cpu().numpy(),
        "map": contrast_input(method, network, view.image, pair, "modulation").cpu().numpy(),
        "modulation": names[truth.cpu().numpy()],
        "snr": snrs[source.snr_index[indices]],
        "named": names[pair[:, 0].cpu().numpy()],
        "rival": names[pair[:, 1].cpu().numpy()],
        "pair_probability": probability.gather(1, pair).cpu().numpy(),
        "snr_named": snrs[snr.argmax(1).cpu().numpy()],
        "snr_probability": snr.amax(1).cpu().numpy(),
        "top": names[top.indices.cpu().numpy()],
        "top_probability": top.values.cpu().numpy(),
        **lead_lost(network, view, pair, donors, bench.parts.seed),
    }


@torch.inference_mode()
def lead_lost(
    network: torch.nn.Module, view: View, pair: torch.Tensor, donors: Donors, seed: int
) -> dict[str, np.ndarray]:
    """What each frame's lead, of a pair (F, 2), loses with a channel of another: ``lost`` (F, C) and bounds."""
    frames, players = len(view.image), players_of(view)
    order = np.random.default_rng([seed, 4]).permutation(len(donors.places))
    before = margin(network(view.image).modulation, pair)
    found: dict[str, list] = {"lost": [], "lost_low": [], "lost_high": []}
    for f in range(frames):
        others = order[donors.places.cpu().numpy()[order] != int(view.places[f])][:DONORS]
        own = view.image[f : f + 1].expand(len(others), -1, -1, -1)
        other = donors.of(torch.from_numpy(others).to(view.image.device))
        rows = []
        for name in players:
            seen = mixed(own, other, players, set(players) - {name})
            after = margin(network(seen).modulation, pair[f : f + 1].expand(len(others), -1))
            rows.append(interval_of("lost", (before[f] - after).cpu().double().numpy(), seed, 2000))
        for key, column in found.items():
            column.append([row[key] for row in rows])
    return {key: np.array(column, np.float64) for key, column in found.items()}


def frames_to_change(bench: Workbench, indices: np.ndarray, named: np.ndarray) -> np.ndarray:
    """Two frames of different classes that are named rightly, near 20 dB; QPSK and 16QAM where there are such."""
    source = bench.source
    snr = np.asarray(source.snrs)[source.snr_index[indices]]
    right = (named[0] == source.modulation_index[indices]) & (named[1] == source.snr_index[indices])
    order = np.argsort(np.abs(snr - 20.0), kind="stable")
    best: dict[str, int] = {}
    for place in order[right[order]]:
        best.setdefault(source.modulations[source.modulation_index[indices[place]]], int(indices[place]))
    names = [name for name in PREFERRED if name in best] + [name for name in best if name not in PREFERRED]
    return np.array([best[name] for name in names[:2]], np.int64)


@torch.inference_mode()
def counterfactuals(bench: Workbench, indices: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of ``counterfactuals.npz`` (see `report.worked.counterfactual_figure`)."""
    source, network, device = bench.source, bench.classifier.network, bench.accelerator.device
    iq = source.read(indices).to(device)
    view = view_of(bench, iq, indices)
    generator = torch.Generator().manual_seed(bench.parts.seed)
    seen = {"as it came": view.image}
    for name, changed in changed_frames(bench, iq, indices, generator).items():
        rates = rates_of(source, indices)
        seen[name] = bench.classifier.represent(changed, rates if rates is None else rates.to(device))
    if view.symbols is not None:
        ring = SymbolSelector("radius", largest=True).rank(view, generator).cut(RING_SHARE)
        name = f"without its outermost {100 * RING_SHARE:g} % of symbols"
        seen[name] = without_symbols(view, ring, bench.classifier.representation, generator)
    said = [network(image) for image in seen.values()]
    answers = {
        task: [getattr(one, task).float().softmax(1).max(1) for one in said] for task in ("modulation", "snr")
    }
    names, snrs = np.asarray(source.modulations), np.asarray(source.snrs)

    def column(task: str, part: str) -> np.ndarray:
        return torch.stack([getattr(one, part) for one in answers[task]], 1).cpu().numpy()

    return {
        "variant": np.array(list(seen)),
        "image": torch.stack(list(seen.values()), 1).cpu().numpy(),
        "modulation": names[source.modulation_index[indices]],
        "snr": snrs[source.snr_index[indices]],
        "named": names[column("modulation", "indices")],
        "probability": column("modulation", "values"),
        "snr_named": snrs[column("snr", "indices")],
        "snr_probability": column("snr", "values"),
    }


def changed_frames(
    bench: Workbench, iq: torch.Tensor, indices: np.ndarray, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """The frames (F, 2, L) turned, with noise and, where samples a symbol are known, Q half a symbol late."""
    source, step = bench.source, bench.source.samples_per_symbol
    angle = math.radians(TURN_DEGREES)
    i, q = iq.unbind(1)
    turned = torch.stack([i * math.cos(angle) - q * math.sin(angle), i * math.sin(angle) + q * math.cos(angle)], 1)
    found = {f"turned by {TURN_DEGREES}°": turned}
    draws = torch.randn(iq.shape, generator=generator).to(iq.device)
    power = iq.square().sum(1).mean(1)
    # Not where the meaning of the SNRs is only assumed.
    if bench.facts.snr_definition == "es_n0" and step is not None:
        level = torch.tensor(np.asarray(source.snrs)[source.snr_index[indices]], dtype=torch.float32).to(iq.device)
        # Of the power P = S + N with N = S sps / ratio: the noise that makes ten times N in all.
        share = step * 10 ** (-level / 10)
        noise = power * share / (1 + share) * (10 ** (NOISE_DB / 10) - 1)
        name = f"with noise for {NOISE_DB:g} dB less"
    else:
        noise, name = power, "with as much noise added as it has power"
    found[name] = iq + draws * (noise / 2).sqrt()[:, None, None]
    if step is not None:
        found["with Q half a symbol late"] = torch.stack([i, q.roll(round(step / 2), 1)], 1)
    return found


def save(bench: Workbench, name: str, arrays: dict[str, np.ndarray]) -> None:
    """Write an archive with the channels' names and axes beside the arrays, by write-then-rename."""
    about = {"channels": np.asarray(bench.classifier.representation.channels), "axes": axes_of(bench)}
    with replacing(bench.parts.folder / name) as temporary:
        np.savez_compressed(temporary, **arrays, **about)
