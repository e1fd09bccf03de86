"""Files of samples without a header, and NumPy's arrays."""

import logging
from pathlib import Path

import numpy as np

from amc_xai.data.recordings.antennas import channel_of
from amc_xai.data.recordings.datatypes import Datatype, scaling
from amc_xai.data.recordings.recording import Numbers, Recording, interleaved
from amc_xai.errors import UserError, one_line

log = logging.getLogger(__name__)


def open_raw(path: Path, kind: Datatype) -> Recording:
    """Interleaved numbers from the first byte of a file to its last; a sample cut short at its end is left out.

    Raises:
        UserError: if it holds no whole sample.
    """
    size = path.stat().st_size
    samples, rest = divmod(size, kind.size)
    if not samples:
        raise UserError(
            f"dataset.path: {path} has {size} bytes; {path.suffix or 'its type'} needs {kind.size} for each "
            "sample, and at least one sample"
        )
    if rest:
        log.warning("%s ends in mid-sample: its last %d of %d bytes are left out", path, rest, size)
    zero, scale = scaling(kind.dtype)
    return Recording(path, interleaved(path, kind.dtype, 0, samples, kind.parts, 1, 0), zero, scale)


def open_npy(path: Path, antenna: int | None) -> Recording:
    """A complex vector, or several as (antennas, n) or (n, antennas), or numbers (n, 2) or (2, n) as I and Q.

    Integers are scaled as those of raw files are.

    Raises:
        UserError: if it holds anything else.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        shape, dtype = array.shape, array.dtype
    except Exception as error:  # NumPy says many things of bytes that no array wrote
        short = "mmap length is greater than" in str(error)
        what = "is cut short: copy it again" if short else f"is no readable .npy file of numbers ({error})"
        raise UserError(f"dataset.path: {path} {one_line(what, 300)}") from error
    if dtype.kind == "c" and array.ndim in (1, 2) and array.size:
        size = dtype.itemsize // 2
        time = 0 if array.ndim == 1 else int(np.argmax(shape))
        column = 0
        if array.ndim == 2:
            column = channel_of(path, shape[1 - time], antenna) * array.strides[1 - time]
        part = np.dtype(f"{dtype.byteorder}f{size}").str
        steps, offset = (array.strides[time], size), array.offset + column
        return Recording(path, Numbers(path, part, offset, (shape[time], 2), steps))
    if dtype.kind in "fiu" and array.ndim == 2 and 2 in shape and array.size:
        if dtype.kind in "iu" and dtype.itemsize > 4:
            raise UserError(
                f"dataset.path: {path} holds {dtype}, whose full scale is not told; save it as int16, int32 or "
                "float32"
            )
        time = 0 if shape[1] == 2 else 1
        steps = array.strides[time], array.strides[1 - time]
        zero, scale = scaling(dtype)
        return Recording(path, Numbers(path, dtype.str, array.offset, (shape[time], 2), steps), zero, scale)
    raise UserError(
        f"dataset.path: {path} holds {dtype} of shape {shape}; it must be a complex vector, or I and Q as (n, 2)"
    )
