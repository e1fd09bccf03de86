"""Which of the RML2016 sets a pickle is, told by its classes, labels and cells.

10a (11 classes, 1,000 frames a cell) and 10b (10 classes, 6,000) are O'Shea and West, "Radio machine learning
dataset generation with GNU Radio", GNU Radio Conference 2016; 2016.04C, their forerunner, has the classes of 10a
and cells of different sizes. What SNR labels mean was measured on frames of 10b, which 10a's generator made too;
of other files it is not known.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from amc_xai.errors import UserError

NAMES = {"a": "RML2016.10a", "b": "RML2016.10b", "c": "RML2016.04C"}
ELEVEN = ["8PSK", "AM-DSB", "AM-SSB", "BPSK", "CPFSK", "GFSK", "PAM4", "QAM16", "QAM64", "QPSK", "WBFM"]
TEN = [name for name in ELEVEN if name != "AM-SSB"]
CLASSES = {"a": ELEVEN, "b": TEN, "c": ELEVEN}
FRAMES = {"a": 1000, "b": 6000}
LENGTH = 128
SNRS = range(-20, 19, 2)
ANYWAY = (
    "to read it anyway: dataset=radioml2016, and dataset.snr_definition=radioml2016 if it was cut from 10a or 10b"
)


class Variant(NamedTuple):
    """The set's name, what its SNR labels mean (None = not known), and its samples a symbol (None = not known)."""

    name: str
    snr_definition: str | None
    samples_per_symbol: float | None


def variant_of(given: str | None, sizes: Mapping[tuple[str, float], int], length: int, path: Path) -> Variant:
    """The variant of a file with these frames in each (modulation, SNR) cell, each of ``length`` samples.

    ``given`` is the variant that the user names, ``a``, ``b`` or ``c``; None = whichever the file shows beyond
    doubt, or none of them.

    Raises:
        UserError: if the file can't be the variant that was given.
    """
    if given is None:
        given = shown(sizes, length)
    else:
        refuse_contradiction(given, sizes, path)
    if given in ("a", "b"):
        return Variant(NAMES[given], "radioml2016" if as_published(sizes, length) else None, 8.0)
    return Variant(NAMES.get(given, path.name), None, None)


def as_published(sizes: Mapping[tuple[str, float], int], length: int) -> bool:
    """Whether labels and length are ones that the published sets have."""
    return length <= LENGTH and all(snr in SNRS for _, snr in sizes)


def shown(sizes: Mapping[tuple[str, float], int], length: int) -> str | None:
    """The variant that a file shows by itself."""
    held, counts = {name for name, _ in sizes}, set(sizes.values())
    if not as_published(sizes, length) or not held <= set(ELEVEN):
        return None
    if len(counts) > 1:
        return "c" if held == set(ELEVEN) else None
    for variant, frames in FRAMES.items():
        if counts == {frames} and held <= set(CLASSES[variant]):
            return variant
    return None


def refuse_contradiction(given: str, sizes: Mapping[tuple[str, float], int], path: Path) -> None:
    """Raise UserError if a file with these cells can't be the variant that was given, or a part of it."""
    held = sorted({name for name, _ in sizes})
    counts = sorted(set(sizes.values()))
    name, frames = NAMES[given], FRAMES.get(given)
    if not set(held) <= set(CLASSES[given]) or (given == "a" and held == TEN and counts != [frames]):
        other = "a" if set(held) <= set(ELEVEN) and given == "b" else "b" if held == TEN else None
        advice = f"use dataset=radioml2016{other}" if other else ANYWAY
        raise UserError(
            f"dataset.path: {path} holds the classes {', '.join(held)[:300]}; {name} has "
            f"{', '.join(CLASSES[given])}; {advice}"
        )
    if frames is not None and len(counts) > 1:
        raise UserError(
            f"dataset.path: the cells of {path} hold {counts[0]} to {counts[-1]} frames, and those of {name} all "
            f"{frames}: RML2016.04C has uneven ones (dataset=radioml2016c); {ANYWAY}"
        )
    if frames is not None and counts[-1] > frames:
        raise UserError(
            f"dataset.path: the cells of {path} hold {counts[-1]} frames, more than the {frames} of {name}; "
            + ("use dataset=radioml2016b" if held == TEN and counts[-1] <= FRAMES["b"] else ANYWAY)
        )
