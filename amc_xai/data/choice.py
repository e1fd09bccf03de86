"""Which classes and SNRs of a source are wanted: a list, a named set, or all."""

import math
from collections.abc import Sequence

from amc_xai.errors import UserError, guess
from amc_xai.signal.classes import DIGITAL_17, MODULATIONS
from amc_xai.signal.snr import DEFINITIONS

MOST_SAID = 50  # entries of a list in a sentence


def choose_modulations(
    wanted: Sequence[str] | str | None, present: list[str], where: str, digital: Sequence[str] = DIGITAL_17
) -> list[str]:
    """The wanted classes: a list, ``"digital"`` (those of ``digital`` that are present), or ``"all"`` or None.

    Raises:
        UserError: naming a class that isn't there, and those that are.
    """
    if isinstance(wanted, str):
        if wanted not in ("digital", "all"):
            raise UserError(
                f"dataset.modulations must be a list of classes, digital or all, not {wanted!r}"
                f"{guess(wanted, ('digital', 'all'))}"
            )
        wanted = [m for m in digital if m in present] if wanted == "digital" else None
        if wanted is not None and not wanted:
            raise UserError(
                f"dataset.modulations: {where} holds none of the {len(digital)} digital classes; it "
                f"holds {', '.join(present)}"
            )
    return choose(check_names("dataset.modulations", wanted), present, "dataset.modulations", where)


def choose_snrs(wanted: Sequence[float] | str | None, present: list[float], where: str) -> list[float]:
    """The wanted SNRs in dB: a list, or ``"all"`` or None for all.

    Raises:
        UserError: naming an SNR that isn't there, and those that are.
    """
    wanted = None if wanted is None or wanted == "all" else check_decibels(wanted, "list of SNRs in dB, or all")
    return [float(s) for s in choose(wanted, present, "dataset.snrs", where)]


def choose(wanted: Sequence | None, present: list, key: str, where: str) -> list:
    """The wanted entries, all of them if None.

    Raises:
        UserError: naming an entry that isn't there, and those that are.
    """
    if wanted is None:
        return present
    absent = [w for w in wanted if w not in present]
    if absent:
        lacked, *held = (f"{p:g}" if isinstance(p, int | float) else p for p in (absent[0], *present))
        more = ", ..." if len(held) > MOST_SAID else ""
        # A class that there is elsewhere was meant.
        near = "" if isinstance(absent[0], int | float) or lacked in MODULATIONS else guess(lacked, held)
        raise UserError(f"{key}: {where} holds no {lacked}{near}; it holds {', '.join(held[:MOST_SAID])}{more}")
    if len(set(wanted)) < len(wanted) or not wanted:
        raise UserError(f"{key} must name at least one entry, and each only once, not {list(wanted)}")
    return list(wanted)


def check_facts(
    samples_per_symbol: float | None = None, sample_rate: float | None = None, snr_definition: str | None = None
) -> None:
    """Raise UserError unless each of these is None or one that frames can have."""
    for key, value, least in (
        ("samples_per_symbol", samples_per_symbol, "a number of samples, 1 or more"),
        ("sample_rate", sample_rate, "a number of Hz above 0"),
    ):
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if value is not None and not (number and value > 0 and (key == "sample_rate" or value >= 1)):
            raise UserError(f"dataset.{key} must be {least}, or null (not known), not {value!r}")
    if snr_definition not in (None, *DEFINITIONS):
        raise UserError(
            f"dataset.snr_definition must be one of {', '.join(DEFINITIONS)}, or null (not known), "
            f"not {snr_definition!r}{guess(snr_definition, DEFINITIONS)}"
        )


def check_count(key: str, value: int | None, null: bool = True) -> None:
    """Raise UserError unless ``value`` is a whole number of at least 1, or None where ``null`` allows it."""
    if value is None and null:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise UserError(f"{key} must be a whole number{' or null' if null else ''}, not {value}")
    if value < 1:
        raise UserError(f"{key} must be 1 or more, not {value}")


def check_seed(key: str, value: int) -> None:
    """Raise UserError unless ``value`` is a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise UserError(f"{key} must be a whole number, not {value}")


def check_switch(key: str, value: bool) -> None:
    """Raise UserError unless ``value`` is true or false: a word in their place would count as true."""
    if not isinstance(value, bool):
        raise UserError(f"{key} must be true or false, not {value!r}")


def check_names(key: str, value: Sequence[str] | None) -> list[str] | None:
    """A list of names, or None; UserError for anything else."""
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(v, str) for v in value):
        raise UserError(f"{key} must be a list of names, such as [BPSK,QPSK], not {value!r}")
    return list(value)


def check_decibels(value: Sequence[float], what: str = "list of SNRs in dB") -> list[float]:
    """A list of SNRs as floats; UserError, saying ``what`` is wanted, for anything else."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise UserError(f"dataset.snrs must be a {what}, such as [0,10,20], not {value!r}")
    for entry in value:
        if not isinstance(entry, int | float) or isinstance(entry, bool) or not math.isfinite(entry):
            raise UserError(f"dataset.snrs must be a {what}, such as [0,10,20]; {entry!r} is no number")
    return [float(v) for v in value]
