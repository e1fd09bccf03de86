"""Recordings of 4 GB in each format, of which a disk holds the headers alone."""

import json
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

GB4 = 4_000_000_000  # of 24 bytes each a whole number of samples, whatever the type
META = {"core:datatype": "ci16_le", "core:sample_rate": 1e6, "core:version": "1.2.0"}


def stretched(path: Path, header: bytes = b"") -> Path:
    """A file of this header, and zeros that take no place."""
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + GB4)
    return path


def wav(bits: int, rf64: bool) -> Callable[[Path], Path]:
    """A WAV file of so many bits a number."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, 96_000, 96_000 * bits // 4, bits // 4, bits)
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, GB4 + 72, GB4, 0, 0) if rf64 else b""
    head = struct.pack("<4sI4s", b"RF64" if rf64 else b"RIFF", 2**32 - 1 if rf64 else GB4 + 36, b"WAVE")
    data = struct.pack("<4sI", b"data", 2**32 - 1 if rf64 else GB4)
    return lambda folder: stretched(folder / "r.wav", head + sizes + form + data)


def npy(folder: Path) -> Path:
    """A complex vector."""
    np.save(folder / "r.npy", np.zeros(1, np.complex64))
    head = (folder / "r.npy").read_bytes()[:-8]
    told = head.replace(b"(1,), }", b"(%d,), }" % (GB4 // 8))
    cut = len(told) - len(head)
    return stretched(folder / "r.npy", told[: len(told) - 1 - cut] + b"\n")


def sigmf(folder: Path) -> Path:
    """Metadata with an annotation of a band, and samples."""
    band = {"core:sample_start": 10**8, "core:sample_count": 10**7, "core:freq_lower_edge": -1e5}
    meta = {"global": META, "captures": [{"core:sample_start": 0}]}
    meta["annotations"] = [band | {"core:freq_upper_edge": 1e5}, {"core:sample_start": 0, "core:label": "BPSK"}]
    stretched(folder / "r.sigmf-data")
    path = folder / "r.sigmf-meta"
    path.write_text(json.dumps(meta))
    return path


def archive(folder: Path) -> Path:
    """The same packed."""
    meta = sigmf(folder).read_bytes()
    about, samples = tarfile.TarInfo("r/r.sigmf-meta"), tarfile.TarInfo("r/r.sigmf-data")
    about.size, samples.size = len(meta), GB4
    head = about.tobuf() + meta + bytes(-len(meta) % 512) + samples.tobuf()
    return stretched(folder / "r.sigmf", head)


LARGE: dict[str, Callable[[Path], Path]] = {
    "cf32": lambda folder: stretched(folder / "r.cf32"),
    "cu8": lambda folder: stretched(folder / "r.cu8"),
    "wav of 16 bits": wav(16, False),
    "wav of 24 bits": wav(24, False),
    "RF64": wav(16, True),
    "npy": npy,
    "sigmf": sigmf,
    "sigmf archive": archive,
}
