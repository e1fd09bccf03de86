"""What an SNR in dB means in each data set, and which Es/N0 it stands for. Imports no torch.

Four definitions:

- ``es_n0``: energy of a symbol over the noise density.
- ``sample``: power of the signal over that of the noise in the whole sampled band.
- ``radioml2018``, ``radioml2016``: the label fixes the *noise*, of amplitude 10^(-label/10) a sample; what the
  signal has beside it is the power that the set's generator gave to its class. So a label counts 2 dB, and one
  label stands for as many SNRs as there are class powers.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from amc_xai.errors import UserError, guess

DEFINITIONS = ("es_n0", "sample", "radioml2018", "radioml2016")
LOWEST_ES_N0_DB, HIGHEST_ES_N0_DB = -40.0, 90.0


class ClassPower(NamedTuple):
    """Mean power a sample of one class in dB, and whether it was measured on the set's own frames."""

    decibel: float
    measured: bool


def _amplitude(rms: float) -> ClassPower:
    return ClassPower(20 * math.log10(rms), True)


_UNIT, _ASSUMED = ClassPower(0.0, True), ClassPower(0.0, False)
# By the median RMS of true frames; BPSK and QPSK by their noise floor as well (60 dB below them at label 30). The
# other classes' power was not measured, and is taken as 1 where frames must be made.
_RADIOML_2018 = {
    "OOK": _ASSUMED, "4ASK": _amplitude(1.59), "8ASK": _amplitude(1.74), "BPSK": _UNIT, "QPSK": _UNIT,
    "8PSK": _UNIT, "16PSK": _UNIT, "32PSK": _UNIT, "16APSK": _UNIT, "32APSK": _UNIT, "64APSK": _UNIT,
    "128APSK": _UNIT, "16QAM": _UNIT, "32QAM": _UNIT, "64QAM": _UNIT, "128QAM": _UNIT, "256QAM": _UNIT,
    "AM-SSB-WC": _amplitude(3.12), "AM-SSB-SC": _ASSUMED, "AM-DSB-WC": _ASSUMED, "AM-DSB-SC": _ASSUMED,
    "FM": _ASSUMED, "GMSK": _ASSUMED, "OQPSK": _UNIT,
}  # fmt: skip
# On frames of RML2016.10b, over the noise of the label; 10a comes from the same generator. CPFSK reaches into the
# band that the noise was read from: its own figure is less sure. (AM-SSB of 10a holds noise alone: no entry.)
_FIVE = ClassPower(5.0, True)
_RADIOML_2016 = {
    "BPSK": _FIVE, "QPSK": _FIVE, "8PSK": _FIVE, "GFSK": _FIVE, "CPFSK": _FIVE, "AM-DSB": _FIVE, "WBFM": _FIVE,
    "PAM4": ClassPower(12.0, True), "QAM16": ClassPower(15.0, True), "QAM64": ClassPower(22.0, True),
}  # fmt: skip
_NAMES_OF_2016 = {"4ASK": "PAM4", "16QAM": "QAM16", "64QAM": "QAM64"}


def check_definition(definition: str, key: str) -> None:
    """Raise UserError, naming ``key``, for a definition that is none."""
    if definition not in DEFINITIONS:
        raise UserError(
            f"{key}: {definition!r} is unknown{guess(definition, DEFINITIONS)}, "
            f"allowed are {', '.join(DEFINITIONS)}"
        )


def class_power(definition: str | None, modulation: str) -> ClassPower | None:
    """The power that a definition's data set gives to this class; None where the set has none of that name.

    1 by definition where the SNR is a ratio (``es_n0``, ``sample``).
    """
    if definition == "radioml2018":
        return _RADIOML_2018.get(modulation)
    if definition == "radioml2016":
        return _RADIOML_2016.get(_NAMES_OF_2016.get(modulation, modulation))
    return None if definition is None else _UNIT


def decibels_a_label(definition: str | None) -> float:
    """By how many dB the SNR of one class rises when its label rises by 1."""
    return 2.0 if definition in ("radioml2018", "radioml2016") else 1.0


def es_n0_offset_db(definition: str | None, modulation: str, samples_per_symbol: float | None) -> float | None:
    """Es/N0 in dB less what the label itself counts; None where one of the three isn't known, or not measured.

    A class without symbols has a nominal Es/N0, as if it sent one symbol every ``samples_per_symbol`` samples.
    """
    if definition == "es_n0":
        return 0.0
    power = class_power(definition, modulation)
    if power is None or not power.measured or samples_per_symbol is None:
        return None
    return power.decibel + 10 * math.log10(samples_per_symbol)


def es_n0_db(
    snr_db: float, definition: str | None, modulation: str, samples_per_symbol: float | None
) -> float | None:
    """Es/N0 in dB of frames of one class with this SNR label; None where it isn't known."""
    offset = es_n0_offset_db(definition, modulation, samples_per_symbol)
    return None if offset is None else decibels_a_label(definition) * snr_db + offset


def definition_in_words(definition: str) -> str:
    """What the labels count, as a phrase for logs and reports."""
    return {
        "es_n0": "Es/N0 in dB",
        "sample": "signal over noise power a sample, in dB",
        "radioml2018": "RadioML 2018.01A's labels: noise of amplitude 10^(-label/10), so a label counts 2 dB",
        "radioml2016": "RML2016.10's labels: noise of amplitude 10^(-label/10), so a label counts 2 dB",
    }[definition]


def es_n0_in_words(definition: str | None, offsets: Mapping[str, float | None]) -> str:
    """Which Es/N0 the labels of each class stand for; ``offsets`` by class as :func:`es_n0_offset_db` has them."""
    classes: dict[float | None, list[str]] = {}
    for name, offset in offsets.items():
        classes.setdefault(None if offset is None else round(offset, 1), []).append(name)
    unknown = classes.pop(None, [])
    step = "2 s" if decibels_a_label(definition) == 2 else "s"
    said = [f"{step} {offset:+.1f} dB for {', '.join(names)}" for offset, names in classes.items()]
    text = [f"Label s stands for an Es/N0 of {'; '.join(said)}."] if said else []
    return " ".join([*text, *([f"Es/N0 isn't known for {', '.join(unknown)}."] if unknown else [])])
