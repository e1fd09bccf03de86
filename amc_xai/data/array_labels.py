"""Labels of frames as plain arrays have them: names, numbers or one-hot columns, and SNRs in dB."""

import logging
from collections.abc import Sequence

import numpy as np

from amc_xai.data.stored import StoredArray, refuse_too_large
from amc_xai.errors import UserError, one_line

log = logging.getLogger(__name__)
MOST_LEVELS = 200
MOST_CLASSES = 1000


def flat(array: StoredArray, frames: int, wide: bool) -> np.ndarray:
    """The labels (N,), or (N, K) where ``wide`` allows it, of an array (N,), (N, 1), (1, N) or (N, K).

    Raises:
        UserError: if it doesn't label each of ``frames`` frames.
    """
    shape = array.shape
    column = shape in ((frames,), (frames, 1), (1, frames))
    if not column and not (wide and len(shape) == 2 and shape[0] == frames and 1 < shape[1] <= MOST_CLASSES):
        more = f" or one-hot ({frames}, classes)" if wide else ""
        raise UserError(
            f"dataset.path: {array.name} of {array.path} has shape {shape}, and must label each of {frames} "
            f"frames: ({frames},){more}"
        )
    refuse_too_large(array.path, array.bytes)
    values = array.take(slice(None))
    return values.reshape(frames) if column else values


def classes_of(array: StoredArray, frames: int, names: list[str] | None) -> tuple[list[str], np.ndarray]:
    """Names of classes, and the place (N,) int64 of each frame's there.

    Words name classes by themselves, in alphabetical order; numbers and columns are named by ``names``.

    Raises:
        UserError: if names are needed and not given, or don't match.
    """
    values = flat(array, frames, wide=True)
    where = f"{array.name} in {array.path}"
    if values.dtype.kind in "SUO":
        words = np.asarray([word(value, where) for value in values.reshape(-1)])
        if values.ndim > 1 or not len(words):
            raise UserError(f"dataset.path: {where} must hold one name a frame")
        found, place = np.unique(words, return_inverse=True)
        if len(found) > MOST_CLASSES:
            raise UserError(f"dataset.path: {where} holds {len(found)} different names, more than classes can be")
        if names is None:
            return found.tolist(), place.reshape(frames)
        absent = [name for name in found.tolist() if name not in names]
        if absent:
            raise UserError(f"dataset.classes: {where} also holds {', '.join(absent)[:200]}; or leave it at null")
        return list(names), np.asarray([names.index(name) for name in found.tolist()])[place.reshape(frames)]
    if values.dtype.kind not in "fiub":
        raise UserError(f"dataset.path: {where} holds {str(array.dtype)[:40]}, and must hold names or numbers")
    values = values.astype(np.float64)
    columns = values.shape[1] if values.ndim == 2 else None
    place = hot(values, where) if columns else whole(values, where)
    first = 1 if not columns and names is not None and place.min() >= 1 and place.max() == len(names) else 0
    needed = columns or int(place.max()) + 1 - first
    if names is None or (len(names) != needed if columns else len(names) < needed):
        what = f"the {columns} columns" if columns else f"the numbers {place.min()} to {place.max()}"
        raise UserError(f"dataset.classes must name the classes of {what} of {where}, in their order")
    if not columns:
        say_ambiguous(place, len(names), where)
    return list(names), place - first


def say_ambiguous(number: np.ndarray, classes: int, where: str) -> None:
    """Say how numbers (N,) of classes are taken that may count from 0 or from 1."""
    if number.min() >= 1 and number.max() < classes:
        log.warning(
            "%s holds the numbers %d to %d of %d classes, taken as counted from 0: if they count from 1, "
            "dataset.classes must end with the last class that is there, so that it names %d",
            where, number.min(), number.max(), classes, number.max(),
        )  # fmt: skip


def word(value: object, where: str) -> str:
    """A class's name; MATLAB pads words to one length and puts each in an array of its own."""
    while isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(-1)[0]
    try:
        value = value.decode("utf-8") if isinstance(value, bytes) else value
    except UnicodeDecodeError as error:
        raise UserError(f"dataset.path: {where} holds a name that is no UTF-8 text ({one_line(error)})") from error
    if not isinstance(value, str) or not value.strip() or len(value) > 100 or not value.isprintable():
        raise UserError(f"dataset.path: {where} holds a {type(value).__name__} that is no name of a class")
    return str(value).strip()


def hot(values: np.ndarray, where: str, first: int = 0) -> np.ndarray:
    """Which column of each row is 1, of a part of an array whose first row is the ``first`` of all."""
    column = values.argmax(1)
    wrong = (values[np.arange(len(values)), column] != 1) | ((values != 0).sum(1) != 1)
    if wrong.any():
        raise UserError(
            f"dataset.path: row {first + int(np.argmax(wrong))} of {where} is labelled not exactly one class"
        )
    return column


def whole(values: np.ndarray, where: str, first: int = 0) -> np.ndarray:
    """Class numbers, of such a part."""
    wrong = ~((values >= 0) & (values < MOST_CLASSES) & (values == np.floor(values)))
    if wrong.any():
        k = int(np.argmax(wrong))
        raise UserError(
            f"dataset.path: row {first + k} of {where} is labelled {values[k]:g}, which is no number of a class"
        )
    return values.astype(np.int64)


def levels_of(array: StoredArray, frames: int) -> tuple[list[float], np.ndarray]:
    """The SNRs in dB, ascending, and the place (N,) int64 of each frame's there; NaN is unknown, -1.

    Raises:
        UserError: for what is no number, or as many SNRs as if each frame had its own.
    """
    values = flat(array, frames, wide=False)
    where = f"{array.name} in {array.path}"
    if values.dtype.kind not in "fiu":
        raise UserError(f"dataset.path: {where} holds {str(array.dtype)[:40]}, and must hold SNRs in dB")
    values = values.astype(np.float64)
    if np.isinf(values).any() or (np.abs(values) > 1000).any():
        raise UserError(f"dataset.path: {where} holds SNRs that are infinite or beyond 1000 dB")
    known = ~np.isnan(values)
    found = np.unique(values[known])
    if len(found) > MOST_LEVELS:
        raise UserError(
            f"dataset.path: {where} holds {len(found)} different SNRs, and at most {MOST_LEVELS} are told apart; "
            "round them, as to 2 dB"
        )
    place = np.full(frames, -1)
    place[known] = np.searchsorted(found, values[known])
    return found.tolist(), place


def places(wanted: Sequence, held: Sequence) -> np.ndarray:
    """Where each of ``held`` stands in ``wanted``, -1 = nowhere; and -1 once more, where an unknown -1 looks."""
    return np.asarray([*(wanted.index(h) if h in wanted else -1 for h in held), -1])
