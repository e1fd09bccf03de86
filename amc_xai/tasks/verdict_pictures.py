"""What the page of ``task=predict`` shows of recordings: spectrograms, symbols, and what each symbol says."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from amc_xai.data import Recordings
from amc_xai.data.stretches import spectrogram
from amc_xai.evaluation.predictions import Predictions
from amc_xai.explain.attribution import IntegratedGradients, attribute_input
from amc_xai.files import replacing
from amc_xai.model import Classifier
from amc_xai.report.verdicts import PICTURES
from amc_xai.tasks.views import frame_symbols, receiver_of
from amc_xai.verdicts import EmissionFrames, Verdict

RECORDINGS, EMISSIONS = 3, 6  # that are shown


def save_pictures(
    folder: Path,
    classifier: Classifier,
    source: Recordings,
    frames: EmissionFrames,
    predictions: Predictions,
    verdicts: Sequence[Verdict],
) -> None:
    """Leave ``verdicts.npz``: all that the figures need, so that they are drawn again without a model."""
    shown = list(dict.fromkeys(heard.emission.recording for heard in frames.heard))[:RECORDINGS]
    arrays = {
        "recording_names": np.asarray([source.names[k] for k in shown], dtype=np.str_),
        "sample_rate": np.float64(source.sample_rate or 0.0),
    }
    for place, recording in enumerate(shown):
        mine = [
            verdict
            for heard, verdict in zip(frames.heard, verdicts, strict=True)
            if heard.emission.recording == recording
        ]
        picture = spectrogram(source, np.flatnonzero(source.file_index == recording), np.sqrt(frames.powers))
        arrays |= {
            f"power_{place}": picture.power,
            f"edges_{place}": picture.edges,
            f"cut_start_{place}": np.array([verdict.start for verdict in mine]),
            f"cut_stop_{place}": np.array([verdict.stop for verdict in mine]),
            f"cut_label_{place}": np.asarray([label_of(verdict) for verdict in mine], dtype=np.str_),
        }
    titles = []
    for number, verdict in enumerate(verdicts):
        if len(titles) == EMISSIONS:
            break
        seen = symbols_of(classifier, frames, number, predictions)
        if seen is not None:
            arrays[f"symbols_{len(titles)}"], arrays[f"worth_{len(titles)}"] = seen
            rival = verdict.top[1][0] if len(verdict.top) > 1 else "none"
            titles.append(f"{label_of(verdict)}\nrather than {rival}, from sample {verdict.start:,}")
    arrays["titles"] = np.asarray(titles, dtype=np.str_)
    with replacing(folder / PICTURES) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def label_of(verdict: Verdict) -> str:
    """What stands in a legend, short."""
    if verdict.out_of_scope is not None:
        return f"out of scope: {verdict.out_of_scope.split(':')[0]}"
    return str(verdict.modulation)


def symbols_of(
    classifier: Classifier, frames: EmissionFrames, number: int, predictions: Predictions
) -> tuple[np.ndarray, np.ndarray] | None:
    """The symbols (K,) complex64 of the loudest frame of an emission, and what each is worth to the class named
    against the runner-up, NaN (K,) where the network sees no symbols; None of frames too short for any."""
    mine = np.flatnonzero(frames.emission == number)
    device = next(classifier.network.parameters()).device
    shares = np.log(np.maximum(predictions.modulation_probability[mine], 1e-9)).mean(0)
    named, rival = np.argsort(-shares)[:2] if len(shares) > 1 else (0, 0)
    best = mine[int(np.argmax(predictions.modulation_probability[mine, named]))]
    iq = frames.read(np.array([best])).to(device)
    rates = frames.samples_per_symbol_of(np.array([best]))
    rates = rates if rates is None else rates.to(device)
    found = frame_symbols(iq, frames.samples_per_symbol, rates, receiver_of(classifier.representation))
    if found is None:
        return None
    symbols = found.value[0][found.known[0]].cpu().numpy()
    seen = classifier.represent(iq, rates)
    worth = np.full(len(symbols), np.nan, np.float32)
    if isinstance(seen, torch.Tensor) and seen.dim() == 3 and named != rival:
        maps = [
            attribute_input(IntegratedGradients(), classifier.network, seen, torch.tensor([int(k)], device=device),
                            "modulation")
            for k in (named, rival)
        ]  # fmt: skip
        each = (maps[0] - maps[1])[0].sum(0).cpu().numpy()
        count = min(len(each), len(symbols))
        if seen.shape[-1] <= len(symbols):  # points, one a symbol; not a sequence of samples
            symbols, worth = symbols[:count], each[:count].astype(np.float32)
    return symbols.astype(np.complex64), worth[: len(symbols)]
