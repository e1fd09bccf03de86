"""What is known of the frames: what a source says, completed by a checkpoint and held against it."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from amc_xai.data import Facts, FrameSource
from amc_xai.data.contracts import lengths_of, rates_of
from amc_xai.errors import UserError
from amc_xai.tasks.symbol_rates import said_before_work

log = logging.getLogger(__name__)
ASSUMED_DEFINITION = "es_n0"


def settle(source: FrameSource, loaded: dict[str, Any] | None, key: str, heard: bool = False) -> Facts:
    """The facts that the representation is built from; ``source`` states them from now on.

    What the source doesn't know is taken from the checkpoint, if there is one. SNR labels whose meaning nobody
    tells are taken as Es/N0; it stays unknown in what is returned. A frame length that the network wasn't trained
    on is said in the log, and so are frames of which each has samples a symbol of its own.

    Args:
        source: of the frames that the network is to see.
        loaded: the checkpoint's content, or None.
        key: what named it, ``checkpoint`` or ``resume``.
        heard: the symbol rate of each emission is looked for by whoever asks, who says what it found.

    Raises:
        UserError: if the source knows what contradicts the checkpoint.
    """
    own = Facts.of(source)
    trained = Facts(own.frame_length) if loaded is None else trained_facts(loaded)
    refuse_contradiction(own, trained, key)
    if loaded is not None:
        warn_of_new_lengths(length_range(source), loaded, key)
    each = rates_of(source, np.arange(1)) is not None
    if own.samples_per_symbol is None and trained.samples_per_symbol is not None:
        if each:
            log.warning(
                "%s: the network was trained at %g samples a symbol, and each of these frames has its own; its "
                "answers on others aren't proven", key, trained.samples_per_symbol,
            )  # fmt: skip
        else:
            log.info(
                "dataset.samples_per_symbol is not known; taken as %g, which the network was trained at",
                trained.samples_per_symbol,
            )
    if not heard and (said := said_before_work(source, trained.samples_per_symbol)):
        log.warning("%s", said)
    known = completed(own, trained)
    if known.snr_definition is None and source.snrs:
        log.info("dataset.snr_definition is not known; the SNR labels are taken as Es/N0 (es_n0)")
    source.samples_per_symbol, source.sample_rate = None if each else known.samples_per_symbol, known.sample_rate
    source.snr_definition = known.snr_definition or ASSUMED_DEFINITION
    return known


def completed(own: Facts, trained: Facts) -> Facts:
    """The facts of frames, what isn't known of them taken from what a network was trained on."""
    return Facts(
        own.frame_length,
        own.samples_per_symbol or trained.samples_per_symbol,
        own.sample_rate or trained.sample_rate,
        own.snr_definition or trained.snr_definition,
    )


def length_range(source: FrameSource) -> tuple[int, int]:
    """The shortest and the longest frame of a source."""
    lengths = lengths_of(source)
    return (source.frame_length,) * 2 if lengths is None else (int(lengths.min()), int(lengths.max()))


def warn_of_new_lengths(own: tuple[int, int], loaded: dict[str, Any], key: str) -> None:
    """Say so in the log if frames of these lengths reach beyond what a checkpoint's network was trained on."""
    told = trained_lengths(loaded)
    if None in told or told[0] <= own[0] <= own[1] <= told[1]:
        return
    seen, new = (f"{low}" if low == high else f"{low} to {high}" for low, high in (told, own))
    log.warning(
        "%s: the network was trained on frames of length %s and has not seen all of %s; its answers on others "
        "aren't proven (dataset.frame_length=%d)", key, seen, new, told[1],
    )  # fmt: skip


def trained_lengths(loaded: dict[str, Any]) -> list[int | None]:
    """The shortest and the longest frame that a checkpoint's network was trained on; None = not known."""
    return loaded.get("frame_lengths", [trained_facts(loaded).frame_length] * 2)


def trained_facts(loaded: dict[str, Any]) -> Facts:
    """What a checkpoint's network was trained on."""
    if "facts" in loaded:
        return Facts(**loaded["facts"])
    # Checkpoints from before facts were stored: the representation had a copy of the samples a symbol.
    representation = loaded["config"].get("representation", {})
    told = [representation, *(part for part in representation.values() if isinstance(part, dict))]
    told.append(loaded["config"].get("dataset", {}))
    symbols = next((part["samples_per_symbol"] for part in told if part.get("samples_per_symbol")), None)
    return Facts(loaded.get("frame_length"), symbols, None, loaded.get("snr_definition"))


def trained_rates(loaded: dict[str, Any]) -> tuple[float, float] | None:
    """The lowest and highest samples a symbol of a checkpoint's training; None = one number, or not known."""
    own = loaded["config"].get("dataset", {}).get("samples_per_symbol")
    return (float(own[0]), float(own[1])) if isinstance(own, list) and own[0] < own[1] else None


def told(make: Callable, facts: Facts) -> Callable:
    """The factory ``make`` with the samples a symbol of the frames wherever it, or a part of it, has ``auto``.

    A network that looks for symbols by itself gets its input's shape alone, which doesn't tell them.
    """
    known = {}
    for key, value in getattr(make, "keywords", {}).items():
        if key == "samples_per_symbol" and value == "auto":
            known[key] = facts.samples_per_symbol
        elif isinstance(value, partial):
            known[key] = told(value, facts)
    return partial(make, **known) if known else make


def refuse_contradiction(own: Facts, trained: Facts, key: str) -> None:
    """Raise UserError if both know a fact, differently. Frame lengths may differ."""
    if None not in (own.samples_per_symbol, trained.samples_per_symbol):
        if own.samples_per_symbol != trained.samples_per_symbol:
            raise UserError(
                f"dataset.samples_per_symbol: these frames have {own.samples_per_symbol:g} samples a symbol, and "
                f"the network of {key} was trained at {trained.samples_per_symbol:g}; resample them, or train on "
                "such frames"
            )
    # Symbols are the measure of time that matters; without them the rate is all there is to compare.
    elif None not in (own.sample_rate, trained.sample_rate) and own.sample_rate != trained.sample_rate:
        raise UserError(
            f"dataset.sample_rate: these frames are sampled at {own.sample_rate:g} Hz, and the network of {key} "
            f"was trained at {trained.sample_rate:g} Hz; resample them, or train on such"
        )
    if None not in (own.snr_definition, trained.snr_definition) and own.snr_definition != trained.snr_definition:
        raise UserError(
            f"dataset.snr_definition: the SNR labels of these frames mean {own.snr_definition}, and the network "
            f"of {key} learned {trained.snr_definition}; the two can't be compared"
        )
