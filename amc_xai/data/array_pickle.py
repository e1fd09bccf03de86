"""Pickles of numpy arrays, read without running what else a pickle may hold.

A pickle is a program: loading one may call any function that it names. This reader knows the few names that
rebuild an array and refuses the file at the first other one, before anything is called.
"""

import codecs
import pickle
from pathlib import Path

import numpy as np
from numpy._core.multiarray import _reconstruct, scalar

from amc_xai.errors import UserError


def encode(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 writes bytes in the old protocols."""
    if encoding not in ("latin1", "latin-1"):
        raise UserError(f"dataset.path: the pickle encodes bytes as {encoding}, which no numpy array does")
    return codecs.latin_1_encode(text)[0]


def from_buffer(buffer: bytes, dtype: np.dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    """How numpy writes contiguous arrays in protocol 5."""
    return np.frombuffer(buffer, dtype).reshape(shape, order=order)


# numpy moved its core in version 2; files written before and after name different modules.
ADMITTED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): scalar,
    ("numpy._core.multiarray", "scalar"): scalar,
    ("numpy.core.numeric", "_frombuffer"): from_buffer,
    ("numpy._core.numeric", "_frombuffer"): from_buffer,
    ("_codecs", "encode"): encode,
}
# A damaged pickle can fail in any of these ways.
DAMAGE = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError,
    MemoryError,
)  # fmt: skip


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that admits numpy arrays and plain containers, and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in ADMITTED:
            raise UserError(
                f"dataset.path: the pickle asks for {module}.{name}, which no data set of arrays needs; it was "
                "not called, and the file was not loaded"
            )
        return ADMITTED[module, name]


def load_arrays(path: Path) -> object:
    """The content of a pickle of arrays, written by Python 2 or 3.

    Raises:
        UserError: if the file is absent, no pickle, cut short, or asks for anything but arrays.
    """
    if not path.is_file():
        raise UserError(f"dataset.path: there is no file {path}")
    try:
        with path.open("rb") as file:
            return ArrayUnpickler(file, encoding="latin1").load()
    except UserError as error:
        raise UserError(f"{error} ({path})") from None
    except DAMAGE as error:
        raise UserError(
            f"dataset.path: {path} is no readable pickle ({type(error).__name__}: {error}); unpack it again"
        ) from error
