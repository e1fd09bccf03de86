"""Recordings for the fuzz: one function ``(draw) -> Case`` for each format, listed in ``RECORDINGS``."""

import io
import json
import struct
import tarfile

import numpy as np
from hypothesis import strategies as st

from tests.fuzz.case import MARK, Case
from tests.fuzz.draws import SMALL, Draw, an_array, one_of

ENDINGS = ["cf32", "fc32", "c64", "complex", "cf64", "cs16", "complex32s", "cs8", "complex16s", "cu8", "iq", "raw"]
DATATYPES = ["cf32_le", "ci16_le", "ci16_be", "ci8", "cu8", "rf32_le", "cu16", "x", 3]
ODD = [None, -1, 0, 3.5, 1e30, 2**63, "many", [], {}, True, "../../evil", "\x1b[31m\n"]


def options(draw: Draw) -> dict:
    """Keys of the source, at times wrong ones."""
    keys = {"frame_length": one_of(draw, 1, 16, 16, 1024)}
    for key, values in (
        ("sample_rate", (1e6, 1e6, 0.1)), ("hop", (1, 7)), ("datatype", DATATYPES), ("antenna", (0, 1, 9)),
        ("squelch", (0.0, 6.0)), ("snr_step", (2, 0.5)), ("bands", (False,)), ("frames_per_cell", (1,)),
    ):  # fmt: skip
        if draw(st.integers(0, 3)) == 0:
            keys[key] = one_of(draw, *values)
    return keys


def samples(draw: Draw, dtype: str) -> bytes:
    """A few samples, and at times a piece of one."""
    data = an_array(draw, (2 * one_of(draw, 0, 1, 20, 20, 100, 1100),), dtype).tobytes()
    return data + bytes(one_of(draw, 0, 0, 0, 1, 3))


def raw(draw: Draw) -> Case:
    """Interleaved samples without a header; labels of some in a CSV."""
    name = one_of(draw, "a", "g1_868M_250k", "b/c") + "." + one_of(draw, *ENDINGS)
    files, keys = {f"in/{name}": samples(draw, one_of(draw, "f4", "i2", "i1", "u1", "f8"))}, options(draw)
    if draw(st.booleans()):
        row = [
            one_of(draw, name, "a.cf32", "../x", ""),
            *(str(one_of(draw, "", 0, 16, -1, "x", 1e30)) for _ in "ab"),
        ]
        row += [one_of(draw, "BPSK", "", "../../evil"), str(one_of(draw, "", 10, "nan", "x"))]
        files["labels.csv"] = f"file,start,stop,modulation,snr\n{','.join(row)}\n".encode()
        keys["labels"] = "labels.csv"
    return Case(files, "recordings", keys | {"path": one_of(draw, "in", f"in/{name}")})


def wav(draw: Draw) -> Case:
    """I and Q in two channels, under headers that tell the truth or don't."""
    bits, channels = one_of(draw, 16, 16, 8, 24, 32, 12), one_of(draw, 2, 2, 1, 4, 0)
    data = samples(draw, {8: "u1", 16: "i2", 32: "f4"}.get(bits, "i1"))
    tag, align = one_of(draw, 1, 1, 3, 0xFFFE, 85), channels * (bits // 8)
    header = struct.pack("<HHIIHH", tag, channels, one_of(draw, 48_000, 0), 0, align, bits)
    size = one_of(draw, len(data), len(data), 0, 2**32 - 1, len(data) + 1000)
    body = b"WAVEfmt " + struct.pack("<I", len(header)) + header
    if draw(SMALL) == 0:
        body += b"auxi" + struct.pack("<I", one_of(draw, 164, 9999)) + bytes(164)
    body += b"data" + struct.pack("<I", size) + data
    head = one_of(draw, b"RIFF", b"RIFF", b"RF64", b"RIFX", b"W64 ")
    content = head + struct.pack("<I", one_of(draw, len(body), 0, 2**32 - 1)) + body
    return Case({"a.wav": content}, "recordings", options(draw) | {"path": "a.wav"})


def npy(draw: Draw) -> Case:
    """One array of samples."""
    length = one_of(draw, 0, 1, 20, 1100)
    shape = one_of(draw, (length,), (length, 2), (2, length), (length, 1), (length, 3), ())
    np.save(memory := io.BytesIO(), an_array(draw, shape))
    return Case({"a.npy": memory.getvalue()}, "recordings", options(draw) | {"path": "a.npy"})


def sigmf(draw: Draw) -> Case:
    """Samples and what is said of them, by the specification, with values that it doesn't know put in."""

    def some(right: object) -> object:
        return right if draw(st.integers(0, 9)) else one_of(draw, *ODD)

    def annotation() -> dict:
        note = {"core:sample_start": some(draw(st.integers(0, 40))), "core:sample_count": some(20)}
        more = {"core:label": "BPSK", "my:snr": 10, "core:freq_lower_edge": -1e5, "core:freq_upper_edge": 1e5}
        return note | {key: some(value) for key, value in more.items() if draw(st.booleans())}

    about = {
        "core:datatype": some(one_of(draw, *DATATYPES[:7])), "core:version": some("1.2.0"),
        "core:sample_rate": some(1e6), "core:num_channels": some(one_of(draw, 1, 1, 2)), "core:offset": some(0),
    }  # fmt: skip
    about = {key: value for key, value in about.items() if draw(st.integers(0, 9))}
    captures = [
        {"core:sample_start": some(20 * k), "core:frequency": some(1e9 + k), "core:header_bytes": some(0)}
        for k in range(draw(st.integers(0, 3)))
    ]
    notes = some([annotation(), annotation()])
    meta = some({"global": some(about), "captures": some(captures), "annotations": notes})
    files = {
        "r.sigmf-meta": json.dumps(meta).encode(),
        "r.sigmf-data": samples(draw, one_of(draw, "f4", "i2", "u1")),
    }
    keys = options(draw)
    if draw(SMALL):
        return Case(files, "recordings", keys | {"path": one_of(draw, "", "r.sigmf-meta")})
    with tarfile.open(fileobj=(memory := io.BytesIO()), mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(one_of(draw, f"r/{name}", name, f"../{name}", f"/tmp/{MARK}/{name}"))
            entry.size = len(content)
            entry.type = one_of(draw, *[tarfile.REGTYPE] * 6, tarfile.SYMTYPE, tarfile.DIRTYPE)
            archive.addfile(entry, io.BytesIO(content))
    return Case({"r.sigmf": memory.getvalue()}, "recordings", keys | {"path": "r.sigmf"})


def sigmf_collection(draw: Draw) -> Case:
    """Streams by their names, which may lead elsewhere, and a data set of another ending."""
    about = {"core:datatype": "ci8", "core:dataset": "a.raw" if draw(SMALL) else one_of(draw, "../a.raw", *ODD)}
    names = ["a" if draw(SMALL) else one_of(draw, "b", "../a", *ODD) for _ in range(one_of(draw, 0, 1, 1, 2))]
    streams = [{"name": name, "hash": ""} if draw(SMALL) else name for name in names]
    collection = {"collection": {"core:streams": streams if draw(SMALL) else one_of(draw, *ODD)}}
    files = {
        "in/a.sigmf-meta": json.dumps({"global": about, "captures": [], "annotations": []}).encode(),
        "in/a.raw": samples(draw, "i1"),
        "in/c.sigmf-collection": json.dumps(collection).encode(),
        "a.raw": bytes(100),
    }
    return Case(files, "recordings", options(draw) | {"path": one_of(draw, "in", "in/c.sigmf-collection")})


RECORDINGS = [raw, wav, npy, sigmf, sigmf_collection]
