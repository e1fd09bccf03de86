"""What numpy writes into a pickle in place of an array, and the array that it stands for.

Nothing of what a file says reaches numpy but a data type from a short list and the array's bytes: numpy's own
``dtype`` and ``ndarray`` trust the state that they are given, and may be made to read or write anywhere.
"""

import math
import re
from typing import Any, NamedTuple

import numpy as np

from amc_xai.errors import UserError

PLAIN = re.compile(r"[<>|=]?(f[248]|c8|c16|[iu][1248]|b1|[SU]\d{1,3})")
ORDERS = ("<", ">", "=", "|")


class Name(NamedTuple):
    """A function or class that the file names."""

    module: str
    name: str


# numpy moved its core in version 2; Python 3 renamed its built-in module.
RECONSTRUCT, SCALAR, FROM_BUFFER = (
    {Name(f"numpy.{core}.{module}", name) for core in ("core", "_core")}
    for module, name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer"))
)
DTYPE, ENCODE = Name("numpy", "dtype"), Name("_codecs", "encode")
ARRAYS = {Name("numpy", "ndarray"), Name("numpy", "memmap"), Name("numpy.core.memmap", "memmap")}
BYTES = {Name(module, "bytes") for module in ("builtins", "__builtin__")}
# What collections.defaultdict may be told to begin its entries with.
ORDERED = Name("collections", "OrderedDict")
DICTS = {ORDERED, Name("collections", "defaultdict")}
FACTORIES = {Name(module, name) for module in ("builtins", "__builtin__") for name in ("list", "dict")}
ADMITTED = {*RECONSTRUCT, *SCALAR, *FROM_BUFFER, DTYPE, ENCODE, *ARRAYS, *BYTES, *DICTS, *FACTORIES}


def admitted(module: Any, name: Any) -> Name:
    """The name, if arrays are written with it.

    Raises:
        UserError: if it is any other one.
    """
    found = Name(text(module), text(name))
    if found not in ADMITTED:
        # Whatever stands in a file may hold line breaks and worse.
        said = re.sub(r"[^\w.<>]", "?", f"{found.module[:60]}.{found.name[:60]}", flags=re.ASCII)
        raise UserError(
            f"dataset.path: the pickle asks for {said}, which no data set of arrays needs; it was not called, and "
            "the file was not loaded"
        )
    return found


def text(value: Any) -> str:
    """A string of the file, whichever Python wrote it."""
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("latin1")
    if not isinstance(value, str):
        raise TypeError("a name that is no text")
    return value


def whole(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("a length that is no whole number")
    return int(value)


class Dtype:
    """A data type: its name is given at once, its byte order as state."""

    def __init__(self, name: Any):
        name = text(name)
        if not PLAIN.fullmatch(name):
            raise UserError(
                f"dataset.path: the pickle holds an array of {re.sub(r'[^ -~]', '?', name[:20])!r}, and frames "
                "are real or complex numbers; the file was not loaded"
            )
        self.plain = np.dtype(name)

    def set(self, state: Any) -> None:
        order = text(state[1])
        if order not in ORDERS:
            raise ValueError("a byte order that is none")
        self.plain = self.plain.newbyteorder(order)


class Array:
    """An array: it is made empty, and gets shape, type and data as state."""

    value: np.ndarray | None = None

    def set(self, state: Any) -> None:
        # Version 1 tells its number first; what was before it did not.
        shape, dtype, fortran, data = state[-4:]
        self.value = from_buffer(data, dtype, shape, "F" if fortran else "C")


def from_buffer(data: Any, dtype: Dtype, shape: Any, order: str, axes: Any = None) -> np.ndarray:
    """The array of this shape that these bytes hold."""
    if not isinstance(dtype, Dtype) or not isinstance(shape, tuple) or len(shape) > 8:
        raise TypeError("an array without type and shape")
    data = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(data, bytes | memoryview):
        raise TypeError("an array without data")
    if math.prod(map(whole, shape)) * dtype.plain.itemsize != len(data):
        raise ValueError("an array of more or fewer bytes than its shape takes")
    flat = np.frombuffer(data, dtype.plain) if len(data) else np.empty(0, dtype.plain)
    if order == "K" and axes is not None:
        return flat.reshape(shape).transpose([whole(axis) for axis in axes])
    return flat.reshape(shape, order="F" if order == "F" else "C")


def pairs(items: list[Any]) -> dict:
    """Keys and values in turn, as a dictionary. Only plain keys: to hash nested ones may take for ever."""
    if len(items) % 2:
        raise ValueError("a key without a value")
    for key in items[::2]:
        for part in key if isinstance(key, tuple) and len(key) < 4 else (key,):
            if not isinstance(part, str | bytes | int | float):
                raise UserError("dataset.path: the pickle has a key that is no name, number or pair of them")
    return dict(zip(items[::2], items[1::2], strict=True))


def call(name: Any, given: Any) -> object:
    """What a call of this name with these arguments stands for in a pickle of arrays."""
    if not isinstance(name, Name) or not isinstance(given, tuple):
        raise TypeError("a call of what is no function")
    if name in RECONSTRUCT and given[0] in ARRAYS:
        return Array()
    if name == DTYPE:
        return Dtype(given[0])
    if name in SCALAR:
        dtype, data = given
        return from_buffer(data, dtype, (1,), "C")[0].item()
    if name in FROM_BUFFER:
        return from_buffer(*given)
    if name == ENCODE and given[1:] in ((), ("latin1",), ("latin-1",)) and isinstance(given[0], str):
        return given[0].encode("latin1")
    if name in BYTES and not given:
        return b""
    if name == ORDERED and given:  # Python 2 gives the entries at once
        (entries,) = given
        return pairs([part for entry in entries for part in entry])
    if name in DICTS and (not given or given[0] in FACTORIES):
        return {}
    raise UserError(
        f"dataset.path: the pickle calls {name.name} as no data set of arrays does; it was not called, and the "
        "file was not loaded"
    )
