"""Pickles of numpy arrays, read without running what else a pickle may hold.

A pickle is a program for a small stack machine, two of whose instructions call whatever function the file names.
:class:`Machine` is one that calls nothing from a file: a name in it is a mark, and the few marks that arrays are
written with, by Python 2 or 3 in protocols 0 to 5 and by numpy before or after version 2, are answered by
``array_marks``. The file is refused at the first other one.
"""

import mmap
import pickle
import struct
import warnings
from pathlib import Path

from amc_xai.data.packed import refuse_packed
from amc_xai.data.pickle_machine import Machine
from amc_xai.errors import UserError, one_line

# A damaged pickle can fail in any of these ways.
DAMAGE = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError,
    MemoryError, struct.error,
)  # fmt: skip


def load_arrays(path: Path) -> object:
    """The content of a pickle of arrays; byte strings as Python 2 writes them stay ``bytes``.

    An array whose bytes stand in the file is a view of it, which takes no memory.

    Raises:
        UserError: if the file is absent, packed, no pickle, cut short, or asks for anything but arrays.
    """
    if not path.is_file():
        raise UserError(f"dataset.path: there is no file {path}")
    refuse_packed(path)
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python 2 let pass
            return Machine(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))).run()
    except UserError as error:
        raise UserError(f"{error} ({path})") from None
    except DAMAGE as error:
        what = one_line(error, 80)
        raise UserError(
            f"dataset.path: {path} is no readable pickle ({type(error).__name__}: {what}); it is cut short or "
            "damaged, or was written by something else: unpack or download it again"
        ) from error
    except OSError as error:
        raise UserError(f"dataset.path: {path} can't be read ({error.strerror or error})") from error
