"""Every format that a data set may have, drawn by hypothesis: right files, odd ones and broken ones.

A format is a function ``(draw) -> Case`` in ``FORMATS``; whoever writes a reader adds one. It writes by the
format's own rules, with shapes, types, labels and keys as drawn. :func:`cases` then damages one file, or none.
"""

import dataclasses

from hypothesis import strategies as st

from tests.fuzz.case import Case
from tests.fuzz.draws import Draw, one_of
from tests.fuzz.pickled import PICKLED
from tests.fuzz.recordings import RECORDINGS
from tests.fuzz.stored import STORED


def anything(draw: Draw) -> Case:
    """Bytes of no format at all."""
    head = one_of(
        draw,
        b"",
        b"PK\x03\x04",
        b"\x89HDF\r\n\x1a\n",
        b"\x93NUMPY\x01\x00",
        b"MATLAB 5.0 MAT-file",
        b"\x80\x04",
        b"BZh",
    )
    dataset, name = one_of(
        draw, ("radioml2016a", "a.pkl"), ("radioml2018", "a.hdf5"), ("arrays", "a.npz"), ("arrays", "a.mat"),
        ("split_hdf5", "BPSK/SNR_0/BPSK_SNR_0.h5"),
    )  # fmt: skip
    path = "" if "/" in name else name
    return Case({name: head + draw(st.binary(max_size=300))}, dataset, {"path": path})


FORMATS = [*PICKLED, *STORED, *RECORDINGS, anything]


def damaged(draw: Draw, data: bytes) -> bytes:
    """The bytes of a file cut short, lengthened, or with some flipped."""
    kind = one_of(draw, "cut", "flip", "flip", "flip head", "grow", "zero")
    place = draw(st.integers(0, len(data)))
    if kind == "cut":
        return data[:place]
    if kind == "grow":
        return data[:place] + draw(st.binary(min_size=1, max_size=20)) + data[place:]
    changed = bytearray(data)
    if kind == "zero":
        changed[place : place + 64] = bytes(len(changed[place : place + 64]))
        return bytes(changed)
    reach = min(len(data), 600) if kind == "flip head" else len(data)
    for _ in range(draw(st.integers(1, 6)) if reach else 0):
        changed[draw(st.integers(0, reach - 1))] ^= draw(st.integers(1, 255))
    return bytes(changed)


@st.composite
def cases(draw: Draw) -> tuple[str, Case]:
    """A format's name and a data set of it; in two of three, one file is damaged."""
    format = draw(st.sampled_from(FORMATS))
    case = format(draw)
    if case.files and draw(st.integers(0, 2)):
        name = draw(st.sampled_from(sorted(case.files)))
        case = dataclasses.replace(case, files=case.files | {name: damaged(draw, case.files[name])})
    return format.__name__, case
