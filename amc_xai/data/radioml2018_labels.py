"""The labels of a RadioML 2018.01A file, or of one that was saved again from it: classes in Y, SNRs in Z."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from amc_xai.data.array_labels import MOST_CLASSES, hot, say_ambiguous, whole
from amc_xai.data.hdf5 import hdf5_array
from amc_xai.data.stored import StoredArray
from amc_xai.errors import UserError
from amc_xai.signal.classes import DIGITAL_17, MODULATIONS, SNRS_RADIOML

ROWS_AT_ONCE = 65_536
CELLS = len(MODULATIONS) * len(SNRS_RADIOML)
# The paper's "normal" classes, in the order of the 24.
NORMAL_11 = (
    "OOK", "4ASK", "BPSK", "QPSK", "8PSK", "16QAM", "AM-SSB-SC", "AM-DSB-SC", "FM", "GMSK", "OQPSK",
)  # fmt: skip
LIKELY = (
    (MODULATIONS, "the 24 of the published file in its order"),
    (DIGITAL_17, "the 17 digital ones of the published file in its order"),
    (NORMAL_11, "the 11 that the paper calls normal, in the published order"),
)


class Labels(NamedTuple):
    """Each row's class number and the place of its SNR in `SNRS_RADIOML`, both (N,) int64.

    ``columns`` is the width of a one-hot ``Y``, None where it holds numbers. ``displaced`` counts the rows that
    the published row formula gives another cell: none in a file of the published layout.
    """

    classes: np.ndarray
    snrs: np.ndarray
    columns: int | None
    displaced: int


def read_labels(path: Path, rows: int) -> Labels:
    """The labels of all rows, a piece at a time.

    Raises:
        UserError: if one is absent, has another shape, or isn't the label of RadioML 2018.01A.
    """
    y, z = (labelling(path, name, what, rows) for name, what in (("Y", "one-hot labels"), ("Z", "SNRs")))
    columns = check_shapes(path, y, z, rows)
    classes, snrs = np.empty(rows, np.int64), np.empty(rows, np.int64)
    for part, block in pieces(z, rows):
        snrs[part] = levels(path, block.reshape(len(block)), part.start)
    for part, block in pieces(y, rows):
        if columns is None:
            classes[part] = whole(block.reshape(len(block)).astype(np.float64), f"Y in {path}", part.start)
        else:
            classes[part] = hot(block, f"Y in {path}", part.start)
    return Labels(classes, snrs, columns, displaced(classes, snrs, columns))


def labelling(path: Path, name: str, what: str, rows: int) -> StoredArray:
    """The array of this name.

    Raises:
        UserError: if the file lacks it.
    """
    array = hdf5_array(path, name)
    if array is None:
        raise UserError(
            f"dataset.path: {path} lacks {name}, the {what} of its {rows} frames; dataset=arrays reads labels "
            "under other names"
        )
    return array


def check_shapes(path: Path, y: StoredArray, z: StoredArray, rows: int) -> int | None:
    """The width of a one-hot Y, None where it holds numbers.

    Raises:
        UserError: if either doesn't label each row.
    """
    for array, allowed in ((y, f"({rows}, 24) one-hot, or numbers ({rows},)"), (z, f"({rows}, 1) or ({rows},)")):
        wide = array is y and len(array.shape) == 2 and array.shape[0] == rows
        if not (array.shape in ((rows,), (rows, 1)) or (wide and 0 < array.shape[1] <= MOST_CLASSES)):
            raise UserError(
                f"dataset.path: {array.name} of {path} has shape {array.shape}; beside X of {rows} rows it must "
                f"be {allowed}"
            )
        if array.dtype.kind not in ("fiub" if array is y else "fiu"):
            raise UserError(
                f"dataset.path: {array.name} of {path} holds {str(array.dtype)[:40]}, and must hold numbers; "
                "dataset=arrays reads names of classes"
            )
    return y.shape[1] if len(y.shape) == 2 and y.shape[1] != 1 else None


def pieces(array: StoredArray, rows: int) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows of an array, so many at a time."""
    for begin in range(0, rows, ROWS_AT_ONCE):
        part = slice(begin, min(begin + ROWS_AT_ONCE, rows))
        yield part, array.take(part)


def levels(path: Path, decibel: np.ndarray, first: int) -> np.ndarray:
    """The place of each SNR in `SNRS_RADIOML`."""
    known = np.asarray(SNRS_RADIOML)
    # NaN stands nowhere, and would be placed past the end.
    place = np.searchsorted(known, decibel).clip(max=len(known) - 1)
    wrong = known[place] != decibel
    if wrong.any():
        k = int(np.argmax(wrong))
        raise UserError(
            f"dataset.path: row {first + k} of {path} is labelled {decibel[k]:g} dB, and RadioML 2018.01A has "
            f"{SNRS_RADIOML[0]}..{SNRS_RADIOML[-1]} in steps of 2; dataset=arrays reads frames with other SNRs"
        )
    return place


def displaced(classes: np.ndarray, snrs: np.ndarray, columns: int | None) -> int:
    """How many rows stand elsewhere than in the published file."""
    rows = len(classes)
    if columns != len(MODULATIONS) or rows % CELLS:
        return rows
    cell = np.arange(rows) // max(1, rows // CELLS)
    return int((cell != classes * len(SNRS_RADIOML) + snrs).sum())


def name_classes(
    path: Path, labels: Labels, given: list[str] | None, fits: Callable[[list[str], np.ndarray], bool]
) -> tuple[list[str], np.ndarray]:
    """The name of each class number, and the numbers (N,) that these names count.

    The 24 columns of the published file have names; fewer columns, and numbers, are named by ``given`` alone. A
    list that is likely and ``fits`` the signals is proposed, never taken.

    Raises:
        UserError: if names are needed and not given, or given for other columns than there are.
    """
    if given is None:
        if labels.columns == len(MODULATIONS):
            return list(MODULATIONS), labels.classes
        count, numbers = labels.columns, labels.classes
        if count is None:
            numbers = numbers - int(numbers.min() == 1)
            count = int(numbers.max()) + 1
        lists = ((names, what) for names, what in LIKELY if len(names) == count and fits(list(names), numbers))
        proposal = "".join(f"; if they are {what}, dataset.classes=[{','.join(names)}]" for names, what in lists)
        raise UserError(f"dataset.classes must name the {in_words(labels)} of Y in {path}, in order{proposal}")
    unknown = [name for name in given if name not in MODULATIONS]
    if unknown or len(set(given)) < len(given):
        raise UserError(
            "dataset.classes must name classes of RadioML 2018.01A, each once, not "
            f"{', '.join(unknown or given)[:200]}; it has {', '.join(MODULATIONS)}"
        )
    classes = labels.classes
    if labels.columns is None and classes.min() >= 1 and classes.max() == len(given):
        classes = classes - 1  # counted from 1, as MATLAB does
    elif labels.columns is None:
        say_ambiguous(classes, len(given), f"Y in {path}")
    short = classes.max() >= len(given) if labels.columns is None else labels.columns != len(given)
    if short:
        raise UserError(
            f"dataset.classes names {len(given)} classes, and must name the {in_words(labels)} of Y in {path}"
        )
    return list(given), classes


def in_words(labels: Labels) -> str:
    """What has to be named."""
    if labels.columns is not None:
        return f"{labels.columns} columns"
    return f"classes of the numbers {labels.classes.min()} to {labels.classes.max()}"
