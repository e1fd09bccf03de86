"""Frames as a perturbation sees them: pictures or sequences, their points, symbols, donors and score maps."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from amc_xai.data import evaluation_loader
from amc_xai.data.contracts import rates_of as rates_of_frames
from amc_xai.errors import UserError
from amc_xai.explain.attribution import AttributionPlan, attribute_input
from amc_xai.model.network import synchronises
from amc_xai.perturbation import (
    Attribution,
    Donors,
    FrameSymbols,
    PerturbationPlan,
    SymbolInstants,
    Transitions,
    View,
    whole_instants,
)
from amc_xai.representation.constellation import normalise_power
from amc_xai.representation.synchronisation import (
    Receiver,
    rates_of,
    recover_carrier,
    shared_grids,
    synchronise,
)
from amc_xai.tasks.workbench import Workbench

# As many donors as fit into this, and no more than so many: another frame of a few hundred is as good as of all.
DONOR_BYTES = 2**28
DONORS = 256


def views(
    bench: Workbench, batches, indices: np.ndarray, donors: Donors | None = None, *, scored: bool = True
) -> Iterator[tuple]:
    """Each batch as a perturbation sees it, with its labels; with score maps where ``scored`` and asked for."""
    done = 0
    for batch in batches:
        places = indices[done : done + len(batch.modulation)]
        batch = batch.to(bench.accelerator.device)
        view = replace(view_of(bench, batch.iq, places), donors=donors)
        if scored and any(isinstance(s, Attribution) for s in chosen(bench).values()):
            view = replace(view, score_map=score_maps(bench, view))
        yield view, batch.modulation, batch.snr
        done += len(places)


def chosen(bench: Workbench) -> dict:
    """The selectors of this run by name."""
    plan: PerturbationPlan = bench.parts.make["perturbation"]
    return plan.chosen()


def gives_pictures(bench: Workbench) -> bool:
    """Whether the source yields pictures: they can be masked, but their points and samples aren't known."""
    return hasattr(bench.source, "image_shape")


@torch.no_grad()
def view_of(bench: Workbench, iq: torch.Tensor, indices: np.ndarray | None = None) -> View:
    """Frames (B, 2, L) with what the network sees of them, the pixels of their points, and their symbols.

    With ``indices``, their places in the source, also the samples a symbol of each, and the symbol instants
    where a selector asks for them.
    """
    representation = bench.classifier.representation
    channels = list(representation.channels)
    known = {} if indices is None else {"places": torch.from_numpy(np.asarray(indices)).to(iq.device)}
    if gives_pictures(bench):
        return View(None, representation(iq), channels, **known)
    rates = None if indices is None else rates_of_frames(bench.source, indices)
    rates = rates if rates is None else rates.to(iq.device)
    stated = bench.source.samples_per_symbol
    known["symbols"] = frame_symbols(iq, stated, rates, receiver_of(representation))
    if not hasattr(representation, "cells"):
        return View(iq, bench.classifier.represent(iq, rates), channels, **known)
    own = rates is not None and synchronises(representation)
    cells = representation.cells(iq, rates) if own else representation.cells(iq)
    # A perturbation of pixels leaves a sequence that goes with them as it is.
    sequence = representation.sequence_of(iq) if hasattr(representation, "sequence_of") else None
    instants = None if indices is None else known_instants(bench, indices)
    return View(iq, representation.draw(cells), channels, cells, instants, sequence=sequence, **known)


def receiver_of(representation: torch.nn.Module) -> Receiver:
    """How the network's own frames are synchronised; where it sees none that are, how frames are by default."""
    own = getattr(representation, "image", representation)
    return own.receiver if isinstance(getattr(own, "receiver", None), Receiver) else Receiver()


