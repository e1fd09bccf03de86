"""What a number of a raw file means: SigMF's names of types, endings of files, and what a file looks like."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from amc_xai.data.packed import HDF5, NPY, packed_as
from amc_xai.errors import UserError

# The type of a raw file by its ending, in SigMF's names: c complex, f float, i integer, u unsigned.
ENDINGS = {
    **dict.fromkeys((".cf32", ".fc32", ".cfile", ".complex", ".c64", ".complex64"), "cf32_le"),
    **dict.fromkeys((".cf64", ".fc64", ".c128", ".complex128"), "cf64_le"),
    **dict.fromkeys((".cs32", ".sc32", ".ci32"), "ci32_le"),
    **dict.fromkeys((".cs16", ".sc16", ".ci16", ".c16", ".complex32s"), "ci16_le"),
    **dict.fromkeys((".cs8", ".sc8", ".ci8", ".c8", ".complex16s"), "ci8"),
    **dict.fromkeys((".cu16", ".uc16", ".complex32u"), "cu16_le"),
    **dict.fromkeys((".cu8", ".uc8", ".complex16u"), "cu8"),
}
# Endings that are used for samples of any type.
OPEN_ENDINGS = (".iq", ".bin", ".dat", ".raw", ".c32")
NAMES = {"cs": "ci", "sc": "ci", "uc": "cu", "fc": "cf"}
EXAMPLES = "cf32_le (.cf32), ci16_le (.cs16), ci8 (.cs8), cu8 (.cu8)"
PICKLE = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
LOOK = 1 << 16
# Floating-point samples of receivers lie here; other types read as such are spread over all exponents.
USUAL = (1e-9, 1e6)


class Datatype(NamedTuple):
    """``parts`` numbers of the NumPy type ``dtype`` make a sample: 2 for I and Q, 1 where samples are real."""

    dtype: str
    parts: int

    @property
    def size(self) -> int:
        """Bytes of a sample."""
        return self.parts * np.dtype(self.dtype).itemsize


def datatype_of(name: str, key: str) -> Datatype:
    """A type by SigMF's name, such as ``ci16_le``, or the name of an ending, such as ``cs16``.

    Raises:
        UserError: naming ``key`` and the types that there are.
    """
    found = None
    if isinstance(name, str):
        plain = NAMES.get(name[:2], name[:2]) + name[2:] if len(name) > 2 else name
        found = re.fullmatch(r"([cr])(?:(f)(32|64)|([iu])(8|16|32))(?:_(le|be))?", plain)
    if found is None:
        raise UserError(f"{key} must be a type of samples as SigMF names it, such as {EXAMPLES}, not {name!r}")
    letter, floating, wide, whole, narrow, order = found.groups()
    size = int(wide or narrow) // 8
    return Datatype(f"{'>' if order == 'be' else '<'}{floating or whole}{size}", 2 if letter == "c" else 1)


def scaling(dtype: str | np.dtype, sigmf: bool = False) -> tuple[float, float]:
    """What lies at zero, and full scale, of numbers of a type; integers become -1..1.

    The zero of unsigned numbers is midway in raw files, 127.5 of 0..255, as RTL-SDR's receivers have it, and at
    128 in SigMF, as its own package has it.
    """
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return 0.0, 1.0
    full = float(2 ** (8 * kind.itemsize - 1))
    if kind.kind == "i":
        return 0.0, full
    return (full, full) if sigmf else (full - 0.5, full - 0.5)


def refusal(path: Path) -> str:
    """Why a file isn't read for its ending, and how to go on, by what its first bytes are."""
    with path.open("rb") as file:
        head = file.read(8)
    for begin, what in (
        (b"RIFF", "looks like a WAV file: rename it to .wav"),
        (b"RF64", "looks like a WAV file: rename it to .wav"),
        (NPY, "looks like a NumPy array: rename it to .npy"),
        (HDF5[:4], "looks like an HDF5 file: dataset=radioml2018, split_hdf5 or arrays read such"),
        (b"(dp", "looks like a pickle: dataset=radioml2016a or radioml2016b read RML2016's"),
        (PICKLE, "looks like a pickle: dataset=radioml2016a or radioml2016b read RML2016's"),
    ):
        if head.startswith(begin):
            return what
    if packed := packed_as(path):
        return f"is {packed[0]}: unpack it ({packed[1]} {path.name})"
    likely = likely_datatype(path)
    guess = f"; its bytes look like {likely}, which is a guess" if likely else ""
    return (
        f"has an ending that doesn't tell the type of its samples: say dataset.datatype, one of {EXAMPLES} and "
        f"others, or rename it to the ending{guess}"
    )


def likely_datatype(path: Path) -> str | None:
    """The type that a raw file's bytes look like, or None if none or several do."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size // 2 - LOOK // 2) // 16 * 16)
        held = np.frombuffer(file.read(LOOK), np.uint8)
    held = held[: len(held) // 16 * 16]
    if len(held) < 256 or not held.any():
        return None
    for dtype, name in (("<f4", "cf32_le"), ("<f8", "cf64_le")):
        with np.errstate(all="ignore"):
            values = np.abs(held.view(dtype))
            usual = (values == 0) | ((values > USUAL[0]) & (values < USUAL[1]))
        if usual.mean() > 0.99:
            return name
    even, odd = (np.abs(held[k::2].view(np.int8).astype(float)).mean() for k in (0, 1))
    # Of an integer of two bytes the high one is near 0 while the low one is anything.
    if even > 40 and odd < even / 2:
        return "ci16_le"
    if odd > 40 and even < odd / 2:
        return "ci16_be"
    signed, unsigned = np.abs(held.view(np.int8).astype(float)).mean(), np.abs(held - 127.5).mean()
    if min(signed, unsigned) < 0.7 * max(signed, unsigned):
        return "ci8" if signed < unsigned else "cu8"
    return None
