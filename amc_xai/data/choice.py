"""Which classes and SNRs of a source are wanted: a list, a named set, or all."""

import math
from collections.abc import Sequence

from amc_xai.errors import UserError
from amc_xai.signal.classes import DIGITAL_17
from amc_xai.signal.snr import DEFINITIONS


def choose_modulations(
    wanted: Sequence[str] | str | None, present: list[str], where: str, digital: Sequence[str] = DIGITAL_17
) -> list[str]:
    """The wanted classes: a list, ``"digital"`` (those of ``digital`` that are present), or ``"all"`` or None.

    Raises:
        UserError: naming a class that isn't there, and those that are.
    """
    if isinstance(wanted, str):
        if wanted not in ("digital", "all"):
            raise UserError(f"dataset.modulations must be a list of classes, digital or all, not {wanted!r}")
        wanted = [m for m in digital if m in present] if wanted == "digital" else None
        if wanted is not None and not wanted:
            raise UserError(
                f"dataset.modulations: {where} holds none of the {len(digital)} digital classes; it "
                f"holds {', '.join(present)}"
            )
    return choose(wanted, present, "dataset.modulations", where)


def choose_snrs(wanted: Sequence[float] | str | None, present: list[float], where: str) -> list[float]:
    """The wanted SNRs in dB: a list, or ``"all"`` or None for all.

    Raises:
        UserError: naming an SNR that isn't there, and those that are.
    """
    if isinstance(wanted, str):
        if wanted != "all":
            raise UserError(f"dataset.snrs must be a list of SNRs in dB, or all, not {wanted!r}")
        wanted = None
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
        allowed = ", ".join(f"{p:g}" if isinstance(p, int | float) else p for p in present)
        raise UserError(f"{key}: {where} holds no {absent[0]}; it holds {allowed}")
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
            f"not {snr_definition!r}"
        )


def check_count(key: str, value: int | None) -> None:
    """Raise UserError unless ``value`` is None or at least 1."""
    if value is not None and value < 1:
        raise UserError(f"{key} must be 1 or more, not {value}")