def frame_symbols(
    iq: torch.Tensor, stated: float | None, given: torch.Tensor | None = None, receiver: Receiver | None = None
) -> FrameSymbols | None:
    """The symbols of frames (B, 2, L) after blind synchronisation; None of frames that are too short for any.

    Samples a symbol are those ``given`` (B,), else the number ``stated`` for all, else estimated frame by frame.
    """
    iq, receiver = normalise_power(iq), receiver or Receiver()
    frame = torch.complex(iq[:, 0], iq[:, 1])
    length = frame.shape[-1]
    if length < 16 or (stated is not None and not 2 <= stated <= length / 4):
        return None
    rates = rates_of(frame, stated, given, receiver)
    if rates is None:
        rates = torch.full((len(iq),), float(stated), device=iq.device)
        parts = [(torch.arange(len(iq), device=iq.device), synchronise(frame, stated, receiver))]
    else:
        grids = shared_grids(length, rates)
        parts = [(rows, synchronise(frame[rows], rates[rows], receiver, periods)) for rows, periods in grids]
    longest = max(part.symbols.shape[-1] for _, part in parts)
    value = torch.zeros(len(iq), longest, dtype=frame.dtype, device=iq.device)
    known = torch.zeros(value.shape, dtype=torch.bool, device=iq.device)
    first = torch.zeros(len(iq), device=iq.device)
    for rows, part in parts:
        count = part.symbols.shape[-1]
        value[rows, :count] = recover_carrier(part.symbols)
        known[rows, :count] = True if part.valid is None else part.valid
        first[rows] = (part.delay + part.inner.start) * rates[rows]
    return FrameSymbols(value, first, rates, known)


def donors_of(bench: Workbench, indices: np.ndarray) -> Donors | None:
    """Some of these frames to draw parts from; None where there are too few, or sequences of several lengths.

    Asked for the same frames again it gives the same donors, made once.
    """
    few = np.sort(np.random.default_rng([bench.parts.seed, 1]).permutation(indices)[:DONORS])
    key = few.tobytes()
    if key not in bench.donors:
        bench.donors.clear()  # a few hundred frames are held, no more
        bench.donors[key] = _donors(bench, few)
    return bench.donors[key]


@torch.no_grad()
def _donors(bench: Workbench, few: np.ndarray) -> Donors | None:
    parts, held = [], 0
    for batch in evaluation_loader(bench.source, few, 32):
        batch = batch.to(bench.accelerator.device)
        seen = bench.classifier.represent(batch.iq, batch.samples_per_symbol)
        parts.append(seen if isinstance(seen, tuple) else (seen,))
        held += sum(part.numel() * part.element_size() for part in parts[-1])
        if held > DONOR_BYTES:
            break
    columns = list(zip(*parts, strict=True))
    if len(few) < 2 or any(len({part.shape[1:] for part in column}) > 1 for column in columns):
        return None
    joined = tuple(torch.cat(column) for column in columns)
    places = torch.from_numpy(few[: len(joined[0])]).to(bench.accelerator.device)
    return Donors(joined if len(joined) > 1 else joined[0], places)


def known_instants(bench: Workbench, indices: np.ndarray) -> torch.Tensor | None:
    """The symbol instants int64 (B, N) of these frames, where a selector asks and the source knows them."""
    if not hasattr(bench.source, "symbol_instants"):
        return None
    # Making them takes as long as making the frames.
    if not any(isinstance(selector, SymbolInstants | Transitions) for selector in chosen(bench).values()):
        return None
    instants = whole_instants(bench.source.symbol_instants(indices), bench.source.frame_length)
    return instants.to(bench.accelerator.device)


def score_maps(bench: Workbench, view: View) -> dict[str, torch.Tensor]:
    """By task the map of the class that the network names, by the first method of ``attribution=``.

    Raises:
        UserError: no method is chosen.
    """
    plan: AttributionPlan = bench.parts.make["attribution"]
    if not plan.methods:
        raise UserError(
            "perturbation.selectors: attribution ranks pixels by an attribution map, and this run makes none; "
            "choose a method with attribution=NAME, or leave it out."
        )
    method, network = next(iter(plan.chosen().values())), bench.classifier.network
    maps = {}
    for task in ("modulation", "snr"):
        with torch.no_grad():
            target = getattr(network(view.whole), task).argmax(1)
        parts = zip(view.image.split(plan.batch_size), target.split(plan.batch_size), strict=True)
        maps[task] = torch.cat([attribute_input(method, network, x, named, task) for x, named in parts])
    return maps
